"""What `irkit undo` is about to do, before it asks."""

from __future__ import annotations

from irkit.errors import UsageError
from irkit.views.casefile import CaseFile
from irkit.views.figures import short
from irkit.views.terminal import Line, Span, field, hanging


def undo_lines(case: CaseFile, step: str) -> list[Line]:
    """The fields that irkit changed and would restore. Raises UsageError where there is nothing."""
    state = case.state
    if not any(".apply." in effect.key and effect.status != "failed" for effect in state.effects.values()):
        msg = f"there is nothing to undo in {state.case}"
        raise UsageError(msg, did="nothing was changed", hint=f"irkit status {state.case}")
    lines: list[Line] = field("Undo", f"{state.case}{f', step {step}' if step else ''}", style="bold")
    lines.extend(field("Target", str(state.target)))
    for (target, name), kept in state.originals.items():
        ours = next((touched[target, name] for touched in state.touches.values() if (target, name) in touched), None)
        lines.extend(hanging("  ", f"{target.rpartition('|')[2]} {name}"))
        lines.extend(hanging("    now ", f"{short(ours)} → {short(kept.original.value)}"))
    lines.append([Span("Only what irkit changed is restored; what others changed since stops it and is shown.", "dim")])
    return lines
