"""What `irkit undo` is about to do, before it asks."""

from __future__ import annotations

from collections.abc import Iterable

from irkit.app.runs import App
from irkit.errors import ClientError, Refused, UsageError
from irkit.journal.state import effect_key
from irkit.model.plans import Impact
from irkit.views.casefile import CaseFile
from irkit.views.figures import short
from irkit.views.naming import target_words
from irkit.views.progress import call_words
from irkit.views.terminal import Line, field, hanging


def undo_lines(case: CaseFile, step: str = "", warned: Iterable[Impact] = ()) -> list[Line]:
    """The fields that irkit changed and would restore, and what it would delete; `warned` is what a look found of it.

    Raises UsageError for nothing.
    """
    state = case.state
    changes = standing(case, step)
    if not changes:
        msg = f"there is nothing to undo in {state.case}{f', step {step[:80]}' if step else ''}"
        raise UsageError(msg, did="nothing was changed", hint=f"irkit status {state.case}")
    lines: list[Line] = field("Undo", f"{state.case}{f', step {step}' if step else ''}", style="bold")
    lines.extend(field("Target", str(state.target)))
    for change in changes:
        lines.extend(hanging("  ", change))
    for warning in opened(case, step):
        lines.extend(hanging("  ! ", warning, style="warn"))
    for one in warned:
        lines.extend(hanging("  ! ", f"{one.who}: {one.what}", style="warn"))
    text = "Only what irkit changed is restored; a later edit by others stops it and is shown."
    lines.extend(hanging("", text, style="dim"))
    return lines


def looked(app: App, case: str, step: str = "") -> tuple[Impact, ...]:
    """What the undo's steps warn of now; nothing where nobody can look: the undo says so itself."""
    from irkit.app.releasing import warned  # noqa: PLC0415 -- start-up time of --help

    try:
        return warned(app, case, step)
    except (ClientError, Refused, UsageError):
        return ()


def opened(case: CaseFile, step: str = "") -> list[str]:
    """What the undo opens again, and what it cannot bring back: who says yes must have read it."""
    state = case.state
    found: dict[str, None] = {}
    for run in state.runs.values():
        for one in case.view(run).steps if run.mode == "apply" else ():
            entry = one.state
            if step not in {"", entry.key, entry.key.partition("[")[0]} or not entry.mark:
                continue
            action = case.catalog.get(one.uses)
            acted = any(effect.mark == entry.mark for effect in state.effects.values())
            if acted and one.purpose == "contain" and entry.target in state.users.get(entry.mark, set()):
                found[f"{target_words(state, entry.target)} will not be contained any more by {one.uses}"] = None
            if acted and action is not None and action.spec.no_undo and action.spec.risk == "destructive":
                found[f"what {entry.key} did cannot be taken back: {action.spec.no_undo}"] = None
    return list(found)


def standing(case: CaseFile, step: str = "") -> list[str]:
    """What of irkit's changes stands, by the journal: fields that it set, and objects that it made."""
    state = case.state
    entries = [entry for run in state.runs.values() if run.mode == "apply" for entry in run.steps.values()]
    marks = {entry.mark for entry in entries if entry.mark and step in {"", entry.key}}
    found: list[str] = []
    for mark in sorted(marks):
        for (target, name), ours in state.touches.get(mark, {}).items():
            kept = state.originals.get((target, name))
            was = short(kept.original.value) if kept else "(not known)"
            found.append(f"{target_words(state, target)} {name}: {short(ours)} → {was}")
    for effect in state.effects.values():
        call = effect.call
        current = effect_key(effect.mark, state.generation(effect.mark), "apply", effect.name)
        made = isinstance(call, dict) and call.get("verb") == "create"
        if effect.mark in marks and effect.key == current and effect.status != "failed" and made:
            found.append(f"delete what irkit made: {call_words(call).removeprefix('create ')}")
    return found
