"""What a run's state means for the process's exit status and for the last screen's first words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from irkit.app.undo import PARTLY
from irkit.journal.state import CaseState
from irkit.views.casefile import RunView, StepView

PRECEDENCE = (1, 7, 130, 3, 4, 75, 6, 0)
"""If several hold, the first of these."""
_BAD = frozenset({"leaky", "unproven", "failed", "skipped", "refused"})
_OPEN_DOOR = frozenset({"leaky", "refused", "failed", "skipped"})

Level = Literal["good", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Lead:
    """The first words of the last screen, and what they rest on."""

    words: str
    level: Level
    reasons: tuple[StepView, ...] = ()


def worst(statuses: Iterable[int]) -> int:
    """The status that wins where several hold."""
    found = set(statuses)
    return next((one for one in PRECEDENCE if one in found), 0)


def changed_something(state: CaseState, run: str) -> bool:
    """Whether the run sent a write that took effect, or may have; artefacts of our own store are no change."""
    for effect in state.effects.values():
        stored = isinstance(effect.call, dict) and effect.call.get("type") == "store"
        if effect.run == run and effect.status != "failed" and not stored:
            return True
    return False


def exit_status(state: CaseState, view: RunView, parked: str = "") -> int:
    """The exit status that this run deserves now. `parked` says why the writer let go, "" where it did not.

    0 proven · 3 refused, nothing changed · 4 leaky, failed, unproven or skipped · 6 approval · 75 parked ·
    130 interrupted.
    """
    found = {0}
    statuses = {step.status for step in view.steps}
    if parked == "interrupted":
        found.add(130)
    bad = statuses & _BAD
    if view.run.outcome in {"aborted", "superseded"}:
        bad.add("failed")
    if bad:
        untouched = "refused" in bad and not changed_something(state, view.run.id)
        found.add(3 if untouched else 4)
    if "parked" in statuses or parked in {"parked", "budget", "waiting", "taken"}:
        found.add(75)
    if "asked" in statuses or parked == "approval":
        found.add(6)
    return worst(found)


def lead(view: RunView) -> Lead:
    """The verdict that the last screen begins with."""
    if view.run.mode == "undo":
        return _undone(view)
    contain = view.contain
    ended = bool(view.run.outcome)
    if not contain:
        odd = tuple(step for step in view.steps if step.status in _BAD)
        if view.run.outcome == "superseded":
            return Lead("Superseded by an undo.", "warn", odd)
        words = "Done." if ended else "Not finished."
        return Lead(words, "warn" if odd or not ended else "good", odd)
    door = tuple(step for step in contain if step.status in _OPEN_DOOR)
    pending = tuple(step for step in contain if not step.closed)
    unseen = tuple(step for step in contain if step.status == "unproven")
    if view.run.outcome == "superseded":
        return Lead("Superseded by an undo.", "warn")
    if door:
        return Lead("NOT CONTAINED", "bad", (*door, *pending, *unseen))
    if pending:
        return Lead("NOT CONTAINED YET", "bad", (*pending, *unseen))
    if unseen:
        return Lead("CONTAINMENT UNPROVEN", "warn", unseen)
    taken = view.run.contained_ms
    return Lead(f"Contained in {seconds(taken)}." if taken >= 0 else "Contained.", "good")


def _undone(view: RunView) -> Lead:
    odd = tuple(step for step in view.steps if step.status != "proven")
    if not odd and view.run.name == PARTLY:
        return Lead("This step is taken back; the rest stands.", "good")
    if not odd:
        return Lead("Taken back.", "good")
    waiting = all(not step.closed for step in odd)
    return Lead("NOT TAKEN BACK YET" if waiting else "NOT ALL TAKEN BACK", "bad", odd)


def seconds(milliseconds: int) -> str:
    """`43 ms`, `0.4 s`, `12 s`, `3 min 5 s`; "-" for an unknown time."""
    if milliseconds < 0:
        return "-"
    if milliseconds < 100:  # noqa: PLR2004 -- a tenth of a second
        return f"{milliseconds} ms"
    if milliseconds < 10_000:  # noqa: PLR2004 -- ten seconds
        return f"{milliseconds / 1000:.1f} s"
    whole = milliseconds // 1000
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"  # noqa: PLR2004 -- two minutes
