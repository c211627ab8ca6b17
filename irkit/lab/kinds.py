"""What the API knows of each kind beyond its fields: what it fills in, refuses, and lets be changed.

A kind that is not here cannot be created or changed in the lab: 501.
Source: `pkg/apis/*/validation`, `pkg/registry/*/strategy.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from irkit.lab import defaults, policy_checks, quotas, validate
from irkit.lab.status import Cause, bad_value, required, unserved, unsupported
from irkit.lab.syntax import label_fault
from irkit.model.effects import Resource
from irkit.model.kube import (
    ADMISSION_POLICIES,
    ADMISSION_POLICY_BINDINGS,
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    NETWORK_POLICIES,
    NODES,
    PDBS,
    PODS,
    REPLICA_SETS,
    RESOURCE_QUOTAS,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    STATEFUL_SETS,
)

Doc = dict[str, Any]
Check = Callable[[Doc], list[Cause]]
_RESTARTS: Final = ("Always", "Never", "OnFailure")
_SUBJECTS: Final = ("ServiceAccount", "User", "Group")


@dataclass(frozen=True, slots=True)
class Kind:
    """`may_change` are the fields of the spec that an update may touch; None where the kind has no such limit."""

    creatable: bool = False
    check: Check = lambda _doc: []
    default: Callable[[Doc], None] = defaults.nothing
    may_change: frozenset[str] | None = None


def pod_spec(spec: Doc, path: str) -> list[Cause]:
    """A pod's spec, as far as tools and replacements need it."""
    causes = []
    containers = spec.get("containers", [])
    if not containers:
        causes.append(required(f"{path}.containers"))
    for index, each in enumerate(containers):
        where = f"{path}.containers[{index}]"
        if not each.get("name"):
            causes.append(required(f"{where}.name"))
        elif fault := label_fault(each["name"]):
            causes.append(bad_value(f"{where}.name", each["name"], fault))
        if not each.get("image"):
            causes.append(required(f"{where}.image"))
    names = [each.get("name") for each in containers]
    causes += [
        Cause("FieldValueDuplicate", f"{path}.containers[{index}].name", f'Duplicate value: "{name}"')
        for index, name in enumerate(names)
        if name and name in names[:index]
    ]
    if spec.get("restartPolicy") not in _RESTARTS:
        causes.append(unsupported(f"{path}.restartPolicy", spec.get("restartPolicy", ""), _RESTARTS))
    affinity = spec.get("affinity", {})
    if "podAffinity" in affinity or "podAntiAffinity" in affinity or "topologySpreadConstraints" in spec:
        unserved("scheduling by affinity between pods, or by topology")
    return causes


def _pod(doc: Doc) -> list[Cause]:
    return pod_spec(doc.get("spec", {}), "spec")


