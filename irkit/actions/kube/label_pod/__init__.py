"""kube.label_pod: mark a pod with the case.

The case's isolation policy selects this label: in a namespace where the case isolates one pod, labelling
another isolates that one too. A container that is started again later is evidence lost, and said to be.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from pydantic import Field

from irkit.actions.api import ActionSpec, NoOutputs
from irkit.actions.kube.fields import Fields
from irkit.actions.kube.labelling import AddedLabels, Labelling
from irkit.actions.kube.lives import Life, counting, lives, lost
from irkit.actions.kube.objects import access, find
from irkit.model.base import Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import PODS
from irkit.model.plans import Change, Plan, Receipts, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import PodRef

_EFFECT = "label"


class Params(Model):
    """`labels` are added beside the case's own."""

    pod: PodRef = Field(description="the pod to mark")
    labels: AddedLabels = Field(description="labels that are set beside the case's own")


@dataclass(frozen=True, slots=True)
class Facts(Fields):
    """`lives` are the pod's containers."""

    lives: tuple[Life, ...] = ()


class LabelPod(Labelling[Params]):
    """Adds the case's label to a pod; the first values stay in the journal and in an annotation."""

    about = "pod"
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

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """The labels in question, irkit's annotation, and the pod's containers."""
        found = super().observe(p, mark, reader)
        _, doc = find(reader.kube(p.pod.cluster), PODS, p.pod)
        held = {one.name: getattr(found, one.name) for one in fields(Fields)}
        return Facts(**held, lives=() if doc is None else lives(doc))

    def plan(self, p: Params, mark: Mark, facts: Fields, mine: Receipts) -> Plan:
        """Add what is missing; afterwards say whether the containers still are those that were marked."""
        plan = super().plan(p, mark, facts, mine)
        found = facts.lives if isinstance(facts, Facts) else ()
        if isinstance(plan, Change):
            calls = tuple(counting(one, found) if isinstance(one, KubeCall) else one for one in plan.effects)
            return replace(plan, effects=calls)
        gone = lost(found, mine, _EFFECT)
        if isinstance(plan, Settled) and gone:
            return replace(plan, verdict=Verdict(status="failed", why=gone))
        return plan


ACTION = LabelPod()
