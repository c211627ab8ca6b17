"""kube.protect_pod: keep a pod from being deleted or evicted, by people, controllers and autoscalers.

Annotations ask the autoscalers; a ValidatingAdmissionPolicy denies DELETE and eviction of the pods with the case's
label, to everybody, and keeps their isolation where the namespace is deleted around them. Whoever may change the pod's
labels or the policy can get around it: that is seen as drift.
Source: Kubernetes documentation, "Validating Admission Policy" (v1, from Kubernetes 1.30).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.about import About
from irkit.actions.kube.alter import alter, let_go, restore
from irkit.actions.kube.endings import warnings
from irkit.actions.kube.fields import Subject, clash, label
from irkit.actions.kube.labelling import held_elsewhere
from irkit.actions.kube.lives import counting, lost
from irkit.actions.kube.made import make_or_mend, take_away, taken
from irkit.actions.kube.objects import access, named, unpinned, vanished
from irkit.actions.kube.protect_pod.facts import Facts, impact, observe, verdict, wanted
from irkit.actions.kube.protect_pod.policy import objects
from irkit.model.base import Json, Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS, CASE_LABEL, PODS
from irkit.model.plans import Change, Originals, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import NamespaceRef, PodRef

User = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:@._/+=,-]{1,253}$")]
"""A user name as the API server sees it. Without quotes and backslashes: it stands in an expression."""


class Params(Model):
    """The pod to keep; `may_delete` are users that the policy lets delete all the same."""

    pod: PodRef = Field(description="the pod to keep")
    may_delete: Annotated[tuple[User, ...], Field(max_length=16)] = Field(
        default=(), description="users who may delete it all the same"
    )


class ProtectPod(About[Params], Defaults):
    """One policy serves all pods of the case in a namespace; each pod gets its annotations and the case's label."""

    about = "pod"
    spec = ActionSpec(
        id="kube.protect_pod",
        version=1,
        title="Keep a pod from being deleted or evicted",
        purpose="protect",
        params=Params,
        outputs=NoOutputs,
        reads=(
            *access(PODS, "get", "list"),
            *access(ADMISSION_POLICIES, "get"),
            *access(ADMISSION_POLICY_BINDINGS, "get"),
        ),
        writes=(
            *access(PODS, "patch"),
            *access(ADMISSION_POLICIES, "create", "patch", "delete"),
            *access(ADMISSION_POLICY_BINDINGS, "create", "patch", "delete"),
        ),
        # A policy's maker must see all its parameters (kubernetes, validatingadmissionpolicy/authz.go): all pods.
        wide=access(PODS, "get"),
        risk="disruptive",
        settle=2,
        example="pod: ${inputs.pod}",
    )

    def scope(self, p: Params) -> str:
        """The namespace: one policy serves all pods of the case in it, and its name is its lock."""
        return NamespaceRef(cluster=p.pod.cluster, name=p.pod.namespace).key

    def mark_params(self, p: Model) -> Json:
        """Who may delete: it is in the policy. The pod is not: several share the policy."""
        return {"may_delete": list[Json](sorted(p.may_delete))} if isinstance(p, Params) else {}

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """The pod, the policy, and who else is under it."""
        return observe(p.pod, p.may_delete, mark, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:
        """Policy and binding first: they take a second to work."""
        pod, case = p.pod, label(CASE_LABEL, mark.case)
        if facts.fields.presence != "here":
            return vanished(
                pod, facts.fields.presence, mine, Verdict(status="failed", why=f"{pod} was deleted all the same")
            )
        if clash((case,), facts.fields):
            return held_elsewhere(pod, case, dict(facts.fields.values)[case.name])
        pairs = tuple(zip(objects(pod, p.may_delete, mark), (facts.policy, facts.binding), strict=True))
        refusal = _too_late(pod, facts) or unpinned(pod) or taken(pairs)
        if refusal is not None:
            return refusal
        calls, why = make_or_mend(pairs, mark) if facts.served else ((), ())
        edit = alter(named("protect", pod), Subject(PODS, pod), wanted(mark), facts.fields, mark.case)
        if edit is not None:
            calls, why = (*calls, counting(edit.call, facts.lives)), (*why, f"{pod} is not marked")
        if calls:
            originals, after = (edit.originals, edit.after) if edit else ((), {})
            return Change(calls, "; ".join(why), impact(pod, facts), originals, after)
        gone = lost(facts.lives, mine, named("protect", pod))
        return Settled(f"{pod} is protected", Verdict(status="failed", why=gone) if gone else verdict(facts))

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:
        """Put the annotations back, and take the policy away with the last pod of the case that it protects."""
        pod, calls = p.pod, tuple[KubeCall, ...]()
        pairs = tuple(zip(objects(pod, p.may_delete, mark), (facts.policy, facts.binding), strict=True))
        stay = [key for _, key in facts.others if key in mine.others]
        if not stay:
            taken_away = take_away(pairs[::-1])
            if isinstance(taken_away, Refuse):
                return taken_away
            calls = taken_away
        if facts.fields.presence == "here":
            back = restore(named("unprotect", pod), Subject(PODS, pod), wanted(mark), facts.fields, originals)
            if isinstance(back, tuple):
                return Refuse(
                    f"somebody changed annotations or labels of {pod} since irkit set them",
                    hint="compare the values; set them by hand to what they should be, then undo again",
                    drift=back,
                )
            calls = (*calls, back) if back else calls
        if calls:
            return Change(calls, f"irkit still protects {pod}", warnings((facts.ending,) if facts.ending else ()))
        ours = let_go(named("disown", pod), Subject(PODS, pod), wanted(mark), facts.fields, originals)
        if ours:
            return ours
        if stay:
            kept = f"the policy stays for {len(stay)} more pods of this case, and for this one while it has the label"
            return Settled(kept, Verdict.proven("read back: the annotations are as they were"))
        return Settled(f"irkit does not protect {pod}", Verdict.proven("read back: annotations and policy are gone"))


def _too_late(pod: PodRef, facts: Facts) -> Refuse | None:
    if facts.deleting:
        return Refuse(
            f"{pod} is being deleted since {facts.deleting}: nothing stops that any more",
            hint="capture what you can before its grace period ends",
        )
    if facts.static:
        return Refuse(f"{pod} is a static pod: it lives as long as its file on the node", hint="protect the node")
    return None


ACTION = ProtectPod()
