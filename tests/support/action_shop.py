"""A small shop: a Deployment's pod on a node, its sibling from an older ReplicaSet, and everything around it."""

from __future__ import annotations

from typing import Any

from irkit.engine.look import mark_of
from irkit.model.base import Model
from irkit.model.effects import Mark, Resource
from irkit.model.kube import (
    CLUSTER_ROLE_BINDINGS,
    CRON_JOBS,
    DEPLOYMENTS,
    EVENTS,
    NAMESPACES,
    NETWORK_POLICIES,
    NODES,
    PDBS,
    PODS,
    REPLICA_SETS,
    ROLE_BINDINGS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from irkit.model.refs import (
    ClusterRef,
    ImageRef,
    NamespaceRef,
    NodeRef,
    PodAddressRef,
    PodRef,
    ServiceAccountRef,
    WorkloadRef,
)
from tests.support.action_cases import CASE, AnyAction

CLUSTER = ClusterRef(id="arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu")
POD = PodRef(cluster=CLUSTER, namespace="shop", name="web-1", uid="p-1")
NODE = NodeRef(cluster=CLUSTER, name="node-1", uid="n-1")
WORKLOAD = WorkloadRef(cluster=CLUSTER, namespace="shop", type="Deployment", name="web", uid="d-1")
ACCOUNT = ServiceAccountRef(cluster=CLUSTER, namespace="shop", name="web", uid="sa-1")
NAMESPACE = NamespaceRef(cluster=CLUSTER, name="shop", uid="ns-1")
IMAGE = ImageRef(cluster=CLUSTER, name="registry.example.com/web:1", uid="ab" * 32)
ADDRESS = PodAddressRef(cluster=CLUSTER, ip="10.0.3.40")
CRON_JOB = WorkloadRef(cluster=CLUSTER, namespace="shop", type="CronJob", name="nightly", uid="c-1")
OTHERWISE: dict[str, dict[str, Any]] = {
    "kube.label_node": {"node": NODE, "labels": {"team": "blue"}},
    "kube.evict_pods": {"pods": (POD,)},
    "kube.replace_workload": {"workload": WORKLOAD},
    "kube.scale_workload": {"workload": WORKLOAD, "replicas": 0},
    "kube.suspend_cronjob": {"cronjob": CRON_JOB},
    "kube.revoke_bindings": {"service_account": ACCOUNT},
    "kube.revoke_tokens": {"service_account": ACCOUNT},
    "kube.quarantine_namespace": {"namespace": NAMESPACE},
    "kube.block_image": {"image": IMAGE},
    "kube.scope_image": {"image": IMAGE},
    "kube.scope_namespace": {"namespace": NAMESPACE},
    "kube.scope_pod_ip": {"address": ADDRESS},
    "kube.scope_serviceaccount": {"service_account": ACCOUNT},
    "kube.scope_workload": {"workload": WORKLOAD},
}
"""Arguments of actions that are not about one pod or one node alone; the first is the target."""


def arguments(action: AnyAction) -> dict[str, Any]:
    """What each action is tried with."""
    subject = {"node": NODE} if "node" in action.spec.params.model_fields else {"pod": POD}
    return dict(OTHERWISE.get(action.spec.id, subject))


def target(action: AnyAction) -> tuple[str, dict[str, Any]]:
    """The name and the JSON form of the parameter that an action is about."""
    name, ref = next(iter(arguments(action).items()))
    return name, ref.dump()


def meta(name: str, uid: str, owner: tuple[str, str, str] | None = None, **more: Any) -> dict[str, Any]:
    value: dict[str, Any] = {"name": name, "namespace": "shop", "uid": uid, **more}
    if owner is not None:
        kind, owner_name, owner_uid = owner
        value["ownerReferences"] = [
            {"kind": "Noise", "name": "x", "uid": "x-1"},
            {"kind": kind, "name": owner_name, "uid": owner_uid, "controller": True},
        ]
    return value


def shop() -> dict[Resource, list[dict[str, Any]]]:
    """A fresh copy each time."""
    new, old = ("ReplicaSet", "web-new", "rs-2"), ("ReplicaSet", "web-old", "rs-1")
    spec = {"nodeName": "node-1", "serviceAccountName": "web", "containers": [{"name": "web"}]}
    running = {"phase": "Running", "podIP": "10.0.3.40"}
    web = {"app": "web"}
    return {
        PODS: [
            {"metadata": meta("web-1", "p-1", new, labels=dict(web)), "spec": dict(spec), "status": dict(running)},
            {"metadata": meta("web-2", "p-2", old, labels=dict(web)), "spec": dict(spec), "status": dict(running)},
            {"metadata": meta("cart-1", "p-3", labels={"app": "cart"}), "spec": {"nodeName": "node-2"}},
            {"metadata": meta("done", "p-4"), "spec": {"nodeName": "node-1"}, "status": {"phase": "Succeeded"}},
        ],
        REPLICA_SETS: [
            {"metadata": meta("web-old", "rs-1", ("Deployment", "web", "d-1"))},
            {"metadata": meta("web-new", "rs-2", ("Deployment", "web", "d-1"))},
            {"metadata": meta("cart", "rs-9", ("Deployment", "cart", "d-9"))},
        ],
        DEPLOYMENTS: [{"metadata": meta("web", "d-1")}, {"metadata": meta("cart", "d-9")}],
        CRON_JOBS: [{"metadata": meta("nightly", "c-1"), "spec": {"schedule": "0 3 * * *", "suspend": False}}],
        NODES: [{"metadata": {"name": "node-1", "uid": "n-1", "labels": {"zone": "a"}}, "spec": {}}],
        SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}, {"metadata": meta("default", "sa-0")}],
        NAMESPACES: [{"metadata": {"name": "shop", "uid": "ns-1"}}],
        SERVICES: [
            {"metadata": meta("web", "s-1"), "spec": {"selector": {"app": "web"}}},
            {"metadata": meta("cart", "s-2"), "spec": {"selector": {"app": "cart"}}},
            {"metadata": meta("outside", "s-3"), "spec": {"externalName": "example.com"}},
        ],
        PDBS: [
            {"metadata": meta("web", "b-1"), "spec": {"selector": {"matchLabels": {"app": "web"}}}},
            {"metadata": meta("all", "b-2"), "spec": {"selector": {}}},
            {"metadata": meta("none", "b-3"), "spec": {}},
        ],
        NETWORK_POLICIES: [
            {"metadata": meta("allow-web", "np-1"), "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}]}},
            {"metadata": meta("cart", "np-2"), "spec": {"podSelector": {"matchLabels": {"app": "cart"}}}},
        ],
        ROLE_BINDINGS: [
            {
                "metadata": meta("web-reader", "rb-1"),
                "roleRef": {"kind": "Role", "name": "web-reader"},
                "subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}],
            },
            {"metadata": meta("cart", "rb-2"), "roleRef": {"kind": "Role", "name": "cart"}, "subjects": [{"kind": "ServiceAccount", "name": "cart"}]},
        ],
        CLUSTER_ROLE_BINDINGS: [
            {"metadata": {"name": "all", "uid": "crb-1"}, "roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": [{"kind": "Group", "name": "system:authenticated"}]},
            {"metadata": {"name": "admins", "uid": "crb-2"}, "roleRef": {"kind": "ClusterRole", "name": "admin"}, "subjects": [{"kind": "User", "name": "ana"}]},
        ],
        EVENTS: [
            {"metadata": meta("e-1", "ev-1"), "involvedObject": {"uid": "p-1"}, "reason": "Started"},
            {"metadata": meta("e-2", "ev-2"), "involvedObject": {"uid": "p-3"}, "reason": "Started"},
            {"metadata": meta("e-3", "ev-3"), "involvedObject": {"uid": "rs-2"}, "reason": "SuccessfulCreate"},
        ],
    }  # fmt: skip


def mark_for(action: AnyAction, **arguments: Any) -> tuple[Model, Mark]:
    """Parameters and their mark."""
    params = action.spec.params.model_validate(arguments)
    return params, mark_of(action, params, CASE)
