"""Everything that irkit raises on purpose.

The tree:

    IrkitError                     what happened, to which object, what irkit did, what to type next
    ├── UsageError                 wrong command line, configuration or target            exit 2
    │   ├── ConfigError            irkit.yaml, IRKIT_* or kubeconfig
    │   ├── PlaybookError          a playbook that does not lint; carries diagnostics
    │   └── FindingError           a finding that cannot be used; names the field
    ├── Refused                    a guard said no; nothing was changed                   exit 3
    ├── JournalError               the evidence journal cannot be written or read         exit 1
    │   ├── JournalCorrupt         records that do not verify                             exit 7
    │   └── CaseBusy               another process writes this case                       exit 1
    ├── Malformed                  a value from outside that is not what it must be       exit 1
    └── ClientError                an API call that did not answer as wanted              exit 1
        ├── CredentialsExpired     401 or an expired token: parks                         exit 75
        ├── Unreachable            nothing was sent, or it was a read: parks              exit 75
        ├── InDoubt                a write was sent and no answer came: look again
        ├── Denied                 403, or admission says no: parks, names what to grant   exit 75
        ├── NotFound               404 with a Status object
        ├── Unsupported            404, 405 or 501 of a path that this server does not serve
        ├── Conflict               409
        ├── Gone                   410: a continue token or a watch that is too old
        ├── Invalid                400 or 422, a failed JSON Patch `test` included
        ├── Throttled              429; carries Retry-After
        ├── ServerFault            5xx
        └── BadResponse            too large, not JSON, or not the promised object

No module outside this one defines an exception that crosses a package's border.
"""

from __future__ import annotations


class IrkitError(Exception):
    """Base of all errors that irkit raises on purpose.

    Attributes:
        message: what happened and to which object, in one sentence.
        did: what irkit did about it ("nothing was changed").
        hint: what to type next.
        exit_status: the process's exit status if this error ends a command.
    """

    exit_status = 1

    def __init__(self, message: str, *, did: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.did = did
        self.hint = hint


class UsageError(IrkitError):
    """Wrong command line, configuration or target."""

    exit_status = 2


class ConfigError(UsageError):
    """irkit.yaml, an IRKIT_* variable or a kubeconfig cannot be used."""


class PlaybookError(UsageError):
    """A playbook does not lint. `diagnostics` are rendered lines, one finding of the linter each."""

    def __init__(self, message: str, diagnostics: tuple[str, ...] = (), *, hint: str = "") -> None:
        super().__init__(message, did="nothing was run", hint=hint)
        self.diagnostics = diagnostics


class FindingError(UsageError):
    """A finding is malformed, unknown or ambiguous. `field` is its path in the sender's own words."""

    def __init__(self, message: str, *, field: str, hint: str = "") -> None:
        super().__init__(message, did="nothing was changed", hint=hint)
        self.field = field


class Refused(IrkitError):
    """A guard said no before anything was changed."""

    exit_status = 3

    def __init__(self, message: str, *, did: str = "nothing was changed", hint: str = "") -> None:
        super().__init__(message, did=did, hint=hint)


class JournalError(IrkitError):
    """The evidence journal cannot be written or read. No effect follows one of these."""


class JournalCorrupt(JournalError):
    """Records that do not verify; the message names the first bad one."""

    exit_status = 7


class CaseBusy(JournalError):
    """Another process holds the case's lock."""


class Malformed(IrkitError):
    """A value from outside is not what it must be. `path` says where in `what`."""

    def __init__(self, what: str, path: str, expected: str, got: str) -> None:
        super().__init__(f"{what}: {path or 'the value'} must be {expected}, got {got}")
        self.what = what
        self.path = path
        self.expected = expected
        self.got = got


class ClientError(IrkitError):
    """An API call that did not answer as wanted.

    Attributes:
        verb: what was tried ("patch").
        target: the object it was tried on ("pods shop/web").
        status: HTTP status, or 0 where no answer came.
        reason: the API's own machine-readable reason ("AlreadyExists").
    """

    kind = "client"

    def __init__(  # noqa: PLR0913 -- an API error has this many parts, all by keyword
        self,
        message: str,
        *,
        verb: str = "",
        target: str = "",
        status: int = 0,
        reason: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.verb = verb
        self.target = target
        self.status = status
        self.reason = reason


class CredentialsExpired(ClientError):
    """401, an expired token, or a credential helper that failed. Parks the step."""

    exit_status = 75
    kind = "credentials"


class Unreachable(ClientError):
    """No connection, or a read that got no answer. Nothing was written. Parks the step."""

    exit_status = 75
    kind = "unreachable"


class InDoubt(ClientError):
    """A write was sent and no whole answer came: it may have been done. Look again before repeating."""

    kind = "in_doubt"


class Denied(ClientError):
    """403, or an admission webhook or policy stands in the way. Parks the step until somebody grants or mends it."""

    exit_status = 75
    kind = "denied"


class NotFound(ClientError):
    """404 about the object itself (a Status object with reason NotFound)."""

    kind = "not_found"


class Unsupported(ClientError):
    """The server does not serve this path or operation (404 without a Status's details, 405, 501)."""

    kind = "unsupported"


class Conflict(ClientError):
    """409: AlreadyExists or a lost race."""

    kind = "conflict"


class Gone(ClientError):
    """410: a continue token that expired."""

    kind = "gone"


class Invalid(ClientError):
    """400 or 422; a failed JSON Patch `test` is one (with a general message only)."""

    kind = "invalid"


class Throttled(ClientError):
    """429. `retry_after` is in seconds."""

    kind = "throttled"
    retry_after: float = 1.0


class ServerFault(ClientError):
    """5xx. For a write, whether it was done is unknown."""

    kind = "server"


class BadResponse(ClientError):
    """An answer that is too large, no JSON, or not the promised object."""

    kind = "bad_response"
