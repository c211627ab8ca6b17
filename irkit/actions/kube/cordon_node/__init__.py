"""kube.cordon_node: let no new pod be scheduled on a node. Never drains: what runs there keeps running."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import Field as Parameter

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.about import About
from irkit.actions.kube.endings import Ending, away, endings, warnings
from irkit.actions.kube.fields import Field, Fields, Subject, read_fields, set_fields, take_out
from irkit.actions.kube.labelling import held_now, other_holder
from irkit.actions.kube.objects import COMPUTE_LABEL, access, find, living, nothing_to_restore, unpinned, vanished
from irkit.model.base import Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import NODES, PODS
from irkit.model.plans import Change, Impact, Originals, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import NodeRef

_CORDONED = Field(("spec", "unschedulable"), True)


class Params(Model):
    """The node to cordon."""

    node: NodeRef = Parameter(description="the node that takes no new pods")


@dataclass(frozen=True, slots=True)
class Facts:
    """`pods` are those that live on the node, counted only where it is not cordoned yet.

    `holder` is another case whose mark the node carries. `ending` are the pods that are to end, looked for where the
    node is cordoned and does not answer.
    """

    fields: Fields
    fargate: bool = False
    holder: str = ""
    pods: int = 0
    as_of: str = ""
    ending: tuple[Ending, ...] = ()


class CordonNode(About[Params], Defaults):
    """Sets spec.unschedulable, and clears it only where irkit set it."""

    about = "node"
    spec = ActionSpec(
        id="kube.cordon_node",
        version=1,
        title="Let no new pod be scheduled on a node",
        purpose="contain",
        params=Params,
        outputs=NoOutputs,
        reads=(*access(NODES, "get"), *access(PODS, "list")),
        writes=access(NODES, "patch"),
        wide=access(PODS, "list"),
        risk="reversible",
        example="node: ${steps.scope.node}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """The node, and how many pods it has."""
        kube = reader.kube(p.node.cluster)
        presence, doc = find(kube, NODES, p.node)
        if doc is None:
            return Facts(Fields(presence))
        fields = read_fields(doc, (_CORDONED,), mark.case)
        labels = doc.labels("metadata", "labels")
        holder = other_holder(labels, mark.case)[:63]
        facts = Facts(fields, labels.get(COMPUTE_LABEL) == "fargate", holder)
        cordoned = bool(dict(fields.values)[_CORDONED.name])
        if cordoned and not away(doc):
            return facts
        pods = kube.list(PODS)
        here = [pod for pod in pods.items if pod.text("spec", "nodeName", default="") == p.node.name]
        if cordoned:
            return replace(facts, ending=endings(here))
        return replace(facts, pods=sum(living(pod) for pod in here), as_of=pods.as_of)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:
        """Cordon what is not cordoned."""
        node = p.node
        if facts.fields.presence != "here":
            return vanished(node, facts.fields.presence, mine)
        if facts.fargate:
            return Refuse(
                f"{node} is a Fargate node: it has one pod and never gets another",
                hint="contain the pod itself: revoke the role of its service account, or delete the pod",
            )
        edit = set_fields("cordon", Subject(NODES, node), (_CORDONED,), facts.fields, mark.case)
        if edit is None:
            reason = f"{node} is cordoned" if mine else f"{node} was cordoned by somebody else; undo leaves it so"
            return Settled(reason, Verdict.proven("read back: spec.unschedulable is true"))
        stays = Impact(who=f"pods on {node}", what="keep running: nothing is evicted", count=facts.pods)
        passes = Impact(who="DaemonSets and pods that name the node", what="still start here")
        return unpinned(node) or Change(
            (edit.call,), f"{node} takes new pods", (stays, passes), edit.originals, edit.after
        )

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Uncordon only where irkit cordoned, and no other case holds the node now."""
        node = p.node
        if facts.fields.presence != "here":
            return nothing_to_restore(node)
        wanted = take_out("uncordon", Subject(NODES, node), (_CORDONED,), facts.fields, originals)
        if not isinstance(wanted, KubeCall):
            return Settled(_not_ours(node, originals, facts), Verdict.proven("read back: it is not cordoned by irkit"))
        if facts.holder:
            return held_now(node, mark.case, facts.holder, "uncordoning it would open it")
        return Change((wanted,), f"{node} is cordoned by irkit", warnings(facts.ending))


def _not_ours(node: NodeRef, originals: Originals, facts: Facts) -> str:
    if not originals:
        return f"irkit did not cordon {node}"
    cordoned = dict(facts.fields.values)[_CORDONED.name]
    return f"{node} was cordoned by somebody else since; it stays so" if cordoned else f"{node} is as it was"


ACTION = CordonNode()
