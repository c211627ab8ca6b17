"""The small interfaces through which everything above `clients` speaks to the world."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, TypeVarTuple

from irkit.model.base import Json
from irkit.model.doc import Doc
from irkit.model.effects import Access, AwsCall, KubeCall, Resource, Store
from irkit.model.records import AnyBody, Record
from irkit.model.refs import ClusterRef

T = TypeVar("T")
Args = TypeVarTuple("Args")

# -- observing ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listing:
    """A consistent list. `as_of` is the server's own clock (its Date header), `version` its resourceVersion."""

    items: tuple[Doc, ...]
    version: str
    as_of: str
    _derived: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def derive(self, compute: Callable[[Listing, *Args], T], *args: *Args) -> T:
        """What `compute` makes of this list, worked out once: all the looks of a wave are given the same list.

        `compute` must be a plain function of the list and of `args` alone; two threads that ask at once may both
        work it out. Raises what it raises, each time.
        """
        key = (compute, *args)
        if key not in self._derived:
            self._derived[key] = compute(self, *args)
        found: T = self._derived[key]
        return found


class KubeReader(Protocol):
    """Reads of one cluster. Within a wave all answers come from one snapshot.

    All methods raise CredentialsExpired, Unreachable, Denied, Throttled, ServerFault or BadResponse.
    """

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        """The object, or None where the API says that it does not exist."""
        ...

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Listing:
        """All objects (every page), of a namespace or, with "", of the cluster."""
        ...

    def list_metadata(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Listing:  # fmt: skip
        """As `list`, but of names, labels, annotations and owners alone: the server sends nothing else.

        `fields` are compared by the server, which sends none of them (field selectors: a Secret's `type`).
        The only way in which irkit ever looks at Secrets. The permission is that of `list`: RBAC knows no smaller one.
        """
        ...

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        """Whether the API would let this identity do that (SelfSubjectAccessReview)."""
        ...


@dataclass(frozen=True, slots=True)
class Artefact:
    """A stored artefact, as the evidence store sees it.

    `earlier`: it was there before the run began that looks now. It is evidence all the same; what was tried then says
    nothing of now, for what came and went in between left no trace.
    """

    key: str
    sha256: str
    size: int
    media_type: str
    complete: bool
    earlier: bool = False


class EvidenceReader(Protocol):
    """What is in the evidence store already."""

    def find(self, key: str) -> Artefact | None:
        """The artefact at this key, or None."""
        ...

    def any(self, folder: str) -> bool:
        """Whether anything was ever stored under keys that begin with this and a slash."""
        ...

    def content(self, key: str, limit: int) -> bytes:
        """The bytes of a small artefact, checked against its manifest.

        Raises:
            JournalCorrupt: they are not what the manifest says.
            JournalError: there is none, or it has more than `limit` bytes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Spooled:
    """Bytes that were read and wait to be stored: facts hold only this."""

    name: str
    sha256: str
    size: int


class Reader(Protocol):
    """All that an action may look at."""

    def kube(self, cluster: ClusterRef) -> KubeReader:
        """The Kubernetes plane of this cluster."""
        ...

    @property
    def evidence(self) -> EvidenceReader:
        """The evidence plane."""
        ...

    def spool(self, name: str, chunks: Iterable[bytes]) -> Spooled:
        """Keep bytes for a `Store` effect of the same turn, hashed while written."""
        ...


# -- acting ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reply:
    """What is kept of an answer: allow-listed fields, HTTP status, the API's request id and clock."""

    fields: dict[str, Json]
    status: int
    request_id: str
    as_of: str


class Kube(Protocol):
    """One cluster's API, with one identity."""

    @property
    def reader(self) -> KubeReader:
        """Its reads, each answered by the API as it is now."""
        ...

    def perform(self, call: KubeCall, sealed: Mapping[str, str], timeout: float) -> Reply:
        """Send one write, once. Raises the ClientError that fits; InDoubt where nobody knows."""
        ...

    def whoami(self) -> str:
        """The user name that the API sees (SelfSubjectReview)."""
        ...

    def identity(self) -> str:
        """The uid of the kube-system namespace: what this cluster really is."""
        ...


class Aws(Protocol):
    """One account and region, with one identity."""

    def perform(self, call: AwsCall, sealed: Mapping[str, str], timeout: float) -> Reply:
        """Send one write, once. Raises the ClientError that fits; InDoubt where nobody knows."""
        ...


class Evidence(EvidenceReader, Protocol):
    """The evidence store of one case."""

    def put(self, effect: Store, chunks: Iterable[bytes]) -> Artefact:
        """Store bytes under the effect's key, whole or not at all; the same bytes again are no error.

        Raises:
            JournalError: cannot be written, or other bytes are there already.
        """
        ...

    def read(self, key: str) -> Iterable[bytes]:
        """The bytes of an artefact, in chunks."""
        ...


class Spool(Protocol):
    """Bytes that were read in a turn and wait for the `Store` effect of that turn."""

    def keep(self, name: str, chunks: Iterable[bytes]) -> Spooled:
        """Take the bytes, hashed while written. The name that they get is told from that of any other bytes."""
        ...

    def chunks(self, name: str) -> Iterable[bytes]:
        """The bytes back. Raises JournalError where they are gone (another process spooled them)."""
        ...


class World(Protocol):
    """Everything outside that a run may touch. `app` composes it; tests compose another over the same wire."""

    @property
    def evidence(self) -> Evidence:
        """The case's evidence store."""
        ...

    @property
    def spool(self) -> Spool:
        """Where bytes wait between observing and storing."""
        ...

    def kube(self, cluster: ClusterRef) -> Kube:
        """The API of this cluster. Raises ConfigError where the configuration does not name it."""
        ...

    def reader(self, crowd: int) -> Reader:
        """A fresh snapshot for a wave in which `crowd` steps look."""
        ...


# -- remembering -------------------------------------------------------------------------------------


class JournalStore(Protocol):
    """One case's journal, opened for write: this process holds the case's lock. One writer thread.

    `append` is durable when it returns. Raises JournalError; after one, nothing more is accepted.
    """

    @property
    def records(self) -> Sequence[Record]:
        """All records so far, in order."""
        ...

    def append(self, bodies: Sequence[AnyBody]) -> tuple[Record, ...]:
        """One segment: one write and one fdatasync for all of them."""
        ...

    def put_blob(self, data: bytes) -> str:
        """Store bytes by content, durable when it returns; gives their hex SHA-256."""
        ...

    def get_blob(self, sha256: str) -> bytes:
        """The bytes, checked against their digest. Raises JournalCorrupt."""
        ...

    def close(self) -> None:
        """Let go of the case's lock."""
        ...


class Signer(Protocol):
    """Signs heads. `key_id` names the public key."""

    @property
    def key_id(self) -> str:
        """Names the public key."""
        ...

    def sign(self, message: bytes) -> str:
        """A base64 signature."""
        ...


Clock = Callable[[], str]
"""Now, UTC, in the records' form: 2026-11-21T12:00:00.000000Z."""
