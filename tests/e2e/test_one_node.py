"""Two cases on one node, as two suspects of one attacker are: each marks it, and neither opens it under the other."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.engine.perform import Closed
from irkit.model.refs import NodeRef, PodRef
from tests.crash.harness import world_of
from tests.e2e.plays import Play, by_step, cluster, make_probeable, why
from tests.e2e.stage import Stage, verdicts

pytestmark = [pytest.mark.timeout(180), pytest.mark.e2e]


def neighbours(stage: Stage) -> tuple[str, list[PodRef]]:
    """A node, and the shop's pods on it: at least two."""
    found: dict[str, list[PodRef]] = {}
    for one in stage.pods:
        found.setdefault(node_of(stage, one), []).append(one)
    return next((name, pods) for name, pods in found.items() if len(pods) > 1)


def node_of(stage: Stage, pod: PodRef) -> str:
    found = stage.control.get("pods", pod.name, pod.namespace)
    assert found is not None
    return str(found["spec"]["nodeName"])


def node(stage: Stage, name: str) -> dict[str, Any]:
    found = stage.control.get("nodes", name)
    assert found is not None
    return found


def about(stage: Stage, pod: PodRef) -> Play:
    return Play(stage, "compromised-pod", "pod", pod)


def test_a_second_case_marks_the_node_beside_the_first_and_ends_well(stage: Stage) -> None:
    make_probeable(stage)
    name, (first, second, *_) = neighbours(stage)
    one, _ = about(stage, first).run()

    other, end = about(stage, second).run()

    assert isinstance(end, Closed)
    assert one.case != other.case
    assert by_step(end.run)["mark-node"] == by_step(end.run)["cordon"] == {"proven"}
    assert f"case {one.case} marked it before" in why(end.run, "mark-node")
    assert end.run.outcome == "complete"
    labels = node(stage, name)["metadata"]["labels"]
    assert (labels["irkit.dev/case"], labels[f"held.irkit.dev/{other.case}"]) == (one.case, "true")


def test_no_undo_opens_a_node_that_the_other_case_holds(stage: Stage) -> None:
    make_probeable(stage)
    before = world_of(stage.control)
    name, (first, second, *_) = neighbours(stage)
    one, other = about(stage, first), about(stage, second)
    cases = [play.run()[0].case for play in (one, other)]

    undone = one.undo(cases[0])

    assert verdicts(undone)["undo-cordon"] == "refused"
    assert node(stage, name)["spec"]["unschedulable"] is True
    assert verdicts(undone)["undo-mark-node"] == "proven"
    assert cases[0] not in node(stage, name)["metadata"]["labels"].values()

    assert other.undo(cases[1]).outcome == "complete"
    assert one.undo(cases[0]).outcome == "complete"
    assert world_of(stage.control) == before


def test_a_suspect_node_is_held_beside_the_case_of_its_pod(stage: Stage) -> None:
    """How it usually comes: first the pod, then what it escaped to."""
    name, (first, *_) = neighbours(stage)
    about(stage, first).run()

    _, end = Play(stage, "node-suspect", "node", NodeRef(cluster=cluster(stage), name=name)).run()

    assert isinstance(end, Closed)
    assert {verdicts(end.run)[step] for step in ("cordon", "mark", "protect")} == {"proven"}


def test_no_undo_gives_autoscalers_a_node_that_the_other_case_holds(stage: Stage) -> None:
    make_probeable(stage)
    before = world_of(stage.control)
    name, (first, *_) = neighbours(stage)
    one, other = about(stage, first), Play(stage, "node-suspect", "node", NodeRef(cluster=cluster(stage), name=name))
    cases = [play.run()[0].case for play in (one, other)]

    undone = other.undo(cases[1])

    assert verdicts(undone)["undo-protect"] == "refused"
    assert node(stage, name)["metadata"]["annotations"]["karpenter.sh/do-not-disrupt"] == "true"
    assert one.undo(cases[0]).outcome == "complete"
    assert other.undo(cases[1]).outcome == "complete"
    assert world_of(stage.control) == before
