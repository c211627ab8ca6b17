"""Actions on workloads over the wire: what the cluster's own controllers make of them, and what undoing leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from irkit.app import clock
from irkit.engine.perform import Closed, Parked
from irkit.journal.state import RunState
from irkit.model import records as r
from irkit.model.base import Json
from tests.e2e.stage import Stage, book, verdicts

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]

POD = '{pod: "${inputs.pod}"}'
RELEASE = f"    - {{id: release, uses: kube.release_pod, with: {POD}}}\n"
PROTECT = f"    - {{id: protect, uses: kube.protect_pod, with: {POD}}}\n"
MARK = f"    - {{id: mark, uses: kube.label_pod, with: {POD}}}\n"


def step(action: str, *, needs: str = "", more: str = "", **arguments: Any) -> str:
    """A step with literal arguments; JSON is YAML."""
    given = json.dumps(arguments)
    before = f", needs: [{needs}]" if needs else ""
    return f"    - {{id: {action.replace('_', '-')}, uses: kube.{action}{before}{more}, with: {given}}}\n"


def web(stage: Stage, kind: str = "Deployment", name: str = "web") -> dict[str, Json]:
    """A reference to a workload of the shop."""
    plural = {"Deployment": "deployments", "StatefulSet": "statefulsets"}[kind]
    found = stage.control.get(plural, name, "shop")
    assert found is not None
    cluster = {"kind": "Cluster", "id": stage.lab.cluster}
    return {"cluster": cluster, "namespace": "shop", "type": kind, "name": name, "uid": found["metadata"]["uid"]}


def pods(stage: Stage) -> dict[str, Any]:
    """The shop's pods by name, without those that are given time to end."""
    found = [one for one in stage.control.dump() if one["kind"] == "Pod" and one["metadata"]["namespace"] == "shop"]
    return {one["metadata"]["name"]: one for one in found if "deletionTimestamp" not in one["metadata"]}


def endpoints(stage: Stage) -> set[str]:
    """The names of the pods that the Service sends to."""
    slices = [one for one in stage.control.dump() if one["kind"] == "EndpointSlice"]
    return {each["targetRef"]["name"] for one in slices for each in one.get("endpoints", [])}


def run(stage: Stage, steps: str, pod: int = 0) -> tuple[str, RunState]:
    ticket, end = stage.run(book(steps), pod=pod)
    assert isinstance(end, Closed)
    return ticket.case, end.run


def undo(stage: Stage, case: str, step: str = "") -> RunState:
    app = stage.app()
    end = app.advance(app.open_undo(case, clock.now(), step), stage.stop, lambda _: None)
    assert isinstance(end, Closed), end
    return end.run


def world(stage: Stage, *kinds: str) -> list[Any]:
    """Objects as irkit and people left them: without what every write changes."""
    found = [one for one in stage.control.dump() if one["kind"] in kinds]
    for one in found:
        one.pop("status", None)
        for key in ("resourceVersion", "managedFields", "generation"):
            one["metadata"].pop(key, None)
    return found


# -- release -------------------------------------------------------------------------------------------


def test_a_released_pod_runs_on_alone_and_another_takes_its_place(stage: Stage) -> None:
    ours = stage.pods[0]
    before = pods(stage)
    assert ours.name in endpoints(stage)

    _, ended = run(stage, RELEASE)

    after = pods(stage)
    assert verdicts(ended) == {"release": "proven"}
    (fresh,) = set(after) - set(before)
    assert after[ours.name]["metadata"]["uid"] == ours.uid
    assert "ownerReferences" not in after[ours.name]["metadata"]
    assert "labels" not in after[ours.name]["metadata"]
    assert ours.name not in endpoints(stage)
    assert fresh in endpoints(stage)


def test_giving_a_pod_back_ends_its_replacement_and_not_the_evidence(stage: Stage) -> None:
    ours = stage.pods[0]
    before = pods(stage)
    stage.control.merge("pods", ours.name, older(before[ours.name]), "shop")
    case, _ = run(stage, RELEASE)

    ended = undo(stage, case)

    after = pods(stage)
    assert verdicts(ended) == {"undo-release": "proven"}
    assert set(after) == set(before)
    assert after[ours.name]["metadata"]["labels"] == before[ours.name]["metadata"]["labels"]
    assert after[ours.name]["metadata"]["ownerReferences"] == before[ours.name]["metadata"]["ownerReferences"]
    assert ours.name in endpoints(stage)


