"""What a worker's result becomes: the records of it, and whether an effect follows. No I/O but the clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from irkit.engine import approvals
from irkit.engine.decide import Unit
from irkit.engine.locks import Held
from irkit.engine.look import Blocked, Broken, Looked, Task, outputs_json
from irkit.engine.receipts import Sent, end_of, kept
from irkit.journal.state import CaseState, RunState, effect_key
from irkit.model import records as r
from irkit.model.base import digest
from irkit.model.effects import AwsCall, KubeCall, Store
from irkit.model.plans import Change, Refuse, Settled, Verdict, Wait
from irkit.model.ports import Clock
from irkit.model.times import after

MAX_WRITES: Final = 4
"""So many times one effect may take effect in vain: something takes it back each time, before irkit looks again."""
_REWRITTEN = (
    "find what rewrites it: kubectl get mutatingwebhookconfigurations,mutatingadmissionpolicies; or a controller, or "
    "GitOps; exempt irkit there, then type the same command again"
)


@dataclass(slots=True)
class Job:
    """A unit that this process works on: looked at, then acting on what its plan wants."""

    unit: Unit
    held: Held
    task: Task
    names: tuple[str, ...] = ()  # of the locks
    deadline: str = ""  # when its step has taken as long as it may
    change: Change | None = None
    at: int = 0  # index of the effect in flight
    key: str = ""

    @property
    def mode(self) -> str:
        """Which of the action's two plans this is about."""
        return "undo" if self.task.undo else "apply"

    @property
    def effect(self) -> KubeCall | AwsCall | Store:
        """The effect in flight or about to be. Only jobs with a change have one."""
        if self.change is None:
            msg = f"{self.unit.key} has no effect"
            raise LookupError(msg)
        return self.change.effects[self.at]


@dataclass(slots=True)
class Then:
    """What follows from a result. `behind` is an effect of another step to wait for before looking again."""

    bodies: list[r.AnyBody] = field(default_factory=list)
    act: bool = False
    behind: str = ""


