"""What a case is: a fold of its records, and nothing else. Resume is folding again.

`CaseState.apply` is the only place where a record means something; it reads no clock and does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from irkit.journal.effects import Effects, EffectState, effect_key
from irkit.journal.progress import Kept, RunState, StepState
from irkit.model import records as r
from irkit.model.base import Json
from irkit.model.findings import Finding
from irkit.model.plans import Receipts
from irkit.model.refs import ClusterRef, Reached, Target

__all__ = ["CaseState", "EffectState", "Kept", "RunState", "StepState", "effect_key"]


@dataclass(slots=True)
class CaseState:
    """All that is known of a case."""

    case: str = ""
    cluster: ClusterRef | None = None
    cluster_uid: str = ""
    clusters: dict[str, Reached] = field(default_factory=dict)  # beside its own, by id
    target: Target | None = None
    who: r.Who | None = None
    lab: bool = False
    opened: str = ""
    closed: str = ""
    seq: int = -1
    now: str = ""
    writer: str = ""
    findings: dict[str, Finding] = field(default_factory=dict)
    runs: dict[str, RunState] = field(default_factory=dict)
    effects: Effects = field(default_factory=Effects)
    originals: dict[tuple[str, str], Kept] = field(default_factory=dict)
    touches: dict[str, dict[tuple[str, str], Json]] = field(default_factory=dict)  # mark -> field -> value set
    users: dict[str, set[str]] = field(default_factory=dict)  # mark -> targets that it serves and was not undone for
    generations: dict[str, int] = field(default_factory=dict)  # mark -> times that it was undone for all of them
    artefacts: list[r.ArtefactStored] = field(default_factory=list)
    notes: list[tuple[str, r.Note]] = field(default_factory=list)
    requests: set[str] = field(default_factory=set)
    taker: r.Who | None = None  # who asked to take the case over and has not begun yet

    def apply(self, record: r.Record) -> None:
        """Take one record in. Records come in `seq` order; the kinds are closed, so each has its meaning here."""
        self.seq, self.now, self.writer = record.seq, record.time, record.writer
        _FOLD[record.kind](self, record.body, record)

    def fold(self, records: Iterable[r.Record]) -> CaseState:
        """Take many in; gives itself."""
        for record in records:
            self.apply(record)
        return self

    # -- questions that several rooms ask ----------------------------------------------------------

    @property
    def open_runs(self) -> list[RunState]:
        """Runs that have not ended, oldest first."""
        return [run for run in self.runs.values() if not run.outcome]

    @property
    def pins(self) -> dict[str, str]:
        """What each cluster must be where the case has several: the uid of its kube-system, "" until it said it."""
        if self.cluster is None or not self.clusters:
            return {}
        return {self.cluster.id: self.cluster_uid, **{one: reached.uid for one, reached in self.clusters.items()}}

    def generation(self, mark: str) -> int:
        """How many times this mark's work was undone."""
        return self.generations.get(mark, 0)

    def receipts(self, mark: str, target: str) -> Receipts:
        """What this mark has done in its present generation, oldest first, and for whom beside this target."""
        ended = self.effects.receipts(mark, self.generation(mark))
        return Receipts(ended, frozenset(self.users.get(mark, set()) - {target}))

    def originals_for(self, mark: str) -> dict[tuple[str, str], Json]:
        """First values of the fields that this mark touched."""
        touched = self.touches.get(mark, {})
        return {key: self.originals[key].original.value for key in touched if key in self.originals}


_SERVED = frozenset({"proven", "leaky", "unproven"})

# -- what each kind of record means --------------------------------------------------------------------


def _case_opened(state: CaseState, body: r.CaseOpened, record: r.Record) -> None:
    state.case, state.cluster, state.target = body.case, body.cluster, body.target
    state.who, state.lab, state.opened = body.who, body.lab, record.time
    state.cluster_uid = body.cluster_uid


def _finding_joined(state: CaseState, body: r.FindingJoined, _: r.Record) -> None:
    state.findings[body.finding.raw_sha256] = body.finding


