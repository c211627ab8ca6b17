"""The denying objects against what their engines' published definitions allow, field by field.

Sources: `clusternetworkpolicies.networking.k8s.aws` in aws/amazon-network-policy-controller-k8s, pkg/crd/crds.yaml
(7bcf1bf); `globalnetworkpolicies.projectcalico.org` in projectcalico/calico, api/config/crd (01326dc). Cilium's and the
storage of Calico's are checked against the definitions themselves: `python -m scripts.check_denials`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from irkit.actions.kube.engines import DENIALS
from scripts import check_denials

SELECTOR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}},
        "matchExpressions": {"type": "array"},
    },
}
PODS: dict[str, Any] = {
    "type": "object",
    "required": ["namespaceSelector", "podSelector"],
    "properties": {"namespaceSelector": SELECTOR, "podSelector": SELECTOR},
}


def one_of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": properties}


def rule(side: str, peer: dict[str, Any]) -> dict[str, Any]:
    peers = {"type": "array", "minItems": 1, "maxItems": 100, "items": peer}
    actions = {"type": "string", "enum": ["Accept", "Deny", "Pass"]}
    name = {"type": "string", "maxLength": 100}
    properties = {"name": name, "action": actions, side: peers, "ports": {"type": "array"}}
    items = {"type": "object", "required": ["action", side], "properties": properties}
    return {"type": "array", "maxItems": 100, "items": items}


NETWORKS = {"type": "array", "minItems": 1, "maxItems": 25, "items": {"type": "string", "maxLength": 43}}
AMAZON: dict[str, Any] = {
    "type": "object",
    "required": ["priority", "subject", "tier"],
    "properties": {
        "tier": {"type": "string", "enum": ["Admin", "Baseline"]},
        "priority": {"type": "integer", "minimum": 0, "maximum": 1000},
        "subject": one_of(namespaces=SELECTOR, pods=PODS),
        "ingress": rule("from", one_of(namespaces=SELECTOR, pods=PODS)),
        "egress": rule("to", one_of(namespaces=SELECTOR, pods=PODS, networks=NETWORKS, domainNames={"type": "array"})),
    },
}
CALICO_RULES: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["action"],
        "properties": {
            "action": {"type": "string", "enum": ["Allow", "Deny", "Log", "Pass"]},
            **{name: {"type": "object"} for name in ("source", "destination", "http", "icmp", "metadata", "notICMP")},
        },
    },
}
CALICO: dict[str, Any] = {
    "type": "object",
    "properties": {
        "tier": {"type": "string"},
        "order": {"type": "number"},
        "selector": {"type": "string"},
        "namespaceSelector": {"type": "string"},
        "serviceAccountSelector": {"type": "string"},
        "types": {
            "type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": True,
            "items": {"type": "string", "enum": ["Ingress", "Egress"]},
        },
        "ingress": CALICO_RULES,
        "egress": CALICO_RULES,
        **{name: {"type": "boolean"} for name in ("applyOnForward", "doNotTrack", "preDNAT")},
    },
}  # fmt: skip
PUBLISHED = {
    "networking.k8s.aws": ("v1alpha1", "ClusterNetworkPolicy", "clusternetworkpolicies", AMAZON),
    "projectcalico.org": ("v3", "GlobalNetworkPolicy", "globalnetworkpolicies", CALICO),
}


def definition(group: str, **spec: Any) -> dict[str, Any]:
    version, kind, plural, schema = PUBLISHED[group]
    whole = {
        "type": "object",
        "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {}, "spec": schema},
    }
    versions = [{"name": version, "schema": {"openAPIV3Schema": whole}}]
    names = {"kind": kind, "plural": plural}
    return {"spec": {"group": group, "names": names, "scope": "Cluster", "versions": versions} | spec}


@pytest.mark.parametrize("group", PUBLISHED)
def test_what_irkit_writes_is_what_the_published_definition_takes(group: str, tmp_path: Path) -> None:
    (denial,) = (one for one in DENIALS if one.resource.group == group)
    place = tmp_path / "crd.yaml"
    place.write_text(yaml.safe_dump(definition(group)))

    assert check_denials.faults(denial, check_denials.read(place)[group]) == []


@pytest.mark.parametrize("group", PUBLISHED)
def test_the_check_finds_what_a_definition_does_not_take(group: str) -> None:
    (denial,) = (one for one in DENIALS if one.resource.group == group)
    closed = definition(group)
    closed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
        "type": "object", "properties": {"egress": {"type": "array", "maxItems": 0}},
    }  # fmt: skip

    found = " ".join(check_denials.faults(denial, closed))

    assert "'ingress'" in found
    assert "egress: " in found
    assert check_denials.faults(denial, definition(group, scope="Namespaced")) == [
        "the scope is not what the definition says"
    ]
