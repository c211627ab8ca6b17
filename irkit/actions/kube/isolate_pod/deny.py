"""The objects that deny what NetworkPolicies allow: which are wanted here, and how they are made and taken away."""

from __future__ import annotations

from irkit.actions.kube.engines import DENIALS, DETECT_READS, STANDING_READS, DenialSeen
from irkit.actions.kube.engines.denials import ENGINES
from irkit.actions.kube.isolate_pod.facts import Choice, Facts
from irkit.actions.kube.isolate_pod.peers import PEER_READS
from irkit.actions.kube.isolate_pod.policy import policy_name
from irkit.actions.kube.objects import access
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import NETWORK_POLICIES, PODS, SERVICES
from irkit.model.plans import Drift, Receipts, Refuse
from irkit.model.refs import PodRef

_OPTIONAL_READS = tuple(
    dict.fromkeys(
        (*DETECT_READS, *(one for denial in DENIALS for one in access(denial.resource, "get")), *STANDING_READS)
    )
)
_OPTIONAL_WRITES = tuple(one for denial in DENIALS for one in access(denial.resource, "create", "patch", "delete"))
OPTIONAL = (*_OPTIONAL_READS, *_OPTIONAL_WRITES, *PEER_READS)
"""Where these are denied, a NetworkPolicy isolates all the same."""
READS = (
    *access(PODS, "get", "list"), *access(NETWORK_POLICIES, "list"), *access(SERVICES, "list"), *PEER_READS,
    *_OPTIONAL_READS,
)  # fmt: skip
WRITES = (*access(NETWORK_POLICIES, "create", "patch", "delete"), *access(PODS, "patch"), *_OPTIONAL_WRITES)
_STANDS = ("ours", "changed")


def refused(choice: Choice, facts: Facts) -> Refuse | None:
    """Why an engine that was asked for by name cannot deny here. With `auto` nothing of this is an obstacle."""
    seen = facts.denials[0] if choice not in {"auto", "networkpolicy"} and facts.denials else None
    if seen is None:
        return None
    what = str(seen.denial.resource)
    if seen.state == "absent":
        return Refuse(
            f"engine {choice} was asked for, and this cluster's API does not serve {what}",
            hint="leave engine out: irkit then uses what the cluster has",
        )
    if seen.state == "hidden":
        return Refuse(
            f"engine {choice} was asked for, and this identity may not look at {what}",
            hint=f"grant get, create, patch and delete of {what}, or leave engine out",
        )
    if seen.state == "foreign":
        return Refuse(
            f"a {seen.denial.resource.kind} bears this case's name but is not irkit's",
            hint="look who made it, rename or delete it, then resume",
        )
    return None


def wanted(choice: Choice, pod: PodRef, mark: Mark, facts: Facts, mine: Receipts) -> tuple[list[KubeCall], list[str]]:
    """What makes them what they must be, and why. With `auto`: where something stays open, and once only.

    A second try after a refusal by the API would hold up a containment that a NetworkPolicy already made.
    """
    effects, why = list[KubeCall](), list[str]()
    for seen in facts.denials:
        base, kind, cluster = policy_name(mark), seen.denial.resource.kind, pod.cluster.id
        if seen.state == "served" and (choice != "auto" or facts.open):
            effect = seen.denial.create(cluster, base, mark, pod.namespace)
            why.append(f"no {kind} denies what other policies allow")
        elif seen.state == "changed":
            effect = seen.denial.mend(cluster, base, mark, pod.namespace, seen.uid)
            why.append(f"{kind} {seen.denial.name(base)} was changed by somebody")
        else:
            continue
        if choice == "auto" and any(one.effect == effect.name and one.status == "failed" for one in mine.ended):
            why.pop()
            continue
        effects.append(effect)
    return effects, why


def taken_away(pod: PodRef, mark: Mark, facts: Facts) -> tuple[tuple[KubeCall, ...], tuple[Drift, ...]]:
    """The deletes of irkit's own; drift where somebody edited one since."""
    base = policy_name(mark)
    drift = tuple(
        Drift(field=f"{seen.denial.resource.kind}.spec", ours="as irkit made it", now="otherwise", original=None)
        for seen in facts.denials
        if seen.state == "changed"
    )
    calls = (
        seen.denial.delete(pod.cluster.id, base, pod.namespace, seen.uid)
        for seen in facts.denials
        if seen.state in _STANDS
    )
    return tuple(calls), drift


def unseen(mark: Mark, facts: Facts, mine: Receipts) -> Refuse | None:
    """The refusal to call an undo done where an object that this mark made cannot be looked at."""
    looked = {one.family for one in facts.denials if one.state != "hidden"}
    made = {one.effect.removeprefix("deny-") for one in mine.ended if one.effect.startswith("deny-")}
    gone = {one.effect.removeprefix("delete-") for one in mine.ended if one.effect.startswith("delete-")}
    lost = sorted(made - looked - gone)
    if not lost:
        return None
    return Refuse(
        f"irkit made an object of {' and '.join(lost)} here, and it cannot be looked at",
        hint=f"grant get and delete of it, or delete {policy_name(mark)} by hand",
    )


def denied_by(facts: Facts) -> DenialSeen | None:
    """The one that stands, and that the engine obeys which was seen to run."""
    for seen in facts.denials:
        if seen.state == "ours" and ENGINES.get(facts.engine.name) == seen.family and facts.engine.enforces != "no":
            return seen
    return None
