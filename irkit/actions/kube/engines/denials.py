"""Objects that deny whatever NetworkPolicies allow, engine by engine.

Sources: ClusterNetworkPolicy's type in aws/amazon-network-policy-controller-k8s (networking.k8s.aws/v1alpha1: the
Admin tier is judged before NetworkPolicies; ingress peers are in-cluster only); Calico's GlobalNetworkPolicy (lower
`order` first; names in the default tier begin with `default.`); Cilium's CiliumNetworkPolicy (deny before allow).
The node itself stays able to reach the pod everywhere: a liveness probe that fails would restart the container and
destroy its memory. AWS and Calico except it by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from irkit.actions.kube.engines.detect import NOT_SEEN, EngineSeen
from irkit.actions.kube.objects import uid_of
from irkit.errors import Denied, NotFound, Unsupported
from irkit.model.base import Json
from irkit.model.effects import KubeCall, Mark, Resource
from irkit.model.kube import (
    CALICO_POLICIES,
    CALICO_STORED_POLICIES,
    CASE_LABEL,
    CILIUM_POLICIES,
    CLUSTER_NETWORK_POLICIES,
    MARK_LABEL,
)
from irkit.model.ports import KubeReader

Family = Literal["aws", "calico", "cilium"]
ENGINES: dict[str, Family] = {"vpc-cni": "aws", "calico": "calico", "cilium": "cilium"}
"""Whose objects an engine obeys."""
_NAMESPACE = "kubernetes.io/metadata.name"
State = Literal["absent", "hidden", "served", "ours", "changed", "foreign"]
"""`absent`: the API does not serve it; `hidden`: this identity may not look; `served`: ours is not there;
`changed`: ours, and somebody edited it; `foreign`: another's object bears our name."""


@dataclass(frozen=True, slots=True)
class Denial:
    """One kind of object that denies. `covers_outside` says that ingress from outside the cluster is denied too."""

    family: Family
    resource: Resource
    covers_outside: bool = True

    def name(self, base: str) -> str:
        """From the name of the case's NetworkPolicy: unique for the namespace and the case."""
        return f"default.{base}" if self.family == "calico" else base

    def spec(self, case: str, namespace: str) -> dict[str, Json]:
        """Deny all, in and out, for the pods of a namespace with the case's label."""
        labels: Json = {"matchLabels": {CASE_LABEL: case}}
        if self.family == "aws":
            inside: Json = {"namespaceSelector": {"matchLabels": {_NAMESPACE: namespace}}, "podSelector": labels}
            return {
                "tier": "Admin",
                "priority": 0,
                "subject": {"pods": inside},
                "ingress": [{"name": "deny-in", "action": "Deny", "from": [{"namespaces": {}}]}],
                "egress": [{"name": "deny-out", "action": "Deny", "to": [{"networks": ["0.0.0.0/0", "::/0"]}]}],
            }
        if self.family == "calico":
            return {
                "order": 0,
                "selector": f"{CASE_LABEL} == '{case}'",
                "namespaceSelector": f"{_NAMESPACE} == '{namespace}'",
                "types": ["Ingress", "Egress"],
                "ingress": [{"action": "Deny"}],
                "egress": [{"action": "Deny"}],
            }
        everywhere: Json = {"matchExpressions": [{"key": "k8s:io.kubernetes.pod.namespace", "operator": "Exists"}]}
        rest: Json = ["world", "remote-node", "kube-apiserver", "ingress", "init", "health", "unmanaged"]
        return {
            "endpointSelector": labels,
            "ingressDeny": [{"fromEndpoints": [everywhere]}, {"fromEntities": rest}],
            "egressDeny": [{"toEntities": ["all"]}],
        }

    def create(self, cluster: str, base: str, mark: Mark, namespace: str) -> KubeCall:
        """The object, marked as this case's."""
        meta: dict[str, Json] = {"name": self.name(base), "labels": {CASE_LABEL: mark.case, MARK_LABEL: mark.short}}
        if self.resource.namespaced:
            meta["namespace"] = namespace
        body: Json = {
            "apiVersion": self.resource.api_version,
            "kind": self.resource.kind,
            "metadata": meta,
            "spec": self.spec(mark.case, namespace),
        }
        return self._call(cluster, base, namespace, f"deny-{self.family}", "create", body)

    def mend(self, cluster: str, base: str, mark: Mark, namespace: str, uid: str) -> KubeCall:
        """Make irkit's own object what it must be again."""
        ops: Json = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "replace", "path": "/spec", "value": self.spec(mark.case, namespace)},
        ]
        return self._call(cluster, base, namespace, f"mend-{self.family}", "patch", ops)

    def delete(self, cluster: str, base: str, namespace: str, uid: str) -> KubeCall:
        """Take irkit's own object away."""
        body: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        return self._call(cluster, base, namespace, f"delete-{self.family}", "delete", body)

    def _call(self, cluster: str, base: str, namespace: str, effect: str, verb: str, body: Json) -> KubeCall:  # noqa: PLR0913, PLR0917 -- a call's own parts
        return KubeCall.parse(
            {
                "name": effect, "cluster": cluster, "verb": verb, "resource": self.resource.dump(),
                "namespace": namespace if self.resource.namespaced else "", "object": self.name(base), "body": body,
            }
        )  # fmt: skip


