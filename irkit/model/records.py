"""The journal's records: each kind a typed, versioned model. They freeze with the first release.

An envelope is one line of canonical JSON:
    {"body":{...},"kind":"...","prev":"<sha256 of the line before>","seq":n,"time":"...Z","v":1,"writer":"..."}
`prev` of the first record is the SHA-256 of the case id. Order is `seq`, never time.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, StringConstraints

from irkit.model.base import Json, Model
from irkit.model.effects import EffectName, Mark, Sha256
from irkit.model.findings import Finding
from irkit.model.plans import Drift, Impact, Original, Verdict
from irkit.model.playbooks import StepId
from irkit.model.refs import ClusterRef, Reached, Target

CaseId = Annotated[str, StringConstraints(pattern=r"^IR-[0-9]{8}-[a-z2-9]{4}$")]
RunId = Annotated[str, StringConstraints(pattern=r"^r[0-9]{1,4}$")]
StepKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}(\[[0-9A-Za-z-]{1,64}\])?$")]
"""A step id, with `[uid]` behind it for a child of `for_each`."""
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]


class Body(Model):
    """Base of all record bodies. `kind` is what the envelope carries, `version` its `v`."""

    model_config = ConfigDict(defer_build=True)  # a plan reads no record; one thread uses them, nothing races
    kind: ClassVar[str]
    version: ClassVar[int] = 1


class Who(Model):
    """Who acts: the operator, and the identities that the APIs really saw (empty until known).

    `proof` says how the operator's name was established; `none` means it was not.
    """

    operator: str
    host: str
    pid: int
    proof: Literal["none", "sts", "kms"] = "none"
    kubernetes: str = ""
    aws: str = ""


class CaseOpened(Body):
    """A case begins. `generation` counts the cases that this target has had."""

    kind: ClassVar[str] = "case.opened"
    case: CaseId
    cluster: ClusterRef
    cluster_uid: str  # uid of kube-system: what the cluster really is, whatever a context is called
    target: Target
    generation: int
    who: Who
    tool: str  # irkit's version
    lab: bool = False  # true only for the embedded world: everything it shows begins with LAB


class FindingJoined(Body):
    """A finding belongs to this case. Its bytes as received are artefact `artefact`."""

    kind: ClassVar[str] = "finding.joined"
    finding: Finding
    artefact: str


class RunOpened(Body):
    """A run begins. The playbook's bytes are blob `playbook`; resume and undo use those, never the file."""

    kind: ClassVar[str] = "run.opened"
    run: RunId
    mode: Literal["apply", "undo"]
    name: str
    playbook: Sha256  # blob: the playbook's source as given (apply)
    checked: Sha256  # blob: canonical JSON of the checked Playbook that is executed
    inputs: dict[str, Json]
    actions: dict[str, int]
    who: Who
    tool: str
    asked: Time  # when the command was started: "contained in" counts from here
    undoes: tuple[RunId, ...] = ()
    clusters: dict[str, Reached] = Field(default_factory=dict)  # beside the case's own, by id


class RunResumed(Body):
    """A writer takes the run up: a new epoch. Open intents of earlier epochs are in doubt, not in flight."""

    kind: ClassVar[str] = "run.resumed"
    run: RunId
    who: Who
    tool: str


Pause = Literal["parked", "approval", "interrupted", "aborting", "waiting", "budget", "taken"]
"""Why a writer let go of a run that has not ended."""


class RunPaused(Body):
    """The writer lets go of the run. `until` is a time to look again, or "" where only people help."""

    kind: ClassVar[str] = "run.paused"
    run: RunId
    why: Pause
    until: Time | Literal[""] = ""


class StepExpanded(Body):
    """`for_each` frozen: the children that run, by uid."""

    kind: ClassVar[str] = "step.expanded"
    run: RunId
    step: StepId
    items: tuple[Json, ...]
    children: tuple[StepKey, ...]


class OriginalKept(Body):
    """A field's first value. A second run must never record the quarantine as the original."""

    kind: ClassVar[str] = "original.kept"
    run: RunId
    step: StepKey
    mark: Sha256
    original: Original


class Touch(Model):
    """A field that a change sets, and to what."""

    target: str
    field: str
    value: Json


class StepPlanned(Body):
    """An action answered `Change`: what it wants, why, who else feels it, and the fields that it sets to what."""

    kind: ClassVar[str] = "step.planned"
    run: RunId
    step: StepKey
    turn: int
    action: str
    mark: Mark
    target: str  # its key: whose step this is; a mark may serve several targets
    why: str
    effects: tuple[EffectName, ...]
    impact: tuple[Impact, ...]
    touches: tuple[Touch, ...]


class StepWaiting(Body):
    """An action answered `Wait`, or (`failed`) a look or an effect did not succeed and is worth another try."""

    kind: ClassVar[str] = "step.waiting"
    run: RunId
    step: StepKey
    turn: int
    until: Time
    why: str
    failed: bool = False


class StepParked(Body):
    """Looking or acting is impossible until credentials or an API come back."""

    kind: ClassVar[str] = "step.parked"
    run: RunId
    step: StepKey
    turn: int
    why: Literal["credentials", "unreachable", "denied"]
    detail: str
    hint: str = ""


class StepClosed(Body):
    """A step ends, or (`sweep`) was found otherwise when it was observed once more before its run closed."""

    kind: ClassVar[str] = "step.closed"
    run: RunId
    step: StepKey
    verdict: Verdict
    reason: str
    outputs: dict[str, Json] | None = None
    mark: Sha256 | Literal[""] = ""
    target: str = ""  # its key, where the step came as far as having one
    drift: tuple[Drift, ...] = ()
    hint: str = ""
    sweep: bool = False
    condition: str = ""  # of a step that was not needed: its `when`, which was false


