"""What releasing a pod and giving it back mean for everybody else."""

from __future__ import annotations

from irkit.actions.kube.ranking import COST, MOST_COSTLY
from irkit.actions.kube.release_pod.facts import RELEASING, Facts
from irkit.actions.kube.release_pod.seats import Danger
from irkit.model.plans import Impact, Refuse
from irkit.model.refs import PodRef

_INSTEAD = {
    "ReplicaSet": "starts another with the same image, identity and flaw, on this node too unless it is cordoned",
    "StatefulSet": "cannot start another while this pod bears its name: it stays one short, and its updates stop here",
    "DaemonSet": "starts another on the same node, cordoned or not, with the same image, identity and flaw",
    "Job": "starts another, which does the work again",
}


def impossible(pod: PodRef, facts: Facts) -> Refuse | None:
    """Where taking labels away does not release a pod."""
    if facts.static:
        return Refuse(
            f"{pod} is a static pod: its labels come from a file on its node, which the kubelet writes again",
            hint="contain the node instead",
        )
    owner = facts.owner
    if owner is None:
        return None
    what = f"{owner.kind} {owner.name}"
    if owner.kind not in RELEASING:
        return Refuse(
            f"{pod} is controlled by {what}: what that does with a pod that lost its labels is not known",
            hint="cut the pod off with kube.isolate_pod, and ask whoever runs that controller",
        )
    if not owner.there:
        return Refuse(
            f"{what}, which controls {pod}, is gone: the garbage collector deletes the pod at any moment",
            hint="capture what you need now",
        )
    if owner.holds:
        return Refuse(
            f"{what} selects {pod} by labels that it does not have: none can be taken away",
            hint=f"scale it to 0 instead, or change its selector: kubectl -n {pod.namespace} get {owner.kind.lower()}",
        )
    return None


def impact(pod: PodRef, facts: Facts) -> tuple[Impact, ...]:
    """Who feels it when the labels go."""
    found = [
        Impact(who=f"Service {name}", what="loses this endpoint; connections that are open go on")
        for name in facts.services
    ]
    if facts.owner is not None:
        what = f"{facts.owner.kind} {facts.owner.name}"
        found.append(Impact(who=what, what=f"lets go of it and {_INSTEAD[facts.owner.kind]}", warn=True))
    elif not facts.services:
        found.append(Impact(who=str(pod), what="has no controller: nothing starts another"))
    found += [Impact(who=f"NetworkPolicy {name}", what="does not select it any more") for name in facts.freed]
    found += [Impact(who=f"NetworkPolicy {name}", what="selects it from then on", warn=True) for name in facts.gained]
    if facts.opened:
        found.append(
            Impact(
                who=str(pod),
                what=f"no policy polices its {' and '.join(facts.opened)} any more: that opens it; isolate it first",
                warn=True,
            )
        )
    found += [
        Impact(who=f"PodDisruptionBudget {name}", what="does not hold back its eviction any more", warn=True)
        for name in facts.budgets
    ]
    return tuple(found)


def loses(pod: PodRef, danger: Danger) -> Refuse:
    """The refusal to give a pod back to a controller that would delete evidence."""
    seat = danger.seat
    whom = "it" if danger.pod == pod.name else f"pod {danger.pod}, which a case holds,"
    why = f"{seat.kind} {seat.name} would take {pod} back and may delete {whom} at once: {danger.why}"
    keep = "keep it as it is, or, once it was captured, delete it: kube.delete_pod"
    if seat.kind in {"DaemonSet", "StatefulSet"} or not seat.wanted:
        return Refuse(why, hint=keep)
    cost = f"kubectl -n {pod.namespace} annotate --overwrite pod {danger.pod} {COST}={MOST_COSTLY}"
    more = f"kubectl -n {pod.namespace} scale {seat.top} --replicas={seat.wanted + 1}"
    if seat.kind == "Job":
        return Refuse(why, hint=f"{cost}, then undo again; or {keep}")
    return Refuse(
        why,
        hint=f"{cost}, then undo again; or scale it up by one first: {more}; or {keep}",
    )


def giving_back(pod: PodRef, found: tuple[Danger, ...]) -> tuple[Impact, ...]:
    """Who feels it when the labels are back, and who is deleted for it."""
    back = Impact(who=str(pod), what="is selected by its Services and policies again")
    ends = (
        Impact(
            who=f"pod {name}", what=f"is likely deleted: {one.seat.kind} {one.seat.name} has one too many", warn=True
        )
        for one in found
        for name in one.victims
    )
    return (back, *ends)
