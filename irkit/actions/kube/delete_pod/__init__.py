"""kube.delete_pod: end a pod. Its memory, processes and writable layer are lost: capture them before."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from irkit.actions.api import ActionSpec, NoOutputs, NoUndo
from irkit.actions.kube.about import About
from irkit.actions.kube.objects import MIRROR_ANNOTATION, NAME_LIMIT, Presence, access, find, unpinned
from irkit.actions.kube.owners import controller
from irkit.model.base import Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import PODS
from irkit.model.plans import Change, Impact, Plan, Receipts, Refuse, Settled, Verdict, Wait
from irkit.model.ports import Reader
from irkit.model.refs import PodRef

_AGAIN = 2
"""Seconds until looking again at a pod that is being deleted."""


class Params(Model):
    """`grace_seconds` is how long its containers get to end; 0 does not wait for the node at all."""

    pod: PodRef = Field(description="the pod to delete")
    grace_seconds: int = Field(
        default=30,
        ge=0,
        le=3600,
        description="seconds that its containers get to end; 0 does not wait for the node at all",
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """`deleting` is when its deletion was asked for; `owner` is its controller, kind and name."""

    presence: Presence
    deleting: str = ""
    finalizers: tuple[str, ...] = ()
    static: bool = False
    owner: str = ""


class DeletePod(About[Params], NoUndo):
    """Deletes exactly this pod, by uid."""

    about = "pod"
    spec = ActionSpec(
        id="kube.delete_pod",
        version=1,
        title="Delete a pod",
        purpose="recover",
        params=Params,
        outputs=NoOutputs,
        reads=access(PODS, "get"),
        writes=access(PODS, "delete"),
        risk="destructive",
        no_undo="a deleted pod does not come back; its controller, if it has one, starts another",
        destroys="pod",
        example="pod: ${inputs.pod}\ngrace_seconds: 30",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """Whether it is there, what holds it, and who would start another."""
        presence, doc = find(reader.kube(p.pod.cluster), PODS, p.pod)
        if doc is None:
            return Facts(presence)
        owner = controller(doc)
        return Facts(
            presence,
            deleting=doc.text("metadata", "deletionTimestamp", default="", limit=40),
            finalizers=tuple(sorted(one.text(limit=NAME_LIMIT) for one in doc.items("metadata", "finalizers"))),
            static=doc.has("metadata", "annotations", MIRROR_ANNOTATION),
            owner=f"{owner.kind} {owner.name}" if owner else "",
        )

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Delete it, then wait until it is gone."""
        pod = p.pod
        if facts.presence != "here":
            return Settled(_gone(pod, facts, mine), _verdict(p, mine))
        if facts.static:
            return Refuse(
                f"{pod} is a static pod: deleting the API's copy does not stop it",
                hint="remove its manifest from the node, or contain the node",
            )
        if facts.deleting:
            held = f", held by {', '.join(facts.finalizers)}" if facts.finalizers else ""
            return Wait(_AGAIN, f"{pod} is being deleted since {facts.deleting}{held}")
        lost = Impact(who=str(pod), what="memory, processes and writable layer are lost for good", warn=True)
        owner = (
            Impact(who=facts.owner, what="starts another pod with the same image, identity and flaw", warn=True)
            if facts.owner
            else Impact(who=str(pod), what="has no controller: nothing starts it again", warn=True)
        )
        return unpinned(pod) or Change((_delete(p),), f"{pod} is running", (lost, owner))


def _delete(p: Params) -> KubeCall:
    return KubeCall(
        name="delete",
        cluster=p.pod.cluster.id,
        verb="delete",
        resource=PODS,
        namespace=p.pod.namespace,
        object=p.pod.name,
        body={
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": p.grace_seconds,
            "preconditions": {"uid": p.pod.uid},
        },
        keep=("/metadata/uid", "/metadata/deletionTimestamp"),
    )


def _gone(pod: PodRef, facts: Facts, mine: Receipts) -> str:
    ours = f"{pod} is gone" if mine else f"{pod} was gone already"
    return f"{ours}; another pod bears its name" if facts.presence == "replaced" else ours


def _verdict(p: Params, mine: Receipts) -> Verdict:
    if mine and not p.grace_seconds:
        return Verdict.unproven("removed from the API without waiting for its node: its containers may still run")
    return Verdict.proven("the API has no pod of this name with this uid")


ACTION = DeletePod()
