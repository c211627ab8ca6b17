"""kube.isolate_pod: deny a pod all traffic, in and out, by a NetworkPolicy.

One policy serves all pods of a case in a namespace: it selects the case's label. Policies only ever add up, so any
other that allows something at the pod keeps that open, and is named; where the running engine has an object that denies
before all of them, irkit makes one too. That anything enforces policies only a probe can show: else it is unproven.
"""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.about import About
from irkit.actions.kube.engines import AGENT_READS
from irkit.actions.kube.fields import Subject, remove_field, set_fields, take_out
from irkit.actions.kube.isolate_pod.deny import OPTIONAL, READS, WRITES, refused, taken_away, unseen, wanted
from irkit.actions.kube.isolate_pod.facts import Choice, Facts, observe
from irkit.actions.kube.isolate_pod.impact import impact
from irkit.actions.kube.isolate_pod.judge import case_label, drifted, effect_name, impossible, labelled, verdict
from irkit.actions.kube.isolate_pod.policy import create, delete, differences, is_ours, mend, policy_name
from irkit.actions.kube.lives import counting, lost, without
from irkit.actions.kube.objects import access, unpinned, vanished
from irkit.model.base import Json, Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import DAEMON_SETS, PODS
from irkit.model.plans import Change, Originals, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import NamespaceRef, PodRef


class Params(Model):
    """The pod to cut off, and by whose objects: `auto` takes a NetworkPolicy, and the engine's own where that leaks."""

    pod: PodRef = Field(description="the pod that is cut off")
    engine: Choice = Field(
        default="auto",
        description="whose policies deny it; auto takes a NetworkPolicy, and the engine's own where that leaks",
    )


class IsolatePod(About[Params], Defaults):
    """Creates the case's deny-all policy in the pod's namespace, then labels the pod so that it is selected."""

    about = "pod"
    spec = ActionSpec(
        id="kube.isolate_pod",
        version=1,
        title="Deny a pod all network traffic",
        purpose="contain",
        params=Params,
        outputs=NoOutputs,
        reads=READS,
        writes=WRITES,
        wide=access(DAEMON_SETS, "list"),
        optional=OPTIONAL,
        system=AGENT_READS,
        risk="disruptive",
        example="pod: ${inputs.pod}",
    )

    def scope(self, p: Params) -> str:
        """The namespace: one policy serves all pods of the case in it, and its name is its lock."""
        return NamespaceRef(cluster=p.pod.cluster, name=p.pod.namespace).key

    def mark_params(self, p: Model) -> Json:  # noqa: ARG002 -- the port's
        """None: two pods of one namespace share the policy, and so the mark, by whatever engine."""
        return {}

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """The pod, every policy that may select it, and who else feels it."""
        return observe(p.pod, mark, reader, p.engine)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:
        """Policy first, then label: from the label on the pod is cut off."""
        pod = p.pod
        if facts.fields.presence != "here":
            return vanished(pod, facts.fields.presence, mine)
        refusal = impossible(pod, mark, facts) or unpinned(pod) or refused(p.engine, facts)
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
        edit = set_fields(effect_name("label", pod), Subject(PODS, pod), (case_label(mark),), facts.fields, mark.case)
        if edit is not None:
            effects.append(counting(edit.call, facts.lives))
            why.append(f"{pod} is not selected by it")
        denials, reasons = wanted(p.engine, pod, mark, facts, mine)
        if effects or denials:
            touched = (edit.originals, edit.after) if edit else ((), {})
            return Change((*effects, *denials), "; ".join((*why, *reasons)), impact(facts), *touched)
        found = without(lost(facts.lives, mine, effect_name("label", pod)), verdict(facts))
        return Settled(f"{policy_name(mark)} selects {pod} and allows nothing", found)

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:
        """Take the label out if isolating set it, and the policy away with the last pod that it isolates.

        Where other pods of the case stay isolated the policy stays, and the label is taken off this pod,
        whoever set it: nothing else releases one pod. A pod that was labelled but never isolated holds nothing up.
        """
        pod, ours = p.pod, facts.policy(policy_name(mark))
        others = [key for _, key in facts.others if key in mine.others]
        effects: list[KubeCall] = []
        if facts.fields.presence == "here":
            name, subject, field = effect_name("unlabel", pod), Subject(PODS, pod), case_label(mark)
            taken = take_out(name, subject, (field,), facts.fields, originals)
            if isinstance(taken, tuple):
                return drifted(str(pod), taken)
            if taken is None and others and ours is not None and is_ours(ours, mark) and labelled(facts, mark):
                taken = remove_field(name, subject, field)
            effects += [taken] if taken else []
        if ours is not None and not others:
            drift = differences(ours, mark)
            if drift:
                return drifted(f"NetworkPolicy {pod.namespace}/{ours.name}", drift)
            effects.append(delete(pod, ours))
        if not others:
            denials, drift = taken_away(pod, mark, facts)
            if drift:
                return drifted(f"irkit's {denials[0].resource.kind}", drift)
            effects += denials
        if effects:
            return Change(tuple(effects), f"irkit's policy still selects {pod}", facts.released)
        hidden = unseen(mark, facts, mine)
        if hidden is not None:
            return hidden
        kept = f"; the policy stays for {len(others)} more pods of this case" if ours and others else ""
        return Settled(
            f"irkit's policy does not select {pod}{kept}", Verdict.proven("read back: no policy of irkit selects it")
        )


ACTION = IsolatePod()
