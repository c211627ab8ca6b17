"""The report as one HTML file: no script, no request, readable on paper, on a phone, in the dark and aloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from irkit.views.marks import SIGNS, word
from irkit.views.report import Report, visible

_TEMPLATES = Path(__file__).parent / "templates"


def report_html(report: Report) -> str:
    """The page. Every value is neutralised, then escaped by the template engine."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 -- start-up time

    engine = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    engine.filters.update(pretty=_pretty, when=_when, value=_value)
    engine.globals.update(sign=lambda status: SIGNS.get(status, ("·", ""))[0], word=word)
    return engine.get_template("report.html.j2").render(report=visible(report))


def _pretty(value: Any) -> str:  # noqa: ANN401 -- JSON of any shape
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def _value(value: Any) -> str:  # noqa: ANN401 -- as above
    if value is None:
        return "(not set)"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _when(text: str) -> str:
    return f"{text[:10]} {text[11:23]}" if text else "-"
