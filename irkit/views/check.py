"""`irkit check`: what still holds, what does not, and the exit status that this deserves. Pure."""

from __future__ import annotations

from collections import Counter

import orjson

from irkit.app.check import Checked, Checkup
from irkit.model.base import Json
from irkit.views.outcome import Level, worst
from irkit.views.progress import json_safe
from irkit.views.terminal import Line, Span, commands, field, hanging, pad

MOST = 10
"""So many steps of one state are named; of more, the count is told."""
_SIGNS = {"holds": ("✓", "good"), "leaky": ("✗", "bad"), "drifted": ("✗", "bad"), "never": ("✗", "bad"),
          "unproven": ("!", "warn"), "unknown": ("‖", "warn")}  # fmt: skip
_WORDS = {"holds": "holds", "leaky": "leaky", "drifted": "changed since", "never": "never done", "unproven": "unproven",
          "unknown": "could not be looked at"}  # fmt: skip
_NAME = 16


def check_status(found: Checkup) -> int:
    """0 all holds · 4 something does not, is unproven, or a stranger runs the same image · 75 nobody could look."""
    states = {one.status for one in found.steps}
    bad = states & {"leaky", "drifted", "never", "unproven"} or not found.steps or _strangers(found) or found.opened
    return worst([4 if bad else 0, 75 if "unknown" in states else 0])


def _strangers(found: Checkup) -> bool:
    return any(not one.expected for one in found.newcomers)


def lead(found: Checkup) -> tuple[str, Level]:
    """The first words: the worst of what contains."""
    contain = [one for one in found.steps if one.purpose == "contain"]
    states = {one.status for one in contain}
    if not contain:
        return ("NOT CONTAINED: everything was taken back" if found.undone else "NOTHING CONTAINS ANYTHING HERE"), "bad"
    if found.opened:
        return "NOT CONTAINED: taken back in part", "bad"
    if states & {"leaky", "drifted", "never"}:
        return "NOT CONTAINED", "bad"
    if states & {"unproven", "unknown"}:
        return "CONTAINMENT UNPROVEN", "warn"
    if any(one.status in {"drifted", "never", "leaky"} for one in found.steps) or _strangers(found):
        return "Still contained, but look:", "warn"
    return "Still contained.", "good"


def check_lines(found: Checkup, *, irkit: str = "irkit") -> list[Line]:
    """The screen: the verdict first, then what it rests on."""
    words, level = lead(found)
    counted: Counter[str] = Counter(one.status for one in found.steps)
    parts = [f"{counted[status]} {_WORDS[status]}" for status in _SIGNS if counted[status]]
    if found.undone:
        parts.append(f"{found.undone} taken back")
    told = ", ".join(parts) or "no step"
    lines: list[Line] = [[Span(f"{words}  ", level), told], [""]]
    lines.extend(field("Case", f"{found.case} · looked at {found.at[:19].replace('T', ' ')} UTC, nothing was changed"))
    for status in ("drifted", "leaky", "never", "unknown", "unproven", "holds"):
        lines.extend(_group([one for one in found.steps if one.status == status]))
    named = found.opened if found.steps else ()
    lines.extend([Span(f"  ✗ {pad(step, _NAME)} taken back", "bad")] for step in named[:MOST])
    if len(named) > MOST:
        lines.append([f"    and {len(named) - MOST} more that were taken back: --json names them"])
    for one in found.newcomers[:MOST]:
        sign, style = ("·", "dim") if one.expected else ("!", "warn")
        lines.extend(hanging(f"  {sign} ", f"new {one.pod}: {one.why}; nothing contains it", style=style))
    if len(found.newcomers) > MOST:
        lines.append([f"    and {len(found.newcomers) - MOST} more new pods: --json names them"])
    if found.unsearched:
        lines.extend(hanging("  ! ", f"new pods: {found.unsearched}", style="warn"))
    strangers = [f"{irkit} contain pod {one.pod.path}" for one in found.newcomers if not one.expected][:3]
    broken = dict.fromkeys(one.target for one in found.steps if one.status == "drifted" and one.purpose == "contain")
    again = [f"{irkit} contain {target}" for target in broken if target.startswith("pod ")][:3]
    lines.extend(commands("Next", [*again, *strangers, f"{irkit} status {found.case}"]))
    return lines


def _group(steps: list[Checked]) -> list[Line]:
    lines: list[Line] = []
    for one in steps[:MOST]:
        sign, style = _SIGNS[one.status]
        name = one.step.partition("[")[0]
        about = f"{one.target}: " if one.target and one.target not in one.why else ""
        text = f"{_WORDS[one.status]}: {about}{one.why}"
        lines.extend(hanging(f"  {sign} {pad(name, _NAME)} ", text, style=style if style == "bad" else ""))
        if one.hint:
            lines.extend(hanging(" " * (_NAME + 5), f"→ {one.hint}"))
    if len(steps) > MOST:
        lines.append([f"    and {len(steps) - MOST} more that are {_WORDS[steps[0].status]}: --json names them"])
    return lines


def check_json(found: Checkup) -> str:
    """The look as one JSON object on one line."""
    steps: list[Json] = [
        {"run": one.run, "step": one.step, "uses": one.uses, "purpose": one.purpose, "target": one.target,
         "before": one.before, "status": one.status, "why": one.why, "hint": one.hint}
        for one in found.steps
    ]  # fmt: skip
    fresh: list[Json] = [
        {"pod": one.pod.dump(), "why": one.why, "expected": one.expected} for one in found.newcomers
    ]  # fmt: skip
    value: dict[str, Json] = {
        "case": found.case, "at": found.at, "verdict": lead(found)[0].rstrip(".:"), "steps": steps,
        "undone": found.undone, "opened": list(found.opened), "new_pods": fresh, "unsearched": found.unsearched,
    }  # fmt: skip
    return json_safe(orjson.dumps(value).decode())