def older(pod: dict[str, Any]) -> dict[str, Any]:
    """Ready since long, so that any replacement is much younger."""
    conditions = [{**one, "lastTransitionTime": "2020-01-01T00:00:00Z"} for one in pod["status"]["conditions"]]
    return {"status": {"conditions": conditions}}


def test_a_pod_that_would_be_deleted_is_not_given_back(stage: Stage) -> None:
    """Its deletion cost says that it should go first: then it would."""
    ours = stage.pods[0]
    cost = {"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-1"}}}
    stage.control.merge("pods", ours.name, cost, "shop")
    case, _ = run(stage, RELEASE)
    apart = pods(stage)

    ended = undo(stage, case)

    assert verdicts(ended) == {"undo-release": "refused"}
    assert "may delete it at once" in ended.steps["undo-release"].reason
    assert set(pods(stage)) == set(apart)
    assert pods(stage)[ours.name]["metadata"]["uid"] == ours.uid

    # what irkit says to type makes it safe
    cost["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"] = "2147483647"
    stage.control.merge("pods", ours.name, cost, "shop")
    assert verdicts(undo(stage, case)) == {"undo-release": "proven"}
    assert pods(stage)[ours.name]["metadata"]["uid"] == ours.uid
    assert len(pods(stage)) == len(apart) - 1


def test_a_pod_that_nothing_selects_is_left_as_it_is(stage: Stage) -> None:
    stage.control.merge("pods", stage.pods[-1].name, {"metadata": {"labels": {"app": "alone"}}}, "shop")

    _, ended = run(stage, RELEASE, pod=-1)

    assert verdicts(ended) == {"release": "proven"}
    assert stage.writes() == []


# -- protect -------------------------------------------------------------------------------------------


def test_protecting_and_undoing_leaves_the_cluster_as_it_was(stage: Stage) -> None:
    kinds = ("Pod", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "Node")
    before = world(stage, *kinds)

    case, ended = run(stage, PROTECT)

    assert verdicts(ended) == {"protect": "proven"}
    made = [one["kind"] for one in world(stage, *kinds[1:3])]
    assert made == ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
    annotations = pods(stage)[stage.pods[0].name]["metadata"]["annotations"]
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert verdicts(undo(stage, case)) == {"undo-protect": "proven"}
    assert world(stage, *kinds) == before


def test_two_protected_pods_share_a_policy_until_the_last_is_undone(stage: Stage) -> None:
    both = book(
        PROTECT.replace("id: protect", "id: one")
        + step("protect_pod", pod=stage.pods[1].dump()).replace("id: protect-pod", "id: two")
    )
    ticket, end = stage.run(both)
    assert isinstance(end, Closed)
    assert verdicts(end.run) == {"one": "proven", "two": "proven"}
    assert len(world(stage, "ValidatingAdmissionPolicy")) == 1

    undo(stage, ticket.case, "one")
    assert len(world(stage, "ValidatingAdmissionPolicy")) == 1
    undo(stage, ticket.case)
    assert world(stage, "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding") == []


# -- scale and replace ---------------------------------------------------------------------------------


def test_a_workload_is_stopped_and_started_again(stage: Stage) -> None:
    before = world(stage, "Deployment")

    case, ended = run(stage, step("scale_workload", workload=web(stage), replicas=0))

    assert verdicts(ended) == {"scale-workload": "proven"}
    assert set(pods(stage)) == {"xtra"}
    assert verdicts(undo(stage, case)) == {"undo-scale-workload": "proven"}
    assert world(stage, "Deployment") == before
    assert len(pods(stage)) == len(stage.pods) == 4


def test_a_workload_with_evidence_in_it_is_neither_stopped_nor_replaced(stage: Stage) -> None:
    evidence = pods(stage)
    stop = step("scale_workload", workload=web(stage), replicas=0, needs="mark", more=", on_failure: continue")
    steps = MARK + stop + step("replace_workload", workload=web(stage), needs="mark")

    _, ended = run(stage, steps)

    assert verdicts(ended) == {"mark": "proven", "scale-workload": "refused", "replace-workload": "refused"}
    assert set(pods(stage)) == set(evidence)