DENIALS: tuple[Denial, ...] = (
    Denial("aws", CLUSTER_NETWORK_POLICIES, covers_outside=False),
    Denial("calico", CALICO_POLICIES),
    Denial("calico", CALICO_STORED_POLICIES),
    Denial("cilium", CILIUM_POLICIES),
)
"""Calico's API server is asked before the storage behind it: both show the same objects."""


@dataclass(frozen=True, slots=True)
class DenialSeen:
    """What was found of one kind of object under the case's name."""

    family: Family
    group: str
    state: State
    uid: str = ""

    @property
    def denial(self) -> Denial:
        """The kind."""
        return next(one for one in DENIALS if (one.family, one.resource.group) == (self.family, self.group))


def denials_of(engine: EngineSeen) -> tuple[Family, ...]:
    """Whose objects may deny here: the engine's own, or, where it could not be seen, anyone's."""
    if engine.name == "unknown":
        return ("aws", "calico", "cilium")
    return (ENGINES[engine.name],) if engine.name in ENGINES else ()


def look_for(kube: KubeReader, family: Family, base: str, mark: Mark, namespace: str) -> DenialSeen:
    """One GET by name; a second one for Calico where its API server is not installed. Raises as `detect` does."""
    seen: list[DenialSeen] = []
    for one in DENIALS:
        if one.family == family:
            seen.append(_look(kube, one, base, mark, namespace))
            if seen[-1].state not in {"absent", "hidden"}:
                return seen[-1]
    return next((one for one in seen if one.state == "hidden"), seen[-1])


def _look(kube: KubeReader, denial: Denial, base: str, mark: Mark, namespace: str) -> DenialSeen:
    resource = denial.resource
    where = namespace if resource.namespaced else ""
    try:
        doc = kube.get(resource, denial.name(base), where)
        if doc is None:
            return DenialSeen(denial.family, resource.group, "served")
        uid = uid_of(doc)
        labels = doc.labels("metadata", "labels")
        found = {key: value for key, value in doc.part("spec").raw.items() if (key, value) != ("tier", "default")}
    except (Unsupported, NotFound):
        return DenialSeen(denial.family, resource.group, "absent")
    except Denied:
        return DenialSeen(denial.family, resource.group, "hidden")
    except NOT_SEEN:
        return DenialSeen(denial.family, resource.group, "hidden")
    if labels.get(MARK_LABEL) != mark.short:
        return DenialSeen(denial.family, resource.group, "foreign", uid)
    same = found == denial.spec(mark.case, namespace)
    return DenialSeen(denial.family, resource.group, "ours" if same else "changed", uid)
