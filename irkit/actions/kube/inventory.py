"""Many pods of one snapshot, and typed references to what they run on, as and under: by LISTs, never a GET for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from irkit.actions.kube.objects import NAME_LIMIT, access, make, name_of, uid_of
from irkit.actions.kube.owners import Controller, controller
from irkit.actions.kube.seen import Seen, image_ref
from irkit.model.base import Model
from irkit.model.doc import Doc
from irkit.model.effects import Resource
from irkit.model.kube import JOBS, NODES, REPLICA_SETS, SERVICE_ACCOUNTS
from irkit.model.ports import KubeReader
from irkit.model.refs import ClusterRef, ImageRef, NodeRef, PodRef, ServiceAccountRef, WorkloadRef

_MAKERS = (REPLICA_SETS, JOBS)
"""Kubernetes' own controllers that are made by another one."""
READS = tuple(one for resource in (*_MAKERS, NODES, SERVICE_ACCOUNTS) for one in access(resource, "list"))
"""What a `Fleet` is made of, beside its pods."""


class Fleet(Model):
    """Pods, and everything they share with others. Of one snapshot, in the order of their names."""

    pods: tuple[PodRef, ...] = Field(description="those that have not ended")
    isolable: tuple[PodRef, ...] = Field(
        description="of these, those that NetworkPolicies can govern: not on a node's network, on Fargate or on Windows"
    )
    ended: tuple[PodRef, ...] = Field(description="those that have ended and are still listed")
    nodes: tuple[NodeRef, ...] = Field(description="where the living pods run")
    workloads: tuple[WorkloadRef, ...] = Field(
        description="what makes the living pods: Deployment, CronJob, DaemonSet, …"
    )
    service_accounts: tuple[ServiceAccountRef, ...] = Field(description="whom the living pods run as")
    images: tuple[ImageRef, ...] = Field(description="what the living pods run, init and ephemeral containers too")


def fleet(kube: KubeReader, cluster: ClusterRef, found: Sequence[Seen], namespace: str = "") -> Fleet:
    """The pods and what they share; what else is listed is listed in `namespace`, or everywhere. Raises Malformed."""
    alive = [one for one in found if one.living]
    return Fleet(
        pods=tuple(one.ref for one in alive),
        isolable=tuple(one.ref for one in alive if one.policed),
        ended=tuple(one.ref for one in found if not one.living),
        nodes=_nodes(kube, cluster, alive),
        workloads=_workloads(kube, cluster, alive, namespace),
        service_accounts=_accounts(kube, cluster, alive, namespace),
        images=images(cluster, alive),
    )


def images(cluster: ClusterRef, found: Iterable[Seen]) -> tuple[ImageRef, ...]:
    """The images of these pods, each content once under each of its names."""
    refs = {ref for one in found for each in one.containers if (ref := image_ref(cluster, each)) is not None}
    return tuple(sorted(refs, key=lambda ref: (ref.name, ref.uid)))


def _nodes(kube: KubeReader, cluster: ClusterRef, found: Sequence[Seen]) -> tuple[NodeRef, ...]:
    names = sorted({one.node for one in found} - {""})
    uids = _uids(kube, NODES) if names else {}
    return tuple(
        make(NodeRef, found[0].doc, cluster=cluster, name=name, uid=uids.get(("", name), "")) for name in names
    )


def _accounts(
    kube: KubeReader, cluster: ClusterRef, found: Sequence[Seen], namespace: str
) -> tuple[ServiceAccountRef, ...]:
    used = sorted({(one.ref.namespace, one.account) for one in found})
    uids = _uids(kube, SERVICE_ACCOUNTS, namespace) if used else {}
    return tuple(
        make(
            ServiceAccountRef, found[0].doc,
            cluster=cluster, namespace=space, name=name, uid=uids.get((space, name), ""),
        )
        for space, name in used
    )  # fmt: skip


def _workloads(kube: KubeReader, cluster: ClusterRef, found: Sequence[Seen], namespace: str) -> tuple[WorkloadRef, ...]:
    """One link beyond a ReplicaSet or a Job: what people deploy."""
    owned = [one for one in found if one.owner is not None]
    above: dict[str, Controller] = {}
    kinds = {one.owner.kind for one in owned if one.owner is not None}
    for resource in _MAKERS:
        if resource.kind in kinds:
            above |= controllers(kube, resource, namespace)
    refs: set[WorkloadRef] = set()
    for one in owned:
        if one.owner is not None:
            top = above.get(one.owner.uid, one.owner)
            refs.add(workload_ref(cluster, one.doc, one.ref.namespace, top))
    return tuple(sorted(refs, key=lambda ref: (ref.namespace, ref.name, ref.type)))


def workload_ref(cluster: ClusterRef, doc: Doc, namespace: str, owner: Controller) -> WorkloadRef:
    """A reference to a controller that an object names. Raises Malformed."""
    return make(WorkloadRef, doc, cluster=cluster, namespace=namespace, type=owner.kind, name=owner.name, uid=owner.uid)


def controllers(kube: KubeReader, resource: Resource, namespace: str = "") -> Mapping[str, Controller]:
    """Who controls each object of a kind, by the object's uid; without those that nobody controls."""
    return {
        uid_of(doc): owner for doc in kube.list(resource, namespace).items if (owner := controller(doc)) is not None
    }


def _uids(kube: KubeReader, resource: Resource, namespace: str = "") -> Mapping[tuple[str, str], str]:
    return {
        (
            doc.text("metadata", "namespace", limit=NAME_LIMIT) if resource.namespaced else "",
            name_of(doc),
        ): uid_of(doc)
        for doc in kube.list(resource, namespace).items
    }


def counted(number: int, what: str) -> str:
    """`1 pod`, `3 pods`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
