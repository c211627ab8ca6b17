"""What the next person must know of a case: by step and target, the worst kind first. From the journal alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from irkit.journal.effects import EffectState
from irkit.views.casefile import CaseFile, RunView, StepView
from irkit.views.figures import plural
from irkit.views.final import crowds
from irkit.views.naming import SHOWN, crowd_words, step_words, target_words
from irkit.views.progress import call_words
from irkit.views.undoing import base, irreversible, lasting, undoable

TITLES = {
    "open": "Not contained", "unproven": "Not proven", "failed": "Did not work", "waits": "Not done yet",
    "doubt": "In doubt", "undo": "Think before you take back", "journal": "The evidence",
}  # fmt: skip
"""Kinds of risks, the worst first, and what the page calls them."""
_WAITS = frozenset({"parked", "acting", "waiting"})
_KEPT = "evidence is kept"


@dataclass(frozen=True, slots=True)
class Risk:
    """Something that the next person must know. `step` and `target` are "" where it is about the case.

    `kind`: open (a step that contains did not), unproven, failed (another step), waits, doubt (an effect of which
    nobody knows), undo (what taking back opens or cannot bring back), journal.
    """

    kind: str
    why: str
    run: str = ""
    step: str = ""
    target: str = ""

    def __str__(self) -> str:
        head = " ".join(part for part in (self.run, self.step) if part)
        return ": ".join(part for part in (head, self.target, self.why) if part)


def risks(case: CaseFile) -> Iterator[Risk]:
    """What may be open, half done, lost or not vouched for; the worst kind first, by step and target."""
    found = [*_steps(case), *_doubts(case), *_dangers(case), *_journal(case)]
    order = list(TITLES)
    yield from sorted(found, key=lambda one: order.index(one.kind))


def _steps(case: CaseFile) -> Iterator[Risk]:
    for run in case.state.runs.values():
        if run.outcome == "superseded":
            continue
        view = case.view(run)
        for crowd in crowds(step for step in view.steps if _kind(step)):
            yield _of_crowd(case, view, crowd)
        if not run.outcome:
            yield Risk("waits", f"run {run.name} is open{f', paused: {run.paused}' if run.paused else ''}", run.id)


def _kind(step: StepView) -> str:
    """Which kind of risk a step is, or "" for none. What waits for an approval has a section of its own."""
    if step.status == "unproven":
        return "unproven"
    if step.status in {"leaky", "failed", "refused", "skipped"}:
        return "open" if step.purpose == "contain" else "failed"
    return "waits" if step.status in _WAITS else ""


def _of_crowd(case: CaseFile, view: RunView, crowd: list[StepView]) -> Risk:
    step = crowd[0]
    name, about = crowd_words(view.run, [one.key for one in crowd])
    target = about.removesuffix(": ") or (target_words(case.state, step.state.target) if step.state.target else "")
    hint = f"; {step.state.hint}" if step.state.hint else ""
    why = f"{step.status}: {step.why}{hint}" if step.why else step.status
    return Risk(_kind(step), why, view.run.id, name, target)


def _doubts(case: CaseFile) -> Iterator[Risk]:
    for effect in case.state.effects.values():
        if effect.status in {"intended", "in_doubt"}:
            run = case.state.runs.get(effect.run)
            name, about = step_words(run, effect.step)
            yield replace(_doubt(effect), step=name, target=about.removesuffix(": "))


def _doubt(effect: EffectState) -> Risk:
    text = f"nobody knows whether this took effect: {call_words(effect.call)}; a resume looks"
    return Risk("doubt", text, effect.run)


def _dangers(case: CaseFile) -> Iterator[Risk]:
    """What an undo opens again, and what none can bring back."""
    for name, units in undoable(case).items():
        inside = [one for one in units if one.purpose == "contain" and lasting(case.state, one.state.mark)]
        if inside:
            whom = ", ".join(dict.fromkeys(target_words(case.state, one.state.target) for one in inside[:SHOWN]))
            more = f", +{len(inside) - SHOWN}" if len(inside) > SHOWN else ""
            yield Risk("undo", "its undo lets the target go again", step=name, target=f"{whom}{more}")
    lost: dict[tuple[str, str], int] = {}
    for key, why in irreversible(case).items():
        lost[base(key), why] = lost.get((base(key), why), 0) + 1
    for (name, why), count in lost.items():
        times = f" ({count} times)" if count > 1 else ""
        if why != _KEPT:
            yield Risk("undo", f"cannot be taken back{times}: {why}", step=name)


def _journal(case: CaseFile) -> Iterator[Risk]:
    torn = sum(not artefact.complete for artefact in case.state.artefacts)
    if torn:
        yield Risk("journal", f"{plural(torn, 'artefact')} torn: kept, and not complete")
    if case.seal() is None:
        yield Risk("journal", "the journal is not sealed")