class ApprovalAsked(Body):
    """A step waits for a person. `envelope` (blob where large) is what the answer binds, by `digest`."""

    kind: ClassVar[str] = "approval.asked"
    run: RunId
    step: StepKey
    turn: int
    digest: Sha256
    envelope: Json
    reason: str


class ApprovalGiven(Body):
    """Somebody agreed to the envelope of this digest."""

    kind: ClassVar[str] = "approval.given"
    run: RunId
    step: StepKey
    digest: Sha256
    who: Who
    request: str


class ApprovalDenied(Body):
    """Somebody said no."""

    kind: ClassVar[str] = "approval.denied"
    run: RunId
    step: StepKey
    digest: Sha256
    who: Who
    why: str
    request: str


class EffectIntended(Body):
    """Durable before anything is sent. `call` is the exact call; a sealed slot's digest is in `sealed`.

    `key` tells the effect from all others of the case: generation, mode, mark and name. `attempt` counts the
    tries after a look. `not_after` bounds the start by the store's clock where no local lock proves an
    older writer dead.
    """

    kind: ClassVar[str] = "effect.intended"
    run: RunId
    step: StepKey
    turn: int
    key: str
    name: EffectName
    mark: Sha256
    attempt: int
    call: Json  # the Effect's dump, or {"blob": sha256} where it would not fit
    sealed: dict[str, Sha256] = Field(default_factory=dict)
    not_after: Time | Literal[""] = ""


class EffectDone(Body):
    """The call took effect. `adopted`: not by its reply, but recognised by its mark when looking again."""

    kind: ClassVar[str] = "effect.done"
    run: RunId
    step: StepKey
    key: str
    name: EffectName
    mark: Sha256
    reply: dict[str, Json]
    status: int
    request_id: str
    adopted: bool = False
    as_of: str = ""  # the answering system's own clock, as it writes it


class EffectFailed(Body):
    """The call was answered, and did not take effect."""

    kind: ClassVar[str] = "effect.failed"
    run: RunId
    step: StepKey
    key: str
    name: EffectName
    mark: Sha256
    error: str
    status: int
    reason: str
    message: str
    retry_after_ms: int = 0


class EffectDoubted(Body):
    """Nobody knows whether the call took effect; it is never repeated without looking first."""

    kind: ClassVar[str] = "effect.doubted"
    run: RunId
    step: StepKey
    key: str
    name: EffectName
    mark: Sha256
    why: str


class ArtefactStored(Body):
    """Evidence: bytes at `location` below the evidence store, with their digest. A torn take is kept, not complete."""

    kind: ClassVar[str] = "artefact.stored"
    run: RunId | Literal[""] = ""
    step: StepKey | Literal[""] = ""
    name: str
    location: str
    sha256: Sha256
    size: int
    media_type: str
    complete: bool = True
    mark: Sha256 | Literal[""] = ""


class RequestTaken(Body):
    """Somebody asked from elsewhere, and the writer acts on it."""

    kind: ClassVar[str] = "request.taken"
    request: str
    wants: Literal["abort", "takeover"]
    who: Who
    why: str = ""


class Note(Body):
    """What a person saw, in the same journal."""

    kind: ClassVar[str] = "note"
    request: str
    who: Who
    text: Annotated[str, Field(max_length=2000)]


class ClockRead(Body):
    """Time enters as a record. `skew_ms` is the other system's clock less ours, where one was read."""

    kind: ClassVar[str] = "clock.read"
    source: str
    skew_ms: int = 0


class JournalRecovered(Body):
    """A torn tail was cut; the cut bytes are kept as a blob."""

    kind: ClassVar[str] = "journal.recovered"
    size: int
    blob: Sha256
    after: int  # the last whole record's seq


class Sealed(Body):
    """The head up to and including `size` records was signed; the note itself is in `heads/`."""

    kind: ClassVar[str] = "sealed"
    size: int
    head: Sha256
    key: str
    signature: str


class RunClosed(Body):
    """A run ends. `contained_ms` counts from the command's start to the last contain step's end, or -1."""

    kind: ClassVar[str] = "run.closed"
    run: RunId
    outcome: Literal["complete", "partial", "aborted", "superseded"]
    verdicts: dict[str, int]
    swept: int
    contained_ms: int = -1
    why: str = ""


class CaseClosed(Body):
    """A case ends, by a person or its playbook. The next finding about the target opens another."""

    kind: ClassVar[str] = "case.closed"
    who: Who
    why: str


AnyBody = (
    CaseOpened | FindingJoined | RunOpened | RunResumed | RunPaused | StepExpanded | OriginalKept | StepPlanned
    | StepWaiting | StepParked | StepClosed | ApprovalAsked | ApprovalGiven | ApprovalDenied | EffectIntended
    | EffectDone | EffectFailed | EffectDoubted | ArtefactStored | RequestTaken | Note | ClockRead
    | JournalRecovered | Sealed | RunClosed | CaseClosed
)  # fmt: skip
KINDS: dict[str, type[Body]] = {body.kind: body for body in AnyBody.__args__}


class Record(Model):
    """A record as read back: the envelope's fields and the typed body. `hash` is of the stored line."""

    model_config = ConfigDict(defer_build=True)

    seq: int
    time: Time
    prev: Sha256
    writer: str
    kind: str
    body: AnyBody
    hash: Sha256
