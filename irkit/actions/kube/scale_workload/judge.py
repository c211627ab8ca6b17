"""What another number of pods means: who sets it back, whose evidence ends, who else feels it."""

from __future__ import annotations

from pydantic import Field

from irkit.actions.kube.scale_workload.facts import Facts, Scaler
from irkit.model.base import Model
from irkit.model.plans import Impact, Refuse
from irkit.model.refs import WorkloadRef


class Params(Model):
    """The workload, and how many pods it shall have."""

    workload: WorkloadRef = Field(description="the workload to scale")
    replicas: int = Field(ge=0, le=1000, description="how many pods it shall have; 0 stops it")


def fought(p: Params, facts: Facts) -> Refuse | None:
    """Who would set the number back."""
    who = p.workload
    if facts.parent.startswith("Deployment "):
        return Refuse(f"{facts.parent} sets the number of {who} back at once", hint=f"scale {facts.parent} itself")
    for one in facts.scalers:
        if one.keda or (p.replicas and not one.least == one.most == p.replicas):
            return Refuse(f"{_words(one)} sets the number of {who} back", hint=_handle(one, p))
    return None


def _words(one: Scaler) -> str:
    by = "KEDA's autoscaler" if one.keda else "HorizontalPodAutoscaler"
    return f"{by} {one.name} ({one.least} to {one.most} pods)"


def _handle(one: Scaler, p: Params) -> str:
    if one.keda:
        return "pause it first: annotate its ScaledObject with autoscaling.keda.sh/paused, then delete the autoscaler"
    patch = f'{{"spec":{{"minReplicas":{p.replicas},"maxReplicas":{p.replicas}}}}}'
    return f"scale to 0, which pauses it, or first: kubectl -n {p.workload.namespace} patch hpa {one.name} -p '{patch}'"


def loses_evidence(then: int, p: Params, facts: Facts) -> Refuse | None:
    """The refusal to let a controller choose an evidence pod as the one that ends."""
    if then >= facts.replicas or not facts.evidence:
        return None
    return Refuse(
        f"scaling {p.workload} down would end {some(facts.evidence)}, or could: a case holds that as evidence",
        hint="take it out of its controller's reach first: kube.release_pod",
    )


def impact(p: Params, facts: Facts) -> tuple[Impact, ...]:
    """Who else feels it."""
    who, more = p.workload, p.replicas - facts.replicas
    parent = Impact(who=facts.parent, what=f"controls {who} and may set the number back", warn=True)
    starts = Impact(who=str(who), what=f"starts {pods(more)} with the same image, identity and flaw", warn=True)
    paused = (Impact(who=_words(one), what="does nothing while there are 0 pods") for one in facts.scalers)
    return (
        *((starts,) if more > 0 else ends(who, -more)),
        *((parent,) if facts.parent else ()),
        *(paused if not p.replicas else ()),
    )


def ends(who: WorkloadRef, count: int) -> tuple[Impact, ...]:
    """What fewer pods mean."""
    what = f"{pods(count)} of it end{'s' if count == 1 else ''}"
    return (Impact(who=str(who), what=f"{what}, with memory and writable layer", count=count, warn=True),)


def pods(count: int) -> str:
    """A number of pods in words."""
    return f"{count} pod{'' if count == 1 else 's'}"


def some(names: tuple[str, ...]) -> str:
    """The first names of several."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "none"  # noqa: PLR2004
