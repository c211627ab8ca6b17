"""Who controls a pod, and which other pods the same controller made. Follows ownerReferences by uid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from irkit.actions.kube.objects import NAME_LIMIT, UID_LIMIT, living, make, name_of, uid_of
from irkit.model.doc import Doc
from irkit.model.kube import CONTROLLERS, JOBS, PODS, REPLICA_SETS
from irkit.model.ports import KubeReader
from irkit.model.refs import ClusterRef, PodRef, WorkloadRef

_DEPTH = 8
"""Kubernetes' own chains have two links (Job, CronJob); operators add a few."""


@dataclass(frozen=True, slots=True)
class Controller:
    """The owner reference that says `controller: true`."""

    kind: str
    name: str
    uid: str


def controller(doc: Doc) -> Controller | None:
    """The object's controller; at most one owner may be it."""
    for owner in doc.each("metadata", "ownerReferences"):
        if owner.flag("controller", default=False):
            return Controller(
                owner.text("kind", limit=63), owner.text("name", limit=NAME_LIMIT), owner.text("uid", limit=UID_LIMIT)
            )
    return None


def chain(kube: KubeReader, cluster: ClusterRef, doc: Doc) -> tuple[tuple[WorkloadRef, ...], tuple[Doc, ...]]:
    """The controllers from the nearest to the farthest, and those of them that could be read.

    Ends at a kind that irkit does not know, and at an object that is not the one that was referred to. A node
    is the controller of its mirror pods and no workload.
    """
    refs: list[WorkloadRef] = []
    docs: list[Doc] = []
    namespace = doc.text("metadata", "namespace", limit=NAME_LIMIT)
    while len(refs) < _DEPTH and (owner := controller(doc)) is not None and owner.kind != "Node":
        ref = make(
            WorkloadRef, doc, cluster=cluster, namespace=namespace, type=owner.kind, name=owner.name, uid=owner.uid
        )
        refs.append(ref)
        resource = CONTROLLERS.get(owner.kind)
        found = kube.get(resource, owner.name, namespace) if resource is not None else None
        if found is None or uid_of(found) != owner.uid:
            break
        docs.append(found)
        doc = found
    return tuple(refs), tuple(docs)


def siblings(kube: KubeReader, pod: PodRef, owners: tuple[WorkloadRef, ...]) -> tuple[PodRef, ...]:
    """The other pods of the farthest controller: those of all ReplicaSets of a Deployment, of all Jobs of a CronJob."""
    if not owners:
        return ()
    near, top = owners[0], owners[-1]
    family = {near.uid}
    resource = CONTROLLERS.get(near.type)
    if near != top and resource is not None:
        family |= {
            uid_of(made) for made in kube.list(resource, pod.namespace).items if _controller_uid(made) == owners[1].uid
        }
    found: Mapping[str, PodRef] = {
        ref.uid: ref
        for other in kube.list(PODS, pod.namespace).items
        if _controller_uid(other) in family and (ref := pod_ref(pod.cluster, other)).uid != pod.uid
    }
    return tuple(sorted(found.values(), key=lambda ref: ref.name))


_BETWEEN = {"Deployment": REPLICA_SETS, "CronJob": JOBS}
"""What stands between a controller and its pods, where anything does."""


def pods_of(kube: KubeReader, workload: WorkloadRef) -> tuple[Doc, ...]:
    """The living pods that a workload controls, directly or through its ReplicaSets or Jobs; by name."""
    family, between = {workload.uid}, _BETWEEN.get(workload.type)
    if between is not None:
        family |= {
            uid_of(made)
            for made in kube.list(between, workload.namespace).items
            if _controller_uid(made) == workload.uid
        }
    found = [pod for pod in kube.list(PODS, workload.namespace).items if living(pod) and _controller_uid(pod) in family]
    return tuple(sorted(found, key=name_of))


def _controller_uid(doc: Doc) -> str:
    owner = controller(doc)
    return owner.uid if owner else ""


def pod_ref(cluster: ClusterRef, doc: Doc) -> PodRef:
    """A pinned reference to a pod that was read. Raises Malformed."""
    return make(
        PodRef, doc, cluster=cluster, namespace=doc.text("metadata", "namespace", limit=NAME_LIMIT),
        name=name_of(doc), uid=uid_of(doc),
    )  # fmt: skip
