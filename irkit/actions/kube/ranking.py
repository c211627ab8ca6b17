"""Which of its pods a controller deletes when it has one too many.

Source: kubernetes pkg/controller/controller_utils.go, `ActivePodsWithRanks`: pods without a node go first, then
Pending, Unknown, Running; not ready before ready; the lower `pod-deletion-cost`; the one with more relatives on its
node; the one ready for a shorter time; more restarts; the younger one. Times count in steps of powers of two
(feature LogarithmicScaleDown); within one step the uid decides, which is as good as chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from irkit.actions.kube.objects import NAME_LIMIT, name_of, uid_of
from irkit.actions.kube.owners import controller
from irkit.actions.kube.pods import ready
from irkit.model.doc import Doc
from irkit.model.kube import CASE_LABEL

COST = "controller.kubernetes.io/pod-deletion-cost"
MOST_COSTLY = 2**31 - 1
_COST = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}
_MARGIN = 30.0
"""Seconds by which the controller may look later than irkit did: ages that are near each other decide nothing."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A pod as its controller ranks it. Ages are seconds, `ready_age` -1 where it is not ready.

    `evidence` says that a case has marked it; `revision` is the template's, where its controller writes one.
    """

    name: str
    uid: str
    owner: str
    node: str
    phase: str
    cost: int = 0
    ready_age: float = -1
    restarts: int = 0
    age: float = 0
    evidence: bool = False
    revision: str = ""

    @classmethod
    def read(cls, doc: Doc, now: str) -> Standing:
        """From the API's object; `now` is the server's time. Raises Malformed."""
        owner, labels = controller(doc), doc.labels("metadata", "labels")
        since = next(
            (
                one.text("lastTransitionTime", default="", limit=40)
                for one in doc.each("status", "conditions")
                if one.text("type", limit=NAME_LIMIT) == "Ready"
            ),
            "",
        )
        return cls(
            name=name_of(doc),
            uid=uid_of(doc),
            owner=owner.uid if owner else "",
            node=doc.text("spec", "nodeName", default="", limit=NAME_LIMIT),
            phase=doc.text("status", "phase", default="Pending", limit=40),
            cost=_cost(doc),
            ready_age=_age(since, now) if ready(doc) else -1,
            restarts=max(
                (one.integer("restartCount", default=0) for one in doc.each("status", "containerStatuses")), default=0
            ),
            age=_age(doc.text("metadata", "creationTimestamp", default="", limit=40), now),
            evidence=CASE_LABEL in labels,
            revision=labels.get("controller-revision-hash", ""),
        )


def active(doc: Doc) -> bool:
    """Whether its controller counts it: it has not ended and is not being deleted."""
    ended = doc.text("status", "phase", default="", limit=40) in {"Succeeded", "Failed"}
    return not ended and not doc.has("metadata", "deletionTimestamp")


def _cost(doc: Doc) -> int:
    """The pod's deletion cost, an int32; what is none counts as 0."""
    text = doc.text("metadata", "annotations", COST, default="", limit=NAME_LIMIT)
    cost = int(text) if _COST.fullmatch(text) else 0
    return cost if abs(cost) <= MOST_COSTLY else 0


def _age(since: str, now: str) -> float:
    try:
        return max((datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0  # as the controller takes a missing time: the youngest


def _coarse(pod: Standing, crowd: Mapping[str, int]) -> tuple[bool, int, bool, int, int]:
    return (bool(pod.node), _PHASES.get(pod.phase, 0), pod.ready_age >= 0, pod.cost, -crowd.get(pod.node, 0))


def surely_before(one: Standing, other: Standing, crowd: Mapping[str, int]) -> bool:
    """Whether `one` is deleted rather than `other`, also if the controller looks half a minute later.

    `crowd` counts the pods of their family by node.
    """
    first, second = _coarse(one, crowd), _coarse(other, crowd)
    if first != second:
        return first < second
    if one.ready_age >= 0 and one.ready_age != other.ready_age:
        return _much_younger(one.ready_age, other.ready_age)
    if one.restarts != other.restarts:
        return one.restarts > other.restarts
    return _much_younger(one.age, other.age)


def _much_younger(age: float, other: float) -> bool:
    """Whether it is in a lower step of powers of two now, and will be."""
    return 2 * (age + _MARGIN) <= other + _MARGIN


def endangered(pods: Iterable[Standing], excess: int, crowd: Mapping[str, int]) -> Standing | None:
    """The first evidence pod that may be one of so many that are deleted, or None where others surely go first."""
    found = tuple(pods)
    rivals = [one for one in found if not one.evidence]
    for pod in (one for one in found if one.evidence):
        if excess > 0 and sum(surely_before(one, pod, crowd) for one in rivals) < excess:
            return pod
    return None


def likely(pods: Iterable[Standing], excess: int, crowd: Mapping[str, int]) -> tuple[str, ...]:
    """The names of those most likely deleted, first first."""
    order = sorted(pods, key=lambda pod: (_coarse(pod, crowd), pod.ready_age, -pod.restarts, pod.age, pod.uid))
    return tuple(pod.name for pod in order[: max(excess, 0)])