def _workload(doc: Doc) -> list[Cause]:
    spec = doc.get("spec", {})
    causes = replicas(spec.get("replicas", 1), "spec.replicas")
    template, selector = spec.get("template", {}), spec.get("selector")
    labels = template.get("metadata", {}).get("labels", {})
    if selector is None:
        return [*causes, required("spec.selector")]
    causes += validate.selector(selector, "spec.selector")
    if not causes and not validate.selects(selector, labels):
        shown = bad_value("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
        causes.append(shown)
    found = pod_spec(template.get("spec", {}), "spec.template.spec")
    if template.get("spec", {}).get("restartPolicy") not in {None, "Always"}:
        value = template["spec"]["restartPolicy"]
        found.append(unsupported("spec.template.spec.restartPolicy", value, ("Always",)))
    return causes + found


def replicas(value: int, path: str) -> list[Cause]:
    """A number of pods."""
    return [bad_value(path, value, "must be greater than or equal to 0")] if value < 0 else []


def _scaled(doc: Doc) -> list[Cause]:
    return replicas(doc.get("spec", {}).get("replicas", 1), "spec.replicas")


def _budget(doc: Doc) -> list[Cause]:
    spec = doc.get("spec", {})
    causes = validate.selector(spec.get("selector", {}), "spec.selector")
    if "minAvailable" in spec and "maxUnavailable" in spec:
        causes.append(bad_value("spec", "", "minAvailable and maxUnavailable cannot be both set"))
    return causes


def _role(doc: Doc) -> list[Cause]:
    causes = []
    for index, rule in enumerate(doc.get("rules", [])):
        path = f"rules[{index}]"
        if not rule.get("verbs"):
            causes.append(required(f"{path}.verbs", "verbs must contain at least one value"))
        if rule.get("nonResourceURLs"):
            if doc["kind"] == "Role":
                shown = rule["nonResourceURLs"]
                causes.append(
                    bad_value(f"{path}.nonResourceURLs", shown, "namespaced rules cannot apply to non-resource URLs")
                )
            continue
        if not rule.get("apiGroups"):
            causes.append(required(f"{path}.apiGroups", "resource rules must supply at least one api group"))
        if not rule.get("resources"):
            causes.append(required(f"{path}.resources", "resource rules must supply at least one resource"))
    return causes


def _binding(doc: Doc) -> list[Cause]:
    reference, causes = doc.get("roleRef", {}), []
    kinds = ("ClusterRole",) if doc["kind"] == "ClusterRoleBinding" else ("Role", "ClusterRole")
    if reference.get("kind") not in kinds:
        causes.append(unsupported("roleRef.kind", reference.get("kind", ""), kinds))
    if not reference.get("name"):
        causes.append(required("roleRef.name"))
    for index, subject in enumerate(doc.get("subjects", [])):
        path = f"subjects[{index}]"
        if not subject.get("name"):
            causes.append(required(f"{path}.name"))
        if subject.get("kind") not in _SUBJECTS:
            causes.append(unsupported(f"{path}.kind", subject.get("kind", ""), _SUBJECTS))
        elif subject["kind"] == "ServiceAccount" and not subject.get("namespace"):
            causes.append(required(f"{path}.namespace"))
    return causes


KINDS: Final[dict[Resource, Kind]] = {
    PODS: Kind(creatable=True, check=_pod),
    NODES: Kind(may_change=frozenset({"unschedulable"})),
    NAMESPACES: Kind(may_change=frozenset()),
    NETWORK_POLICIES: Kind(creatable=True, check=validate.network_policy, default=validate.default_policy),
    DEPLOYMENTS: Kind(
        creatable=True,
        check=_workload,
        default=defaults.workload,
        may_change=frozenset({"replicas", "template", "paused", "strategy"}),
    ),
    REPLICA_SETS: Kind(
        creatable=True, check=_workload, default=defaults.workload, may_change=frozenset({"replicas", "template"})
    ),
    STATEFUL_SETS: Kind(check=_scaled, may_change=frozenset({"replicas"})),
    DAEMON_SETS: Kind(may_change=frozenset()),
    JOBS: Kind(may_change=frozenset({"suspend", "parallelism"})),
    CRON_JOBS: Kind(may_change=frozenset({"suspend"})),
    SERVICES: Kind(creatable=True, may_change=frozenset({"selector", "ports", "publishNotReadyAddresses"})),
    SERVICE_ACCOUNTS: Kind(creatable=True),
    SECRETS: Kind(creatable=True, default=defaults.secret),
    CONFIG_MAPS: Kind(creatable=True),
    PDBS: Kind(creatable=True, check=_budget),
    ROLES: Kind(creatable=True, check=_role),
    CLUSTER_ROLES: Kind(creatable=True, check=_role),
    ROLE_BINDINGS: Kind(creatable=True, check=_binding, default=defaults.binding),
    CLUSTER_ROLE_BINDINGS: Kind(creatable=True, check=_binding, default=defaults.binding),
    RESOURCE_QUOTAS: Kind(creatable=True, check=quotas.check),
    ADMISSION_POLICIES: Kind(creatable=True, check=policy_checks.check_policy, default=defaults.admission_policy),
    ADMISSION_POLICY_BINDINGS: Kind(
        creatable=True, check=policy_checks.check_binding, default=defaults.admission_binding
    ),
}
SCALABLE: Final = frozenset({DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS})
GENERATED: Final = frozenset(
    {PODS, NETWORK_POLICIES, DEPLOYMENTS, REPLICA_SETS, PDBS, ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS}
)
"""Whose spec is counted in metadata.generation from the start."""
