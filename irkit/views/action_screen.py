"""An action on a terminal and for programs: what it is for, takes, gives and needs. The page in Markdown is `pages`."""

from __future__ import annotations

from collections.abc import Sequence

from irkit.actions.api import ActionSpec
from irkit.views.pages import example_playbook, field_rows, permission_rows, plain, summary_rows
from irkit.views.terminal import Line, Span, cells, field, hanging, pad

_NAME = 16
_WIDEST = 28


def action_lines(spec: ActionSpec) -> list[Line]:
    """The screen."""
    lines: list[Line] = [*hanging(f"{spec.id}  ", spec.title), [""]]
    for label, text in summary_rows(spec):
        lines.extend(field(label, plain(text)))
    lines.extend(_rows("Takes", [_taken(row) for row in field_rows(spec.params, inputs=True)]))
    lines.extend(_rows("Gives", [_given(row) for row in field_rows(spec.outputs, inputs=False)]))
    lines.extend([[""], [Span("Needs", "bold"), "  these permissions; the engine refuses it everything else"]])
    for plane, resource, group, verbs in permission_rows(spec.reads, spec.writes):
        name = resource if group in {"", "core"} else f"{resource}.{group}"
        lines.extend(hanging(f"  {pad(plane, 8)} ", f"{name}: {verbs}"))
    lines.extend([[""], [Span("Example", "bold"), "  a whole playbook"]])
    lines.extend([f"  {row}"] for row in example_playbook(spec).rstrip("\n").split("\n"))
    return lines


def action_summary(spec: ActionSpec) -> dict[str, object]:
    """What lists say of it, for programs. `undo` is whether there is one."""
    named = {name: getattr(spec, name) for name in ("id", "version", "title", "purpose", "risk")}
    return named | {"undo": not spec.no_undo}


def action_json(spec: ActionSpec) -> dict[str, object]:
    """All of it, for programs: parameters and outputs as JSON Schema, the permissions, and a whole playbook."""
    return action_summary(spec) | {
        "params": spec.params.model_json_schema(),
        "outputs": spec.outputs.model_json_schema(mode="serialization"),
        "reads": [one.dump() for one in spec.reads],
        "writes": [one.dump() for one in spec.writes],
        "example": example_playbook(spec),
    }


def _taken(row: Sequence[str]) -> tuple[str, str]:
    name, kind, default, *meaning = row
    return _given([name, f"{kind}, {default if default == 'required' else f'default {default}'}", *meaning])


def _given(row: Sequence[str]) -> tuple[str, str]:
    """What it means, and its type behind that; the type alone where nothing is said."""
    name, kind, *meaning = row
    return name, f"{meaning[0]} ({kind})" if meaning else kind


def _rows(title: str, rows: Sequence[tuple[str, str]]) -> list[Line]:
    lines: list[Line] = [[""], [Span(title, "bold"), "" if rows else "  nothing"]]
    width = min(max([_NAME, *(cells(name) for name, _ in rows)]), _WIDEST)
    for name, text in rows:
        lines.extend(hanging(f"  {pad(name, width)} ", plain(text)))
    return lines
