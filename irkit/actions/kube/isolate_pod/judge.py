"""What the facts mean: whether a NetworkPolicy can work here at all, what it leaves open, and who else feels it."""

from __future__ import annotations

import hashlib

from irkit.actions.kube.fields import Field, clash, label
from irkit.actions.kube.isolate_pod.facts import Facts
from irkit.actions.kube.labelling import held_elsewhere
from irkit.actions.kube.netpol import in_words
from irkit.model.effects import Mark
from irkit.model.kube import CASE_LABEL
from irkit.model.plans import Drift, Impact, Refuse, Verdict
from irkit.model.refs import PodRef

UNPROVEN = "no engine's enforcement was observed: nothing probes yet; connections that were open may live on"


def effect_name(verb: str, pod: PodRef) -> str:
    """An effect's name, different for each pod of the shared mark."""
    return f"{verb}-{hashlib.sha256(pod.key.encode()).hexdigest()[:10]}"


def case_label(mark: Mark) -> Field:
    """What the policy selects."""
    return label(CASE_LABEL, mark.case)


def labelled(facts: Facts, mark: Mark) -> bool:
    """Whether the policy selects the pod."""
    return dict(facts.labels).get(CASE_LABEL) == mark.case


def impossible(pod: PodRef, mark: Mark, facts: Facts) -> Refuse | None:
    """Where a NetworkPolicy cannot work, or must not (domain.md §1, hardest test 5)."""
    if facts.host_network:
        return Refuse(
            f"{pod} uses its node's network: no NetworkPolicy applies to it",
            hint="contain the node instead: kube.cordon_node, then its security groups, and revoke the pod's role",
        )
    if facts.fargate:
        return Refuse(
            f"{pod} runs on Fargate, where NetworkPolicies do not apply",
            hint="revoke the role of its service account, close the subnet's network ACL, or delete the pod",
        )
    held = clash((case_label(mark),), facts.fields)
    return held_elsewhere(pod, held, dict(facts.labels).get(CASE_LABEL)) if held else None


def verdict(facts: Facts) -> Verdict:
    """Leaky where another policy allows something; else unproven, for nobody looked at the traffic."""
    found = in_words(facts.openings)
    return Verdict.leaky("; ".join(found)) if found else Verdict.unproven(UNPROVEN)


def impact(facts: Facts) -> tuple[Impact, ...]:
    """Who else feels it."""
    others = tuple(
        Impact(who=f"pod {name}", what="carries the case's label too: the same policy applies to it", warn=True)
        for name, _ in facts.others
    )
    services = tuple(
        Impact(who=f"Service {name}", what="still counts the pod as an endpoint: requests sent to it time out")
        for name in facts.services
    )
    return (*others, *services)


def drifted(what: str, drift: tuple[Drift, ...]) -> Refuse:
    """The refusal to undo over somebody else's change."""
    return Refuse(
        f"somebody changed {what} since irkit did",
        hint="compare the values; put back what irkit set, or clean up by hand",
        drift=drift,
    )
