"""What protecting a pod needs to know, what it means for others, and what it does not stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from irkit.actions.kube.alter import annotation, read_exact
from irkit.actions.kube.companions import companions
from irkit.actions.kube.endings import Ending, ending
from irkit.actions.kube.fields import Field, Fields, label
from irkit.actions.kube.lives import Life, lives
from irkit.actions.kube.made import ABSENT, Found, read_own
from irkit.actions.kube.objects import MIRROR_ANNOTATION, find
from irkit.actions.kube.owners import controller
from irkit.actions.kube.protect_pod.policy import objects
from irkit.actions.kube.ranking import COST, MOST_COSTLY
from irkit.errors import Unsupported
from irkit.model.effects import Mark
from irkit.model.kube import ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS, CASE_LABEL, PODS
from irkit.model.plans import Impact, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import PodRef

_SOON = "each API server takes them up within seconds"
_NOT_STOPPED = "a kubelet under pressure, a failing liveness probe and the end of the node still end it"


@dataclass(frozen=True, slots=True)
class Facts:
    """`served` is whether the API server has admission policies; `warnings` what its type check found in irkit's.

    `others` are the namespace's other living pods with the case's label, by name and key. `deleting` is when its
    deletion was asked for. `lives` are its containers; `ending` is set where it is to end.
    """

    fields: Fields
    static: bool = False
    deleting: str = ""
    owner: str = ""
    served: bool = True
    policy: Found = ABSENT
    binding: Found = ABSENT
    warnings: int = 0
    others: tuple[tuple[str, str], ...] = ()
    lives: tuple[Life, ...] = ()
    ending: Ending | None = None


def wanted(mark: Mark) -> tuple[Field, ...]:
    """The annotations and the label: how autoscalers, ReplicaSets and irkit's policy know the pod."""
    return (
        # Cluster Autoscaler FAQ, "What types of pods can prevent CA from removing a node?"
        annotation("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
        # Karpenter documentation, "Disruption", pod-level controls
        annotation("karpenter.sh/do-not-disrupt", "true"),
        # Kubernetes documentation, "ReplicaSet", pod deletion cost
        annotation(COST, str(MOST_COSTLY)),
        label(CASE_LABEL, mark.case),
    )


def observe(pod: PodRef, users: Sequence[str], mark: Mark, reader: Reader) -> Facts:
    """Read them. The pod may be gone: its policy, and who else is under it, still matter to an undo."""
    kube = reader.kube(pod.cluster)
    presence, doc = find(kube, PODS, pod)
    own = objects(pod, users, mark)
    try:
        policy, binding = kube.get(ADMISSION_POLICIES, own[0].name), kube.get(ADMISSION_POLICY_BINDINGS, own[1].name)
        served = True
    except Unsupported:
        policy = binding = None
        served = False
    owner = controller(doc) if doc is not None else None
    return Facts(
        fields=Fields(presence) if doc is None else read_exact(doc, wanted(mark), mark.case),
        static=doc is not None and doc.has("metadata", "annotations", MIRROR_ANNOTATION),
        deleting="" if doc is None else doc.text("metadata", "deletionTimestamp", default="", limit=40),
        owner=f"{owner.kind} {owner.name}" if owner else "",
        served=served,
        policy=read_own(policy, own[0], mark),
        binding=read_own(binding, own[1], mark),
        warnings=0 if policy is None else len(policy.items("status", "typeChecking", "expressionWarnings")),
        others=companions(kube, pod, mark.case),
        lives=() if doc is None else lives(doc),
        ending=None if doc is None else ending(doc),
    )


def impact(pod: PodRef, facts: Facts) -> tuple[Impact, ...]:
    """Who feels it."""
    found = [
        Impact(who="autoscalers", what=f"keep the node of {pod}"),
        Impact(who=f"pods of {pod.namespace} with the case's label", what="cannot be deleted or evicted by anybody"),
        Impact(who=f"namespace {pod.namespace}", what="cannot be deleted to its end; drains of its nodes wait"),
    ]
    if facts.owner:
        found.append(Impact(who=facts.owner, what="tries again and again where it wants to delete the pod"))
    return tuple(found if facts.served else (found[0], *found[3:]))


def verdict(facts: Facts) -> Verdict:
    """Read back, as far as that proves anything."""
    if not facts.served:
        return Verdict.unproven(
            "annotated, but nothing denies a delete: this API server has no ValidatingAdmissionPolicies"
        )
    if facts.warnings:
        return Verdict.unproven(f"the API server warns of the policy's expression ({facts.warnings} times)")
    return Verdict.proven(f"read back: annotations, policy and binding ({_SOON}); {_NOT_STOPPED}")
