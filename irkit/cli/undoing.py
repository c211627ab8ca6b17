"""What `irkit undo` is about to do, before it asks."""

from __future__ import annotations

from irkit.errors import UsageError
from irkit.journal.state import effect_key
from irkit.views.casefile import CaseFile
from irkit.views.figures import short
from irkit.views.progress import call_words
from irkit.views.terminal import Line, Span, field, hanging


def undo_lines(case: CaseFile, step: str) -> list[Line]:
    """The fields that irkit changed and would restore. Raises UsageError where there is nothing."""
    state = case.state
    if not any(".apply." in effect.key and effect.status != "failed" for effect in state.effects.values()):
        msg = f"there is nothing to undo in {state.case}"
        raise UsageError(msg, did="nothing was changed", hint=f"irkit status {state.case}")
    wanted = {
        kept
        for run in state.runs.values()
        for kept in (entry.mark for entry in run.steps.values() if step in {"", entry.key})
        if kept
    }
    lines: list[Line] = field("Undo", f"{state.case}{f', step {step}' if step else ''}", style="bold")
    lines.extend(field("Target", str(state.target)))
    for mark in sorted(wanted):
        for (target, name), ours in state.touches.get(mark, {}).items():
            kept = state.originals.get((target, name))
            was = short(kept.original.value) if kept else "(not known)"
            kind, _, uid = target.rpartition("|")
            lines.extend(hanging("  ", f"{kind.rpartition('|')[2].lower()} {uid} {name}: {short(ours)} → {was}"))
    for effect in state.effects.values():
        call = effect.call
        current = effect_key(effect.mark, state.generation(effect.mark), "apply", effect.name)
        if effect.mark in wanted and effect.key == current and isinstance(call, dict) and call.get("verb") == "create":
            lines.extend(hanging("  ", f"delete what irkit made: {call_words(call).removeprefix('create ')}"))
    lines.append([Span("Only what irkit changed is restored; a later edit by others stops it and is shown.", "dim")])
    return lines
