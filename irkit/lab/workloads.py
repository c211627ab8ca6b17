"""Nodes, controllers and pods of a world, each as the cluster's own controllers would have left them."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime

from irkit.errors import ConfigError
from irkit.lab import defaults
from irkit.lab import objects as make
from irkit.lab.objects import Object
from irkit.lab.scenario import NodesShape, PodShape, WorkloadShape
from irkit.lab.world import make_uid
from irkit.model.refs import ClusterRef


class Workloads:
    """Collects objects: nodes, controllers and their pods."""

    def __init__(self, cluster: str, seed: int, since: datetime) -> None:
        self.region = ClusterRef(id=cluster).region or "eu-west-1"
        self.seed = seed
        self.since = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.objects: list[Object] = []
        self._nodes: list[Object] = []
        self.roles: dict[tuple[str, str], str] = {}
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

    def next_service_address(self) -> str:
        """A ClusterIP that no service has yet."""
        self._services += 1
        return f"172.20.{self._services // 250}.{self._services % 250 + 1}"

    def add_nodes(self, shape: NodesShape) -> None:
        """The nodes of a node group."""
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

    def add_workload(self, kind: str, namespace: str, name: str, shape: WorkloadShape) -> None:
        """A controller, the ReplicaSet of a Deployment, and the pods."""
        labels = _labels(name, shape)
        count = len(self._nodes) if kind == "DaemonSet" else shape.replicas
        top = self.add(self._controller(kind, namespace, name, shape, labels, count), shape.uid)
        if kind == "Deployment":
            member = shape.member
            digest = member.template if member else make.drawn(f"{self.seed}/{namespace}/{name}", 10)
            labels = {**labels, "pod-template-hash": digest}
            replica_set = self._controller("ReplicaSet", namespace, f"{name}-{digest}", shape, labels, count)
            replica_set["metadata"]["ownerReferences"] = [make.owner(top)]
            # the very template: another one would be a new revision, which its controller rolls out at the next write
            replica_set["spec"]["template"]["spec"] = deepcopy(top["spec"]["template"]["spec"])
            top = self.add(replica_set)
        if kind == "Job":
            labels = {**labels, "batch.kubernetes.io/job-name": name}
        for index in range(count):
            own = top["metadata"]["name"]
            suffix = str(index) if kind == "StatefulSet" else make.drawn(f"{self.seed}/{namespace}/{own}/{index}", 5)
            node = index if kind == "DaemonSet" else shape.node
            known = shape.member if index == 0 else None
            called, uid = (known.name, known.uid) if known else (f"{own}-{suffix}", "")
            self.add_pod(namespace, called, shape, labels=labels, owner=top, node=node, uid=uid)

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
        if kind == "Deployment":
            status["updatedReplicas"] = count
        if kind == "ReplicaSet":
            status["fullyLabeledReplicas"] = count
        if kind in {"Deployment", "ReplicaSet"}:
            status = {key: value for key, value in status.items() if value or (key, kind) == ("replicas", "ReplicaSet")}
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
        made: Object = {
            "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
            "kind": kind,
            "metadata": make.meta(name, namespace, labels, generation=1),
            "spec": spec,
            "status": status,
        }
        if kind in {"Deployment", "ReplicaSet"}:
            defaults.workload(made)
        return made

    def _spec(self, namespace: str, name: str, shape: PodShape) -> Object:
        env = dict(shape.env)
        if role := self.roles.get((namespace, shape.service_account), ""):
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

    def add_pod(  # noqa: PLR0913 -- one pod has this many sides
        self,
        namespace: str,
        name: str,
        shape: PodShape,
        *,
        labels: dict[str, str] | None = None,
        owner: Object | None = None,
        node: str | int | None = None,
        uid: str = "",
    ) -> None:
        """A running pod, on its node."""
        index = self._pods
        self._pods += 1
        host = self._place(shape.node if node is None else node, index)
        template = owner["spec"]["template"]["spec"] if owner else self._spec(namespace, name, shape)
        doc: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": make.meta(
                name, namespace, labels or _labels(name, shape), generation=1, annotations=dict(shape.annotations)
            ),
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
            msg = f"there is no node {wanted} in this world"
            raise ConfigError(msg, did="no world was built")
        return self._nodes[(wanted if isinstance(wanted, int) else index) % len(self._nodes)]


def _labels(name: str, shape: PodShape) -> dict[str, str]:
    return {"app": name[:63].strip("-.")} if shape.labels is None else dict(shape.labels)
