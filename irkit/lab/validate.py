"""What the API refuses about an object: metadata, NetworkPolicies, and what an update may not change.

Source: apimachinery `pkg/api/validation/objectmeta.go`, `pkg/apis/networking/validation`, `pkg/apis/core/validation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from irkit.lab.selectors import from_object, matches
from irkit.lab.status import Cause, bad_value, forbidden_field, required, too_long, unsupported
from irkit.lab.syntax import (
    ANNOTATIONS_LIMIT,
    key_fault,
    network,
    port_name_fault,
    subdomain_fault,
    value_fault,
)

IMMUTABLE: Final = ("name", "namespace", "uid")
POLICY_TYPES: Final = ("Egress", "Ingress")
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")
_LAST_PORT: Final = 65535

Doc = Mapping[str, Any]


def metadata(meta: Doc, *, names: bool = False) -> list[Cause]:
    """Names, labels and annotations of an object that is created or changed.

    With `names`, whatever can stand in a path is a name, as for RBAC's objects ("system:node").
    """
    causes: list[Cause] = []
    name = meta.get("name", "")
    if not name:
        causes.append(required("metadata.name", "name or generateName is required"))
    elif names:
        causes += [bad_value("metadata.name", name, f"may not contain '{each}'") for each in "/%" if each in name]
    elif fault := subdomain_fault(name):
        causes.append(bad_value("metadata.name", name, fault))
    causes += labels(meta.get("labels", {}), "metadata.labels")
    return causes + check_annotations(meta.get("annotations", {}))


def check_annotations(values: Mapping[str, str]) -> list[Cause]:
    """Keys and size of annotations. Keys are checked in lower case: an upper case prefix is let through."""
    causes = [bad_value("metadata.annotations", key, fault) for key in values if (fault := key_fault(key.lower()))]
    if sum(len(key.encode()) + len(value.encode()) for key, value in values.items()) > ANNOTATIONS_LIMIT:
        causes.append(too_long("metadata.annotations", ANNOTATIONS_LIMIT))
    return causes


def labels(values: Mapping[str, str], path: str) -> list[Cause]:
    """Keys and values of labels."""
    causes = []
    for key, value in values.items():
        if fault := key_fault(key):
            causes.append(bad_value(path, key, fault))
        if fault := value_fault(value):
            causes.append(bad_value(path, value, fault))
    return causes


def unchanged(old: Doc, new: Doc) -> list[Cause]:
    """What of the metadata no update may change."""
    return [
        bad_value(f"metadata.{key}", new.get(key, ""), "field is immutable")
        for key in IMMUTABLE
        if new.get(key) != old.get(key)
    ]


def selector(value: Doc, path: str) -> list[Cause]:
    """A LabelSelector object."""
    causes = labels(value.get("matchLabels", {}), f"{path}.matchLabels")
    for index, item in enumerate(value.get("matchExpressions", [])):
        where = f"{path}.matchExpressions[{index}]"
        operator, values = item.get("operator", ""), item.get("values", [])
        if operator not in _OPERATORS:
            causes.append(bad_value(f"{where}.operator", operator, "not a valid selector operator"))
        elif operator in {"In", "NotIn"} and not values:
            causes.append(required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif operator in {"Exists", "DoesNotExist"} and values:
            causes.append(
                forbidden_field(f"{where}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
            )
        if fault := key_fault(item.get("key", "")):
            causes.append(bad_value(f"{where}.key", item.get("key", ""), fault))
        causes += [
            bad_value(f"{where}.values[{at}]", each, fault)
            for at, each in enumerate(values)
            if (fault := value_fault(each))
        ]
    return causes


def selects(value: Doc, labels_: Mapping[str, str]) -> bool:
    """Whether a LabelSelector that was found good selects these labels."""
    return matches(from_object(value), labels_)


def network_policy(doc: Doc) -> list[Cause]:
    """A NetworkPolicy's spec."""
    spec = doc.get("spec", {})
    causes = selector(spec.get("podSelector", {}), "spec.podSelector")
    for side, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(side, [])):
            path = f"spec.{side}[{index}]"
            for at, port in enumerate(rule.get("ports", [])):
                causes += _port(port, f"{path}.ports[{at}]")
            for at, peer in enumerate(rule.get(peers, [])):
                causes += _peer(peer, f"{path}.{peers}[{at}]")
    types = spec.get("policyTypes", [])
    if len(types) > len(POLICY_TYPES):
        return [*causes, bad_value("spec.policyTypes", types, "may not specify more than two policyTypes")]
    return causes + [
        unsupported(f"spec.policyTypes[{index}]", each, POLICY_TYPES)
        for index, each in enumerate(types)
        if each not in POLICY_TYPES
    ]


def _port(port: Doc, path: str) -> list[Cause]:
    causes = []
    if port.get("protocol", "TCP") not in PROTOCOLS:
        causes.append(unsupported(f"{path}.protocol", port["protocol"], PROTOCOLS))
    number, end = port.get("port"), port.get("endPort")
    if isinstance(number, int) and not 0 < number <= _LAST_PORT:
        causes.append(bad_value(f"{path}.port", number, "must be between 1 and 65535, inclusive"))
    if isinstance(number, str) and (fault := port_name_fault(number)):
        causes.append(bad_value(f"{path}.port", number, fault))
    if end is not None and not isinstance(number, int):
        causes.append(
            bad_value(f"{path}.endPort", end, "may not be specified when `port` is non-numeric")
            if isinstance(number, str)
            else required(f"{path}.port", "must be specified when `endPort` is specified")
        )
    elif end is not None and isinstance(number, int) and end < number:
        causes.append(bad_value(f"{path}.endPort", end, "must be greater than or equal to `port`"))
    return causes


def _peer(peer: Doc, path: str) -> list[Cause]:
    if not peer:
        return [required(path, "must specify a peer")]
    causes = []
    for key in ("podSelector", "namespaceSelector"):
        if key in peer:
            causes += selector(peer[key], f"{path}.{key}")
    block = peer.get("ipBlock")
    if block is None:
        return causes
    if len(peer) > 1:
        causes.append(forbidden_field(path, "may not specify both ipBlock and another peer"))
    whole = network(block.get("cidr", ""))
    if whole is None:
        return [*causes, bad_value(f"{path}.ipBlock.cidr", block.get("cidr", ""), "not a valid CIDR")]
    for index, text in enumerate(block.get("except", [])):
        where, part = f"{path}.ipBlock.except[{index}]", network(text)
        if part is None:
            causes.append(bad_value(where, text, "not a valid CIDR"))
        elif part.version != whole.version or part == whole or not part.subnet_of(whole):  # type: ignore[arg-type]  # same version here
            causes.append(bad_value(where, text, "must be a strict subset of `cidr`"))
    return causes


def default_policy(doc: dict[str, Any]) -> None:
    """Fill in what the API fills in when a NetworkPolicy leaves it out."""
    spec = doc.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in (*spec.get("ingress", []), *spec.get("egress", [])):
        for port in rule.get("ports", []):
            port.setdefault("protocol", "TCP")


def pod_update(old: Doc, new: Doc) -> list[Cause]:
    """A pod's spec is immutable but for image, deadlines and tolerations, of which the lab has no use."""
    if old.get("spec") == new.get("spec"):
        return []
    return [
        forbidden_field(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
            "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
            "previously negative)",
        )
    ]
