"""What fields each kind has: decoding as the API decodes, with unknown fields found and dropped.

The table in `fields.json` is made from the official client's models (`python -m irkit.lab.fields`), so that
strict validation refuses what the real API refuses. A test keeps it fresh.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from irkit.model.kube import RESOURCES

TABLE: Final = Path(__file__).with_name("fields.json")
_LIST = re.compile(r"^List\[(.*)\]$")
_DICT = re.compile(r"^Dict\[str, (.*)\]$")
_SCALARS: Final[dict[str, tuple[type, ...]]] = {
    "str": (str,),
    "datetime": (str,),
    "bytes": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
}
_GO: Final = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}
OMITTED_WHEN_ZERO: Final[dict[str, frozenset[str]]] = {
    "V1NodeSpec": frozenset({"unschedulable", "podCIDR", "providerID"}),
    "V1DeploymentSpec": frozenset({"paused", "minReadySeconds"}),
    "V1ScaleSpec": frozenset({"replicas"}),
    "V1PodSpec": frozenset({"hostNetwork", "hostPID", "hostIPC", "nodeName", "serviceAccountName"}),
    "V1ObjectMeta": frozenset(
        {"name", "generateName", "namespace", "uid", "resourceVersion", "selfLink", "generation"}
    ),
}
"""Scalars without a pointer in Go: false, 0 and "" are not stored, so setting them removes the field."""


class WrongType(Exception):
    """A field holds a JSON type that Go could not unmarshal; the message is the API's own."""


Fields = dict[str, str]


@cache
def table() -> dict[str, Fields]:
    """Type name to its fields, each with its type."""
    loaded: dict[str, Fields] = json.loads(TABLE.read_text(encoding="utf-8"))
    return loaded


@cache
def _parse(type_: str) -> tuple[str, str]:
    """("list"|"map"|"scalar"|"struct"|"any", inner type)."""
    if found := _LIST.match(type_):
        return "list", found[1]
    if found := _DICT.match(type_):
        return "map", found[1]
    if type_ in _SCALARS:
        return "scalar", type_
    if type_ in table():
        return "struct", type_
    return "any", type_


def decode(value: Any, type_: str, unknown: list[str], path: str = "") -> Any:  # noqa: ANN401 -- JSON of any shape
    """The value as the API would store it; the paths of unknown fields are added to `unknown`.

    null counts as absent, empty maps and lists are dropped, as Go's `omitempty` does.

    Raises:
        WrongType: a value of another JSON type.
    """
    shape, inner = _parse(type_)
    if shape == "any":
        return value
    if shape == "scalar":
        if isinstance(value, bool) != (inner == "bool") or not isinstance(value, _SCALARS[inner]):
            raise _wrong(value, path, inner)
        return value
    if shape == "list":
        if not isinstance(value, list):
            raise _wrong(value, path, "[]")
        return [decode(item, inner, unknown, f"{path}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict):
        raise _wrong(value, path, "map" if shape == "map" else inner)
    if shape == "map":
        return {key: decode(item, inner, unknown, f"{path}.{key}") for key, item in value.items()}
    return _struct(value, inner, unknown, path)


def _struct(value: dict[str, Any], type_: str, unknown: list[str], path: str) -> dict[str, Any]:
    fields = table()[type_]
    zero = OMITTED_WHEN_ZERO.get(type_, frozenset())
    done: dict[str, Any] = {}
    for key, item in value.items():
        where = f"{path}.{key}" if path else key
        if key not in fields:
            unknown.append(where)
            continue
        if item is None:
            continue
        shape, inner = _parse(fields[key])
        # scalars are the bulk of any object: they are checked without a call
        if shape == "scalar" and isinstance(item, bool) == (inner == "bool") and isinstance(item, _SCALARS[inner]):
            if item or key not in zero:
                done[key] = item
            continue
        decoded = decode(item, fields[key], unknown, where)
        if decoded or shape not in {"map", "list"}:
            done[key] = decoded
    return done


def _wrong(value: object, path: str, wanted: str) -> WrongType:
    found = _GO.get(type(value), "null")
    return WrongType(f"json: cannot unmarshal {found} into Go struct field {path} of type {wanted}")


def generate(roots: tuple[str, ...]) -> dict[str, Fields]:
    """The table of all types that the roots reach, from the official client's models."""
    from kubernetes.client import models  # noqa: PLC0415 -- slow, and only to make the table

    done: dict[str, Fields] = {}
    open_ = list(roots)
    while open_:
        name = open_.pop()
        if name in done:
            continue
        model = getattr(models, name)
        done[name] = {model.attribute_map[key]: type_ for key, type_ in model.openapi_types.items()}
        open_ += [word for type_ in done[name].values() for word in re.findall(r"\bV\d\w+", type_)]
    return {name: dict(sorted(done[name].items())) for name in sorted(done)}


TYPES: Final = {resource.kind: f"V1{resource.kind}" for resource in RESOURCES} | {"Event": "CoreV1Event"}
"""The type of each kind that the lab knows."""
ROOTS: Final = (
    *TYPES.values(), "V1DeleteOptions", "V1Eviction", "V1Scale", "V1SelfSubjectAccessReview", "V1SelfSubjectReview",
    "V1SelfSubjectRulesReview", "V1SubjectAccessReview",
)  # fmt: skip


def render(made: dict[str, Fields]) -> str:
    """The table's file: one type a line, so that a change reads well in a diff."""
    lines = [f" {json.dumps(name)}: {json.dumps(fields)}" for name, fields in made.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    TABLE.write_text(render(generate(ROOTS)), encoding="utf-8")