def _run_opened(state: CaseState, body: r.RunOpened, record: r.Record) -> None:
    state.runs[body.run] = RunState(
        id=body.run, mode=body.mode, name=body.name, playbook=body.playbook, checked=body.checked,
        inputs=body.inputs, who=body.who, opened=record.time, asked=body.asked, undoes=body.undoes,
        actions=body.actions, earlier=frozenset(one.location for one in state.artefacts),
    )  # fmt: skip
    for cluster, reached in body.clusters.items():
        if reached.uid or cluster not in state.clusters:  # the first that answered is the one that is meant
            state.clusters[cluster] = known if (known := state.clusters.get(cluster)) and known.uid else reached


def _run_resumed(state: CaseState, body: r.RunResumed, _: r.Record) -> None:
    run = state.runs[body.run]
    run.paused = state.taker = None
    for step in run.steps.values():
        step.started, step.failures = "", 0  # another stretch of work: deaths of processes are no failures of steps
        if step.phase == "parked":
            step.phase = "new"


def _run_paused(state: CaseState, body: r.RunPaused, record: r.Record) -> None:
    state.runs[body.run].paused, state.runs[body.run].paused_at = body.why, record.time


def _step_expanded(state: CaseState, body: r.StepExpanded, _: r.Record) -> None:
    run = state.runs[body.run]
    run.children[body.step] = body.children
    run.items.update(zip(body.children, body.items, strict=True))


def _original_kept(state: CaseState, body: r.OriginalKept, _: r.Record) -> None:
    key = (body.original.target, body.original.field)
    state.originals.setdefault(key, Kept(body.original, body.mark))


def _touch(state: CaseState, body: Any, record: r.Record) -> StepState:  # noqa: ANN401 -- any step's body
    step = state.runs[body.run].step(body.step)
    step.started = step.started or record.time
    return step


def _step_planned(state: CaseState, body: r.StepPlanned, record: r.Record) -> None:
    step = _touch(state, body, record)
    mark = body.mark.id
    if state.runs[body.run].mode == "apply":
        state.users.setdefault(mark, set()).add(body.target)
    step.turn, step.phase, step.why, step.mark, step.impact = body.turn, "acting", body.why, mark, body.impact
    touched = state.touches.setdefault(mark, {})
    touched.update({(touch.target, touch.field): touch.value for touch in body.touches})


def _step_waiting(state: CaseState, body: r.StepWaiting, record: r.Record) -> None:
    step = _touch(state, body, record)
    step.turn, step.phase, step.until, step.why = body.turn, "waiting", body.until, body.why
    step.failures = step.failures + 1 if body.failed else 0


def _step_parked(state: CaseState, body: r.StepParked, record: r.Record) -> None:
    step = _touch(state, body, record)
    step.turn, step.phase, step.why, step.hint = body.turn, "parked", f"{body.why}: {body.detail}", body.hint


def _step_closed(state: CaseState, body: r.StepClosed, record: r.Record) -> None:
    step = _touch(state, body, record)
    step.phase, step.verdict, step.reason, step.drift = "closed", body.verdict, body.reason, body.drift
    step.swept, step.hint = body.sweep, body.hint
    if not body.sweep:
        step.outputs, step.ended, step.mark = body.outputs, record.time, body.mark or step.mark
        step.target, step.condition = body.target, body.condition
        if body.mark and state.runs[body.run].mode == "apply" and body.verdict.status in _SERVED:
            state.users.setdefault(body.mark, set()).add(body.target)


def _approval_asked(state: CaseState, body: r.ApprovalAsked, record: r.Record) -> None:
    step = _touch(state, body, record)
    step.turn, step.phase, step.asked, step.why = body.turn, "asked", body.digest, body.reason
    step.envelope = body.envelope


def _approval_given(state: CaseState, body: r.ApprovalGiven, record: r.Record) -> None:
    state.requests.add(body.request)
    step = _touch(state, body, record)
    step.approved.add(body.digest)
    if step.phase == "asked":
        step.phase, step.started = "new", record.time  # what a person took is none of the step's own time


def _approval_denied(state: CaseState, body: r.ApprovalDenied, record: r.Record) -> None:
    state.requests.add(body.request)
    _touch(state, body, record)


def _effect_intended(state: CaseState, body: r.EffectIntended, record: r.Record) -> None:
    _touch(state, body, record).phase = "acting"
    effect = EffectState(
        key=body.key, name=body.name, mark=body.mark, run=body.run, step=body.step, attempt=body.attempt,
        call=body.call, status="intended", writer=record.writer, intended=record.time,
    )  # fmt: skip
    state.effects.add(effect)


