"""What to do next: a pure function of the playbook and the folded journal. No client, no clock, no store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from irkit.journal.state import RunState, StepState
from irkit.model.base import Json
from irkit.model.plans import Verdict
from irkit.model.playbooks import Playbook, Step
from irkit.model.times import after
from irkit.playbook.bindings import Missing
from irkit.playbook.conditions import holds

MAX_FAILURES = 4
"""So many looks or effects in a row may fail before a step is given up."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Something to work on: a step, or one child of a `for_each` with its item."""

    key: str
    step: Step
    item: Json = None


@dataclass(frozen=True, slots=True)
class Expand:
    """Freeze the children of a `for_each`."""

    step: Step


@dataclass(frozen=True, slots=True)
class Turn:
    """Observe, plan, and perform what the plan wants."""

    unit: Unit


@dataclass(frozen=True, slots=True)
class End:
    """Close a step without looking: skipped, timed out or given up."""

    unit: Unit
    verdict: Verdict
    condition: str = ""  # the `when` that was false


@dataclass(frozen=True, slots=True)
class Finish:
    """Every step has ended: look once more at each, then close the run."""


Command = Expand | Turn | End | Finish
_FAILED = frozenset({"failed", "refused", "skipped"})


def crowd(looking: Iterable[Unit]) -> int:
    """How many of them are children of one step: those look at the same kind of thing, and one LIST serves them all.

    Steps that differ look at different things; a LIST for each would cost more than their GETs, and needs more rights.
    """
    return max(Counter(unit.step.id for unit in looking).values(), default=0)


def units(playbook: Playbook, run: RunState) -> list[Unit]:
    """All units known so far, in the playbook's order; an unexpanded `for_each` has none yet."""
    found: list[Unit] = []
    for step in playbook.steps:
        if step.for_each is None:
            found.append(Unit(step.id, step))
        else:
            found.extend(Unit(key, step, run.items[key]) for key in run.children.get(step.id, ()))
    return found


def keys_of(step: Step, run: RunState) -> tuple[str, ...] | None:
    """The step's unit keys, or None while a `for_each` is not expanded."""
    return (step.id,) if step.for_each is None else run.children.get(step.id)


def closed(step: Step, run: RunState) -> bool:
    """Whether the step, with all its children, has ended."""
    if step.id in run.over:
        return True
    if step.for_each is not None and step.id in run.steps and run.steps[step.id].phase == "closed":
        return True  # skipped before it was expanded
    keys = keys_of(step, run)
    if keys is None or not all(key in run.steps and run.steps[key].phase == "closed" for key in keys):
        return False
    run.over.add(step.id)  # nothing opens a step again, and a fleet's children are not asked a second time
    return True


def failed_verdict(step: Step, run: RunState) -> Verdict | None:
    """The verdict that stops the step's dependants, if one does. A step that its `when` made unneeded stops none.

    Nor does one that did its work, and was found otherwise later: evidence that was lost is no reason to contain less.
    """
    if step.on_failure == "continue":
        return None
    for key in {step.id, *(keys_of(step, run) or ())}:
        state = run.steps.get(key)
        if state is None or state.verdict is None or state.condition or state.swept:
            continue
        if state.verdict.status in _FAILED:
            return state.verdict
    return None


def outputs(playbook: Playbook, run: RunState) -> Mapping[str, Json]:
    """What ended steps give to later ones; a `for_each` gives, per name, the list of its children's values."""
    return _Outputs(playbook, run)


