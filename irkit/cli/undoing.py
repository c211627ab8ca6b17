"""What `irkit undo` is about to do, before it asks."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from irkit.app.runs import App
from irkit.errors import ClientError, Refused, UsageError
from irkit.model.plans import Impact
from irkit.views.casefile import CaseFile
from irkit.views.terminal import Line, field, hanging
from irkit.views.undoing import base, irreversible, opened, standing, undoable


def undo_lines(case: CaseFile, step: str = "", warned: Iterable[Impact] = ()) -> list[Line]:
    """The fields that irkit changed and would restore, and what it would delete; `warned` is what a look found of it.

    Raises UsageError for nothing.
    """
    state = case.state
    changes = standing(case, step)
    can = {key for name, units in undoable(case).items() for key in (name, *(one.key for one in units))}
    if not changes or (step and step not in can):
        raise _nothing(case, step)
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


def _nothing(case: CaseFile, step: str) -> UsageError:
    """Why there is nothing to take back: no such step, one without an undo, or one that changed nothing."""
    name, can = case.state.case, list(undoable(case))
    known = {
        key for run in case.state.runs.values() for one in case.view(run).steps for key in (one.key, base(one.key))
    }
    lost = {why for key, why in irreversible(case).items() if step in {key, base(key)}}
    if not step:
        msg = f"there is nothing to undo in {name}"
    elif step not in known:
        msg = f"{name} has no step {step[:80]}"
    elif lost:
        msg = f"what step {step[:80]} of {name} did cannot be taken back: {'; '.join(sorted(lost))}"
    else:
        msg = f"step {step[:80]} of {name} changed nothing that still stands"
    hint = f"irkit status {name}"
    if can:
        near = difflib.get_close_matches(step, can, 1)
        first = (near or can)[0]
        hint = f"steps that can be undone: {', '.join(can)}; irkit undo {name} --step {first}"
    return UsageError(msg, did="nothing was changed", hint=hint)
