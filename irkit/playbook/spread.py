"""One playbook in several clusters: its steps once for each of them, side by side in one run. Pure.

The copies share nothing but the inputs that name no object: no step of one cluster waits for one of another, so a
cluster that cannot be reached parks its own steps and holds nothing else up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from irkit.errors import UsageError
from irkit.model.playbooks import Expr, Input, Playbook, Step, When
from irkit.playbook.bindings import REFERENCES
from irkit.playbook.conditions import Path, rename, variable

_LENGTH = 41
"""Characters of a step's id, and of an input's name (model/playbooks.py)."""
_PLACE = 16


def places(first: str, further: Sequence[str]) -> list[str]:
    """What the copies for the further clusters are called after: what tells their names from the first one's.

    All differ: of prod-eu and prod-us, us.
    """
    words = [[word for word in re.split(r"[^a-z0-9]+", one.lower()) if word] for one in (first, *further)]
    same = 0
    while all(len(one) > same + 1 for one in words) and len({one[same] for one in words}) == 1:
        same += 1
    found: list[str] = []
    for one in words[1:]:
        plain = "-".join(one[same:])[:_PLACE].rstrip("-") or "cluster"
        name, number = plain, 1
        while name in found:
            number += 1
            name = f"{plain}-{number}"
        found.append(name)
    return found


def spread(playbook: Playbook, about: str, beside: Sequence[str]) -> tuple[Playbook, tuple[str, ...]]:
    """The playbook with a copy of its steps for each further place, and the input of each that stands for `about`.

    A copy's other inputs that name objects are empty: an object of one cluster means nothing in another.

    Raises UsageError where such an input is required.
    """
    inputs, steps, given = list(playbook.inputs), list(playbook.steps), list[str]()
    for place in beside:
        objects = [one for one in playbook.inputs if one.type in REFERENCES]
        named = _fresh([one.name for one in objects], f"_{place.replace('-', '_')}", {one.name for one in inputs})
        ids = _fresh([one.id for one in playbook.steps], f"-{place}", {one.id for one in steps})
        inputs.extend(_input(playbook, one, about, named[one.name]) for one in objects)
        steps.extend(_copy(step, named, ids) for step in playbook.steps)
        given.append(named[about])
    ordered = (*(one for one in steps if not one.always), *(one for one in steps if one.always))
    return playbook.model_copy(update={"inputs": tuple(inputs), "steps": ordered}), tuple(given)


def _fresh(names: Sequence[str], end: str, taken: set[str]) -> dict[str, str]:
    """Each name with this end, as far as it fits, and with a number where that is taken."""
    found: dict[str, str] = {}
    for name in names:
        made, number = name[: _LENGTH - len(end)] + end, 1
        while made in taken:
            number += 1
            more = f"{end[0]}{number}{end}"
            made = name[: _LENGTH - len(more)] + more
        taken.add(made)
        found[name] = made
    return found


def _input(playbook: Playbook, one: Input, about: str, name: str) -> Input:
    if one.name != about and one.required:
        msg = f"playbook {playbook.name} needs input `{one.name}`, an object of one cluster"
        raise UsageError(msg, did="nothing was changed", hint="run it for each cluster by itself")
    return one.model_copy(update={"name": name})


def _copy(step: Step, named: Mapping[str, str], ids: Mapping[str, str]) -> Step:
    return step.model_copy(
        update={
            "id": ids[step.id],
            "needs": tuple(ids[one] for one in step.needs),
            "arguments": {
                key: _moved(value, named, ids) if isinstance(value, Expr) else value
                for key, value in step.arguments.items()
            },
            "for_each": None if step.for_each is None else _moved(step.for_each, named, ids),
            "when": None if step.when is None else _condition(step.when, named, ids),
        }
    )


def _moved(expr: Expr, named: Mapping[str, str], ids: Mapping[str, str]) -> Expr:
    return Expr(expr=_path(expr.expr, named, ids))


def _path(path: Path, named: Mapping[str, str], ids: Mapping[str, str]) -> Path:
    match path:
        case ("inputs", name, *rest):
            return ("inputs", named.get(name, name), *rest)
        case ("steps", step, *rest):
            return ("steps", ids[step], *rest)
        case _:
            return path


def _condition(when: When, named: Mapping[str, str], ids: Mapping[str, str]) -> When:
    names = tuple(_path(one, named, ids) for one in when.names)
    changed = {variable(old): variable(new) for old, new in zip(when.names, names, strict=True)}
    return When(text=rename(when.text, changed), names=names)
