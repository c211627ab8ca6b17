"""kube.release_pod: take a pod out of everything that selects it by labels, and keep it running.

Services stop sending to it, its controller lets go of it and starts another, policies stop allowing it things. Giving
it back is dangerous by nature: its controller then has one pod too many and deletes one, often this one.
"""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.about import About
from irkit.actions.kube.alter import alter, let_go, restore
from irkit.actions.kube.fields import Subject
from irkit.actions.kube.objects import access, nothing_to_restore, unpinned, vanished
from irkit.actions.kube.release_pod.facts import RELEASING, Facts, observe, stripped
from irkit.actions.kube.release_pod.judge import giving_back, impact, impossible, loses
from irkit.actions.kube.release_pod.seats import dangers
from irkit.model.base import Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import (
    CONTROLLERS,
    DAEMON_SETS,
    ENDPOINT_SLICES,
    JOBS,
    NETWORK_POLICIES,
    PDBS,
    PODS,
    REPLICA_SETS,
    SERVICES,
    STATEFUL_SETS,
)
from irkit.model.plans import Change, Originals, Plan, Receipts, Refuse, Settled, Verdict, Wait
from irkit.model.ports import Reader
from irkit.model.refs import PodRef

_PREFIX, _SUFFIX = 'metadata.labels["', '"]'
_LISTED = (SERVICES, ENDPOINT_SLICES, NETWORK_POLICIES, PDBS, PODS, REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS)
_LOST = Verdict(status="failed", why="the pod that was to be kept no longer exists")
_READY = 5
"""Seconds until looking again at a pod that has to become ready."""


class Params(Model):
    """The pod to take out."""

    pod: PodRef = Field(description="the pod to take out")


class ReleasePod(About[Params], Defaults):
    """Removes the labels by which something selects the pod; their values are kept and put back."""

    about = "pod"
    spec = ActionSpec(
        id="kube.release_pod",
        version=1,
        title="Take a pod out of its Services and its controller",
        purpose="contain",
        params=Params,
        outputs=NoOutputs,
        reads=(
            *access(PODS, "get"),
            *(one for kind in RELEASING for one in access(CONTROLLERS[kind], "get")),
            *(one for resource in _LISTED for one in access(resource, "list")),
        ),
        writes=access(PODS, "patch"),
        risk="disruptive",
        settle=2,
        undo_after=("kube.isolate_pod",),  # a pod without a network is not ready, and the first that is deleted
        example="pod: ${inputs.pod}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """Who selects and controls it, and who would take it back."""
        return observe(p.pod, mark, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:
        """Strip the labels, then wait until its controller and its Services have let go."""
        pod, owner = p.pod, facts.owner
        if facts.fields.presence != "here":
            return vanished(pod, facts.fields.presence, mine, _LOST)
        refusal = impossible(pod, facts) or unpinned(pod)
        if refusal is not None:
            return refusal
        fields = [stripped(key) for key in facts.strip]
        edit = alter("release", Subject(PODS, pod), fields, facts.fields, mark.case)
        if edit is not None:
            return Change(
                (edit.call,), f"{pod} is selected by its labels", impact(pod, facts), edit.originals, edit.after
            )
        if owner is not None:
            return Wait(1, f"{owner.kind} {owner.name} has not let go of {pod} yet")
        if facts.listed:
            return Wait(1, f"{pod} is still an endpoint of {', '.join(facts.listed)}")
        reason = f"{pod} is out of its Services and its controller"
        return Settled(
            reason if mine else f"nothing selected {pod}; undo leaves it so",
            Verdict.proven("read back: no controller owns it, and no Service lists it"),
        )

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Put the labels back where that does not end the pod."""
        pod = p.pod
        if facts.fields.presence != "here":
            return nothing_to_restore(pod)
        firsts = {
            name.removeprefix(_PREFIX).removesuffix(_SUFFIX): value
            for (key, name), value in sorted(originals.items())
            if key == pod.key and isinstance(value, str)
        }
        fields = [stripped(key) for key in firsts]
        wanted = restore("give-back", Subject(PODS, pod), fields, facts.fields, originals)
        if isinstance(wanted, tuple):
            return Refuse(
                f"somebody set labels of {pod} that irkit had taken away",
                hint="compare the values; remove the label or set it to what it was, then undo again",
                drift=wanted,
            )
        if not isinstance(wanted, KubeCall):
            return let_go("disown", Subject(PODS, pod), fields, facts.fields, originals) or Settled(
                f"{pod} has its labels" if originals else f"irkit took no label of {pod} away",
                Verdict.proven("read back: the labels are as they were"),
            )
        now = {name.removeprefix(_PREFIX).removesuffix(_SUFFIX): value for name, value in facts.fields.values}
        labels = {**{key: value for key, value in now.items() if isinstance(value, str)}, **firsts}
        found = dangers(labels, facts.room) if facts.room and facts.running else ()
        if found and not facts.ready:
            return Wait(_READY, f"{pod} is not ready: given back so, it would be the first that is deleted")
        lost = next((one for one in found if one.pod), None)
        if lost is not None:
            return loses(pod, lost)
        return Change((wanted,), f"{pod} lacks the labels that irkit took away", giving_back(pod, found))


ACTION = ReleasePod()
