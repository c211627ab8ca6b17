"""From a world's shape to full objects: the same shape, seed and time give the same objects."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from irkit.lab import objects as make
from irkit.lab.auth import DEFAULT
from irkit.lab.objects import Object
from irkit.lab.scenario import (
    BudgetShape,
    NamespaceShape,
    NodesShape,
    PodShape,
    Scenario,
    WorkloadShape,
    WorldShape,
)
from irkit.lab.seed import Seed
from irkit.lab.world import make_uid
from irkit.model.refs import ClusterRef

AGE: Final = timedelta(days=6)
"""How long before the lab's start its objects were made."""
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
    builder.add_system()
    builder.add_budgets(world)
    return Seed(world.cluster, (*builder.objects, *world.objects), seed, {**DEFAULT, **(tokens or {})})


class _Builder:
    def __init__(self, cluster: str, seed: int, since: datetime) -> None:
        self.region = ClusterRef(id=cluster).region or "eu-west-1"
        self.seed = seed
        self.since = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.objects: list[Object] = []
        self._nodes: list[Object] = []
        self._accounts: dict[tuple[str, str], str] = {}
        self._pods = 0
        self._services = 0

    def add(self, doc: Object, uid: str = "") -> Object:
        """Give an object its uid and age, and keep it."""
        meta = doc["metadata"]
        path = f"{doc['kind']}/{meta.get('namespace', '')}/{meta['name']}"
        meta["uid"] = uid or make_uid(self.seed, path)
        meta["creationTimestamp"] = self.since
        self.objects.append(doc)
        return doc

    def add_nodes(self, shape: NodesShape) -> None:
        for _ in range(shape.count):
            index = len(self._nodes)
            third, fourth = index % 3 + 1, 10 + index
            address = f"10.0.{third + 3 * (fourth // 250)}.{fourth % 250}"
            name = shape.name or f"ip-{address.replace('.', '-')}.{self.region}.compute.internal"
            doc = make.node(
                name,
                address=address,
                instance=f"i-{make.hexes(f'{self.seed}/{name}', 17)}",
                zone=f"{self.region}{'abc'[index % 3]}",
                nodegroup=shape.nodegroup,
                since=self.since,
            )
            self._nodes.append(self.add(doc, shape.uid))

    def add_namespace(self, name: str, shape: NamespaceShape) -> None:
        self.add(make.namespace(name, shape.labels), shape.uid)
        self.add(_config_map(name, "kube-root-ca.crt", {"ca.crt": "lab"}))
        if "default" not in shape.service_accounts:
            self.add(make.service_account(name, "default"))
        for each, account in shape.service_accounts.items():
            self._accounts[name, each] = account.role
            self.add(make.service_account(name, each, account.role), account.uid)
        for kind, workloads in (
            ("Deployment", shape.deployments),
            ("ReplicaSet", shape.replica_sets),
            ("StatefulSet", shape.stateful_sets),
            ("DaemonSet", shape.daemon_sets),
            ("Job", shape.jobs),
        ):
            for each, workload in workloads.items():
                self._workload(kind, name, each, workload)
        for each, pod in shape.pods.items():
            self._pod(name, each, pod, _labels(each, pod), None, uid=pod.uid)
        for each, service in shape.services.items():
            self._services += 1
            address = f"172.20.{self._services // 250}.{self._services % 250 + 1}"
            self.add(make.service(name, each, service.selector, service.port, address))
        for each, spec in shape.network_policies.items():
            self.add(make.network_policy(name, each, spec))
        for each, data in shape.config_maps.items():
            self.add(_config_map(name, each, data))
        for each, data in shape.secrets.items():
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
            doc = {"apiVersion": "v1", "kind": "Secret", "metadata": make.meta(each, name), "type": "Opaque"}
            self.add(doc | {"data": encoded})

    def add_system(self) -> None:
        """What every EKS cluster runs: the CNI's DaemonSet on each node, and DNS."""
        self._workload(
            "DaemonSet",
            "kube-system",
            "aws-node",
            WorkloadShape(image="lab.invalid/amazon-k8s-cni:v1.21.1", hostNetwork=True),
        )
        self._workload(
            "Deployment", "kube-system", "coredns", WorkloadShape(image="lab.invalid/coredns:v1.12.4", replicas=2)
        )
        self.add(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": make.meta("cluster-admin"),
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:masters"}],
            }
        )

    def _workload(self, kind: str, namespace: str, name: str, shape: WorkloadShape) -> None:
        labels = _labels(name, shape)
        count = len(self._nodes) if kind == "DaemonSet" else shape.replicas
        top = self.add(self._controller(kind, namespace, name, shape, labels, count), shape.uid)
        if kind == "Deployment":
            digest = make.drawn(f"{self.seed}/{namespace}/{name}", 10)
            labels = {**labels, "pod-template-hash": digest}
            replica_set = self._controller("ReplicaSet", namespace, f"{name}-{digest}", shape, labels, count)
            replica_set["metadata"]["ownerReferences"] = [make.owner(top)]
            top = self.add(replica_set)
        if kind == "Job":
            labels = {**labels, "batch.kubernetes.io/job-name": name}
        for index in range(count):
            own = top["metadata"]["name"]
            suffix = str(index) if kind == "StatefulSet" else make.drawn(f"{self.seed}/{namespace}/{own}/{index}", 5)
            node = index if kind == "DaemonSet" else shape.node
            self._pod(namespace, f"{own}-{suffix}", shape, labels, top, node=node)

    def _controller(  # noqa: PLR0913, PLR0917 -- one call site each, in this order
        self, kind: str, namespace: str, name: str, shape: WorkloadShape, labels: dict[str, str], count: int
    ) -> Object:
        template: Object = {
            "metadata": {"labels": labels},
            "spec": self._spec(namespace, name, shape),
        }
        spec: Object = {"selector": {"matchLabels": labels}, "template": template}
        status: Object = {
            "observedGeneration": 1,
            "replicas": count,
            "readyReplicas": count,
            "availableReplicas": count,
        }
        if kind == "DaemonSet":
            status = {
                "observedGeneration": 1,
                "currentNumberScheduled": count,
                "desiredNumberScheduled": count,
                "numberMisscheduled": 0,
                "numberReady": count,
            }
        elif kind == "Job":
            spec |= {"parallelism": count, "completions": count}
            template["spec"]["restartPolicy"] = "Never"
            status = {"active": count, "startTime": self.since}
        else:
            spec["replicas"] = count
        if kind == "StatefulSet":
            spec["serviceName"] = name
        return {
            "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
            "kind": kind,
            "metadata": make.meta(name, namespace, labels, generation=1),
            "spec": spec,
            "status": status,
        }

    def _spec(self, namespace: str, name: str, shape: PodShape) -> Object:
        env = dict(shape.env)
        if role := self._accounts.get((namespace, shape.service_account), ""):
            env["AWS_ROLE_ARN"] = role
            env["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"  # noqa: S105 -- a path
        images = shape.images or {name.split(".", maxsplit=1)[0][:63].strip("-"): shape.image}
        containers = [
            make.container(each, image, env=env, ports=shape.ports, privileged=shape.privileged)
            for each, image in images.items()
        ]
        spec = make.pod_spec(containers, account=shape.service_account)
        if shape.host_network:
            spec["hostNetwork"] = True
        return spec

    def _pod(  # noqa: PLR0913, PLR0917 -- one pod has this many sides
        self,
        namespace: str,
        name: str,
        shape: PodShape,
        labels: dict[str, str],
        owner: Object | None,
        node: str | int | None = None,
        uid: str = "",
    ) -> None:
        index = self._pods
        self._pods += 1
        host = self._place(shape.node if node is None else node, index)
        template = owner["spec"]["template"]["spec"] if owner else self._spec(namespace, name, shape)
        doc: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": make.meta(name, namespace, labels, generation=1, annotations=dict(shape.annotations)),
            "spec": {**template, "nodeName": host["metadata"]["name"]},
        }
        if owner:
            doc["metadata"]["ownerReferences"] = [make.owner(owner)]
            doc["metadata"]["generateName"] = f"{owner['metadata']['name']}-"
        self.add(doc, uid)
        host_address = host["status"]["addresses"][0]["address"]
        address = host_address if shape.host_network else f"10.0.{100 + index // 250}.{index % 250 + 1}"
        doc["status"] = make.running(doc, address=address, host=host_address, since=self.since)
        if shape.events:
            for reason, message in (
                ("Pulled", "Container image already present on machine"),
                ("Started", "Started container"),
            ):
                self.add(make.event(doc, reason=reason, message=message, at=self.since))

    def _place(self, wanted: str | int | None, index: int) -> Object:
        if isinstance(wanted, str):
            for node in self._nodes:
                if node["metadata"]["name"] == wanted:
                    return node
        return self._nodes[(wanted if isinstance(wanted, int) else index) % len(self._nodes)]

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
                },
            }
        )


def _labels(name: str, shape: PodShape) -> dict[str, str]:
    return {"app": name[:63].strip("-.")} if shape.labels is None else dict(shape.labels)


def _config_map(namespace: str, name: str, data: dict[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": make.meta(name, namespace), "data": dict(data)}
