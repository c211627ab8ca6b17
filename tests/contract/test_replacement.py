"""What controllers make of released, deleted, adopted and scaled pods."""

from __future__ import annotations

from typing import Any

from tests.contract.workloads import is_ready, made, owner, path, ready, workload
from tests.support.moments import until
from tests.support.worlds import World

Doc = dict[str, Any]


def names(pods: list[Doc]) -> set[str]:
    return {str(pod["metadata"]["name"]) for pod in pods}


def replica_set(world: World, replicas: int = 2) -> tuple[str, list[Doc]]:
    own = made(world.ask("POST", path(world, "replicasets"), body=workload("ReplicaSet", "set", replicas)))
    return own["metadata"]["uid"], ready(world, replicas, "app=set")


def relabel(world: World, pod: Doc, value: str) -> None:
    where = f"{world.pods}/{pod['metadata']['name']}"
    answer = world.patch(where, {"op": "replace", "path": "/metadata/labels/app", "value": value})
    assert answer.code == 200, answer.doc


def test_a_pod_whose_labels_no_longer_match_is_released_and_replaced(world: World) -> None:
    own, pods = replica_set(world)
    relabel(world, pods[0], "away")
    after = ready(world, 2, "app=set")
    assert len(names(after) - names(pods)) == 1
    assert {owner(pod) for pod in after} == {own}
    released = until(
        "the owner reference to go", lambda: [p for p in [world.pod(pods[0]["metadata"]["name"])] if not owner(p)]
    )
    assert "ownerReferences" not in released[0]["metadata"]
    assert released[0]["metadata"]["uid"] == pods[0]["metadata"]["uid"]
    assert is_ready(released[0])


def test_the_answer_to_the_patch_still_shows_the_owner(world: World) -> None:
    own, pods = replica_set(world, 1)
    where = f"{world.pods}/{pods[0]['metadata']['name']}"
    answer = world.patch(where, {"op": "remove", "path": "/metadata/labels/app"})
    assert owner(answer.doc) == own


def test_a_deleted_pod_is_replaced_under_another_name(world: World) -> None:
    own, pods = replica_set(world)
    gone = pods[0]["metadata"]
    assert world.ask("DELETE", f"{world.pods}/{gone['name']}", body={"preconditions": {"uid": gone["uid"]}}).code == 200
    after = ready(world, 2, "app=set")
    assert gone["name"] not in names(after)
    assert {owner(pod) for pod in after} == {own}
    assert gone["uid"] not in {pod["metadata"]["uid"] for pod in after}


def test_a_pod_of_nobody_is_not_replaced(world: World) -> None:
    assert world.ask("DELETE", f"{world.pods}/two", gracePeriodSeconds=0).code == 200
    until("it to go", lambda: world.get(f"{world.pods}/two").code == 404)
    assert world.get(world.pods, labelSelector="app=two").doc["items"] == []


def test_an_adopted_pod_too_many_costs_one_the_newest_first(world: World) -> None:
    _, pods = replica_set(world)
    relabel(world, pods[0], "away")
    replaced = ready(world, 2, "app=set")
    relabel(world, pods[0], "set")
    after = ready(world, 2, "app=set")
    assert names(after) < names([*pods, *replaced])
    assert all(owner(pod) for pod in after)


def test_the_one_with_the_lowest_deletion_cost_goes_first(world: World) -> None:
    _, pods = replica_set(world, 3)
    cheap = pods[0]["metadata"]["name"]
    note = {"op": "add", "path": "/metadata/annotations", "value": {"controller.kubernetes.io/pod-deletion-cost": "-5"}}
    assert world.patch(f"{world.pods}/{cheap}", note).code == 200
    scaled = world.patch(path(world, "replicasets", "set"), {"op": "replace", "path": "/spec/replicas", "value": 2})
    assert scaled.code == 200
    assert names(ready(world, 2, "app=set")) == names(pods) - {cheap}


def test_scale_up_and_down_by_the_scale_subresource(world: World) -> None:
    made(world.ask("POST", path(world, "deployments"), body=workload("Deployment", "set", 1)))
    ready(world, 1, "app=set")
    where = f"{path(world, 'deployments', 'set')}/scale"
    held = world.get(where).doc
    assert (held["kind"], held["apiVersion"], held["spec"]) == ("Scale", "autoscaling/v1", {"replicas": 1})
    assert held["status"] == {"replicas": 1, "selector": "app=set"}
    test = {"op": "test", "path": "/metadata/uid", "value": held["metadata"]["uid"]}
    answer = world.patch(where, test, {"op": "replace", "path": "/spec/replicas", "value": 3})
    assert (answer.code, answer.doc["spec"]) == (200, {"replicas": 3})
    ready(world, 3, "app=set")
    wrong = {"op": "test", "path": "/metadata/uid", "value": "another"}
    assert world.patch(where, wrong, {"op": "replace", "path": "/spec/replicas", "value": 0}).code == 422
    assert world.patch(where, {"op": "replace", "path": "/spec/replicas", "value": -1}).code == 422
    assert world.patch(where, {"op": "replace", "path": "/spec/replicas", "value": 0}).code == 200
    until("no pods", lambda: world.get(world.pods, labelSelector="app=set").doc["items"] == [])


