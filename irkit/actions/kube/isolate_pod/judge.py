"""What the facts mean: whether a NetworkPolicy can work here at all, and what it leaves open."""

from __future__ import annotations

import hashlib

from irkit.actions.kube.fields import Field, clash, label
from irkit.actions.kube.isolate_pod.deny import denied_by
from irkit.actions.kube.isolate_pod.facts import Facts
from irkit.actions.kube.isolate_pod.probed import ProbeSeen
from irkit.actions.kube.isolate_pod.second import second_ways, unseen_ways
from irkit.actions.kube.labelling import held_elsewhere
from irkit.actions.kube.netpol import Opening, in_words
from irkit.model.effects import Mark
from irkit.model.kube import CASE_LABEL
from irkit.model.plans import Drift, Refuse, Verdict
from irkit.model.refs import PodRef

_SHOWN = 5


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
    """Proven only by connections that were tried; leaky where something is known to be open; else unproven.

    What a probe saw outranks what the cluster's objects say of the engine. A probe tries a few connections and
    not all, so other policies that allow something stay a leak until an object denies first. What only pods that
    share the engine's state keep open, and no try came through, is not seen to be open: unproven.
    """
    probe = facts.probe
    if probe is not None and probe.open:
        return Verdict.leaky(f"connections came through: {'; '.join(probe.open[:_SHOWN])}{_shared(facts)}")
    if facts.engine.enforces == "no" and not (probe and probe.tried):
        return Verdict.leaky(f"nothing enforces the policy: {facts.engine}")
    left, second, gaps = _left(facts), second_ways(facts), _gaps(facts, probe)
    if left and not gaps and not second and not set(left) & set(facts.openings):
        why = "every connection that was tried is refused, but pods that share VPC CNI's state on the node keep it open"
        return Verdict.unproven(f"{why}: {'; '.join(in_words(left))}; replace them from a new ReplicaSet")
    if left or second:
        return Verdict.leaky("; ".join((*in_words(left), *second)))
    if facts.engine.enforces == "no" and probe is not None:
        return Verdict.unproven(f"refused when it was tried, but nothing enforces the policy now: {facts.engine}")
    again = in_words(facts.sharing.open_far[:1])
    warning = f"; may open again when the agent processes policies anew: {again[0]}" if again else ""
    if probe is None or gaps:
        return Verdict.unproven("; ".join(gaps) + warning)
    return Verdict.proven(
        f"{probe.refused} of {probe.tried} connections, in and out, were refused and what was open is cut{warning}"
    )


def _shared(facts: Facts) -> str:
    """Where pods that share the state may be why: through whom, and what helps."""
    through = in_words((*facts.sharing.open_near, *facts.sharing.open_far)[:1])
    help_ = "replace the workload from a new ReplicaSet, or contain the node"
    return f"; pods that share VPC CNI's state keep it open: {through[0]}; {help_}" if through else ""


def _left(facts: Facts) -> tuple[Opening, ...]:
    """What stays open, less what an object of the running engine denies before any allow rule."""
    seen = denied_by(facts)
    if seen is None:
        return facts.open
    if seen.denial.covers_outside:
        return ()
    return tuple(one for one in facts.open if one.outside and one.direction == "ingress")


def _gaps(facts: Facts, probe: ProbeSeen | None) -> list[str]:
    """What keeps it from being proven, and what would prove it."""
    if probe is None or not (probe.tried or probe.doubts):
        limit = f"; {facts.engine.limits[0]}" if facts.engine.limits else ""
        return [f"nobody tried a connection (kube.probe_pod does); seen: {facts.engine}{limit}"]
    gaps = []
    if probe.refused < probe.tried:
        gaps.append(f"{probe.tried - probe.refused} of {probe.tried} tries said nothing")
    missing = [name for name, tried in (("into", probe.ingress), ("out of", probe.egress)) if not tried]
    if probe.doubts:
        gaps += probe.doubts
    elif missing:
        gaps.append(f"no connection {' and '.join(missing)} the pod was tried")
    if probe.established == "unknown":
        gaps.append("new connections are refused; what became of those that were open was not seen")
    return [*gaps, *unseen_ways(facts)]


def drifted(what: str, drift: tuple[Drift, ...]) -> Refuse:
    """The refusal to undo over somebody else's change."""
    return Refuse(
        f"somebody changed {what} since irkit did",
        hint="compare the values; put back what irkit set, or clean up by hand",
        drift=drift,
    )
