"""A playbook as a Mermaid flowchart (mermaid.js.org/syntax/flowchart): what needs what, and where somebody is asked.

Every label is quoted and every character that Mermaid or Markdown could act on is a numeric entity: a playbook of
somebody else can neither add a link nor close a fence.
"""

from __future__ import annotations

from irkit.actions.catalog import Catalog
from irkit.engine.approvals import needed
from irkit.model.playbooks import Playbook, Step
from irkit.views.terminal import neutral

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:/()_-")
LONGEST = 80
"""Characters of a line of a label."""


def mermaid(playbook: Playbook, catalog: Catalog) -> str:
    """The graph. Hexagons wait for a person, rounded boxes only read; a dotted line is a step of `finally`."""
    names = {step.id: f"s{number}" for number, step in enumerate(playbook.steps, 1)}
    lines = ["flowchart TD"]
    lines.extend(f"  {names[step.id]}{_box(step, catalog)}" for step in playbook.steps)
    for step in playbook.steps:
        mark = f'|"when {escaped(step.when.text)}"|' if step.when is not None else ""
        lines.extend(f"  {names[need]} -->{mark} {names[step.id]}" for need in step.needs)
    needed_by = {need for step in playbook.steps for need in step.needs}
    last = [step.id for step in playbook.steps if not step.always and step.id not in needed_by]
    for step in playbook.steps:
        if step.always and not any(not playbook.step(need).always for need in step.needs):
            lines.extend(f"  {names[one]} -.-> {names[step.id]}" for one in last)
    classes = {"contain": "stroke-width:3px", "destructive": "stroke:#c00,stroke-width:3px"}
    for name, style in classes.items():
        members = [names[step.id] for step in playbook.steps if name in _traits(step, catalog)]
        if members:
            lines.extend([f"  classDef {name} {style}", f"  class {','.join(members)} {name}"])
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text for a quoted label: `#NN;` is Mermaid's numeric entity, in decimal."""
    shown = neutral(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
    return "".join(character if character in _PLAIN else f"#{ord(character)};" for character in shown)


def _box(step: Step, catalog: Catalog) -> str:
    action = catalog.get(step.uses)
    parts = [f"{step.id}: {action.spec.title if action else step.uses}", step.uses]
    if step.for_each is not None:
        parts.append(f"for each of {step.for_each}")
    if step.when is not None and not step.needs:
        parts.append(f"when {step.when}")
    asks = action is not None and needed(step, action.spec)
    if asks:
        parts.append("needs an approval")
    label = '"' + "<br/>".join(escaped(part) for part in parts) + '"'
    if asks:
        return f"{{{{{label}}}}}"
    return f"([{label}])" if "read" in _traits(step, catalog) else f"[{label}]"


def _traits(step: Step, catalog: Catalog) -> set[str]:
    action = catalog.get(step.uses)
    return {action.spec.purpose, action.spec.risk} if action else set()
