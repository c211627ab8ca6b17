"""What an approval binds: the step, its targets, the calls of all phases, and how much may be hurt. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from irkit.actions.api import ActionSpec
from irkit.journal.state import StepState
from irkit.model.base import Json, digest
from irkit.model.effects import AwsCall, KubeCall, Store
from irkit.model.plans import Change, Impact
from irkit.model.playbooks import Step
from irkit.model.records import Who

Effects = Sequence[KubeCall | AwsCall | Store]


def needed(step: Step, spec: ActionSpec) -> bool:
    """Whether a person must agree first."""
    return step.approval == "required" or (step.approval == "default" and spec.risk == "destructive")


def template(effect: KubeCall | AwsCall | Store) -> Json:
    """The call as far as it is known beforehand: what is kept of the reply does not matter to an approver."""
    return effect.model_dump(mode="json", exclude={"keep", "slots"})


def envelope(step: Step, spec: ActionSpec, target: str, change: Change, foreseen: Effects) -> dict[str, Json]:
    """What the approver sees and binds by its digest."""
    templates: list[Json] = [template(effect) for effect in (*change.effects, *foreseen)]
    return {
        "step": step.id,
        "action": spec.id,
        "version": spec.version,
        "target": target,
        "calls": templates,
        "impact": [impact.dump() for impact in change.impact],
        "impact_limit": weight(change.impact),
        "accept_loss": step.accept_loss,
    }


def weight(impact: Sequence[Impact]) -> int:
    """How many bystanders feel it."""
    return sum(one.count for one in impact)


def covered(state: StepState, wanted: dict[str, Json]) -> bool:
    """Whether an approval that was given covers this: the same step and target, no new call, no more impact."""
    given = state.envelope
    if not isinstance(given, dict) or digest(given) not in state.approved:
        return False
    calls, limit = given["calls"], given["impact_limit"]
    new = wanted["calls"]
    if not isinstance(calls, list) or not isinstance(new, list) or not isinstance(limit, int):
        return False
    more = wanted["impact_limit"]
    same = all(given[name] == wanted[name] for name in ("step", "action", "version", "target"))
    return same and all(call in calls for call in new) and isinstance(more, int) and more <= limit


def objection(requester: Who, approver: Who) -> str:
    """Why this person may not approve, or "". Names are only as good as their proof; the journal says which."""
    if requester.operator == approver.operator:
        return f"{approver.operator} asked for this run and cannot approve it: a second person must"
    return ""
