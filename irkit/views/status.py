"""`irkit status`: the open cases, or one case's steps, waits and who did what."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from irkit.journal.state import CaseState
from irkit.model.base import Json
from irkit.views.casefile import CaseFile, RunView
from irkit.views.figures import ago, plural
from irkit.views.final import evidence, next_commands
from irkit.views.marks import SIGNS, word
from irkit.views.naming import step_words
from irkit.views.outcome import lead, seconds
from irkit.views.progress import json_safe
from irkit.views.terminal import Line, Span, clip, commands, field, fill, hanging, pad

_NAME = 16


def case_lines(case: CaseFile, now: str, *, irkit: str = "irkit", lost: tuple[str, str] | None = None) -> list[Line]:
    """One case. `irkit` is how irkit must be typed here.

    `lost` is why its world is no more, and the command that makes another: then it can only be read.
    """
    state = case.state
    when = f"opened {ago(state.opened, now)}" + (f", closed {ago(state.closed, now)}" if state.closed else "")
    lines: list[Line] = []
    lines.extend(field("Case", f"{state.case} · {when}", style="bold"))
    lines.extend(field("Cluster", str(state.cluster)))
    uid = state.target.uid if state.target else ""
    lines.extend(field("Target", f"{state.target}{f' · uid {uid}' if uid else ''}"))
    for finding in state.findings.values():
        lines.extend(field("Finding", f"{finding.type} · severity {finding.severity} · {finding.source}"))
    if lost:
        lines.extend(field("World", f"gone: {lost[0]}; the case can be read, but not changed", style="warn"))
    for run in state.runs.values():
        lines.extend(_run(case, case.view(run), now, irkit))
    if state.notes:
        lines.append([""])
        for time, note in state.notes:
            lines.extend(hanging("   note ", f"{note.who.operator}, {ago(time, now)}: {note.text}"))
    lines.append([""])
    lines.extend(field("Evidence", evidence(case)))
    latest = case.latest()
    if latest is not None:
        found = next_commands(case, case.view(latest), irkit)[1:]
        if not latest.outcome:
            found = [f"{irkit} resume {state.case}", *found]
        if lost:
            found = [f"{irkit} report {state.case} -o report.html"]
        lines.extend(commands("Next", found))
        lines.extend(commands("New world", [lost[1]] if lost else []))
    return lines


def _run(case: CaseFile, view: RunView, now: str, irkit: str) -> list[Line]:
    state, run = case.state, view.run
    lines: list[Line] = [[""]]
    first = lead(view)
    what = "undo of " + ", ".join(run.undoes) if run.mode == "undo" else run.name
    proof = "identity unproven" if run.who.proof == "none" else run.who.proof
    progress = run.outcome or (f"paused: {run.paused}" if run.paused else "open")
    lines.append(
        [Span(f"{run.id} ", "bold"), f"{clip(what, 40)} · {progress} · ", Span(first.words.rstrip("."), first.level)]
    )
    lines.extend(hanging("   ", f"by {run.who.operator} ({proof}) on {run.who.host}, {ago(run.opened, now)}"))
    for step in view.steps:
        sign, style = SIGNS[step.status]
        name, about = step_words(run, step.key)
        text = f"{pad(seconds(step.milliseconds), 8)}  {about}{word(step.status)}"
        text += f": {step.why}" if step.why and step.status != "new" else ""
        wrapped = hanging(f"   {sign} {fill(name, _NAME)} ", text)
        lead_span = wrapped[0][0]
        wrapped[0] = [Span(lead_span.text if isinstance(lead_span, Span) else lead_span, style), *wrapped[0][1:]]
        lines.extend(wrapped)
        if step.status == "asked":
            lines.extend(hanging(" " * (_NAME + 6), f"→ {irkit} approve {state.case} {step.key}"))
        elif step.state.hint and step.status != "proven":
            lines.extend(hanging(" " * (_NAME + 6), f"→ {step.state.hint}"))
    return lines


def cases_lines(
    cases: Sequence[CaseFile], broken: Sequence[tuple[str, str]], now: str, *, irkit: str = "irkit"
) -> list[Line]:
    """The list of cases, open ones first. `broken` are journals that cannot be read, with the reason."""
    if not cases and not broken:
        first = [f"{irkit} respond FINDING", f"{irkit} contain pod NAMESPACE/NAME"]
        return [["No cases."], *commands("Next", first)]
    lines: list[Line] = []
    for case in sorted(cases, key=lambda one: (bool(one.state.closed), one.state.opened)):
        lines.extend(_row(case, now))
    for name, why in broken:
        lines.extend(hanging(f"{name}  ", f"cannot be read: {why}", style="bad"))
    count = sum(1 for case in cases if not case.state.closed)
    lines.append([""])
    lines.extend(hanging("", f"{plural(count, 'open case')}, {len(cases) - count} closed. One: {irkit} status CASE"))
    return lines


def _row(case: CaseFile, now: str) -> list[Line]:
    state = case.state
    latest = case.latest()
    words, level = ("no run yet", "dim")
    if state.closed:
        words, level = f"closed {ago(state.closed, now)}", "dim"
    elif latest is not None:
        first = lead(case.view(latest))
        words, level = first.words.rstrip("."), first.level
    mark = "LAB " if state.lab else ""
    lines: list[Line] = [[Span(pad(state.case, 18), "bold"), f"{mark}{clip(str(state.target), 58 - len(mark))}"]]
    waits = "".join(f" · {text}" for text in _waits(state))
    when = ago(latest.opened if latest else state.opened, now)
    tail = f" · {latest.name if latest else '-'}, {when}, {state.who.operator if state.who else '-'}{waits}"
    wrapped = hanging(" " * 18, words + tail)
    lines.extend(wrapped if level == "dim" else _coloured(wrapped, words, level))
    return lines


def _coloured(wrapped: list[Line], words: str, level: str) -> list[Line]:
    first = wrapped[0][1]
    text = first.text if isinstance(first, Span) else first
    if text.startswith(words):
        wrapped[0] = [wrapped[0][0], Span(words, level), text[len(words) :]]
    return wrapped


def _waits(state: CaseState) -> list[str]:
    found: list[str] = []
    for run in state.open_runs:
        asked = [step.key for step in run.steps.values() if step.phase == "asked"]
        parked = [step.key for step in run.steps.values() if step.phase == "parked"]
        found.extend(f"{key} waits for approval" for key in asked)
        found.extend(f"{key} parked" for key in parked)
    return found


def case_json(case: CaseFile) -> str:
    """One case as one JSON object on one line."""
    state = case.state
    latest = case.latest()
    value: dict[str, Json] = {
        "case": state.case,
        "lab": state.lab,
        "cluster": str(state.cluster or ""),
        "target": state.target.dump() if state.target else None,
        "opened": state.opened,
        "closed": state.closed,
        "verdict": lead(case.view(latest)).words if latest else "",
        "open_runs": [run.id for run in state.open_runs],
        "waits": list(_waits(state)),
        "records": len(case.records),
        "head": case.head(),
    }
    return json_safe(orjson.dumps(value).decode())