class Turns:
    """Turns results into records, given the folded case. `flying` names the effect keys in flight."""

    def __init__(self, state: CaseState, clock: Clock) -> None:
        self.state = state
        self.clock = clock
        self.flying: dict[str, str] = {}
        self._written: Counter[tuple[str, str, str]] = Counter()  # by run, unit and effect: how often it took effect

    def looked(self, run: RunState, job: Job, result: Looked | Blocked | Broken) -> Then:
        """An action answered, or could not be asked."""
        if isinstance(result, Blocked):
            return Then([self._blocked(run, job, result)])
        if isinstance(result, Broken):
            return Then([close(run, job.unit, Verdict(status="failed", why=result.detail))])
        plan, mark = result.plan, job.task.mark.id
        if isinstance(plan, Change):
            return self._change(run, job, plan)
        if isinstance(plan, Wait):
            turn = run.step(job.unit.key).turn + 1
            until = after(self.clock(), plan.seconds)
            return Then([r.StepWaiting(run=run.id, step=job.unit.key, turn=turn, until=until, why=plan.why)])
        if isinstance(plan, Refuse):
            closed = close(run, job.unit, Verdict(status="refused", why=plan.why), mark=mark, hint=plan.hint)
            return Then([closed.model_copy(update={"drift": plan.drift, "target": job.task.target.key})])
        return Then([*self._doubts(run, job), _settled(run, job, plan)])

    def sent(self, run: RunState, job: Job, sent: Sent) -> Then:
        """An effect ended: journal how, and go on with the next of the same plan."""
        self.flying.pop(job.key, None)
        turn = run.step(job.unit.key).turn
        then = Then(end_of(sent, run.id, job.unit.key, turn, job.key, job.task.mark.id, self.clock))
        if job.unit.step.on_failure == "continue":  # as where a look is denied: nobody waits for a grant
            then.bodies = [_failed(run, job, body) for body in then.bodies]
        if not sent.ok and job.effect.access in job.task.action.spec.optional:
            # The action does without it, and says so at its next look.
            then.bodies = [body for body in then.bodies if not isinstance(body, r.StepParked)]
        if sent.ok:
            self._written[run.id, job.unit.key, job.key] += 1
        job.at += 1
        if sent.ok and job.change is not None and job.at < len(job.change.effects):
            job.key = self.key(job, job.effect.name)
            then.act = True
        return then

    def key(self, job: Job, name: str) -> str:
        """The key of one of the job's effects."""
        mark = job.task.mark.id
        return effect_key(mark, self.state.generation(mark), job.mode, name)

    def _doubts(
        self, run: RunState, job: Job, wanted: Mapping[str, KubeCall | AwsCall | Store] = MappingProxyType({})
    ) -> list[r.AnyBody]:
        """Effects in doubt, as looking again shows them: what is no longer wanted took place.

        An artefact that is wanted at another key now was torn at its first, and is kept there.
        """
        bodies: list[r.AnyBody] = []
        for effect in self.state.effects.doubtful(run.id, job.unit.key):
            again = wanted.get(effect.key)
            if again is None:
                bodies.append(
                    r.EffectDone(
                        run=run.id, step=job.unit.key, key=effect.key, name=effect.name, mark=effect.mark, reply={},
                        status=0, request_id="", adopted=True,
                    )
                )  # fmt: skip
            if isinstance(effect.call, dict) and effect.call.get("type") == "store":
                first = Store.parse(effect.call)
                if not isinstance(again, Store) or again.key != first.key:
                    bodies.append(kept(first, run.id, job.unit.key, effect.mark, complete=again is None))
        return bodies

    def _blocked(self, run: RunState, job: Job, result: Blocked) -> r.AnyBody:
        turn = run.step(job.unit.key).turn + 1
        if result.why == "denied" and job.unit.step.on_failure == "continue":
            # The others were told to go on without it: containment must not wait until somebody grants a read.
            return close(run, job.unit, Verdict(status="failed", why=result.detail), hint=result.hint)
        others_go_on = result.answered and job.unit.step.on_failure == "continue"  # after some tries, like any failure
        if result.why is not None and not others_go_on:
            return r.StepParked(
                run=run.id, step=job.unit.key, turn=turn, why=result.why, detail=result.detail, hint=result.hint
            )
        until = after(self.clock(), result.retry or 1.0)
        return r.StepWaiting(
            run=run.id, step=job.unit.key, turn=turn, until=until, why=result.detail, failed=result.counts
        )

    def _change(self, run: RunState, job: Job, change: Change) -> Then:
        """Ask for approval where one is needed, or keep the originals and begin with the first effect."""
        task, state = job.task, run.step(job.unit.key)
        spec, mark = task.action.spec, task.mark.id
        keys = [self.key(job, effect.name) for effect in change.effects]
        for key in keys:
            known = self.state.effects.get(key)
            if key in self.flying:
                return Then(behind=key)  # a step with the same mark is doing this: look again when it has
            if known is not None and known.status == "done" and known.seq > task.seq:
                return Then()  # it was done since we looked: look again
        written = max((self._written[run.id, job.unit.key, key] for key in keys), default=0)
        if written >= MAX_WRITES:
            why = f"the API took it {written} times, and each time it was not so right after: {change.why}"
            return Then([close(run, job.unit, Verdict(status="failed", why=why), mark=mark, hint=_REWRITTEN)])
        if approvals.needed(job.unit.step, spec) and not task.undo:
            foreseen = task.action.foresees(task.params, task.mark)
            wanted = approvals.envelope(job.unit.step, spec, task.target.key, change, foreseen)
            if not approvals.covered(state, wanted):
                asked = r.ApprovalAsked(
                    run=run.id, step=job.unit.key, turn=state.turn + 1, digest=digest(wanted), envelope=wanted,
                    reason=change.why,
                )  # fmt: skip
                return Then([asked])
        job.change, job.at, job.key = change, 0, keys[0]
        planned = r.StepPlanned(
            run=run.id, step=job.unit.key, turn=state.turn + 1, action=spec.id, mark=task.mark,
            target=task.target.key, why=change.why,
            effects=tuple(effect.name for effect in change.effects), impact=change.impact,
            touches=tuple(
                r.Touch(target=one.target, field=one.field, value=change.after.get(one.field))
                for one in change.originals
            ),
        )  # fmt: skip
        originals = [
            r.OriginalKept(run=run.id, step=job.unit.key, mark=mark, original=one)
            for one in change.originals
            if not task.undo and (one.target, one.field) not in self.state.originals
        ]
        return Then(
            [*self._doubts(run, job, dict(zip(keys, change.effects, strict=True))), planned, *originals], act=True
        )


def _failed(run: RunState, job: Job, body: r.AnyBody) -> r.AnyBody:
    """A step that would park for a permission ends instead."""
    if not isinstance(body, r.StepParked) or body.why != "denied":
        return body
    verdict = Verdict(status="failed", why=body.detail)
    return close(run, job.unit, verdict, mark=job.task.mark.id, hint=body.hint)


def _settled(run: RunState, job: Job, plan: Settled) -> r.StepClosed:
    closed = close(run, job.unit, plan.verdict, reason=plan.reason, mark=job.task.mark.id)
    return closed.model_copy(update={"outputs": outputs_json(plan.outputs), "target": job.task.target.key})


def close(  # noqa: PLR0913 -- a step's end has this many parts
    run: RunState,
    unit: Unit,
    verdict: Verdict,
    *,
    reason: str = "",
    mark: str = "",
    hint: str = "",
    condition: str = "",
) -> r.StepClosed:
    """The record of a step's end. `condition` is the `when` that was false."""
    return r.StepClosed(
        run=run.id, step=unit.key, verdict=verdict, reason=reason or verdict.why, mark=mark, hint=hint,
        condition=condition,
    )  # fmt: skip