def test_a_workload_is_replaced_around_the_released_evidence(stage: Stage) -> None:
    ours = stage.pods[0]
    before = pods(stage)
    steps = (
        MARK
        + RELEASE.replace("}\n", ", needs: [mark]}\n")
        + step("replace_workload", workload=web(stage), needs="release")
    )

    case, ended = run(stage, steps)

    after = pods(stage)
    assert verdicts(ended) == {"mark": "proven", "release": "proven", "replace-workload": "proven"}
    assert set(after) & set(before) == {ours.name, "xtra"}
    new = set(after) - set(before)
    assert len(new) == 3
    assert endpoints(stage) >= new
    assert {after[name]["metadata"]["annotations"]["irkit.dev/replaced"] for name in new} == {case}


# -- evict and drain -----------------------------------------------------------------------------------


def budget(stage: Stage, least: int) -> None:
    """A disruption budget for the shop, as the API server would have it."""
    spec = {"minAvailable": least, "selector": {"matchLabels": {"app": "web"}}}
    meta = {"name": "web", "namespace": "shop"}
    stage.control.put({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec})


def test_siblings_are_evicted_and_the_evidence_is_not(stage: Stage) -> None:
    named = [one.dump() for one in stage.pods[1:3]]
    before = pods(stage)

    _, ended = run(
        stage, MARK + step("evict_pods", pods=named, needs="mark", more=', accept_loss: "x", approval: never')
    )

    assert verdicts(ended) == {"mark": "proven", "evict-pods": "proven"}
    assert set(before) - set(pods(stage)) == {one["name"] for one in named}
    assert stage.pods[0].name in pods(stage)


def test_evidence_is_never_evicted(stage: Stage) -> None:
    named = [one.dump() for one in stage.pods[:2]]

    _, ended = run(
        stage, MARK + step("evict_pods", pods=named, needs="mark", more=', accept_loss: "x", approval: never')
    )

    assert verdicts(ended) == {"mark": "proven", "evict-pods": "refused"}
    assert "create pods/eviction" not in stage.writes()


def test_a_spent_budget_holds_an_eviction_back_by_its_name(stage: Stage) -> None:
    budget(stage, 3)
    named = [stage.pods[1].dump()]
    more = ', accept_loss: "x", approval: never, timeout: 2s'

    ticket, end = stage.run(book(step("evict_pods", pods=named, more=more)))

    assert isinstance(end, Closed)
    assert verdicts(end.run) == {"evict-pods": "failed"}
    assert "shop/web (3 of 3 healthy)" in end.run.steps["evict-pods"].reason
    assert stage.writes() == []
    assert [one for one in stage.records(ticket.case) if isinstance(one.body, r.StepWaiting)]


def test_a_cordoned_node_is_drained_of_all_but_the_evidence(stage: Stage) -> None:
    ours = pods(stage)[stage.pods[0].name]
    name = ours["spec"]["nodeName"]
    node = stage.control.get("nodes", name)
    assert node is not None
    ref = {"cluster": {"id": stage.lab.cluster}, "name": name, "uid": node["metadata"]["uid"]}
    drain = step(
        "drain_node", node=ref, bare_pods=True, needs="cordon-node", more=', accept_loss: "x", approval: never'
    )
    there = {key for key, one in pods(stage).items() if one["spec"].get("nodeName") == name}

    _, ended = run(stage, MARK + step("cordon_node", node=ref, needs="mark") + drain)

    left = {key for key, one in pods(stage).items() if one["spec"].get("nodeName") == name}
    assert verdicts(ended) == {"mark": "proven", "cordon-node": "proven", "drain-node": "proven"}
    assert len(there) > 1
    assert left == {stage.pods[0].name}
    assert f"shop/{stage.pods[0].name} (evidence)" in ended.steps["drain-node"].reason


def test_a_drain_asks_a_person_once(stage: Stage) -> None:
    name = pods(stage)[stage.pods[0].name]["spec"]["nodeName"]
    node = stage.control.get("nodes", name)
    assert node is not None
    stage.control.merge("nodes", name, {"spec": {"unschedulable": True}})
    ref = {"cluster": {"id": stage.lab.cluster}, "name": name, "uid": node["metadata"]["uid"]}

    _, end = stage.run(book(step("drain_node", node=ref, bare_pods=True, more=', accept_loss: "x"')))

    assert isinstance(end, Parked)
    assert end.on == "approval"
    assert stage.writes() == []
