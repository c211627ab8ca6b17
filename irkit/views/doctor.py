"""`irkit doctor`: what is ready, what is missing, and the exit status that this deserves. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from irkit.app.doctor import Finding
from irkit.views.outcome import Level
from irkit.views.progress import json_safe
from irkit.views.terminal import Line, Span, cells, hanging, pad

_SIGNS: dict[str, tuple[str, Level]] = {
    "good": ("✓", "good"), "warn": ("!", "warn"), "bad": ("✗", "bad"), "unknown": ("?", "warn"),
}  # fmt: skip
_NAME = 18
_WIDEST = 30


def doctor_status(found: Sequence[Finding]) -> int:
    """0 irkit can work here · 4 something keeps it from that."""
    return 4 if any(one.state == "bad" for one in found) else 0


def doctor_lines(found: Sequence[Finding]) -> list[Line]:
    """The screen: what matters first, then everything in its order."""
    bad, warn, unknown = (sum(one.state == state for one in found) for state in ("bad", "warn", "unknown"))
    words, level = _lead(found)
    told = f"{bad} missing, {warn} to know, {unknown} could not be seen"
    lines: list[Line] = [[Span(f"{words}  ", level), told], [""]]
    shown = ""
    width = min(max([_NAME, *(cells(one.about) for one in found)]), _WIDEST)
    for one in found:
        sign, style = _SIGNS[one.state]
        name = "" if one.about == shown else one.about
        shown = one.about
        lines.extend(hanging(f"  {sign} {pad(name, width)} ", one.what, style=style if one.state == "bad" else ""))
        if one.hint:
            lines.extend(hanging(" " * (width + 5), f"→ {one.hint}"))
    return lines


def _lead(found: Sequence[Finding]) -> tuple[str, Level]:
    if doctor_status(found):
        return "NOT READY", "bad"
    if any((one.about, one.state) == ("tools", "warn") for one in found):
        return "Ready to contain, not to prove it.", "warn"
    return "Ready.", "good"


def doctor_json(found: Sequence[Finding]) -> str:
    """All of it as one JSON object on one line."""
    value = [{"about": one.about, "state": one.state, "what": one.what, "hint": one.hint} for one in found]
    return json_safe(orjson.dumps({"ready": doctor_status(found) == 0, "findings": value}).decode())
