"""From a world's shape to full objects: the same shape, seed and time give the same objects."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from irkit.lab import objects as make
from irkit.lab.auth import DEFAULT
from irkit.lab.controllers.cluster import ACCOUNT_NAME, ACCOUNT_UID, TOKEN_TYPE
from irkit.lab.objects import Object
from irkit.lab.roles import default_roles
from irkit.lab.scenario import (
    BudgetShape,
    NamespaceShape,
    Scenario,
    WorkloadShape,
    WorldShape,
)
from irkit.lab.seed import Seed
from irkit.lab.workloads import Workloads

AGE: Final = timedelta(days=6)
"""How long before the lab's start its objects were made."""
_AGENT: Final = "aws-eks-nodeagent"
SYSTEM: Final = ("default", "kube-node-lease", "kube-public", "kube-system")


def build(scenario: Scenario, now: datetime | None = None) -> Seed:
    """The seed of a scenario's world; `now` is the lab's start."""
    return build_world(scenario.world, scenario.seed, now, tokens=scenario.tokens)


def build_world(world: WorldShape, seed: int, now: datetime | None = None, tokens: Any = None) -> Seed:  # noqa: ANN401 -- see Seed
    """The seed of a world."""
    builder = _Builder(world.cluster, seed, (now or datetime.now(UTC)) - AGE)
    for nodes in world.nodes:
        builder.add_nodes(nodes)
    for name in SYSTEM:
        if name not in world.namespaces:
            builder.add_namespace(name, NamespaceShape())
    for name, shape in world.namespaces.items():
        builder.add_namespace(name, shape)
    builder.add_system(policies=world.behaviour.enforcement != "none")
    builder.add_budgets(world)
    return Seed(world.cluster, (*builder.objects, *world.objects), seed, {**DEFAULT, **(tokens or {})}, world.behaviour)


class _Builder(Workloads):
    """Namespaces and what is in them, budgets, and what every cluster has."""

    def add_namespace(self, name: str, shape: NamespaceShape) -> None:
        self.add(make.namespace(name, shape.labels), shape.uid)
        self.add(_config_map(name, "kube-root-ca.crt", {"ca.crt": "lab"}))
        if "default" not in shape.service_accounts:
            self.add(make.service_account(name, "default"))
        self._add_accounts(name, shape)
        for kind, workloads in (
            ("Deployment", shape.deployments),
            ("ReplicaSet", shape.replica_sets),
            ("StatefulSet", shape.stateful_sets),
            ("DaemonSet", shape.daemon_sets),
            ("Job", shape.jobs),
        ):
            for each, workload in workloads.items():
                self.add_workload(kind, name, each, workload)
        for each, pod in shape.pods.items():
            self.add_pod(name, each, pod, uid=pod.uid)
        for each, service in shape.services.items():
            self.add(make.service(name, each, service.selector, service.port, self.next_service_address()))
        for each, spec in shape.network_policies.items():
            self.add(make.network_policy(name, each, spec))
        for each, data in shape.config_maps.items():
            self.add(_config_map(name, each, data))
        for each, data in shape.secrets.items():
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
            doc = {"apiVersion": "v1", "kind": "Secret", "metadata": make.meta(each, name), "type": "Opaque"}
            self.add(doc | {"data": encoded})

    def _add_accounts(self, namespace: str, shape: NamespaceShape) -> None:
        for name, account in shape.service_accounts.items():
            self.roles[namespace, name] = account.role
            made = self.add(make.service_account(namespace, name, account.role), account.uid)
            for token in account.tokens:
                self.add(_token(made, token, self.seed))

    def add_system(self, *, policies: bool) -> None:
        """What every EKS cluster runs: the CNI's DaemonSet on each node, with its policy agent or without, and DNS."""
        images = {"aws-node": "lab.invalid/amazon-k8s-cni:v1.21.1"}
        if policies:
            images[_AGENT] = "lab.invalid/aws-network-policy-agent:v1.3.1"
            self.add(_config_map("kube-system", "amazon-vpc-cni", {"enable-network-policy-controller": "true"}))
        agent = WorkloadShape(images=images, hostNetwork=True, labels={"k8s-app": "aws-node"})
        self.add_workload("DaemonSet", "kube-system", "aws-node", agent)
        for doc in self.objects if policies else ():
            for each in _containers(doc):
                if each["name"] == _AGENT:
                    each["args"] = ["--enable-network-policy=true"]
        self.add_workload(
            "Deployment", "kube-system", "coredns", WorkloadShape(image="lab.invalid/coredns:v1.12.4", replicas=2)
        )
        for doc in default_roles():
            self.add(doc)

    def add_budgets(self, world: WorldShape) -> None:
        """Budgets last: their status counts the pods."""
        for namespace, shape in world.namespaces.items():
            for name, wanted in shape.pdbs.items():
                self._budget(namespace, name, wanted)

    def _budget(self, namespace: str, name: str, wanted: BudgetShape) -> None:
        healthy = sum(
            doc["kind"] == "Pod"
            and doc["metadata"]["namespace"] == namespace
            and wanted.selector.items() <= doc["metadata"].get("labels", {}).items()
            for doc in self.objects
        )
        allowed = max(0, healthy - wanted.min_available)
        self.add(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": make.meta(name, namespace, generation=1),
                "spec": {"minAvailable": wanted.min_available, "selector": {"matchLabels": wanted.selector}},
                "status": {
                    "observedGeneration": 1,
                    "currentHealthy": healthy,
                    "desiredHealthy": wanted.min_available,
                    "disruptionsAllowed": allowed,
                    "expectedPods": healthy,
                    "conditions": [
                        {
                            "type": "DisruptionAllowed",
                            "status": "True" if allowed else "False",
                            "reason": "SufficientPods" if allowed else "InsufficientPods",
                            "message": "",
                            "observedGeneration": 1,
                            "lastTransitionTime": self.since,
                        }
                    ],
                },
            }
        )


def _containers(doc: Object) -> list[Object]:
    spec = doc.get("spec", {}).get("template", doc).get("spec", {})
    found: list[Object] = spec.get("containers", []) if doc["kind"] in {"Pod", "DaemonSet"} else []
    return found


def _token(account: Object, name: str, seed: int) -> Object:
    """A Secret with a token of a service account: one that does not end by itself."""
    meta = account["metadata"]
    about = {ACCOUNT_NAME: meta["name"], ACCOUNT_UID: meta["uid"]}
    text = make.hexes(f"{seed}/{meta['uid']}/{name}", 40)
    held = {"token": f"lab-secret-{text}", "namespace": meta["namespace"]}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": make.meta(name, meta["namespace"], annotations=about),
        "type": TOKEN_TYPE,
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in (held | {"ca.crt": "lab"}).items()},
    }


def _config_map(namespace: str, name: str, data: dict[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": make.meta(name, namespace), "data": dict(data)}