def _ended(state: CaseState, body: Any, record: r.Record) -> EffectState:  # noqa: ANN401 -- any effect's end
    """The effect that ended. An end without an intent is folded too: `verify` must be able to show it."""
    effect = state.effects.get(body.key) or EffectState(
        key=body.key, name=body.name, mark=body.mark, run=body.run, step=body.step, attempt=0,
        call=None, status="intended", writer=record.writer, intended="",
    )  # fmt: skip
    effect.ended, effect.seq = record.time, record.seq
    return state.effects.add(effect)


def _effect_done(state: CaseState, body: r.EffectDone, record: r.Record) -> None:
    effect = _ended(state, body, record)
    effect.status, effect.reply, effect.request_id = "done", body.reply, body.request_id
    effect.adopted = body.adopted
    _touch(state, body, record).failures = 0


def _effect_failed(state: CaseState, body: r.EffectFailed, record: r.Record) -> None:
    effect = _ended(state, body, record)
    effect.status, effect.error = "failed", body.message
    step = _touch(state, body, record)
    step.failures, step.why = step.failures + 1, body.message


def _effect_doubted(state: CaseState, body: r.EffectDoubted, record: r.Record) -> None:
    effect = _ended(state, body, record)
    effect.status, effect.error = "in_doubt", body.why
    step = _touch(state, body, record)
    step.failures, step.why = step.failures + 1, body.why


def _artefact_stored(state: CaseState, body: r.ArtefactStored, _: r.Record) -> None:
    state.artefacts.append(body)


def _request_taken(state: CaseState, body: r.RequestTaken, _: r.Record) -> None:
    state.requests.add(body.request)
    if body.wants == "abort":
        for run in state.open_runs:
            run.aborting = True
    elif body.wants == "takeover":
        state.taker = body.who


def _note(state: CaseState, body: r.Note, record: r.Record) -> None:
    state.requests.add(body.request)
    state.notes.append((record.time, body))


def _run_closed(state: CaseState, body: r.RunClosed, record: r.Record) -> None:
    run = state.runs[body.run]
    run.outcome, run.closed, run.contained_ms, run.paused = body.outcome, record.time, body.contained_ms, None
    if run.mode == "undo":
        _end_generation(state, run)


def _end_generation(state: CaseState, run: RunState) -> None:
    """What was restored is over: a later run records new originals and intends its effects anew.

    A mark may serve several targets; its generation ends when it was undone for the last of them.
    """
    for step in run.steps.values():
        if not step.mark or step.verdict is None or step.verdict.status != "proven":
            continue
        touched = state.touches.get(step.mark, {})
        for key in [key for key in touched if key[0] == step.target]:
            del touched[key]
            if not any(key in others for others in state.touches.values()):
                state.originals.pop(key, None)
        users = state.users.get(step.mark, set())
        users.discard(step.target)
        if not users:
            state.touches.pop(step.mark, None)
            state.generations[step.mark] = state.generation(step.mark) + 1


def _case_closed(state: CaseState, _body: r.CaseClosed, record: r.Record) -> None:
    state.closed = record.time


def _nothing(_state: CaseState, _body: object, _record: r.Record) -> None:
    """Records that only people and verifiers read."""


_FOLD: dict[str, Callable[[CaseState, Any, r.Record], None]] = {
    "case.opened": _case_opened,
    "finding.joined": _finding_joined,
    "run.opened": _run_opened,
    "run.resumed": _run_resumed,
    "run.paused": _run_paused,
    "step.expanded": _step_expanded,
    "original.kept": _original_kept,
    "step.planned": _step_planned,
    "step.waiting": _step_waiting,
    "step.parked": _step_parked,
    "step.closed": _step_closed,
    "approval.asked": _approval_asked,
    "approval.given": _approval_given,
    "approval.denied": _approval_denied,
    "effect.intended": _effect_intended,
    "effect.done": _effect_done,
    "effect.failed": _effect_failed,
    "effect.doubted": _effect_doubted,
    "artefact.stored": _artefact_stored,
    "request.taken": _request_taken,
    "note": _note,
    "clock.read": _nothing,
    "journal.recovered": _nothing,
    "sealed": _nothing,
    "run.closed": _run_closed,
    "case.closed": _case_closed,
}
