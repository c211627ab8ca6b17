"""kube.isolate_pod: deny a pod all traffic, in and out, by a NetworkPolicy.

One policy serves all pods of a case in a namespace: it selects the case's label. Policies only ever add up,
so any other policy that selects the pod and allows something keeps that open, and is named. Whether anything
enforces policies here cannot be seen in the API's objects: without a probe the result is unproven.
"""

from __future__ import annotations

import hashlib

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.fields import Field, Subject, clash, label, remove_field, set_fields, take_out
from irkit.actions.kube.isolate_pod.facts import Facts, observe
from irkit.actions.kube.isolate_pod.policy import create, delete, differences, is_ours, mend, policy_name
from irkit.actions.kube.labelling import held_elsewhere
from irkit.actions.kube.netpol import openings
from irkit.actions.kube.objects import absent, access, unpinned
from irkit.model.base import Json, Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import CASE_LABEL, NETWORK_POLICIES, PODS, SERVICES
from irkit.model.plans import Change, Drift, Impact, Original, Originals, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import NamespaceRef, PodRef

UNPROVEN = "no engine's enforcement was observed: nothing probes yet; connections that were open may live on"


class Params(Model):
    """The pod to cut off."""

    pod: PodRef


class IsolatePod(Defaults):
    """Creates the case's deny-all policy in the pod's namespace, then labels the pod so that it is selected."""

    spec = ActionSpec(
        id="kube.isolate_pod",
        version=1,
        title="Deny a pod all network traffic",
        purpose="contain",
        params=Params,
        outputs=NoOutputs,
        reads=(*access(PODS, "get", "list"), *access(NETWORK_POLICIES, "list"), *access(SERVICES, "list")),
        writes=(*access(NETWORK_POLICIES, "create", "patch", "delete"), *access(PODS, "patch")),
        risk="disruptive",
        example="pod: ${inputs.pod}",
    )

    def target(self, p: Params) -> PodRef:
        """The pod."""
        return p.pod

    def scope(self, p: Params) -> str:
        """The namespace: one policy serves all pods of the case in it."""
        return NamespaceRef(cluster=p.pod.cluster, name=p.pod.namespace).key

    def mark_params(self, p: Model) -> Json:  # noqa: ARG002 -- the port's
        """None: two pods of one namespace share the policy, and so the mark."""
        return {}

    def locks(self, p: Params) -> tuple[str, ...]:
        """The pod. The policy needs none: its name is its lock."""
        return (p.pod.key,)

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """The pod, every policy that may select it, and who else feels it."""
        return observe(p.pod, mark, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:
        """Policy first, then label: from the label on the pod is cut off."""
        pod = p.pod
        if facts.fields.presence != "here":
            if facts.fields.presence == "gone" and mine:
                return Settled(f"{pod} is gone", Verdict.proven(f"{pod} no longer exists"))
            return absent(pod, facts.fields.presence)
        refusal = _impossible(pod, mark, facts) or unpinned(pod)
        if refusal is not None:
            return refusal
        ours, effects, why = facts.policy(policy_name(mark)), list[KubeCall](), list[str]()
        if ours is None:
            effects.append(create(pod, mark))
            why.append("no policy denies all traffic")
        elif not is_ours(ours, mark):
            return Refuse(
                f"NetworkPolicy {pod.namespace}/{ours.name} bears this case's name but is not irkit's",
                hint="look who made it, rename or delete it, then resume",
            )
        elif differences(ours, mark):
            effects.append(mend(pod, mark, ours))
            why.append(f"{ours.name} was changed by somebody")
        edit = set_fields(_name("label", pod), Subject(PODS, pod), (_label(mark),), facts.fields, mark.case)
        if edit is not None:
            effects.append(edit.call)
            why.append(f"{pod} is not selected by it")
        if effects:
            originals: tuple[Original, ...] = edit.originals if edit else ()
            return Change(tuple(effects), "; ".join(why), _impact(facts), originals, edit.after if edit else {})
        return Settled(f"{policy_name(mark)} selects {pod} and allows nothing", _verdict(facts))

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Take the label out if isolating set it, and the policy away with the last pod that it isolates.

        Where other pods of the case stay isolated the policy stays, and the label is taken off this pod,
        whoever set it: nothing else releases one pod.
        """
        pod, ours = p.pod, facts.policy(policy_name(mark))
        effects: list[KubeCall] = []
        if facts.fields.presence == "here":
            taken = take_out(_name("unlabel", pod), Subject(PODS, pod), (_label(mark),), facts.fields, originals)
            if isinstance(taken, tuple):
                return _drifted(str(pod), taken)
            if taken is None and facts.others and ours is not None and is_ours(ours, mark) and _labelled(facts, mark):
                taken = remove_field(_name("unlabel", pod), Subject(PODS, pod), _label(mark))
            effects += [taken] if taken else []
        if ours is not None and not facts.others:
            drift = differences(ours, mark)
            if drift:
                return _drifted(f"NetworkPolicy {pod.namespace}/{ours.name}", drift)
            effects.append(delete(pod, ours))
        if effects:
            return Change(tuple(effects), f"irkit's policy still selects {pod}")
        kept = f"; the policy stays for {len(facts.others)} more pods of this case" if ours and facts.others else ""
        return Settled(
            f"irkit's policy does not select {pod}{kept}", Verdict.proven("read back: no policy of irkit selects it")
        )


def _name(verb: str, pod: PodRef) -> str:
    """An effect's name, different for each pod of the shared mark."""
    return f"{verb}-{hashlib.sha256(pod.key.encode()).hexdigest()[:10]}"


def _label(mark: Mark) -> Field:
    return label(CASE_LABEL, mark.case)


def _labelled(facts: Facts, mark: Mark) -> bool:
    return dict(facts.labels).get(CASE_LABEL) == mark.case


def _impossible(pod: PodRef, mark: Mark, facts: Facts) -> Refuse | None:
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
    held = clash((_label(mark),), facts.fields)
    return held_elsewhere(pod, held, dict(facts.labels).get(CASE_LABEL)) if held else None


def _verdict(facts: Facts) -> Verdict:
    found = openings(facts.policies, dict(facts.labels))
    return Verdict.leaky("; ".join(found)) if found else Verdict.unproven(UNPROVEN)


def _impact(facts: Facts) -> tuple[Impact, ...]:
    others = tuple(
        Impact(who=f"pod {name}", what="carries the case's label too: the same policy applies to it", warn=True)
        for name in facts.others
    )
    services = tuple(
        Impact(who=f"Service {name}", what="still counts the pod as an endpoint: requests sent to it time out")
        for name in facts.services
    )
    return (*others, *services)


def _drifted(what: str, drift: tuple[Drift, ...]) -> Refuse:
    return Refuse(
        f"somebody changed {what} since irkit did",
        hint="compare the values; put back what irkit set, or clean up by hand",
        drift=drift,
    )


ACTION = IsolatePod()
