"""A playbook on a terminal: what it takes and what it does, in order."""

from __future__ import annotations

from irkit.actions.catalog import Catalog
from irkit.engine.approvals import needed
from irkit.model.playbooks import Playbook, Step
from irkit.views.terminal import Line, cells, fill, hanging

_NAME = 14
_WIDEST = 26


def playbook_lines(playbook: Playbook, catalog: Catalog) -> list[Line]:
    """The screen."""
    lines: list[Line] = hanging(f"{playbook.name}  ", playbook.title, style="bold")
    if playbook.description:
        lines.extend(hanging("  ", playbook.description))
    lines.append([""])
    width = min(max((cells(one.name) for one in playbook.inputs), default=0), _WIDEST)  # a name is there to be typed
    for one in playbook.inputs:
        need = "required" if one.required else "optional"
        lines.extend(hanging(f"  -i {fill(one.name, width)} ", f"{one.type}, {need}. {one.description}"))
    lines.append([""])
    for number, step in enumerate(playbook.steps, 1):
        lines.extend(hanging(f" {number:>2}  {fill(step.id, _NAME)} ", _words(step, catalog)))
    return lines


def _words(step: Step, catalog: Catalog) -> str:
    action = catalog.get(step.uses)
    title = action.spec.title if action else ""
    parts = [f"{step.uses}: {title}"]
    if step.for_each is not None:
        parts.append(f"for each of {step.for_each}")
    if step.when is not None:
        parts.append(f"where {step.when}")
    if step.needs:
        parts.append(f"after {', '.join(step.needs)}")
    if step.always:
        parts.append("always, at the end")
    if action and needed(step, action.spec):
        parts.append("needs an approval")
    if step.accept_loss:
        parts.append(f"accepts a loss: {step.accept_loss}")
    return " · ".join(parts)