class _Outputs(Mapping[str, Json]):
    """Worked out for the step that is asked about: most arguments ask about none, and a fleet's are many."""

    def __init__(self, playbook: Playbook, run: RunState) -> None:
        self._steps = {step.id: step for step in playbook.steps}
        self._run = run

    def __getitem__(self, step_id: str) -> Json:
        step, run = self._steps[step_id], self._run
        keys = keys_of(step, run) or ()
        given = [state.outputs for key in keys if (state := run.steps.get(key)) and state.outputs is not None]
        if step.for_each is None:
            if not given:
                raise KeyError(step_id)
            return given[0]
        names = sorted({name for one in given for name in one})
        return {name: [one[name] for one in given if name in one] for name in names}

    def __iter__(self) -> Iterator[str]:
        return (step_id for step_id in self._steps if step_id in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def verdicts(playbook: Playbook, run: RunState) -> Mapping[str, Json]:
    """The verdicts of ended steps, as conditions see them; a `for_each` gives the list of its children's."""
    found: dict[str, Json] = {}
    for step in playbook.steps:
        if closed(step, run):
            keys = keys_of(step, run)
            states = [run.steps[key] for key in ((step.id,) if keys is None else keys)]
            each: list[Json] = [state.verdict.status for state in states if state.verdict is not None]
            found[step.id] = each[0] if step.for_each is None else each
    return found


def decide(playbook: Playbook, run: RunState, now: str, busy: Collection[str] = ()) -> list[Command]:
    """The next commands, in the playbook's order. `busy` names the units that are being worked on already.

    Nothing to do and nothing busy means that the run is parked: on people, credentials or time.
    """
    commands: list[Command] = []
    main_done = all(closed(step, run) for step in playbook.steps if not step.always)
    for step in playbook.steps:
        if closed(step, run) or (step.always and not main_done):
            continue
        commands.extend(_step_commands(playbook, step, run, now, busy))
    if not commands and not busy and all(closed(step, run) for step in playbook.steps):
        return [Finish()]
    return commands


def _step_commands(playbook: Playbook, step: Step, run: RunState, now: str, busy: Collection[str]) -> list[Command]:
    whole = Unit(step.id, step)
    working = any(key in busy for key in keys_of(step, run) or (step.id,))
    if run.aborting and not step.always and not working and not _begun(step, run):
        return [End(whole, Verdict(status="skipped", why="the run was aborted before this step began"))]
    before = None if _entered(step, run) else _at_entry(playbook, step, run)
    if before is not None:
        return before
    if step.for_each is not None and step.id not in run.children:
        return [Expand(step)] if step.id not in busy else []
    found: list[Command] = []
    late = after(now, -step.timeout)  # begun before then, it took longer than it may
    for key in keys_of(step, run) or ():
        state = run.steps.get(key) or StepState(key)
        if state.phase == "closed" or key in busy:
            continue
        command = _unit_command(Unit(key, step, run.items.get(key)), state, run, now, late)
        if command is not None:
            found.append(command)
    return found


def _begun(step: Step, run: RunState) -> bool:
    keys = keys_of(step, run) or (step.id,)
    return any(key in run.steps and run.steps[key].phase in {"acting", "waiting"} for key in keys)


def _entered(step: Step, run: RunState) -> bool:
    """Whether what the step waited for was asked already. It is asked once: a look before a pause may change verdicts.

    A step that wrote something would else be told as skipped or not needed.
    """
    if step.for_each is not None:
        return step.id in run.children
    state = run.steps.get(step.id)
    return state is not None and (state.phase != "new" or state.turn > 0)


def _at_entry(playbook: Playbook, step: Step, run: RunState) -> list[Command] | None:
    """What becomes of a step that may not begin: it waits for what it needs, or ends. None: it may."""
    for need in step.needs:
        before = playbook.step(need)
        if not closed(before, run):
            return []
        verdict = failed_verdict(before, run)
        if verdict is not None:
            why = f"it needs `{need}`, which was {verdict.status}"
            return [End(Unit(step.id, step), Verdict(status="skipped", why=why))]
    ended = _by_condition(playbook, step, run)
    return None if ended is None else [ended]


def _by_condition(playbook: Playbook, step: Step, run: RunState) -> End | None:
    """The step's end where its condition does not let it begin."""
    if step.when is None:
        return None
    held = holds(step.when, run.inputs, outputs(playbook, run), verdicts(playbook, run))
    if isinstance(held, Missing):
        why = f"nobody can say whether it is needed: {held.why}, in `when: {step.when}`"
        return End(Unit(step.id, step), Verdict(status="failed", why=why))
    if held:
        return None
    why = f"not needed: `when: {step.when}` is false"
    return End(Unit(step.id, step), Verdict(status="skipped", why=why), condition=step.when.text)


def _unit_command(unit: Unit, state: StepState, run: RunState, now: str, late: str) -> Command | None:
    if run.aborting and not unit.step.always and state.phase != "acting":
        return End(unit, Verdict(status="failed", why="the run was aborted before this step ended"))
    if state.phase in {"parked", "asked"}:
        return None
    if state.failures >= MAX_FAILURES:
        return End(unit, Verdict(status="failed", why=f"given up after {state.failures} tries: {state.why}"))
    if state.started and state.started < late:
        return End(unit, not_in_time(unit.step, state.why))
    if state.phase == "waiting" and state.until > now:
        return None
    return Turn(unit)


def next_look(run: RunState) -> str:
    """The earliest time at which a waiting step wants to look again, or ""."""
    times = [step.until for step in run.steps.values() if step.phase == "waiting"]
    return min(times, default="")


def not_in_time(step: Step, why: str) -> Verdict:
    """The verdict of what took longer than its step may."""
    return Verdict(status="failed", why=f"not done within {step.timeout} s: {why}")


def next_change(playbook: Playbook, run: RunState, now: str) -> str:
    """The earliest time after `now` at which time alone may change what is decided, or "".

    A step that waits may look again then, or one has taken as long as it may.
    """
    times: list[str] = []
    for step in playbook.steps:
        if closed(step, run):
            continue
        mine = [run.steps[key] for key in keys_of(step, run) or () if key in run.steps]
        times += [one.until for one in mine if one.phase == "waiting"]
        started = min((one.started for one in mine if one.started and one.phase != "closed"), default="")
        if started:
            times.append(after(started, step.timeout + 0.001))
    return min((time for time in times if time > now), default="")
