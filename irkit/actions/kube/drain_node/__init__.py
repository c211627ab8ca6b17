"""kube.drain_node: evict what runs on a cordoned node, but what belongs to it and what is evidence.

Draining ends every process that could still tell something: capture first. Pods that carry a case's label stay.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from irkit.actions.api import ActionSpec, NoOutputs, NoUndo
from irkit.actions.kube.about import About
from irkit.actions.kube.drain_node.facts import Facts, observe, split
from irkit.actions.kube.evictions import EVICT, Evictee, allowed, evict, impact, impossible, wait_for
from irkit.actions.kube.objects import access, unpinned, vanished
from irkit.model.base import Model
from irkit.model.effects import Mark
from irkit.model.kube import NODES, PDBS, PODS
from irkit.model.plans import Change, Impact, Plan, Receipts, Refuse, Settled, Verdict, Wait
from irkit.model.ports import Reader
from irkit.model.refs import Namespace, NodeRef

_TERMINATION = 5
_SHOWN = 5


class Params(Model):
    """`keep_namespaces` are left alone, `bare_pods` says whether pods go that nothing starts again."""

    node: NodeRef = Field(description="the node to empty")
    keep_namespaces: Annotated[tuple[Namespace, ...], Field(max_length=32)] = Field(
        default=("kube-node-lease", "kube-public", "kube-system"), description="namespaces whose pods stay"
    )
    bare_pods: bool = Field(default=False, description="whether pods go too that nothing starts again")


class DrainNode(About[Params], NoUndo):
    """Evicts pods by uid, each asked of its budget by the API. It does not cordon: that has an undo of its own."""

    about = "node"
    spec = ActionSpec(
        id="kube.drain_node",
        version=1,
        title="Evict what runs on a node",
        purpose="recover",
        params=Params,
        outputs=NoOutputs,
        reads=(*access(NODES, "get"), *access(PODS, "list"), *access(PDBS, "list")),
        writes=(EVICT,),
        wide=(*access(PODS, "list"), *access(PDBS, "list"), EVICT),
        risk="destructive",
        no_undo="an evicted pod does not come back; its controller, if it has one, starts another elsewhere",
        destroys="node",
        example="node: ${steps.scope.node}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """The node, its pods and their budgets."""
        return observe(p.node, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Evict what may go now, and look again until nothing is left that has to."""
        node = p.node
        if facts.presence != "here":
            return vanished(node, facts.presence, mine)
        going, staying = split(facts.pods, p.keep_namespaces)
        if not going:
            reason = f"nothing is left to evict on {node}" if mine else f"there was nothing to evict on {node}"
            return Settled(f"{reason}{_stays(staying)}", Verdict.proven("read back: the API has no other pod on it"))
        refusal = _hindered(p, facts, going) or unpinned(node) or impossible(going)
        if refusal is not None:
            return refusal
        there = tuple(pod for pod in going if not pod.deleting)
        now, later = allowed(there)
        if now:
            # An approval binds calls, and nobody foresees a node's pods: the first plan has them all. A budget
            # ends it with 429 where it allows no more; what was approved is then evicted as budgets allow.
            calls = now if mine else (*now, *later)
            return Change(
                tuple(evict(pod.ref) for pod in calls),
                f"{len(there)} pods run on {node}{_stays(staying)}",
                (*_unready(p, facts), *impact(calls)),
            )
        return wait_for(later) if later else Wait(_TERMINATION, f"{len(going)} pods of {node} are being deleted")


def _hindered(p: Params, facts: Facts, going: tuple[Evictee, ...]) -> Refuse | None:
    if not facts.cordoned:
        return Refuse(
            f"{p.node} takes new pods: what is evicted could come back to it",
            hint="cordon it first: a step of kube.cordon_node that this one needs",
        )
    bare = [pod for pod in going if not pod.owner and not pod.ended]
    if bare and not p.bare_pods:
        more = f" and {len(bare) - 1} more" if len(bare) > 1 else ""
        return Refuse(
            f"{bare[0].ref}{more} has no controller: nothing would start it again",
            hint="say bare_pods: true if that is meant",
        )
    return None


def _unready(p: Params, facts: Facts) -> tuple[Impact, ...]:
    if facts.ready:
        return ()
    what = "is not ready: its kubelet ends the pods only when it is back, and their deletion waits until then"
    return (Impact(who=str(p.node), what=what, warn=True),)


def _stays(staying: tuple[tuple[str, str], ...]) -> str:
    if not staying:
        return ""
    shown = ", ".join(f"{name} ({why})" for name, why in staying[:_SHOWN])
    return f"; {len(staying)} stay: {shown}{', …' if len(staying) > _SHOWN else ''}"


ACTION = DrainNode()
