"""kube.replace_workload: have all pods of a workload started anew, from a new template, and see them serve.

A new template makes a new ReplicaSet, whose pods share no name prefix with the old ones: under the VPC CNI a prefix's
pods share policy state, and a replacement from the old ReplicaSet could inherit the isolation (domain.md §1).
"""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.about import About
from irkit.actions.kube.alter import alter, let_go, restore
from irkit.actions.kube.fields import Fields, Subject
from irkit.actions.kube.objects import access, nothing_to_restore, unpinned, vanished
from irkit.actions.kube.replace_workload.facts import REPLACING, Facts, observe, template_field
from irkit.actions.kube.replace_workload.judge import cannot, ends_evidence, impact, progress
from irkit.model.base import Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import CONTROLLERS, ENDPOINT_SLICES, NETWORK_POLICIES, PODS, REPLICA_SETS, SERVICES
from irkit.model.plans import Change, Impact, Originals, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import WorkloadRef


class Params(Model):
    """The Deployment, StatefulSet or DaemonSet whose pods are replaced."""

    workload: WorkloadRef = Field(description="the Deployment, StatefulSet or DaemonSet whose pods are replaced")


class ReplaceWorkload(About[Params], Defaults):
    """Sets an annotation on the template of the pods, as `kubectl rollout restart` does, and watches what follows."""

    about = "workload"
    spec = ActionSpec(
        id="kube.replace_workload",
        version=1,
        title="Replace all pods of a workload",
        purpose="recover",
        params=Params,
        outputs=NoOutputs,
        reads=(
            *(one for kind in REPLACING for one in access(CONTROLLERS[kind], "get")),
            *access(REPLICA_SETS, "list"),
            *access(PODS, "list"),
            *access(SERVICES, "list"),
            *access(ENDPOINT_SLICES, "list"),
            *access(NETWORK_POLICIES, "list"),
        ),
        writes=tuple(one for kind in REPLACING for one in access(CONTROLLERS[kind], "patch")),
        risk="disruptive",
        settle=2,
        example="workload: ${inputs.workload}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """How far it is, and whether its new pods serve."""
        who = p.workload
        return observe(who, mark, reader) if who.type in REPLACING else Facts(Fields("gone"))

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:
        """Change the template, then wait until every pod is new and serves."""
        who = p.workload
        if who.type not in REPLACING:
            return cannot(who)
        if facts.fields.presence != "here":
            return vanished(who, facts.fields.presence, mine, Verdict(status="failed", why=f"{who} no longer exists"))
        subject = Subject(CONTROLLERS[who.type], who)
        edit = alter("replace", subject, (template_field(mark),), facts.fields, mark.case)
        if edit is None:
            return progress(who, facts, mine)
        if not facts.wanted:
            return Settled(f"{who} has no pods to replace", Verdict.proven("read back: it shall have none"))
        if facts.hindered:
            return Refuse(
                f"{who} would not replace its pods: {facts.hindered}",
                hint="let it, or replace them one by one with kube.evict_pods",
            )
        return (
            ends_evidence(who, facts)
            or unpinned(who)
            or Change(
                (edit.call,),
                f"{who} runs {len(facts.old)} old pods",
                impact(who, facts),
                edit.originals,
                edit.after,
            )
        )

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Put the template back, which replaces the pods once more."""
        who = p.workload
        if facts.fields.presence != "here":
            return nothing_to_restore(who)
        subject = Subject(CONTROLLERS[who.type], who)
        wanted = restore("put-back", subject, (template_field(mark),), facts.fields, originals)
        if isinstance(wanted, tuple):
            return Refuse(
                f"somebody changed the template of {who} since irkit did",
                hint="where another case replaced the pods again, undo that case first",
                drift=wanted,
            )
        if isinstance(wanted, KubeCall):
            again = Impact(who=str(who), what="replaces all its pods once more, by pods of the template from before")
            return ends_evidence(who, facts) or Change((wanted,), f"irkit's template of {who} stands", (again,))
        return let_go("disown", subject, (template_field(mark),), facts.fields, originals) or Settled(
            f"the template of {who} is as it was" if originals else f"irkit did not replace the pods of {who}",
            Verdict.proven("read back: irkit's annotation is not in the template"),
        )


ACTION = ReplaceWorkload()