def test_who_scales_owns_the_number_beside_the_rest_that_it_owns(world: World) -> None:
    made(world.ask("POST", path(world, "deployments"), body=workload("Deployment", "set", 1), fieldManager="owner"))
    where = path(world, "deployments", "set")
    change = {"op": "replace", "path": "/spec/replicas", "value": 2}
    assert world.patch(f"{where}/scale", change, fieldManager="irkit").code == 200

    entries = world.get(where).doc["metadata"]["managedFields"]

    (mine,) = [each for each in entries if each["manager"] == "irkit"]
    assert (mine["operation"], mine["subresource"]) == ("Update", "scale")
    assert mine["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
    (theirs,) = [each for each in entries if each["manager"] == "owner"]
    assert "f:replicas" not in theirs["fieldsV1"]["f:spec"]


def test_another_template_is_another_replica_set(world: World) -> None:
    own = made(world.ask("POST", path(world, "deployments"), body=workload("Deployment", "set", 2)))
    before = ready(world, 2, "app=set")
    change = {"op": "add", "path": "/spec/template/metadata/annotations", "value": {"why": "test"}}
    answer = world.patch(path(world, "deployments", "set"), change)
    assert answer.doc["metadata"]["generation"] == own["metadata"]["generation"] + 1

    def rolled() -> bool:
        pods = world.get(world.pods, labelSelector="app=set").doc["items"]
        return len(pods) == 2 and not names(pods) & names(before) and all(map(is_ready, pods))

    until("the rollout", rolled)
    sets = world.get(path(world, "replicasets"), labelSelector="app=set").doc["items"]
    assert sorted(each["spec"]["replicas"] for each in sets) == [0, 2]
    assert {owner(each) for each in sets} == {own["metadata"]["uid"]}
    assert len({each["metadata"]["labels"]["pod-template-hash"] for each in sets}) == 2


def test_a_deployment_says_what_there_is(world: World) -> None:
    made(world.ask("POST", path(world, "deployments"), body=workload("Deployment", "set", 2)))
    ready(world, 2, "app=set")

    def status() -> Doc:
        found: Doc = world.get(path(world, "deployments", "set")).doc["status"]
        return found

    until("the status", lambda: status().get("availableReplicas") == 2)
    wanted = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2, "observedGeneration": 1}
    assert {key: value for key, value in status().items() if key in wanted} == wanted
    assert "unavailableReplicas" not in status()


def test_what_a_deployment_owns_goes_with_it(world: World) -> None:
    made(world.ask("POST", path(world, "deployments"), body=workload("Deployment", "set", 1)))
    ready(world, 1, "app=set")
    assert world.ask("DELETE", path(world, "deployments", "set"), propagationPolicy="Background").code == 200
    until("pods to go", lambda: world.get(world.pods, labelSelector="app=set").doc["items"] == [])
    until("sets to go", lambda: world.get(path(world, "replicasets"), labelSelector="app=set").doc["items"] == [])


def test_a_replacement_avoids_a_cordoned_node(world: World) -> None:
    _, pods = replica_set(world, 1)
    node = pods[0]["spec"]["nodeName"]
    where = f"/api/v1/nodes/{node}"
    assert world.patch(where, {"op": "add", "path": "/spec/unschedulable", "value": True}).code == 200
    until("the taint", lambda: world.get(where).doc["spec"].get("taints"))
    relabel(world, pods[0], "away")
    (replacement,) = ready(world, 1, "app=set")
    assert replacement["spec"]["nodeName"] != node


def test_where_no_node_takes_it_a_pod_stays_pending(world: World) -> None:
    nodes = [each["metadata"]["name"] for each in world.get("/api/v1/nodes").doc["items"]]
    for name in nodes:
        world.patch(f"/api/v1/nodes/{name}", {"op": "add", "path": "/spec/unschedulable", "value": True})
    until("the taints", lambda: all(each["spec"].get("taints") for each in world.get("/api/v1/nodes").doc["items"]))
    made(world.ask("POST", path(world, "replicasets"), body=workload("ReplicaSet", "set", 1)))

    def refused() -> list[Doc]:
        found = world.get(world.pods, labelSelector="app=set").doc["items"]
        return [pod for pod in found if pod["status"].get("conditions")]

    (pod,) = until("the scheduler's word", refused)
    (condition,) = pod["status"]["conditions"]
    assert (pod["status"]["phase"], condition["type"], condition["status"]) == ("Pending", "PodScheduled", "False")
    assert condition["reason"] == "Unschedulable"
    assert condition["message"].startswith(
        f"0/{len(nodes)} nodes are available: {len(nodes)} node(s) were unschedulable"
    )
    for name in nodes:
        world.patch(f"/api/v1/nodes/{name}", {"op": "remove", "path": "/spec/unschedulable"})
    ready(world, 1, "app=set")
