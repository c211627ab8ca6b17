"""The one impure loop and the sole journal writer: fold, decide, append, act, append.

Workers look and send on threads; this thread alone folds, decides and appends. What several workers report
at once becomes one segment, so concurrent steps share an fdatasync.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Literal

from irkit import __version__
from irkit.actions.catalog import Catalog
from irkit.engine import approvals
from irkit.engine.decide import End, Expand, Finish, Turn, Unit, decide, outputs, units
from irkit.engine.guard import Limits
from irkit.engine.inbox import Inbox, ingest
from irkit.engine.locks import Held, Locks
from irkit.engine.look import Blocked, Broken, Looked, Task, look, outputs_json, prepare
from irkit.engine.receipts import Sent, end_of, send
from irkit.engine.sweep import contained_ms, sweep_record, tally, worth_sweeping
from irkit.errors import Refused
from irkit.journal.state import CaseState, RunState, effect_key
from irkit.model import records as r
from irkit.model.base import digest
from irkit.model.effects import AwsCall, KubeCall, Store
from irkit.model.plans import Change, Refuse, Settled, Verdict, Wait
from irkit.model.playbooks import Playbook
from irkit.model.ports import Clock, JournalStore, World
from irkit.model.times import after
from irkit.playbook.bindings import Missing, expand

GRACE = 10.0
"""Seconds that work in flight gets when the run is interrupted."""
PATIENCE = 30.0
"""Seconds that the loop itself waits for a step to look again before it lets go of the case."""
POLL = 0.1
"""Seconds between looks at the inbox, the stop signal and locks that another process holds."""
SEND_TIMEOUT = 15.0
"""Seconds that one write may take."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything that a run needs beside its journal. Composed by `app`."""

    catalog: Catalog
    world: World
    clock: Clock
    locks: Locks
    who: r.Who
    inbox: Inbox | None = None
    limits: Limits = field(default_factory=Limits)
    vault: Mapping[str, Callable[[], str]] = field(default_factory=dict)  # sealed slots, by name
    heard: Callable[[Sequence[r.Record]], None] = lambda _records: None
    workers: int = 16


@dataclass(frozen=True, slots=True)
class Closed:
    """The run has ended."""

    run: RunState


@dataclass(frozen=True, slots=True)
class Parked:
    """The writer let go. `until` is a time to look again, or "" where only people or credentials help."""

    run: RunState
    on: r.Pause
    until: str = ""


@dataclass(slots=True)
class Job:
    """A unit that is being worked on by this process."""

    unit: Unit
    held: Held
    task: Task | None = None
    change: Change | None = None
    at: int = 0  # index of the effect in flight
    key: str = ""


