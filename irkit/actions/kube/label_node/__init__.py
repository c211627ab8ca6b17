"""kube.label_node: mark a node with the case."""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec, NoOutputs
from irkit.actions.kube.labelling import AddedLabels, Labelling
from irkit.actions.kube.objects import access
from irkit.model.base import Model
from irkit.model.kube import NODES
from irkit.model.refs import NodeRef


class Params(Model):
    """`labels` are added beside the case's own."""

    node: NodeRef = Field(description="the node to mark")
    labels: AddedLabels = Field(description="labels that are set beside the case's own")


class LabelNode(Labelling[Params]):
    """Adds the case's label to a node; the first values stay in the journal and in an annotation.

    Two suspects on one node are two cases: the second one marks the node beside the first.
    """

    about = "node"
    resource = NODES
    shared = True
    spec = ActionSpec(
        id="kube.label_node",
        version=1,
        title="Mark a node with the case",
        purpose="protect",
        params=Params,
        outputs=NoOutputs,
        reads=access(NODES, "get"),
        writes=access(NODES, "patch"),
        risk="reversible",
        example="node: ${steps.scope.node}",
    )


ACTION = LabelNode()
