"""kube.scale_workload: set how many pods a Deployment, ReplicaSet or StatefulSet has; 0 stops it.

Pods that end take their memory and writable layer with them, and the controller chooses which ones end: where a
case's own pod is among them nothing is scaled down until that pod is released.
"""

from __future__ import annotations

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.about import About
from irkit.actions.kube.fields import Subject
from irkit.actions.kube.objects import access, nothing_to_restore, unpinned, vanished
from irkit.actions.kube.operations import op
from irkit.actions.kube.scale_workload.facts import REPLICAS, SCALABLE, Facts, observe
from irkit.actions.kube.scale_workload.judge import Params, ends, fought, impact, loses_evidence, pods, some
from irkit.model.base import Json
from irkit.model.effects import Access, KubeCall, Mark
from irkit.model.kube import CONTROLLERS, HPAS, PODS, REPLICA_SETS
from irkit.model.plans import Change, Drift, Impact, Original, Originals, Plan, Receipts, Refuse, Settled, Verdict, Wait
from irkit.model.ports import Reader

FIELD = "spec.replicas"
_CO_OWNED = (
    # managedFields cannot be written through the scale subresource, and irkit asks for no right on the whole object
    f"; the API names irkit as an owner of {FIELD} beside whoever applies it: the next to apply another number "
    "server-side says --force-conflicts, once"
)
_AGAIN = 2
_INSTEAD = {
    "CronJob": "kube.suspend_cronjob stops its schedule",
    "DaemonSet": "it has one pod on every node that it selects: contain the node, or its pods one by one",
    "Job": "release its pod with kube.release_pod, or delete the pod once it was captured",
}


def _scaling(kind: str) -> Access:
    return Access(group="apps", resource=f"{CONTROLLERS[kind].plural}/scale", verb="patch")


class ScaleWorkload(About[Params], Defaults):
    """Patches the scale subresource alone: the permission for it does not let anybody change the pods' template."""

    about = "workload"
    spec = ActionSpec(
        id="kube.scale_workload",
        version=1,
        title="Set how many pods a workload has",
        purpose="contain",
        params=Params,
        outputs=NoOutputs,
        reads=(
            *(one for kind in SCALABLE for one in access(CONTROLLERS[kind], "get")),
            *access(REPLICA_SETS, "list"), *access(PODS, "list"), *access(HPAS, "list"),
        ),
        writes=tuple(_scaling(kind) for kind in SCALABLE),
        risk="disruptive",
        example="workload: ${inputs.workload}\nreplicas: 0",
    )  # fmt: skip

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """The workload, its pods and its autoscalers."""
        return observe(p.workload, reader) if p.workload.type in SCALABLE else Facts("gone")

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Set the number, then wait until so many pods are left."""
        who = p.workload
        if who.type not in SCALABLE:
            return Refuse(f"{who} has no number of pods to set", hint=_INSTEAD.get(who.type, "name its Deployment"))
        if facts.presence != "here":
            return vanished(who, facts.presence, mine)
        if facts.replicas == p.replicas:
            return _reached(p, facts, mine)
        refusal = fought(p, facts) or loses_evidence(p.replicas, p, facts) or unpinned(who)
        return refusal or Change(
            (_scale("scale", p, facts.replicas, p.replicas),),
            f"{who} has {pods(facts.replicas)}",
            impact(p, facts),
            (Original(target=who.key, field=FIELD, value=facts.replicas),),
            {FIELD: p.replicas},
        )

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Back to the first number, where the present one is irkit's."""
        who, first = p.workload, originals.get((p.workload.key, FIELD))
        if facts.presence != "here":
            return nothing_to_restore(who)
        if type(first) is not int:
            return Settled(f"irkit did not scale {who}", Verdict.proven("read back: the number is not irkit's"))
        if facts.replicas == first:
            again = f"{who} has {pods(first)} again{_CO_OWNED if facts.co_owned else ''}"
            return Settled(again, Verdict.proven(f"read back: {FIELD} is {first}"))
        if facts.replicas != p.replicas:
            return Refuse(
                f"somebody scaled {who} since irkit did",
                hint=f"scale it to {p.replicas} or {first} by hand, then undo again",
                drift=(Drift(field=FIELD, ours=p.replicas, now=facts.replicas, original=first),),
            )
        starts = Impact(who=str(who), what=f"starts {pods(first - p.replicas)} with the same image, identity and flaw")
        return loses_evidence(first, p, facts) or Change(
            (_scale("scale-back", p, p.replicas, first),),
            f"{who} has {pods(p.replicas)} because of irkit",
            (starts,) if first > p.replicas else ends(who, p.replicas - first),
        )


def _scale(effect: str, p: Params, now: int, then: int) -> KubeCall:
    """In a Scale, 0 is left out (autoscaling/v1, `omitempty`): it tests as null."""
    ops: list[Json] = [op("test", REPLICAS, now or None), op("add", REPLICAS, then)]
    return Subject(CONTROLLERS[p.workload.type], p.workload).patch(effect, ops, "scale")


def _reached(p: Params, facts: Facts, mine: Receipts) -> Plan:
    who = p.workload
    if not facts.seen:
        return Wait(1, f"the controller of {who} has not taken note yet")
    if len(facts.pods) != p.replicas:
        return Wait(_AGAIN, f"{who} shall have {pods(p.replicas)} and has {len(facts.pods)}: {some(facts.pods)}")
    reason = f"{who} has {pods(p.replicas)}"
    return Settled(
        reason if mine else f"{reason} already; undo leaves it so",
        Verdict.proven(f"read back: {FIELD} is {p.replicas}, and the API has so many pods of it"),
    )


ACTION = ScaleWorkload()