class Engine:
    """Executes runs of one case whose journal this process holds open."""

    def __init__(self, journal: JournalStore, setting: Setting) -> None:
        self.journal = journal
        self.setting = setting
        self.state = CaseState().fold(journal.records)
        self.jobs: dict[str, Job] = {}
        self._flight: dict[Future[Looked | Blocked | Broken | Sent], Job] = {}
        self._keys: dict[str, str] = {}  # effect key in flight -> unit
        self._pool: ThreadPoolExecutor

    # -- the loop ------------------------------------------------------------------------------------

    def advance(self, run_id: str, stop: threading.Event, budget: float | None = None) -> Closed | Parked:
        """Go on with a run until it closes or nothing but time, people or credentials helps.

        `budget` is in seconds: no turn begins after it. Only journaled state counts; calling this twice is safe.

        Raises:
            JournalError: the journal or the evidence store cannot be written; no effect follows.
            Refused: the run was opened with other versions of its actions.
        """
        run = self.state.runs[run_id]
        playbook = Playbook.model_validate_json(self.journal.get_blob(run.checked))
        self._check_versions(run, playbook)
        self.append(r.RunResumed(run=run_id, who=self.setting.who, tool=__version__))
        end = None if budget is None else after(self.setting.clock(), budget)
        with ThreadPoolExecutor(self.setting.workers, thread_name_prefix="irkit") as pool:
            self._pool = pool
            try:
                self.doubt_open_intents()
                return self._loop(playbook, run, stop, end)
            finally:
                for job in self.jobs.values():
                    job.held.release()
                self.jobs.clear()

    def _loop(self, playbook: Playbook, run: RunState, stop: threading.Event, end: str | None) -> Closed | Parked:
        while not run.outcome:
            self.ingest()
            if stop.is_set():
                return self._let_go(run, "interrupted")
            if end is not None and self.setting.clock() >= end:
                return self._let_go(run, "budget")
            self._read_clock(playbook, run)
            commands = decide(playbook, run, self.state.now, self.jobs)
            if commands and isinstance(commands[0], Finish):
                self._finish(playbook, run)
                continue
            begun = self._begin(playbook, run, commands)
            if self._flight:
                self._collect(run, POLL)
            elif not begun:
                parked = self._idle(run, bool(commands), stop)
                if parked is not None:
                    return parked
        return Closed(run)

    def _idle(self, run: RunState, locked: bool, stop: threading.Event) -> Parked | None:
        """Nothing runs: wait a little for a lock or a time, or let go."""
        if locked:  # another process holds a lock that the next turn needs
            stop.wait(POLL)
            return None
        until = min((s.until for s in run.steps.values() if s.phase == "waiting"), default="")
        if until and until <= after(self.setting.clock(), PATIENCE):
            stop.wait(POLL)
            return None
        phases = {step.phase for step in run.steps.values()}
        on: Literal["waiting", "parked", "approval"] = "approval"
        if until:
            on = "waiting"
        elif "parked" in phases:
            on = "parked"
        self.append(r.RunPaused(run=run.id, why=on, until=until))
        return Parked(run, on, until)

    def _let_go(self, run: RunState, why: Literal["interrupted", "budget"]) -> Parked:
        """Start nothing new, give what is in flight its grace, journal the pause."""
        deadline = after(self.setting.clock(), GRACE)
        while self._flight and self.setting.clock() < deadline:
            self._collect(run, POLL, follow=False)
        self.append(r.RunPaused(run=run.id, why=why))
        return Parked(run, why)

    # -- beginning -----------------------------------------------------------------------------------

    def _begin(self, playbook: Playbook, run: RunState, commands: Sequence[object]) -> bool:
        """Begin what was decided; all looks of one wave share a snapshot."""
        bodies: list[r.AnyBody] = []
        wave: list[Job] = []
        for command in commands:
            if isinstance(command, Expand):
                bodies.append(self._expand(command, playbook, run))
            elif isinstance(command, End):
                bodies.append(_close(run, command.unit, command.verdict, command.verdict.why))
            elif isinstance(command, Turn):
                begun = self._prepare(command.unit, playbook, run)
                if isinstance(begun, Job):
                    wave.append(begun)
                elif begun is not None:
                    bodies.append(begun)
        if bodies:
            self.append(*bodies)
        if wave:
            reader = self.setting.world.reader(len(wave))
            for job in wave:
                assert job.task is not None  # noqa: S101 -- _prepare made it
                self._fly(job, self._pool.submit(look, job.task, reader, self.setting.limits))
        return bool(bodies or wave)

    def _prepare(self, unit: Unit, playbook: Playbook, run: RunState) -> Job | r.StepClosed | None:
        """A job that may look now, the record that ends the step, or None where a lock is held elsewhere."""
        task = prepare(unit, playbook, self.state, run, self.setting.catalog)
        if isinstance(task, Missing):
            return _close(run, unit, Verdict(status="skipped", why=task.why), task.why)
        if isinstance(task, Refuse):
            return _close(run, unit, Verdict(status="refused", why=task.why), task.why, hint=task.hint)
        held = self.setting.locks.take(task.action.locks(task.params))
        if held is None:
            return None
        job = Job(unit, held, task)
        self.jobs[unit.key] = job
        return job

    def _expand(self, command: Expand, playbook: Playbook, run: RunState) -> r.AnyBody:
        step = command.step
        children = expand(step, run.inputs, outputs(playbook, run))
        if isinstance(children, Missing):
            return _close(run, Unit(step.id, step), Verdict(status="skipped", why=children.why), children.why)
        if len(children) > self.setting.limits.max_targets:
            why = f"{len(children)} targets are more than the limit of {self.setting.limits.max_targets}"
            verdict = Verdict(status="refused", why=why)
            return _close(run, Unit(step.id, step), verdict, why, hint="raise it with --max-targets")
        return r.StepExpanded(
            run=run.id,
            step=step.id,
            items=tuple(item for _, item in children),
            children=tuple(key for key, _ in children),
        )

    def _fly(self, job: Job, future: Future[Looked | Blocked | Broken | Sent]) -> None:
        self._flight[future] = job

    # -- collecting ----------------------------------------------------------------------------------

    def _collect(self, run: RunState, timeout: float, *, follow: bool = True) -> None:
        """Take in what workers report; journal it all at once; then act on it."""
        done, _ = wait(self._flight, timeout=timeout, return_when=FIRST_COMPLETED)
        bodies: list[r.AnyBody] = []
        acting: list[Job] = []
        for future in sorted(done, key=lambda one: self._flight[one].unit.key):
            job = self._flight.pop(future)
            result = future.result()
            if isinstance(result, Sent):
                bodies.extend(self._sent(run, job, result, acting, follow))
            else:
                bodies.extend(self._looked(run, job, result, acting, follow))
        self.act(run, acting, bodies)

    def _looked(
        self, run: RunState, job: Job, result: Looked | Blocked | Broken, acting: list[Job], follow: bool
    ) -> list[r.AnyBody]:
        if isinstance(result, Looked) and isinstance(result.plan, Change):
            return self._change(run, job, result.plan, acting, follow)
        self._drop(job)
        if isinstance(result, Blocked):
            return [self._blocked(run, job, result)]
        if isinstance(result, Broken):
            return [_close(run, job.unit, Verdict(status="failed", why=result.detail), result.detail)]
        plan = result.plan
        if isinstance(plan, Wait):
            until = after(self.setting.clock(), plan.seconds)
            turn = run.step(job.unit.key).turn + 1
            return [r.StepWaiting(run=run.id, step=job.unit.key, turn=turn, until=until, why=plan.why)]
        if isinstance(plan, Refuse):
            verdict = Verdict(status="refused", why=plan.why)
            closed = _close(run, job.unit, verdict, plan.why, mark=result.task.mark.id, hint=plan.hint)
            return [closed.model_copy(update={"drift": plan.drift})]
        assert isinstance(plan, Settled)  # noqa: S101 -- the four plans are all
        closed = _close(run, job.unit, plan.verdict, plan.reason, mark=result.task.mark.id)
        return [*self._adopt(run, job), closed.model_copy(update={"outputs": outputs_json(plan.outputs)})]

    def _adopt(self, run: RunState, job: Job, wanted: Sequence[str] = ()) -> list[r.AnyBody]:
        """Effects in doubt that are no longer wanted took place: recognised when looking again."""
        return [
            r.EffectDone(
                run=run.id, step=job.unit.key, key=effect.key, name=effect.name, mark=effect.mark, reply={},
                status=0, request_id="", adopted=True,
            )
            for effect in self.state.doubtful(run.id, job.unit.key)
            if effect.key not in wanted
        ]  # fmt: skip

    def _blocked(self, run: RunState, job: Job, result: Blocked) -> r.AnyBody:
        state = run.step(job.unit.key)
        turn = state.turn + 1
        if result.why is not None:
            return r.StepParked(
                run=run.id, step=job.unit.key, turn=turn, why=result.why, detail=result.detail, hint=result.hint
            )
        until = after(self.setting.clock(), result.retry or 1.0)
        return r.StepWaiting(
            run=run.id, step=job.unit.key, turn=turn, until=until, why=result.detail, failed=result.counts
        )

    def _change(self, run: RunState, job: Job, change: Change, acting: list[Job], follow: bool) -> list[r.AnyBody]:
        """Ask for approval where one is needed, or keep the originals and begin with the first effect."""
        task = job.task
        assert task is not None  # noqa: S101 -- a look made this change
        state = run.step(job.unit.key)
        spec, mark = task.action.spec, task.mark.id
        if not follow:
            self._drop(job)
            return []
        mode = "undo" if task.undo else "apply"
        keys = [effect_key(mark, self.state.generation(mark), mode, effect.name) for effect in change.effects]
        if any(self._elsewhere(key, task) for key in keys):
            self._drop(job)  # a step with the same mark does or did this since we looked: look again
            return []
        if approvals.needed(job.unit.step, spec) and not task.undo:
            foreseen = task.action.foresees(task.params, task.mark)
            wanted = approvals.envelope(job.unit.step, spec, task.target.key, change, foreseen)
            if not approvals.covered(state, wanted):
                self._drop(job)
                return [
                    r.ApprovalAsked(
                        run=run.id, step=job.unit.key, turn=state.turn + 1, digest=digest(wanted),
                        envelope=wanted, reason=change.why,
                    )
                ]  # fmt: skip
        job.change, job.at, job.key = change, 0, keys[0]
        acting.append(job)
        planned = r.StepPlanned(
            run=run.id, step=job.unit.key, turn=state.turn + 1, action=spec.id, mark=task.mark, why=change.why,
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
        return [*self._adopt(run, job, keys), planned, *originals]

    def _elsewhere(self, key: str, task: Task) -> bool:
        known = self.state.effects.get(key)
        return key in self._keys or (known is not None and known.status == "done" and known.seq > task.seq)

    def _sent(self, run: RunState, job: Job, sent: Sent, acting: list[Job], follow: bool) -> list[r.AnyBody]:
        """An effect ended: journal how; go on with the next of the same plan, or look again."""
        self._keys.pop(job.key, None)
        task, change = job.task, job.change
        assert task is not None  # noqa: S101 -- an effect was sent for it
        assert change is not None  # noqa: S101 -- an effect was sent for it
        turn = run.step(job.unit.key).turn
        bodies = end_of(sent, run.id, job.unit.key, turn, job.key, task.mark.id, self.setting.clock())
        job.at += 1
        if sent.ok and follow and job.at < len(change.effects):
            mode = "undo" if task.undo else "apply"
            job.key = effect_key(task.mark.id, self.state.generation(task.mark.id), mode, change.effects[job.at].name)
            acting.append(job)
        else:
            self._drop(job)
            bodies.extend(self.after_effects(run, job, ok=sent.ok))
        return bodies

    def _drop(self, job: Job) -> None:
        self.jobs.pop(job.unit.key, None)
        job.held.release()

    # -- what a broken engine would get wrong: each is one method ---------------------------------------

    def act(self, run: RunState, acting: Sequence[Job], before: Sequence[r.AnyBody]) -> None:
        """Journal first: the intents of a wave are durable, in one segment, before anything is sent."""
        intents = [self.intent(run, job) for job in acting]
        if before or intents:
            self.append(*before, *intents)
        for job in acting:
            self.fly_effect(job)

    def intent(self, run: RunState, job: Job) -> r.EffectIntended:
        """The exact call, under its key. A sealed slot's digest is in it, never its value."""
        assert job.task is not None  # noqa: S101 -- only jobs with a change act
        effect = effect_of(job)
        known = self.state.effects.get(job.key)
        return r.EffectIntended(
            run=run.id, step=job.unit.key, turn=run.step(job.unit.key).turn + (1 if job.at == 0 else 0),
            key=job.key, name=effect.name, mark=job.task.mark.id, attempt=known.attempt + 1 if known else 1,
            call=effect.dump(), sealed=seal(effect, self.setting.vault),
        )  # fmt: skip

    def fly_effect(self, job: Job) -> None:
        """Send the effect on a worker."""
        self._keys[job.key] = job.unit.key
        effect = effect_of(job)
        self._fly(job, self._pool.submit(send, effect, self.setting.world, self.setting.vault, SEND_TIMEOUT))

    def after_effects(self, _run: RunState, _job: Job, *, ok: bool) -> list[r.AnyBody]:  # noqa: ARG002 -- for overriders
        """The effects of a turn ended. Nothing follows from that: only looking again proves anything."""
        return []

    def doubt_open_intents(self) -> None:
        """An older epoch's open intents are in doubt: nothing is sent again before it was looked for."""
        doubts = [
            r.EffectDoubted(
                run=effect.run, step=effect.step, key=effect.key, name=effect.name, mark=effect.mark,
                why="the process that intended it is gone, and its end was not recorded",
            )
            for effect in self.state.effects.values()
            if effect.status == "intended"
        ]  # fmt: skip
        if doubts:
            self.append(*doubts)

    # -- records ---------------------------------------------------------------------------------------

    def append(self, *bodies: r.AnyBody) -> None:
        """One durable segment, folded at once. Listeners hear of it after it is durable."""
        records = self.journal.append(bodies)
        self.state.fold(records)
        self.setting.heard(records)

    def ingest(self) -> None:
        """Take in what others asked."""
        if self.setting.inbox is None:
            return
        for path in self.setting.inbox.waiting():
            request = self.setting.inbox.read(path)
            if request is not None:
                bodies = ingest(self.state, request)
                if bodies:
                    self.append(*bodies)
            self.setting.inbox.taken(path)

    def _read_clock(self, playbook: Playbook, run: RunState) -> None:
        """Time enters as a record, and only when it changes what is decided."""
        now = self.setting.clock()
        if not self._flight and decide(playbook, run, now, self.jobs) != decide(
            playbook, run, self.state.now, self.jobs
        ):
            self.append(r.ClockRead(source="local"))

    def _check_versions(self, run: RunState, playbook: Playbook) -> None:
        for step in playbook.steps:
            action = self.setting.catalog.get(step.uses)
            recorded = self._opened(run).actions.get(step.uses)
            if action is None or action.spec.version != recorded:
                msg = f"{run.id} was opened with {step.uses} version {recorded}, which this irkit does not have"
                raise Refused(msg, hint="resume with the irkit version that opened the run")

    def _opened(self, run: RunState) -> r.RunOpened:
        for record in self.journal.records:
            if isinstance(record.body, r.RunOpened) and record.body.run == run.id:
                return record.body
        raise KeyError(run.id)

    # -- ending ------------------------------------------------------------------------------------------

    def _finish(self, playbook: Playbook, run: RunState) -> None:
        """Look once more at every step, then close the run: others revert in minutes."""
        looks: dict[Future[Looked | Blocked | Broken], Unit] = {}
        every = units(playbook, run)
        for unit in every:
            if worth_sweeping(run.steps.get(unit.key)):
                task = prepare(unit, playbook, self.state, run, self.setting.catalog)
                if isinstance(task, Task):
                    reader = self.setting.world.reader(len(every))
                    looks[self._pool.submit(look, task, reader, self.setting.limits)] = unit
        wait(looks)
        bodies = [sweep_record(run, unit, future.result()) for future, unit in looks.items()]
        changed = [body for body in bodies if body is not None]
        if changed:
            self.append(*changed)
        verdicts = tally(every, run)
        failed = {"failed", "refused", "skipped"} & set(verdicts)
        outcome: Literal["complete", "partial", "aborted"] = "partial" if failed else "complete"
        self.append(
            r.RunClosed(
                run=run.id,
                outcome="aborted" if run.aborting else outcome,
                verdicts=verdicts,
                swept=len(looks),
                contained_ms=contained_ms(every, run, self.setting.catalog),
            )
        )


def effect_of(job: Job) -> KubeCall | AwsCall | Store:
    """The effect that is in flight or about to be."""
    assert job.change is not None  # noqa: S101 -- only jobs with a change act
    return job.change.effects[job.at]


def seal(effect: KubeCall | AwsCall | Store, vault: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """Names and digests of sealed values. Raises KeyError for a slot that nobody fills."""
    return {slot.name: hashlib.sha256(vault[slot.name]().encode()).hexdigest() for slot in effect.slots}


def _close(  # noqa: PLR0913 -- a step's end has this many parts
    run: RunState, unit: Unit, verdict: Verdict, reason: str, *, mark: str = "", hint: str = ""
) -> r.StepClosed:
    return r.StepClosed(run=run.id, step=unit.key, verdict=verdict, reason=reason, mark=mark, hint=hint)
