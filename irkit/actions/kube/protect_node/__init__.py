"""kube.protect_node: keep autoscalers from removing a node. Cordons nothing; the pods on it run on.

Annotations are requests to well-behaved autoscalers: they stop neither a deletion by hand, nor a Spot interruption,
nor an expired Karpenter node, nor an Auto Scaling group that replaces instances (domain.md §3).
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.about import About
from irkit.actions.kube.alter import alter, annotation, let_go, read_exact, restore
from irkit.actions.kube.fields import Fields, Subject
from irkit.actions.kube.labelling import held_now, other_holder
from irkit.actions.kube.objects import COMPUTE_LABEL, access, find, nothing_to_restore, unpinned, vanished
from irkit.model.base import Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import NODES
from irkit.model.plans import Change, Impact, Originals, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import NodeRef

FIELDS = (
    # Cluster Autoscaler FAQ, "How can I prevent Cluster Autoscaler from scaling down a particular node?"
    annotation("cluster-autoscaler.kubernetes.io/scale-down-disabled", "true"),
    # Karpenter documentation, "Disruption", node-level controls
    annotation("karpenter.sh/do-not-disrupt", "true"),
)


class Params(Model):
    """The node to keep."""

    node: NodeRef = Field(description="the node to keep")


@dataclass(frozen=True, slots=True)
class Facts:
    """`provider` tells who made the node: "karpenter", "fargate" or "" where its labels do not say.

    `holder` is another case whose mark the node carries.
    """

    fields: Fields
    provider: str = ""
    holder: str = ""


class ProtectNode(About[Params], Defaults):
    """Sets the annotations; what stood there before is kept and put back."""

    about = "node"
    spec = ActionSpec(
        id="kube.protect_node",
        version=1,
        title="Keep autoscalers from removing a node",
        purpose="protect",
        params=Params,
        outputs=NoOutputs,
        reads=access(NODES, "get"),
        writes=access(NODES, "patch"),
        risk="reversible",
        example="node: ${steps.scope.node}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """The annotations, who made the node, and who else holds it."""
        presence, doc = find(reader.kube(p.node.cluster), NODES, p.node)
        if doc is None:
            return Facts(Fields(presence))
        labels = doc.labels("metadata", "labels")
        provider = "karpenter" if "karpenter.sh/nodepool" in labels else ""
        provider = "fargate" if labels.get(COMPUTE_LABEL) == "fargate" else provider
        return Facts(read_exact(doc, FIELDS, mark.case), provider, other_holder(labels, mark.case)[:63])

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:
        """Set what is missing or says otherwise."""
        node = p.node
        if facts.fields.presence != "here":
            return vanished(
                node, facts.fields.presence, mine, Verdict(status="failed", why=f"{node} was removed all the same")
            )
        if facts.provider == "fargate":
            return Refuse(
                f"{node} is a Fargate node: it lives and ends with its one pod",
                hint="protect the pod itself: kube.protect_pod",
            )
        edit = alter("protect", Subject(NODES, node), FIELDS, facts.fields, mark.case)
        if edit is None:
            reason = f"{node} is protected" if mine else f"{node} was protected already; undo leaves it so"
            return Settled(reason, Verdict.proven("read back: both annotations ask autoscalers to keep it"))
        return unpinned(node) or Change(
            (edit.call,), f"autoscalers may remove {node}", _impact(node, facts), edit.originals, edit.after
        )

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Put back what the annotations were, unless another case holds the node now."""
        node = p.node
        if facts.fields.presence != "here":
            return nothing_to_restore(node)
        wanted = restore("unprotect", Subject(NODES, node), FIELDS, facts.fields, originals)
        if isinstance(wanted, tuple):
            return Refuse(
                f"somebody changed annotations of {node} since irkit set them",
                hint="compare the values; set them by hand to what they should be, then undo again",
                drift=wanted,
            )
        if isinstance(wanted, KubeCall) and facts.holder:
            return held_now(node, mark.case, facts.holder, "unprotected it may be removed")
        if isinstance(wanted, KubeCall):
            return Change((wanted,), f"irkit's annotations are still on {node}")
        return let_go("disown", Subject(NODES, node), FIELDS, facts.fields, originals) or Settled(
            "none of irkit's annotations is left" if originals else f"irkit did not protect {node}",
            Verdict.proven("read back: the annotations are as they were"),
        )


def _impact(node: NodeRef, facts: Facts) -> tuple[Impact, ...]:
    held = Impact(who=str(node), what="stays and is paid for until this is undone")
    if facts.provider == "karpenter":
        return (held, Impact(who="Karpenter", what="still ends it on expiry, interruption and deletion", warn=True))
    return (held,)


ACTION = ProtectNode()
