"""Playbooks about an exposed workload and a suspect node: verdicts, the network, and the way back."""

from __future__ import annotations

import pytest

from irkit.engine.guard import Limits
from irkit.engine.perform import Closed, Parked
from irkit.lab.faults import Fault
from irkit.model.refs import NodeRef, TargetRef, WorkloadRef
from tests.crash.harness import world_of
from tests.e2e.plays import Play, by_step, cluster, make_probeable, passes, proven
from tests.e2e.stage import Stage, verdicts

pytestmark = [pytest.mark.timeout(180), pytest.mark.e2e]


@pytest.fixture(autouse=True)
def _a_world_that_can_be_probed(stage: Stage) -> None:
    make_probeable(stage)


# -- exposed-dashboard -----------------------------------------------------------------------------------------------


def dashboard(stage: Stage) -> Play:
    web = WorkloadRef(cluster=cluster(stage), namespace="shop", name="web", type="Deployment")
    return Play(stage, "exposed-dashboard", "workload", web)


def test_an_exposed_workload_is_cut_off_with_all_its_pods(stage: Stage) -> None:
    play, before, ours = dashboard(stage), world_of(stage.control), stage.pods

    ticket, end = play.run()

    assert isinstance(end, Closed)
    found = by_step(end.run)
    assert found.pop("stop") == {"skipped"}
    assert found == proven("scope", "baseline", "identity", "label", "isolate", "cut", "probe")
    assert not any(passes(stage, ours[3], one) for one in ours[:3])

    play.undo(ticket.case)
    assert world_of(stage.control) == before
    assert all(passes(stage, ours[3], one) for one in ours[:3])


def test_stopping_it_waits_for_a_second_person(stage: Stage) -> None:
    play = dashboard(stage)

    ticket, end = play.run(stop=True)

    assert isinstance(end, Parked)
    assert end.on == "approval"
    assert len(stage.pods) == 4
    assert stage.writes() == []
    stage.request(ticket, "approve", run=ticket.run, step="stop", digest=end.run.steps["stop"].asked)

    end = stage.advance(ticket)

    assert isinstance(end, Closed)
    assert by_step(end.run)["stop"] == {"proven"}
    assert [one.name for one in stage.pods] == ["xtra"]
    play.undo(ticket.case)
    assert len(stage.pods) == 4


# -- node-suspect ----------------------------------------------------------------------------------------------------


def suspect(stage: Stage) -> Play:
    pod = stage.control.get("pods", stage.pods[0].name, "shop")
    assert pod is not None
    return Play(stage, "node-suspect", "node", NodeRef(cluster=cluster(stage), name=pod["spec"]["nodeName"]))


def on(stage: Stage, node: TargetRef) -> set[str]:
    """The shop's pods on a node."""
    found = [one for one in stage.control.dump() if one["kind"] == "Pod" and one["metadata"]["namespace"] == "shop"]
    return {one["metadata"]["name"] for one in found if one["spec"].get("nodeName") == node.name}


def agent(stage: Stage, node: TargetRef) -> None:
    """A pod of the shop that no policy governs, for it has the node's network; its ReplicaSet adopts it."""
    meta, labels = {"name": "agent", "namespace": "shop"}, {"app": "agent"}
    spec = {"hostNetwork": True, "containers": [{"name": "agent", "image": "agent:1"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, "labels": labels}, "status": {"phase": "Running"}}
    stage.control.put({**pod, "spec": {**spec, "nodeName": node.name}})
    made = {
        "replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec},
    }  # fmt: skip
    stage.control.put({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": made})
    stage.control.settle()
    assert "agent" in on(stage, node)


def test_a_suspect_node_is_held_and_its_pods_are_cut_off(stage: Stage) -> None:
    play, before, ours = suspect(stage), world_of(stage.control), stage.pods
    there = on(stage, play.target)
    inside, outside = [[one for one in ours if (one.name in there) is held] for held in (True, False)]
    assert inside
    assert outside

    ticket, end = play.run(tools_helper=True)

    assert isinstance(end, Closed)
    found = verdicts(end.run)
    assert found["drain"] == "skipped"
    assert {found[one] for one in ("scope", "cordon", "mark", "protect")} == {"proven"}
    declared = [one for one in inside if one.name != "xtra"]
    assert {found[f"isolate[{one.uid}]"] for one in declared} == {"proven"}
    assert not any(passes(stage, other, one) for other in outside for one in declared)
    refused = [step for key, step in end.run.steps.items() if key.startswith("isolate[") and found[key] == "refused"]
    assert all("protected namespace kube-system" in one.reason for one in refused)

    play.undo(ticket.case)
    assert world_of(stage.control) == before


def test_on_a_suspect_node_nothing_is_run_unless_somebody_says_so(stage: Stage) -> None:
    play = suspect(stage)

    _, end = play.run()

    assert isinstance(end, Closed)
    assert by_step(end.run)["cut"] == {"skipped"}
    assert "proven" not in by_step(end.run)["isolate"]
    helpers = [
        one for one in stage.control.audit()
        if one["verb"] == "create" and one["resource"] == "pods" and one["body"]["spec"].get("hostPID")
    ]  # fmt: skip
    assert helpers == []


def test_a_drain_waits_for_a_second_person_and_leaves_the_evidence(stage: Stage) -> None:
    play = suspect(stage)
    evidence = on(stage, play.target)
    agent(stage, play.target)

    ticket, end = play.run(drain=True)

    assert isinstance(end, Parked)
    assert end.on == "approval"
    assert "create pods/eviction" not in stage.writes()
    stage.request(ticket, "approve", run=ticket.run, step="drain", digest=end.run.steps["drain"].asked)

    end = stage.advance(ticket)

    assert isinstance(end, Closed)
    assert by_step(end.run)["drain"] == {"proven"}
    assert on(stage, play.target) == evidence


def test_pods_that_were_not_marked_are_not_drained(stage: Stage) -> None:
    """More than the limit: none was marked, and to the drain they would look like any other."""
    play = suspect(stage)
    stage.limits = Limits(max_targets=1)
    there = on(stage, play.target)

    _, end = play.run(drain=True)

    assert isinstance(end, Closed)
    assert by_step(end.run)["label"] == {"refused"}
    assert by_step(end.run)["drain"] == {"skipped"}
    assert on(stage, play.target) == there


def test_a_node_that_could_not_be_read_is_held_all_the_same(stage: Stage) -> None:
    stage.control.fault(Fault(kind="status", code=403, verb="list", resource="replicasets", count=0))

    _, end = suspect(stage).run()

    assert isinstance(end, Parked)
    assert "replicasets" in end.run.steps["scope"].why
    assert proven("cordon", "mark", "protect") == by_step(end.run)
