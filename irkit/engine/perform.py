"""The one impure loop and the sole journal writer: fold, decide, append, act, append.

Workers look and send on threads; this thread alone folds, decides and appends. What several workers report
at once becomes one segment, so concurrent steps share an fdatasync.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from irkit import __version__
from irkit.actions.catalog import Catalog
from irkit.engine.decide import (
    Command,
    End,
    Expand,
    Finish,
    Turn,
    Unit,
    crowd,
    decide,
    next_change,
    next_look,
    not_in_time,
    outputs,
    units,
)
from irkit.engine.flight import Flight
from irkit.engine.guard import Limits, check_versions
from irkit.engine.inbox import Inbox, ingest
from irkit.engine.locks import Locks
from irkit.engine.look import Aim, Looked, aim, look, task_of
from irkit.engine.receipts import Sent, send
from irkit.engine.sweep import closing, sweep_record, worth_sweeping
from irkit.engine.turns import Job, Turns, close
from irkit.engine.waves import Waves
from irkit.journal.state import CaseState, RunState
from irkit.model import records as r
from irkit.model.plans import Change, Refuse, Verdict
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
LOCK_SECONDS = 1.0
"""Seconds between tries of a lock that another process holds."""
SEND_TIMEOUT = 15.0
"""Seconds that one write may take."""
Begun = Job | r.StepClosed | r.StepWaiting | None


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


class Engine:
    """Executes runs of one case whose journal this process holds open."""

    def __init__(self, journal: JournalStore, setting: Setting) -> None:
        self.journal = journal
        self.setting = setting
        self.state = CaseState().fold(journal.records)
        self.turns = Turns(self.state, setting.clock)
        self.jobs: dict[str, Job] = {}
        self.waves = Waves(setting.clock, self.jobs)
        self._aims: dict[str, Aim | Missing | Refuse] = {}  # of this run, by unit
        self.flight: Flight

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
        check_versions(run, playbook, self.setting.catalog)
        self.doubt_open_intents()
        self.append(r.RunResumed(run=run_id, who=self.setting.who, tool=__version__))
        end = None if budget is None else after(self.setting.clock(), budget)
        self._aims.clear()
        try:
            with Flight(self.setting.workers) as self.flight:  # what was sent has ended before a lock is free
                return self._loop(playbook, run, stop, end)
        finally:
            for job in self.jobs.values():
                job.held.release()
            self.jobs.clear()

    def _loop(self, playbook: Playbook, run: RunState, stop: threading.Event, end: str | None) -> Closed | Parked:
        heard = -POLL  # monotonic
        while not run.outcome:
            if not self.flight or time.monotonic() - heard >= POLL:  # nothing is decided for good while all are busy
                self.ingest()
                heard = time.monotonic()
            if self.state.taker is not None:
                return self._let_go(run, "taken")
            if stop.is_set():
                return self._let_go(run, "interrupted")
            if end is not None and self.setting.clock() >= end:
                return self._let_go(run, "budget")
            busy = self.jobs.keys() | self.waves.waiting()
            commands = self._decide(playbook, run, busy)
            if commands and isinstance(commands[0], Finish):
                self._finish(playbook, run)
                continue
            begun = self._begin(playbook, run, commands)
            if self.flight:
                self._collect(run, POLL)
                self._end_overdue(run)
            elif not begun:
                parked = self._idle(playbook, run, locked=bool(commands), stop=stop)
                if parked is not None:
                    return parked
        return Closed(run)

    def _decide(self, playbook: Playbook, run: RunState, busy: set[str]) -> list[Command]:
        """Decide by journaled time; time enters as a record, and only where it may change what is decided."""
        due = next_change(playbook, run, self.state.now)
        if due and due <= self.setting.clock():
            self.append(r.ClockRead(source="local"))
        return decide(playbook, run, self.state.now, busy)

    def _idle(self, playbook: Playbook, run: RunState, *, locked: bool, stop: threading.Event) -> Parked | None:
        """Nothing runs: wait a little for a lock or a time, or let go."""
        until = next_look(run)
        if locked or (until and until <= after(self.setting.clock(), PATIENCE)):
            stop.wait(POLL)
            return None
        on: r.Pause = "waiting" if until else "approval"
        if not until and any(step.phase == "parked" for step in run.steps.values()):
            on = "parked"
        if not until:
            self._sweep(playbook, run, last=False)  # what has ended is told as it is now: this may take days
        self.append(r.RunPaused(run=run.id, why=on, until=until))
        return Parked(run, on, until)

    def _let_go(self, run: RunState, why: Literal["interrupted", "budget", "taken"]) -> Parked:
        """Start nothing new, give what is in flight its grace, journal the pause."""
        deadline = after(self.setting.clock(), GRACE)
        while self.flight and self.setting.clock() < deadline:
            self._collect(run, POLL, follow=False)
        self.append(r.RunPaused(run=run.id, why=why))
        return Parked(run, why)

    # -- beginning -----------------------------------------------------------------------------------

    def _begin(self, playbook: Playbook, run: RunState, commands: Sequence[Command]) -> bool:
        """Begin what was decided; all looks of one wave share a snapshot."""
        bodies: list[r.AnyBody] = []
        wave: list[Job] = []
        now = self.setting.clock()
        for command in commands:
            if isinstance(command, Expand):
                bodies.append(self._expand(command, playbook, run))
            elif isinstance(command, End):
                bodies.append(close(run, command.unit, command.verdict, condition=command.condition))
            elif isinstance(command, Turn):
                begun = self._prepare(command.unit, playbook, run, now)
                if isinstance(begun, Job):
                    wave.append(begun)
                elif begun is not None:
                    bodies.append(begun)
        if bodies:
            self.append(*bodies)
        if wave:
            reader = self.setting.world.reader(crowd(job.unit for job in wave))
            for job in wave:
                self.flight.submit(job, partial(look, job.task, reader, self.setting.limits))
        return bool(bodies or wave)

    def _prepare(self, unit: Unit, playbook: Playbook, run: RunState, now: str) -> Begun:
        """A job that may look now, the record that ends the step or makes it wait, or None: later in this process."""
        aimed = self._aim(unit, playbook, run)
        if isinstance(aimed, Missing):
            return close(run, unit, Verdict(status="skipped", why=aimed.why))
        if isinstance(aimed, Refuse):
            return close(run, unit, Verdict(status="refused", why=aimed.why), hint=aimed.hint)
        if self.waves.follows(unit.key, aimed.mark.id, now):
            return None
        names = aimed.action.locks(aimed.params)
        held = self.setting.locks.take(names)
        if held is None:
            if any(name in names for job in self.jobs.values() for name in job.names):
                return None  # a step of this process has it: it ends by itself
            why = f"another process holds a lock that this step needs: {', '.join(names)}"
            turn, until = run.step(unit.key).turn + 1, after(now, LOCK_SECONDS)
            return r.StepWaiting(run=run.id, step=unit.key, turn=turn, until=until, why=why)
        deadline = after(run.step(unit.key).started or now, unit.step.timeout)
        self.jobs[unit.key] = job = Job(unit, held, task_of(unit, aimed, self.state, run), names, deadline)
        return job

    def _aim(self, unit: Unit, playbook: Playbook, run: RunState) -> Aim | Missing | Refuse:
        """What the unit is about, worked out at its first look: a fleet's units are looked at again and again."""
        if unit.key not in self._aims:
            self._aims[unit.key] = aim(unit, playbook, self.state, run, self.setting.catalog)
        return self._aims[unit.key]

    def _expand(self, command: Expand, playbook: Playbook, run: RunState) -> r.AnyBody:
        step = command.step
        whole = Unit(step.id, step)
        children = expand(step, run.inputs, outputs(playbook, run))
        if isinstance(children, Missing):
            return close(run, whole, Verdict(status="skipped", why=children.why))
        if len(children) > self.setting.limits.max_targets:
            why = f"{len(children)} targets are more than the limit of {self.setting.limits.max_targets}"
            return close(run, whole, Verdict(status="refused", why=why), hint="raise it with --max-targets")
        return r.StepExpanded(
            run=run.id,
            step=step.id,
            items=tuple(item for _, item in children),
            children=tuple(key for key, _ in children),
        )

    # -- collecting ----------------------------------------------------------------------------------

    def _collect(self, run: RunState, timeout: float, *, follow: bool = True) -> None:
        """Take in what workers report; journal it all at once; then act on it."""
        bodies: list[r.AnyBody] = []
        acting: list[Job] = []
        ended = self.flight.land(timeout)
        # Looks first: an effect that ends in this batch is not folded yet, and must still count as in flight.
        for result, job in sorted(ended, key=lambda one: (isinstance(one[0], Sent), one[1].unit.key)):
            if isinstance(result, Looked) and isinstance(result.plan, Change) and (not follow or self._over(run, job)):
                self._drop(job)
                continue
            if isinstance(result, Sent):
                self.waves.ended(job)
                then = self.turns.sent(run, job, result)
            else:
                then = self.turns.looked(run, job, result)
            bodies.extend(then.bodies)
            if then.act and follow:
                acting.append(job)
                self.turns.flying[job.key] = job.unit.key
                continue
            if then.behind:
                self.waves.behind(job.unit.key, then.behind)
            self._drop(job)
            if isinstance(result, Sent):
                bodies.extend(self.after_effects(run, job, ok=result.ok))
        self.act(run, acting, bodies)

    def _end_overdue(self, run: RunState) -> None:
        """End steps whose look takes longer than they may take: what needs no answer of theirs goes on.

        A write in flight is always waited for.
        """
        now = self.setting.clock()
        late = [job for job in self.flight.jobs if job.change is None and job.deadline < now]
        self.flight.give_up(late)
        for job in late:
            self._drop(job)
        if late:
            self.append(*(close(run, job.unit, not_in_time(job.unit.step, "no answer yet")) for job in late))

    @staticmethod
    def _over(run: RunState, job: Job) -> bool:
        """Whether nothing new may begin for this job: its run is being aborted and it has sent nothing yet."""
        return run.aborting and not job.unit.step.always and run.step(job.unit.key).phase != "acting"

    def _drop(self, job: Job) -> None:
        self.jobs.pop(job.unit.key, None)
        self.waves.dropped(job)
        job.held.release()

    # -- what a broken engine would get wrong: each is one method ---------------------------------------

    def act(self, run: RunState, acting: Sequence[Job], before: Sequence[r.AnyBody]) -> None:
        """Journal first: the intents of a wave are durable, in one segment, before anything is sent."""
        intents = [self.intent(run, job) for job in acting]
        if before or intents:
            self.append(*before, *intents)
        for job in acting:
            self.fly(job)

    def fly(self, job: Job) -> None:
        """Send the job's effect on a worker."""
        self.flight.submit(job, partial(send, job.effect, self.setting.world, self.setting.vault, SEND_TIMEOUT))

    def intent(self, run: RunState, job: Job) -> r.EffectIntended:
        """The exact call, under its key. A sealed slot's digest is in it, never its value."""
        known = self.state.effects.get(job.key)
        vault = self.setting.vault
        return r.EffectIntended(
            run=run.id, step=job.unit.key, turn=run.step(job.unit.key).turn + (1 if job.at == 0 else 0),
            key=job.key, name=job.effect.name, mark=job.task.mark.id, attempt=known.attempt + 1 if known else 1,
            call=job.effect.dump(),
            sealed={
                slot.name: hashlib.sha256(vault[slot.name]().encode()).hexdigest() for slot in job.effect.slots
            },
        )  # fmt: skip

    def after_effects(self, run: RunState, job: Job, *, ok: bool) -> list[r.AnyBody]:  # noqa: ARG002 -- overridden
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
            bodies = ingest(self.state, request) if request is not None else []
            if bodies:
                self.append(*bodies)
            self.setting.inbox.taken(path)

    # -- ending ------------------------------------------------------------------------------------------

    def _finish(self, playbook: Playbook, run: RunState) -> None:
        """Look once more at every step, then close the run."""
        swept = self._sweep(playbook, run, last=True)
        self.append(closing(units(playbook, run), run, self.setting.catalog, swept))

    def _sweep(self, playbook: Playbook, run: RunState, *, last: bool) -> int:
        """Look once more at what has ended: others revert in minutes, and a proof comes after what it proves.

        Before a mere pause, clusters in which a step is parked are left out, and so is what cannot be looked at.
        """
        phases = {key: step.phase for key, step in run.steps.items()}
        seen = [unit for unit in units(playbook, run) if phases.get(unit.key) in {"closed", "parked"}]
        aims = [(unit, aimed) for unit in seen if isinstance(aimed := self._aim(unit, playbook, run), Aim)]
        away = {aimed.mark.within for unit, aimed in aims if phases[unit.key] == "parked"}
        swept = [
            task_of(unit, aimed, self.state, run)
            for unit, aimed in aims
            if aimed.mark.within not in away and worth_sweeping(run.steps.get(unit.key), aimed.action.spec.purpose)
        ]
        reader = self.setting.world.reader(crowd(task.unit for task in swept))
        looks = self.flight.each([partial(look, task, reader, self.setting.limits) for task in swept])
        pairs = [(task, one) for task, one in zip(swept, looks, strict=True) if last or isinstance(one, Looked)]
        changed = [body for task, one in pairs if (body := sweep_record(run, task.unit, one)) is not None]
        if changed:
            self.append(*changed)
        return len(swept)
