"""kube.label_pod: mark a pod with the case.

The case's isolation policy selects this label: in a namespace where the case isolates one pod, labelling
another isolates that one too.
"""

from __future__ import annotations

from irkit.actions.api import ActionSpec, NoOutputs
from irkit.actions.kube.labelling import AddedLabels, Labelling
from irkit.actions.kube.objects import access
from irkit.model.base import Model
from irkit.model.kube import PODS
from irkit.model.refs import PodRef


class Params(Model):
    """`labels` are added beside the case's own."""

    pod: PodRef
    labels: AddedLabels


class LabelPod(Labelling[Params]):
    """Adds the case's label to a pod; the first values stay in the journal and in an annotation."""

    resource = PODS
    spec = ActionSpec(
        id="kube.label_pod",
        version=1,
        title="Mark a pod with the case",
        purpose="protect",
        params=Params,
        outputs=NoOutputs,
        reads=access(PODS, "get"),
        writes=access(PODS, "patch"),
        risk="reversible",
        example="pod: ${inputs.pod}",
    )

    def target(self, p: Params) -> PodRef:
        """The pod."""
        return p.pod

    def added(self, p: Params) -> dict[str, str]:
        """Labels beside the case's."""
        return p.labels


ACTION = LabelPod()
