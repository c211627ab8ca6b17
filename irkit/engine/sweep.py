"""The last look before a run closes, and the figures of its end. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from irkit.actions.api import Purpose
from irkit.actions.catalog import Catalog
from irkit.engine.decide import Unit
from irkit.engine.look import Blocked, Broken, Looked
from irkit.journal.state import RunState, StepState
from irkit.model import records as r
from irkit.model.plans import Change, Refuse, Settled, Verdict
from irkit.model.times import milliseconds

_LOOKED = frozenset({"proven", "leaky", "unproven"})


def worth_sweeping(state: StepState | None, purpose: Purpose) -> bool:
    """Steps that said something about the world as it should stay; refused, failed and skipped ones did not.

    What only reads claims nothing of the present: after a deletion its pod is gone, and it was right all the same.
    """
    done = state is not None and state.verdict is not None and state.verdict.status in _LOOKED
    return done and purpose != "read"


def sweep_record(run: RunState, unit: Unit, result: Looked | Blocked | Broken) -> r.StepClosed | None:
    """What the last look changes about a step, or None where it still is as it was."""
    before = run.steps[unit.key].verdict
    now = _verdict(result)
    if before is None or now == before:
        return None
    return r.StepClosed(run=run.id, step=unit.key, verdict=now, reason="found so in the last look", sweep=True)


def _verdict(result: Looked | Blocked | Broken) -> Verdict:
    if isinstance(result, Blocked | Broken):
        return Verdict.unproven(f"it could not be looked at again: {result.detail}")
    plan = result.plan
    if isinstance(plan, Settled):
        return plan.verdict
    if isinstance(plan, Change):
        return Verdict.leaky(f"somebody changed it since: {plan.why}")
    if isinstance(plan, Refuse):
        return Verdict.leaky(f"somebody changed it since: {plan.why}")
    return Verdict.unproven(f"it is changing: {plan.why}")


def closing(units: Sequence[Unit], run: RunState, catalog: Catalog, swept: int) -> r.RunClosed:
    """The record of a run's end, after so many of its steps were looked at once more."""
    outcome: Literal["complete", "partial", "aborted"] = "partial" if fell_short(run) else "complete"
    return r.RunClosed(
        run=run.id, outcome="aborted" if run.aborting else outcome, verdicts=tally(units, run), swept=swept,
        contained_ms=contained_ms(units, run, catalog),
    )  # fmt: skip


def tally(units: Sequence[Unit], run: RunState) -> dict[str, int]:
    """How many units ended with which verdict, in a fixed order."""
    counted = Counter(
        state.verdict.status for unit in units if (state := run.steps.get(unit.key)) and state.verdict is not None
    )
    keys = {unit.key for unit in units}
    for step_id, state in run.steps.items():  # a `for_each` that ended before it was expanded has no unit
        if state.verdict is not None and step_id not in keys:
            counted[state.verdict.status] += 1
    return dict(sorted(counted.items()))


def fell_short(run: RunState) -> bool:
    """Whether a step did not do what it was there for; one that its `when` made unneeded was not there for anything."""
    ended = [state for state in run.steps.values() if state.verdict is not None and not state.condition]
    return any(state.verdict is not None and state.verdict.status not in _LOOKED for state in ended)


def contained_ms(units: Sequence[Unit], run: RunState, catalog: Catalog) -> int:
    """From the command's start to the last contain step's end; -1 where one of them did not do its work."""
    if run.mode == "undo":
        return -1
    latest = -1
    for unit in units:
        action = catalog.get(unit.step.uses)
        if action is None or action.spec.purpose != "contain":
            continue
        state = run.steps.get(unit.key)
        if state is not None and state.condition:
            continue
        if state is None or state.verdict is None or state.verdict.status not in _LOOKED:
            return -1
        latest = max(latest, milliseconds(run.asked, state.ended))
    return latest
