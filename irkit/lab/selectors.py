"""Label and field selectors, as query parameters and as LabelSelector objects.

Grammar: Kubernetes documentation, "Labels and Selectors"; apimachinery `labels/selector.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from irkit.lab.status import refuse
from irkit.lab.syntax import key_fault, value_fault

Match = Callable[[Mapping[str, Any]], bool]
"""Whether an object is selected."""

_SET: Final = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_PAIR: Final = re.compile(r"^(?P<key>[^=!<>\s]+)\s*(?P<op>==|=|!=|>|<)\s*(?P<value>[^=!<>\s]*)$")
_ALONE: Final = re.compile(r"^(?P<not>!?)\s*(?P<key>[^=!<>()\s]+)$")
_COMMA: Final = re.compile(r",(?![^(]*\))")

FIELDS: Final[dict[str, frozenset[str]]] = {
    "pods": frozenset({
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase",
        "status.podIP", "status.nominatedNodeName",
    }),
    "nodes": frozenset({"spec.unschedulable"}),
    "namespaces": frozenset({"status.phase"}),
    "secrets": frozenset({"type"}),
    "events": frozenset({
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
        "reportingComponent", "source", "type",
    }),
    "replicasets": frozenset({"status.replicas"}),
    "jobs": frozenset({"status.successful"}),
}  # fmt: skip
"""Field selectors beside metadata.name and metadata.namespace, by plural. Source: `pkg/apis/*/v1/conversion.go`."""

Requirement = tuple[str, str, tuple[str, ...]]
"""Key, operator (in, notin, exists, !, gt, lt) and values."""


def parse_labels(text: str) -> list[Requirement]:
    """The requirements of a `labelSelector` parameter. Raises ApiError 400."""
    return [_requirement(part.strip()) for part in _COMMA.split(text)] if text.strip() else []


def _requirement(part: str) -> Requirement:
    if found := _SET.match(part):
        operator, values = found["op"], tuple(value.strip() for value in found["values"].split(","))
    elif found := _PAIR.match(part):
        operator = {"=": "in", "==": "in", "!=": "notin", ">": "gt", "<": "lt"}[found["op"]]
        values = (found["value"],)
    elif found := _ALONE.match(part):
        operator, values = ("!" if found["not"] else "exists"), ()
    else:
        refuse(f"unable to parse requirement: {part!r} is no requirement")
    if fault := key_fault(found["key"]):
        refuse(f'unable to parse requirement: <nil>: Invalid value: "{found["key"]}": {fault}')
    for index, value in enumerate(values):
        fault = value_fault(value) if operator in {"in", "notin"} else _number_fault(value)
        if fault:
            refuse(f'unable to parse requirement: values[{index}][{found["key"]}]: Invalid value: "{value}": {fault}')
    return found["key"], operator, values


def _number_fault(value: str) -> str:
    return "" if re.fullmatch(r"-?\d+", value) else "for 'Gt', 'Lt' operators, the value must be an integer"


def matches(requirements: list[Requirement], labels: Mapping[str, str]) -> bool:
    """Whether all requirements hold. `notin` and `!` hold where the label is missing."""
    return all(_holds(requirement, labels) for requirement in requirements)


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    key, operator, values = requirement
    if operator == "exists":
        return key in labels
    if operator == "!":
        return key not in labels
    if operator == "notin":
        return key not in labels or labels[key] not in values
    if key not in labels:
        return False
    if operator == "in":
        return labels[key] in values
    if _number_fault(labels[key]):
        return False
    return int(labels[key]) > int(values[0]) if operator == "gt" else int(labels[key]) < int(values[0])


def from_object(selector: Mapping[str, Any]) -> list[Requirement]:
    """The requirements of a LabelSelector object that was validated before."""
    names = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
    exact: list[Requirement] = [(key, "in", (value,)) for key, value in selector.get("matchLabels", {}).items()]
    return exact + [
        (item["key"], names[item["operator"]], tuple(item.get("values", ())))
        for item in selector.get("matchExpressions", [])
    ]


def write(selector: Mapping[str, Any]) -> str:
    """A LabelSelector object as the `labelSelector` parameter that means the same."""
    parts = [f"{key}={value}" for key, value in sorted(selector.get("matchLabels", {}).items())]
    for item in selector.get("matchExpressions", []):
        values = ",".join(sorted(item.get("values", ())))
        form = {"In": "{0} in ({1})", "NotIn": "{0} notin ({1})", "Exists": "{0}", "DoesNotExist": "!{0}"}
        parts.append(form[item["operator"]].format(item["key"], values))
    return ",".join(parts)


def label_match(text: str) -> Match | None:
    """A test of objects by their labels; None where everything is selected. Raises ApiError 400."""
    requirements = parse_labels(text)
    if not requirements:
        return None
    return lambda doc: matches(requirements, doc["metadata"].get("labels", {}))


def field_match(text: str, plural: str) -> Match | None:
    """A test of objects by fields; None where everything is selected. Raises ApiError 400."""
    tests = [_field(part.strip(), plural) for part in text.split(",") if part.strip()]
    if not tests:
        return None
    return lambda doc: all((_read(doc, path) == value) != negated for path, value, negated in tests)


def _field(part: str, plural: str) -> tuple[str, str, bool]:
    found = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", part)
    if not found:
        refuse(f"invalid selector: '{part}'; can't understand '{part}'")
    path, operator, value = found.groups()
    if path not in {"metadata.name", "metadata.namespace"} and path not in FIELDS.get(plural, ()):
        if plural in FIELDS:
            refuse(f"field label not supported: {path}")
        refuse(f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"')
    return path, value, operator == "!="


def _read(doc: Mapping[str, Any], path: str) -> str:
    value: Any = doc
    for key in path.split("."):
        if path == "spec.unschedulable" and key == "unschedulable":
            return "true" if value.get(key) else "false"
        value = value.get(key) if isinstance(value, Mapping) else None
    if path == "source":
        return str(doc.get("source", {}).get("component", ""))
    return "" if value is None else str(value)
