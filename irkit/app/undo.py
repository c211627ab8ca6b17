"""The playbook that takes a case back: the same actions in reverse, with the arguments that were really used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from irkit.actions.catalog import Catalog
from irkit.engine.decide import units
from irkit.engine.look import Task, prepare
from irkit.errors import UsageError
from irkit.journal.state import CaseState, RunState
from irkit.model.playbooks import Playbook, Step

PARTLY = "undo-step"
"""The name of an undo of one step: the rest of its runs stands."""


@dataclass(frozen=True, slots=True)
class Irreversible:
    """Something that was done and cannot be taken back."""

    step: str
    action: str
    why: str


@dataclass(frozen=True, slots=True)
class _Done:
    run: RunState
    playbook: Playbook
    step: Step
    task: Task


def undo_playbook(
    state: CaseState, blob: Callable[[str], bytes], catalog: Catalog, only: str = ""
) -> tuple[Playbook, tuple[str, ...], tuple[Irreversible, ...]]:
    """Its steps, the runs that it undoes, and what cannot be undone.

    Every step that ever intended an effect in its present generation is in it, whatever became of the
    effect: the undo looks, and takes back what is there. A step waits for the undo of those that needed it. `blob`
    gives the bytes of a digest of the case's journal.

    Raises UsageError where `only` names no such step.
    """
    done, lost = _work(state, blob, catalog)
    if only:
        done = [one for one in done if only in {one.step.id, one.task.unit.key}]
        if not done:
            msg = f"step {only} of {state.case} did nothing that can be undone"
            raise UsageError(msg, hint=f"irkit status {state.case}")
    steps: list[Step] = []
    made: list[tuple[_Done, str]] = []
    counted = Counter(one.task.mark.id for one in done)
    shared = {mark for mark, times in counted.items() if times > 1}
    # Backwards; but what serves several targets goes last, when none of them uses it any more.
    backwards = list(reversed(done))
    backwards.sort(key=lambda one: one.task.mark.id in shared)
    for one in _in_their_order(backwards):
        step_id = _fresh_id(one.step.id, {step.id for step in steps})
        needs = tuple(
            name for later, name in made
            if later.task.mark.within == one.task.mark.within  # a cluster out of reach holds up no other
            and (
                later.run is not one.run or one.step.id in _ancestors(later) or one.task.mark.id in shared
                or later.step.uses in one.task.action.spec.undo_after
            )
        )  # fmt: skip
        arguments = one.task.params.dump()
        steps.append(
            Step(
                id=step_id, uses=one.step.uses, arguments=dict(arguments), needs=needs, on_failure=one.step.on_failure
            )
        )  # fmt: skip
        made.append((one, step_id))
    name = PARTLY if only else "undo"
    title = f"Undo {state.case}" if not only else f"Undo {only} of {state.case}"
    of = tuple(dict.fromkeys(one.run.id for one in done))
    return Playbook(name=name, title=title, inputs=(), steps=tuple(steps)), of, tuple(lost)


def _in_their_order(backwards: list[_Done]) -> list[_Done]:
    """The same, but each behind those that its action says are undone before it."""
    found: list[_Done] = []
    waiting = list(backwards)
    while waiting:
        ready = next(
            (
                one for one in waiting
                if not any(other.step.uses in one.task.action.spec.undo_after for other in waiting if other is not one)
            ),
            waiting[0],
        )  # fmt: skip
        waiting.remove(ready)
        found.append(ready)
    return found


def _work(state: CaseState, blob: Callable[[str], bytes], catalog: Catalog) -> tuple[list[_Done], list[Irreversible]]:
    """What was done, oldest first, each mark and target once."""
    done: list[_Done] = []
    lost: list[Irreversible] = []
    seen: set[tuple[str, str]] = set()
    for run in state.runs.values():
        if run.mode != "apply":
            continue
        playbook = Playbook.model_validate_json(blob(run.checked))
        for unit in units(playbook, run):
            task = prepare(unit, playbook, state, run, catalog)
            if not isinstance(task, Task) or not _acted(state, run, unit.key, task):
                continue
            spec = task.action.spec
            if spec.no_undo:
                lost.append(Irreversible(unit.key, spec.id, spec.no_undo))
            elif (key := (task.mark.id, task.target.key)) not in seen:
                seen.add(key)
                done.append(_Done(run, playbook, unit.step, task))
    return done, lost


def _acted(state: CaseState, run: RunState, unit: str, task: Task) -> bool:
    """Whether this unit intended an effect, or one of its mark serves its target, in the present generation."""
    mine = state.effects.of_mark(task.mark.id, state.generation(task.mark.id))
    served = task.target.key in state.users.get(task.mark.id, set())
    return bool(mine) and (served or any(effect.run == run.id and effect.step == unit for effect in mine))


def _ancestors(later: _Done) -> set[str]:
    """The steps that a step needs, directly or through others."""
    found: set[str] = set()
    todo = list(later.step.needs)
    while todo:
        step_id = todo.pop()
        if step_id not in found:
            found.add(step_id)
            todo.extend(later.playbook.step(step_id).needs)
    return found


def _fresh_id(step_id: str, taken: set[str]) -> str:
    base = f"undo-{step_id}"[:36]
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name
