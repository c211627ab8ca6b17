"""An action on a terminal: what it is for, takes, gives and needs, and an example. The page in Markdown is `pages`."""

from __future__ import annotations

from collections.abc import Sequence

from irkit.actions.api import ActionSpec
from irkit.views.pages import example_playbook, field_rows, permission_rows, plain, summary_rows
from irkit.views.terminal import Line, Span, field, hanging, pad

_NAME = 16


def action_lines(spec: ActionSpec) -> list[Line]:
    """The screen."""
    lines: list[Line] = [*hanging(f"{spec.id}  ", spec.title), [""]]
    for label, text in summary_rows(spec):
        lines.extend(field(label, plain(text)))
    lines.extend(_rows("Takes", [_taken(row) for row in field_rows(spec.params, inputs=True)]))
    lines.extend(_rows("Gives", [(name, ". ".join(rest)) for name, *rest in field_rows(spec.outputs, inputs=False)]))
    lines.extend([[""], [Span("Needs", "bold"), "  these permissions; the engine refuses it everything else"]])
    for plane, resource, group, verbs in permission_rows(spec.reads, spec.writes):
        name = resource if group in {"", "core"} else f"{resource}.{group}"
        lines.extend(hanging(f"  {pad(plane, 8)} ", f"{name}: {verbs}"))
    lines.extend([[""], [Span("Example", "bold"), "  a whole playbook"]])
    lines.extend([f"  {row}"] for row in example_playbook(spec).rstrip("\n").split("\n"))
    return lines


def _taken(row: Sequence[str]) -> tuple[str, str]:
    name, kind, default, *meaning = row
    return name, ". ".join([f"{kind}, {default if default == 'required' else f'default {default}'}", *meaning])


def _rows(title: str, rows: Sequence[tuple[str, str]]) -> list[Line]:
    lines: list[Line] = [[""], [Span(title, "bold"), "" if rows else "  nothing"]]
    for name, text in rows:
        lines.extend(hanging(f"  {pad(name, _NAME)} ", plain(text)))
    return lines
