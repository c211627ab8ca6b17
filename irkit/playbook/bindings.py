"""From a checked playbook's arguments to values, at run time. Pure.

`${steps.X.NAME}` of a step with `for_each` is the list of its children's values, in the order of the items.
A step that failed under `on_failure: continue` gave no outputs: its dependants go on, and one that uses them is
skipped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from irkit.errors import UsageError
from irkit.model.base import MAX_SAFE_INTEGER, Json, Model, canonical
from irkit.model.playbooks import Expr, Input, Playbook, Step
from irkit.model.refs import ImageRef, NamespaceRef, NodeRef, PodAddressRef, PodRef, ServiceAccountRef, WorkloadRef
from irkit.playbook.diagnostics import suggest

REFERENCES: Mapping[str, type[Model]] = {
    "pod": PodRef,
    "node": NodeRef,
    "namespace": NamespaceRef,
    "serviceaccount": ServiceAccountRef,
    "workload": WorkloadRef,
    "image": ImageRef,
    "podaddress": PodAddressRef,
}
"""Input types that are references."""

_PLAIN: Mapping[str, tuple[type, str]] = {
    "text": (str, "text"), "integer": (int, "a whole number"), "boolean": (bool, "true or false")
}  # fmt: skip
KINDS: Mapping[str, type] = {**REFERENCES, **{name: kind for name, (kind, _) in _PLAIN.items()}}
"""The type of an input's value."""
_UID = re.compile(r"[0-9A-Za-z-]{1,64}")  # what a step key holds between its brackets


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
    if head == "steps" and rest[0] not in outputs:
        return Missing(f"{expr} is empty: step `{rest[0]}` gave no outputs")
    value: Any = {"inputs": inputs, "steps": outputs, "item": item}[head]
    for name in rest:
        value = value.get(name) if isinstance(value, Mapping) else None
        if value is None:
            break
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
    if isinstance(uid, str) and _UID.fullmatch(uid) is not None:
        return uid
    return hashlib.sha256(canonical(item)).hexdigest()[:16]


def check_inputs(playbook: Playbook, given: Mapping[str, Json]) -> dict[str, Json]:
    """The inputs of a run, whole: what was given and the defaults, each of its declared type.

    Raises UsageError, naming all that is missing, unknown or of another type; never a value.
    """
    declared = {one.name: one for one in playbook.inputs}
    wrong = []
    for name in given:
        if name not in declared:
            near = suggest(name, declared, f"it takes: {', '.join(declared) or 'none'}")
            wrong.append(f"it takes no input `{name[:40]}` ({near})")
    found: dict[str, Json] = {}
    for name, one in declared.items():
        value = given.get(name)
        if value is None:
            value = one.default
        if value is None:
            if one.required:
                wrong.append(f"input `{name}` ({one.type}) is missing")
        elif problem := input_problem(one, value):
            wrong.append(f"input `{name}` {problem}")
        else:
            reference = REFERENCES.get(one.type)
            found[name] = value if reference is None else reference.parse(value).dump()
    if wrong:
        msg = f"playbook {playbook.name}: {'; '.join(wrong)}"
        raise UsageError(msg, did="nothing was run", hint=f"irkit playbook show {playbook.name}")
    return found


def input_problem(one: Input, value: Json) -> str:
    """Why a value is not of the input's type, or "" where it is."""
    if one.type in _PLAIN:
        kind, words = _PLAIN[one.type]
        if type(value) is not kind:
            return f"must be {words}"
        if isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
            return "must be within 2^53"
        return "" if _encodable(value) else "must be UTF-8"
    reference = REFERENCES[one.type]
    try:
        reference.parse(value)
    except TypeError:
        return f"must be a {one.type}: it has no JSON form"
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        return f"must be a {one.type}: {where + ': ' if where else ''}{first['msg']}"
    return ""


def _encodable(value: Json) -> bool:
    """Whether a text can be written at all: an argument that was no UTF-8 arrives with lone surrogates."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True
