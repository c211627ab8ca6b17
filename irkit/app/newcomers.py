"""Pods that came since a case began and may carry the same suspicion: the same owner's, or of the same image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from irkit.actions.kube.objects import UID_LIMIT, living
from irkit.actions.kube.owners import controller, pod_ref
from irkit.errors import ClientError, Denied
from irkit.journal.state import CaseState
from irkit.model.doc import Doc
from irkit.model.kube import JOBS, PODS, REPLICA_SETS
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import ClusterRef, PodRef

_IMAGE_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A pod that is younger than the case. `expected`: the target's own controller started it, as controllers do."""

    pod: PodRef
    why: str
    expected: bool


def newcomers(reader: Reader, targets: Sequence[PodRef], state: CaseState) -> tuple[tuple[Newcomer, ...], str]:
    """Living pods of the targets' owners and images that are younger than the case; and what could not be searched.

    Ages are by the cluster's clock, in whole seconds. An image that older pods of other owners run as well (a sidecar)
    says nothing and is passed over. Owners come from the pods, and from the journal where a pod lost its owner.
    """
    found: dict[str, Newcomer] = {}
    missing: list[str] = []
    for cluster_id in dict.fromkeys(pod.cluster.id for pod in targets):
        mine = [pod for pod in targets if pod.cluster.id == cluster_id]
        try:
            fresh, narrow = _of_cluster(reader.kube(mine[0].cluster), mine, state)
        except ClientError as error:
            missing.append(str(error))
            continue
        found.update({one.pod.uid: one for one in fresh})
        if narrow:
            missing.append(narrow)
    order = sorted(found.values(), key=lambda one: (one.expected, one.pod.path))
    return tuple(order), "; ".join(missing)


def _of_cluster(kube: KubeReader, targets: list[PodRef], state: CaseState) -> tuple[list[Newcomer], str]:
    cluster = targets[0].cluster
    spaces = sorted({pod.namespace for pod in targets})
    narrow = ""
    try:
        pods = [doc for doc in kube.list(PODS).items if living(doc)]
    except Denied:
        narrow = f"pods outside {', '.join(spaces)} cannot be listed"
        pods = [doc for space in spaces for doc in kube.list(PODS, space).items if living(doc)]
    roots = _roots(kube, spaces)
    uids = {pod.uid for pod in targets}
    family = _journaled(state) | {_root(doc, roots) for doc in pods if _uid(doc) in uids}
    family.discard("")
    images = {image for doc in pods if _uid(doc) in uids for image in _images(doc)}
    since = state.opened[:19]
    old = [doc for doc in pods if _uid(doc) not in uids and _age(doc) < since and _root(doc, roots) not in family]
    images -= {image for doc in old for image in _images(doc)}
    found = []
    for doc in pods:
        if _uid(doc) in uids or _age(doc) < since:
            continue
        same = _root(doc, roots) in family
        shared = images.intersection(_images(doc))
        if same or shared:
            why = "the same owner started it since" if same else "it runs the same image, and another owner started it"
            found.append(Newcomer(_ref(cluster, doc), why, expected=same))
    return found, narrow


def _roots(kube: KubeReader, spaces: list[str]) -> dict[str, str]:
    """ReplicaSets and Jobs, by uid, with the uid of what controls them: two lists a namespace, whatever the number."""
    found: dict[str, str] = {}
    for space in spaces:
        for resource in (REPLICA_SETS, JOBS):
            try:
                items = kube.list(resource, space).items
            except Denied:
                continue  # then each is its own owner
            for doc in items:
                owner = controller(doc)
                found[_uid(doc)] = owner.uid if owner else _uid(doc)
    return found


def _root(doc: Doc, roots: dict[str, str]) -> str:
    owner = controller(doc)
    return roots.get(owner.uid, owner.uid) if owner else ""


def _journaled(state: CaseState) -> set[str]:
    """The farthest owners that a scope step saw."""
    found: set[str] = set()
    for run in state.runs.values():
        for step in run.steps.values():
            owners = (step.outputs or {}).get("owners")
            last = owners[-1] if isinstance(owners, list) and owners else None
            if isinstance(last, dict) and isinstance(last.get("uid"), str):
                found.add(str(last["uid"]))
    return found


def _images(doc: Doc) -> Iterator[str]:
    """Digests where the node told them, else names; of containers of every kind."""
    for kind in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for status in doc.each("status", kind):
            digest = status.text("imageID", default="", limit=_IMAGE_LIMIT)
            if digest:
                yield digest.rpartition("@")[2]
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for container in doc.each("spec", kind):
            yield container.text("image", default="", limit=_IMAGE_LIMIT)


def _uid(doc: Doc) -> str:
    return doc.text("metadata", "uid", limit=UID_LIMIT)


def _age(doc: Doc) -> str:
    return doc.text("metadata", "creationTimestamp", default="", limit=40)[:19]


def _ref(cluster: ClusterRef, doc: Doc) -> PodRef:
    return pod_ref(cluster, doc)
