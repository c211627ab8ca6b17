"""An HTTP answer becomes a checked object or the error that fits. Pure.

Sources: Kubernetes API conventions, "Response Status Kind" and "HTTP Status codes"; a path that no API serves is
answered 404 in plain text, or by a Status whose details name nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import orjson

from irkit.clients.kube.text import clean
from irkit.clients.kube.wire import Answer
from irkit.errors import (
    BadResponse,
    ClientError,
    Conflict,
    CredentialsExpired,
    Denied,
    Gone,
    Invalid,
    Malformed,
    NotFound,
    ServerFault,
    Throttled,
    Unsupported,
)
from irkit.model.doc import Doc
from irkit.model.effects import Access, Resource
from irkit.model.times import stamp

MAX_MESSAGE = 500
MAX_RETRY_AFTER = 60.0
_GATE = re.compile(
    r"""admission webhook "(?P<denies>[^"]+)" denied the request|failed calling webhook "(?P<fails>[^"]+)"|"""
    r"""ValidatingAdmissionPolicy '(?P<policy>[^']+)' with binding '[^']+' denied request"""
)
_BY_STATUS: dict[int, type[ClientError]] = {
    401: CredentialsExpired, 403: Denied, 405: Unsupported, 408: ServerFault, 409: Conflict, 410: Gone,
    429: Throttled, 501: Unsupported,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of which object, for messages and checks."""

    verb: str
    resource: Resource
    name: str = ""
    namespace: str = ""
    subresource: str = ""

    @property
    def target(self) -> str:
        """`pods shop/web`, as `KubeCall.target` says it."""
        where = f"{self.namespace}/{self.name}" if self.namespace and self.name else self.namespace or self.name
        return f"{self.resource} {where}{'/' + self.subresource if self.subresource else ''}".rstrip()


def parse(answer: Answer, asked: Asked) -> Doc:
    """The JSON object in a 2xx answer. Raises BadResponse."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise bad(asked, answer.status, f"is {clean(kind, 60) or 'of no content type'}, not JSON")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise bad(asked, answer.status, "is compressed, which was not asked for")
    try:
        value = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise bad(asked, answer.status, "is not JSON") from None
    if type(value) is not dict:
        raise bad(asked, answer.status, "is no object")
    return Doc(value, asked.target)


def parse_object(answer: Answer, asked: Asked, kind: str = "") -> Doc:
    """The object that was asked for: right kind, name and namespace. Raises BadResponse."""
    doc = parse(answer, asked)
    try:
        check_kind(doc, asked, answer.status, kind or asked.resource.kind)
        name, namespace = doc.text("metadata", "name"), doc.text("metadata", "namespace", default="")
    except Malformed as error:
        raise bad(asked, answer.status, f"is no {asked.resource.kind}: {error}") from None
    if name != asked.name or namespace != asked.namespace:
        raise bad(asked, answer.status, "is another object")
    return doc


def check_kind(doc: Doc, asked: Asked, status: int, kind: str) -> None:
    """Check apiVersion and kind. Raises BadResponse or Malformed."""
    if doc.text("kind") != kind or doc.text("apiVersion") != asked.resource.api_version:
        raise bad(asked, status, f"is not the {kind} of {asked.resource.api_version} that was asked for")


def bad(asked: Asked, status: int, what: str) -> BadResponse:
    """A BadResponse about this request."""
    msg = f"{asked.verb} {asked.target}: the answer {what}"
    return BadResponse(msg, verb=asked.verb, target=asked.target, status=status)


def refusal(answer: Answer, asked: Asked, secrets: tuple[str, ...]) -> ClientError:
    """The error for an answer that is not 2xx; `secrets` were sent and must not come back in its message.

    For a write, the caller turns ServerFault into InDoubt.
    """
    state = _status(answer, asked)
    said = _without_secrets(state.text("message", default=""), secrets)
    reason = clean(state.text("reason", default=""), 60)
    gate = _gate(said) if answer.status != 429 else None  # noqa: PLR2004 -- HTTP: that one says when to come back
    kind = Denied if gate else _kind(answer.status, state)
    message = f"{asked.verb} {asked.target}: {_words(kind, answer.status)}"
    if said:
        message += f": {clean(said, MAX_MESSAGE)}"
    if budget := _without_secrets(_budget(state), secrets):
        message += f" {clean(budget, MAX_MESSAGE)}"
    error = kind(
        message,
        verb=asked.verb,
        target=asked.target,
        status=answer.status,
        reason=reason,
        hint=_passing(gate) if gate else _hint(kind, asked),
    )
    if isinstance(error, Throttled):
        error.retry_after = retry_after(answer, state)
    return error


def _gate(said: str) -> tuple[str, str] | None:
    """What of the cluster's own admission stands in the way, and its name; None where nothing does.

    Webhooks answer with any status that they like (400 by default), a policy with 422, and a webhook that does not
    answer is the API server's 500. All of them are asked before anything is stored: it certainly was not done.
    Sources: k8s.io/apiserver, pkg/admission/plugin/webhook/errors and pkg/admission/plugin/policy/validating.
    """
    found = _GATE.search(said)
    if found is None:
        return None
    what = "ValidatingAdmissionPolicy" if found["policy"] else "webhook"
    return what, clean(found["policy"] or found["denies"] or found["fails"], 253)


def _passing(gate: tuple[str, str]) -> str:
    what, name = gate
    kind = "validatingadmissionpolicies" if what != "webhook" else (
        "validatingwebhookconfigurations,mutatingwebhookconfigurations"
    )  # fmt: skip
    return f"have {what} {name} exempt this identity, or mend it (kubectl get {kind}); then resume"


def _budget(state: Doc) -> str:
    """Which disruption budget forbids an eviction: the message does not say it, a cause does (policy/v1)."""
    try:
        causes = ((one.text("reason", default=""), one.text("message")) for one in state.each("details", "causes"))
        return next((said for reason, said in causes if reason == "DisruptionBudget"), "")
    except Malformed:
        return ""


def is_missing(answer: Answer, asked: Asked) -> bool:
    """Whether a 404 says that this very object does not exist, and not that its path is unknown."""
    if answer.status != 404:  # noqa: PLR2004 -- HTTP
        return False
    state = _status(answer, asked)
    try:
        details = state.part("details")
        return (
            state.text("reason", default="") == "NotFound"
            and details.text("name", default="") == asked.name
            and details.text("kind", default="") == asked.resource.plural
            and details.text("group", default="") == asked.resource.group
        )
    except Malformed:
        return False


def server_time(answer: Answer) -> str:
    """The server's clock in the records' form, or "" where its Date header says nothing usable."""
    try:
        return stamp(parsedate_to_datetime(answer.headers.get("date", "")))
    except (ValueError, TypeError, OverflowError):
        return ""


def request_id(answer: Answer) -> str:
    """The API's id of this request: the Audit-Id that its audit log has too."""
    return clean(answer.headers.get("audit-id", ""), 64)


def retry_after(answer: Answer, state: Doc | None = None) -> float:
    """Seconds to wait: the Retry-After header, or the Status's own, between 0 and 60; 1 where neither says."""
    text = answer.headers.get("retry-after", "")
    if text.isascii() and text.isdecimal() and len(text) < 10:  # noqa: PLR2004 -- more digits are nonsense
        return min(float(text), MAX_RETRY_AFTER)
    try:
        seconds = state.integer("details", "retryAfterSeconds", default=1) if state is not None else 1
    except Malformed:
        seconds = 1
    return min(max(float(seconds), 0.0), MAX_RETRY_AFTER)


def _status(answer: Answer, asked: Asked) -> Doc:
    """The Status object of an error answer, or an empty one: proxies answer in HTML."""
    try:
        doc = parse(answer, asked)
        whole = doc.text("kind", default="") == "Status"
        doc.text("reason", default="")
        doc.text("message", default="")
        doc.part("details")
    except (BadResponse, Malformed):
        return Doc({}, asked.target)
    return doc if whole else Doc({}, asked.target)


def _kind(status: int, state: Doc) -> type[ClientError]:
    if status == 404:  # noqa: PLR2004 -- HTTP
        named = state.part("details").raw.get("name")
        return NotFound if state.text("reason", default="") == "NotFound" and named else Unsupported
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:  # noqa: PLR2004 -- HTTP
        return ServerFault
    return Invalid if status >= 400 else BadResponse  # noqa: PLR2004 -- HTTP


def _words(kind: type[ClientError], status: int) -> str:
    words = {
        CredentialsExpired: "the API does not accept the credentials",
        Denied: "the API denies it",
        NotFound: "not found",
        Unsupported: "this API server does not serve that",
        Conflict: "conflict",
        Gone: "too old",
        Invalid: "the API calls it invalid",
        Throttled: "the API asks to slow down",
        ServerFault: "the API server failed",
        BadResponse: "an answer that no API server gives",
    }
    return f"{words[kind]} ({status})"


def _hint(kind: type[ClientError], asked: Asked) -> str:
    if kind is Denied:
        where = f" in namespace {asked.namespace}" if asked.namespace else ""
        plural = "/".join(filter(None, (asked.resource.plural, asked.subresource)))  # as rules of RBAC write it
        access = Access(group=asked.resource.group, resource=plural, verb=asked.verb)
        return f"grant {access}{where} to this identity, or use another"
    return "log in again" if kind is CredentialsExpired else ""


def _without_secrets(text: str, secrets: tuple[str, ...]) -> str:
    """Servers echo what they were sent: a token in a 401, a field's value in a 422."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "[redacted]")
    return text
