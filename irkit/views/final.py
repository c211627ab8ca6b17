"""The last screen of a run: the verdict first, then what it rests on, then what to type next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from irkit.app.undo import PARTLY
from irkit.model import records as r
from irkit.views.advice import advice_lines, advise
from irkit.views.casefile import CaseFile, RunView, StepView
from irkit.views.figures import plural, size
from irkit.views.marks import SIGNS, word
from irkit.views.naming import crowd_words, step_words
from irkit.views.outcome import Lead, lead
from irkit.views.terminal import Line, Span, commands, field, fill, hanging

_NAME = 16
_ROWS = 20
"""What a terminal of 24 rows shows of it above the next prompt, if that has two or three of them."""


def final_screen(  # noqa: PLR0913 -- what the screen depends on, all by keyword
    case: CaseFile, view: RunView, *, parked: str = "", until: str = "", irkit: str = "irkit", following: bool = True
) -> list[Line]:
    """The screen. Nothing in it is said that the journal does not hold.

    `irkit` is how irkit must be typed here; `following`: whether it ends with what to type next.
    """
    first = lead(view)
    lead_in = hanging(f"{first.words}  ", _counts(view))
    lines: list[Line] = [[""], [Span(f"{first.words}  ", first.level), *lead_in[0][1:]], *lead_in[1:]]
    if following:
        lines.extend(advice_lines(advise(case, view, first, irkit)))
    for crowd in crowds(_reasons(view, first)):
        step = crowd[0]
        sign, style = SIGNS[step.status]
        text = step.why or word(step.status)
        if step.status in {"leaky", "failed", "refused", "skipped", "unproven"}:
            text = f"{step.status}: {text}"
        name, about = crowd_words(view.run, [one.key for one in crowd])
        lines.extend(hanging(f"  {sign} {fill(name, _NAME)} ", about + text, style=style if style == "bad" else ""))
        if step.state.hint:
            lines.extend(hanging(" " * (_NAME + 5), f"→ {step.state.hint}"))
        lines.extend(_drift(step))
    lines.extend(_waiting(case, view, irkit))
    lines.extend(_parked(case, view, parked, until, irkit))
    lines.extend(field("Evidence", evidence(case)))
    if following:
        further = commands("Next", next_commands(case, view, irkit))
        if len(lines) + len(further) > _ROWS:  # its beginning has scrolled away
            lines.extend(field("Verdict", f"{first.words}  {_counts(view)}"))
        lines.extend(further)
    return lines


def _counts(view: RunView) -> str:
    counted = Counter(step.status for step in view.steps)
    total = len(view.steps)
    parts = [f"{counted.pop('proven', 0)} of {plural(total, 'step')} proven"]
    parts.extend(f"{counted[status]} {word(status)}" for status in SIGNS if counted.get(status))
    return ", ".join(parts)


def _reasons(view: RunView, first: Lead) -> list[StepView]:
    """The verdict's own reasons first, then every other step that is not proven."""
    quiet = {"proven", "asked", "parked", "unneeded"}  # what waits is shown below, with what to type
    found = [step for step in first.reasons if step.status not in quiet]
    found.extend(step for step in view.steps if step not in found and step.status not in quiet)
    return found


def crowds(steps: Iterable[StepView]) -> list[list[StepView]]:
    """The steps in order; children of one step that ended alike, for the same reason, together."""
    found: dict[tuple[str, ...], list[StepView]] = {}
    for step in steps:
        name, child, _ = step.key.partition("[")
        alone = step.key if not child or step.state.drift else ""
        found.setdefault((name, alone, step.status, step.why, step.state.hint), []).append(step)
    return list(found.values())


def _drift(step: StepView) -> list[Line]:
    from irkit.views.figures import short  # noqa: PLC0415 -- drift is rare

    lines: list[Line] = []
    for one in step.state.drift:
        lead_in = " " * (_NAME + 5)
        text = f"{one.field}: irkit set {short(one.ours)}, now {short(one.now)}, before {short(one.original)}"
        lines.extend(hanging(lead_in, text))
    return lines


def _waiting(case: CaseFile, view: RunView, irkit: str) -> list[Line]:
    lines: list[Line] = []
    for step in view.steps:
        if step.status == "asked":
            digest = step.state.asked
            text = f"waiting for approval of {digest[:4]} {digest[4:8]}: {step.why}"
            name, about = step_words(view.run, step.key)
            lines.extend(hanging(f"  ? {fill(name, _NAME)} ", about + text))
            lines.extend(hanging(" " * (_NAME + 5), f"→ {irkit} approve {case.state.case} {step.key}"))
    return lines


def _parked(case: CaseFile, view: RunView, parked: str, until: str, irkit: str) -> list[Line]:
    lines: list[Line] = []
    for step in view.steps:
        if step.status == "parked":
            name, about = step_words(view.run, step.key)
            lines.extend(hanging(f"  ‖ {fill(name, _NAME)} ", f"{about}parked, {step.why}"))
            if step.state.hint:
                lines.extend(hanging(" " * (_NAME + 5), f"→ {step.state.hint}"))
    name = case.state.case
    if parked == "interrupted":
        lines.extend(
            commands("Stopped", ["interrupted; nothing is lost, and nothing was taken back", f"{irkit} resume {name}"])
        )
    elif parked == "taken":
        lines.extend(commands("Handed on", ["another process goes on with this run", f"{irkit} status {name}"]))
    elif parked in {"parked", "waiting", "budget"}:
        when = f" before {until[:19].replace('T', ' ')} UTC" if until else ""
        lines.extend(commands("Parked", [f"nothing else can be done{when or ' now'}; then:", f"{irkit} resume {name}"]))
    return lines


def evidence(case: CaseFile) -> str:
    """Artefacts and journal in one line."""
    kept = [artefact for artefact in case.state.artefacts if artefact.complete]
    torn = len(case.state.artefacts) - len(kept)
    total = sum(artefact.size for artefact in kept)
    text = f"{plural(len(kept), 'artefact')}, {size(total)}"
    if torn:
        text += f" ({torn} torn, kept)"
    count = len(case.records)
    sealed = case.seal()
    seal = f", sealed {sealed.head[:8]}" if sealed else ", not sealed"
    return f"{text} · journal {plural(count, 'record')}{seal}"


def next_commands(case: CaseFile, view: RunView, irkit: str = "irkit") -> list[str]:
    """What to type next."""
    name = case.state.case
    found = [f"{irkit} status {name}", f"{irkit} report {name} -o report.html"]
    if view.run.name == PARTLY:
        return [found[0], f"{irkit} check {name}", f"{irkit} undo {name}"]
    if view.run.mode == "apply":
        return [*found, f"{irkit} undo {name}"]
    return [f"{irkit} verify {name}", f"{irkit} close {name} --why '…'", found[1]]


def irreversible_lines(losses: list[tuple[str, str]]) -> list[Line]:
    """What an undo cannot take back."""
    lines: list[Line] = []
    for step, why in losses:
        lines.extend(hanging(f"  ! {fill(step, _NAME)} ", f"cannot be taken back: {why}", style="warn"))
    return lines


def takes_part(record: r.Record) -> bool:
    """Whether a record is about work and not only about the journal."""
    return not isinstance(record.body, r.Sealed | r.ClockRead)
