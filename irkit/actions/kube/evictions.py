"""Evicting pods: a delete that PodDisruptionBudgets can refuse.

Sources: kubernetes pkg/registry/core/pod/storage/eviction.go. Budgets are not asked for pods that are Pending, have
ended or are being deleted. A pod that is not ready may go while its budget is kept by others, or always where its
budget says AlwaysAllow. A pod with two budgets cannot be evicted at all: the API answers 500.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from irkit.actions.kube.netpol import Selector
from irkit.actions.kube.objects import MIRROR_ANNOTATION, NAME_LIMIT, living, name_of, named
from irkit.actions.kube.owners import controller, pod_ref
from irkit.actions.kube.pods import ready
from irkit.model.doc import Doc
from irkit.model.effects import Access, KubeCall
from irkit.model.kube import CASE_LABEL, PDBS, PODS
from irkit.model.plans import Impact, Refuse, Wait
from irkit.model.ports import KubeReader
from irkit.model.refs import ClusterRef, PodRef

EVICT = Access(group="", resource="pods/eviction", verb="create")
AGAIN = 10
"""Seconds until looking again where a budget allows nothing: what the API server itself asks for."""
_SHOWN = 3
_CASE_LIMIT = 63


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget, and how many disruptions are `allowed` now."""

    namespace: str
    name: str
    selector: Selector
    allowed: int = 0
    healthy: int = 0
    desired: int = 0
    always: bool = False

    @property
    def words(self) -> str:
        """Its name, and why it allows nothing."""
        return f"{self.namespace}/{self.name} ({self.healthy} of {self.desired} healthy)"

    @property
    def kept(self) -> bool:
        """Whether it is kept without the pods that are not ready."""
        return self.healthy >= self.desired > 0

    @classmethod
    def read(cls, doc: Doc) -> Budget:
        """From the API's object. One that its controller has not looked at yet allows nothing. Raises Malformed."""
        generation = doc.integer("metadata", "generation", default=0)
        seen = doc.integer("status", "observedGeneration", default=0) >= generation
        return cls(
            namespace=doc.text("metadata", "namespace", limit=NAME_LIMIT),
            name=name_of(doc),
            selector=Selector.read(doc.part("spec", "selector")),
            allowed=max(doc.integer("status", "disruptionsAllowed", default=0), 0) if seen else 0,
            healthy=doc.integer("status", "currentHealthy", default=0),
            desired=doc.integer("status", "desiredHealthy", default=0),
            always=doc.text("spec", "unhealthyPodEvictionPolicy", default="", limit=63) == "AlwaysAllow",
        )


@dataclass(frozen=True, slots=True)
class Evictee:
    """A pod that may have to go. `budgets` are those that its eviction has to ask.

    `local` are its volumes whose content ends with it; `case` is whose evidence it is, "" where it is nobody's.
    """

    ref: PodRef
    owner: str = ""
    case: str = ""
    static: bool = False
    deleting: bool = False
    ended: bool = False
    ready: bool = True
    budgets: tuple[Budget, ...] = ()
    local: tuple[str, ...] = ()

    @property
    def held(self) -> Budget | None:
        """The budget that has to allow it, where one has to. Only meant for pods of at most one."""
        one = self.budgets[0] if self.budgets else None
        return None if one is None or (not self.ready and (one.always or one.kept)) else one


def budgets(kube: KubeReader, namespace: str = "") -> tuple[Budget, ...]:
    """Those of a namespace, or with "" of the cluster. A missing selector selects nothing (policy/v1)."""
    found = (Budget.read(one) for one in kube.list(PDBS, namespace).items if one.has("spec", "selector"))
    return tuple(sorted(found, key=lambda one: (one.namespace, one.name)))


def evictee(cluster: ClusterRef, doc: Doc, known: Iterable[Budget]) -> Evictee:
    """From the API's object. Raises Malformed."""
    ref, labels, owner = pod_ref(cluster, doc), doc.labels("metadata", "labels"), controller(doc)
    deleting, ended = doc.has("metadata", "deletionTimestamp"), not living(doc)
    asks = not (deleting or ended or doc.text("status", "phase", default="", limit=40) == "Pending")
    return Evictee(
        ref,
        owner=f"{owner.kind} {owner.name}" if owner else "",
        case=labels.get(CASE_LABEL, "")[:_CASE_LIMIT],
        static=doc.has("metadata", "annotations", MIRROR_ANNOTATION),
        deleting=deleting,
        ended=ended,
        ready=ready(doc),
        budgets=tuple(one for one in known if asks and one.namespace == ref.namespace and one.selector.matches(labels)),
        local=tuple(sorted(one.text("name", limit=63) for one in doc.each("spec", "volumes") if one.has("emptyDir"))),
    )


def impossible(pods: Iterable[Evictee]) -> Refuse | None:
    """The refusal to evict what the API would not evict, or what would come back by itself."""
    for pod in pods:
        if pod.static:
            return Refuse(
                f"{pod.ref} is a static pod: evicting the API's copy does not stop it",
                hint="remove its manifest from the node, or contain the node",
            )
        if len(pod.budgets) > 1:
            return Refuse(
                f"{pod.ref} has {len(pod.budgets)} disruption budgets, with which the API evicts nothing: "
                + ", ".join(one.name for one in pod.budgets),
                hint="whoever owns them must take one away; kube.delete_pod asks no budget",
            )
    return None


def allowed(pods: Iterable[Evictee]) -> tuple[tuple[Evictee, ...], tuple[Evictee, ...]]:
    """Those that their budgets let go now, and those that they do not; in the given order."""
    left: dict[Budget, int] = {}
    now: list[Evictee] = []
    later: list[Evictee] = []
    for pod in pods:
        budget = pod.held
        if budget is not None:
            left[budget] = left.get(budget, budget.allowed) - 1
        (now if budget is None or left[budget] >= 0 else later).append(pod)
    return tuple(now), tuple(later)


def wait_for(pods: Iterable[Evictee]) -> Wait:
    """For the budgets that hold these pods back."""
    found = sorted({one.held.words for one in pods if one.held is not None})
    return Wait(AGAIN, f"disruption budgets allow no eviction now: {', '.join(found)}")


def evict(pod: PodRef) -> KubeCall:
    """The eviction of exactly this pod, with the grace period that it asks for itself."""
    return KubeCall(
        name=named("evict", pod),
        cluster=pod.cluster.id,
        verb="create",
        resource=PODS,
        namespace=pod.namespace,
        object=pod.name,
        subresource="eviction",
        body={
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": pod.uid}},
        },
        keep=(),
    )


def impact(pods: Iterable[Evictee]) -> tuple[Impact, ...]:
    """Who feels it: what is lost, and what starts instead."""
    found: list[Impact] = []
    for pod in pods:
        lost = "memory, processes and writable layer are lost for good"
        if pod.local:
            lost += f", with its local volumes {', '.join(pod.local[:_SHOWN])}"
        found.append(Impact(who=str(pod.ref), what=lost, count=1, warn=True))
        what = f"{pod.owner} starts another" if pod.owner else "it has no controller: nothing starts it again"
        found.append(Impact(who=str(pod.ref), what=what, warn=not pod.owner))
    return tuple(found)
