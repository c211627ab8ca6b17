"""From a checked playbook's arguments to values, at run time. Pure.

`${steps.X.NAME}` of a step with `for_each` is the list of its children's values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from irkit.errors import UsageError
from irkit.model.base import Json, canonical
from irkit.model.playbooks import Expr, Input, Playbook, Step
from irkit.model.refs import NamespaceRef, NodeRef, PodRef, ServiceAccountRef, WorkloadRef

REFERENCES: Mapping[str, type[BaseModel]] = {
    "pod": PodRef,
    "node": NodeRef,
    "namespace": NamespaceRef,
    "serviceaccount": ServiceAccountRef,
    "workload": WorkloadRef,
}
"""Input types that are references."""

_PLAIN: Mapping[str, type] = {"text": str, "integer": int, "boolean": bool}


@dataclass(frozen=True, slots=True)
class Missing:
    """An expression that leads to nothing, and why."""

    why: str


def resolve(
    step: Step, inputs: Mapping[str, Json], outputs: Mapping[str, Json], item: Json = None
) -> dict[str, Json] | Missing:
    """The step's arguments as values, or Missing for the first that leads to nothing."""
    found: dict[str, Json] = {}
    for name, argument in step.arguments.items():
        value = evaluate(argument, inputs, outputs, item) if isinstance(argument, Expr) else argument
        if isinstance(value, Missing):
            return value
        found[name] = value
    return found


def evaluate(expr: Expr, inputs: Mapping[str, Json], outputs: Mapping[str, Json], item: Json = None) -> Json | Missing:
    """The value that an expression stands for. Null is nothing."""
    head, *rest = expr.expr
    value: Any = {"inputs": inputs, "steps": outputs, "item": item}[head]
    for name in rest:
        value = value.get(name) if isinstance(value, Mapping) else None
        if value is None:
            return Missing(f"{expr} is empty")
    return Missing(f"{expr} is empty") if value is None else value


def expand(step: Step, inputs: Mapping[str, Json], outputs: Mapping[str, Json]) -> list[tuple[str, Json]] | Missing:
    """The children of a `for_each`: (step key, item), by uid where the item has one; the same item twice is one."""
    if step.for_each is None:
        return [(step.id, None)]
    items = evaluate(step.for_each, inputs, outputs)
    if isinstance(items, Missing):
        return items
    if not isinstance(items, list):
        return Missing(f"{step.for_each} is not a list")
    children: dict[str, Json] = {}
    for item in items:
        children.setdefault(f"{step.id}[{_identity(item)}]", item)
    return list(children.items())


def _identity(item: Json) -> str:
    uid = item.get("uid") if isinstance(item, dict) else None
    return uid if isinstance(uid, str) and uid else hashlib.sha256(canonical(item)).hexdigest()[:16]


def check_inputs(playbook: Playbook, given: Mapping[str, Json]) -> dict[str, Json]:
    """The inputs of a run: what was given and the defaults, each of its declared type.

    Raises UsageError, naming all that is missing, unknown or of another type.
    """
    wrong: list[str] = []
    declared = {one.name: one for one in playbook.inputs}
    wrong.extend(f"it takes no input `{name}`" for name in given if name not in declared)
    found: dict[str, Json] = {}
    for name, one in declared.items():
        value = given.get(name, one.default)
        if value is None:
            if one.required:
                wrong.append(f"input `{name}` ({one.type}) is missing")
            continue
        problem = _problem(one, value)
        if problem:
            wrong.append(f"input `{name}`: {problem}")
        found[name] = value
    if wrong:
        msg = f"playbook {playbook.name}: {'; '.join(wrong)}"
        raise UsageError(msg, did="nothing was run", hint=f"irkit playbook show {playbook.name}")
    return found


def _problem(one: Input, value: Json) -> str:
    reference = REFERENCES.get(one.type)
    if reference is None:
        return "" if type(value) is _PLAIN[one.type] else f"must be {one.type}"
    try:
        reference.model_validate(value, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        return f"must be a {one.type}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return ""
