"""Controllers in the lab: what follows from a change is there with the answer, and the same each time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from irkit.lab.behaviour import Behaviour
from irkit.lab.control import ControlPlane
from irkit.lab.server import LabServer
from tests.support.timeless import timeless
from tests.support.worlds import World

Doc = dict[str, Any]


def pods(control: ControlPlane, prefix: str = "web-") -> list[Doc]:
    found = [doc for doc in control.dump() if doc["kind"] == "Pod" and doc["metadata"]["namespace"] == "shop"]
    return [doc for doc in found if doc["metadata"]["name"].startswith(prefix)]


def get(control: ControlPlane, resource: str, name: str) -> Doc:
    found = control.get(resource, name, "shop")
    assert found is not None
    return found


def is_ready(pod: Doc) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"]["conditions"])


@pytest.fixture
def control(lab: LabServer) -> Iterator[ControlPlane]:
    yield lab.control
    assert lab.control.unserved() == []


def release(world: World, name: str) -> None:
    assert (
        world.patch(f"{world.pods}/{name}", {"op": "replace", "path": "/metadata/labels/app", "value": "x"}).code == 200
    )


def test_a_seeded_world_is_at_rest(control: ControlPlane) -> None:
    before = control.dump()
    for doc in before:  # touch everything that controllers look at
        meta = doc["metadata"]
        plural = {"Pod": "pods", "ReplicaSet": "replicasets", "Deployment": "deployments", "Service": "services"}
        plural |= {"StatefulSet": "statefulsets", "DaemonSet": "daemonsets", "Job": "jobs", "Node": "nodes"}
        plural |= {"PodDisruptionBudget": "poddisruptionbudgets"}
        if doc["kind"] in plural:
            control.merge(
                plural[doc["kind"]], meta["name"], {"metadata": {"annotations": {"a": "b"}}}, meta.get("namespace", "")
            )

    def plain(docs: list[Doc]) -> str:
        for doc in docs:
            for key in ("annotations", "resourceVersion", "managedFields"):
                doc["metadata"].pop(key, None)
        return json.dumps(docs, sort_keys=True)

    assert plain(control.dump()) == plain(before)


def test_the_same_requests_make_the_same_world(control: ControlPlane, world: World) -> None:
    def play() -> str:
        control.reset()
        first, second, _ = pods(control)
        release(world, first["metadata"]["name"])
        world.ask("DELETE", f"{world.pods}/{second['metadata']['name']}", gracePeriodSeconds=0)
        where = "/apis/apps/v1/namespaces/shop/deployments/web"
        world.patch(where, {"op": "replace", "path": "/spec/replicas", "value": 5})
        world.patch(where, {"op": "add", "path": "/spec/template/metadata/annotations", "value": {"a": "b"}})
        world.patch(
            f"{world.pods}/{first['metadata']['name']}",
            {"op": "replace", "path": "/metadata/labels/app", "value": "web"},
        )
        control.settle()
        return json.dumps(timeless(control.dump()), sort_keys=True)

    assert play() == play()


def test_the_replacement_is_there_with_the_answer(control: ControlPlane, world: World) -> None:
    before = {doc["metadata"]["name"] for doc in pods(control)}
    release(world, min(before))
    after = [doc for doc in pods(control) if doc["metadata"]["labels"]["app"] == "web"]
    (new,) = [doc for doc in after if doc["metadata"]["name"] not in before]
    assert len(after) == 3
    assert is_ready(new)
    assert new["spec"]["serviceAccountName"] == "web"
    assert new["status"]["podIP"] not in {doc["status"]["podIP"] for doc in after if doc is not new}
    assert new["metadata"]["ownerReferences"] == after[0]["metadata"]["ownerReferences"]


def test_a_started_pod_is_ready_after_so_many_requests(control: ControlPlane, world: World) -> None:
    control.behave(Behaviour(delay=2))
    before = {doc["metadata"]["name"] for doc in pods(control)}
    release(world, min(before))
    (new,) = {doc["metadata"]["name"] for doc in pods(control)} - before
    seen = [is_ready(world.pod(new)) for _ in range(3)]
    assert seen == [False, True, True]
    budget = get(control, "poddisruptionbudgets", "web")
    assert budget["status"]["currentHealthy"] == 3


def test_settling_makes_it_ready_without_requests(control: ControlPlane, world: World) -> None:
    control.behave(Behaviour(delay=1000))
    release(world, pods(control)[0]["metadata"]["name"])
    assert [is_ready(doc) for doc in pods(control)].count(False) == 1
    control.settle()
    assert all(map(is_ready, pods(control)))


def test_a_reset_takes_waiting_pods_and_behaviour_back(control: ControlPlane, world: World) -> None:
    control.behave(Behaviour(delay=3))
    release(world, pods(control)[0]["metadata"]["name"])
    control.reset()
    assert control.behaviour() == Behaviour()
    release(world, pods(control)[0]["metadata"]["name"])
    assert all(map(is_ready, pods(control)))


def test_a_stateful_set_replaces_the_same_name_once_it_is_free(control: ControlPlane, world: World) -> None:
    old = get(control, "pods", "db-0")
    world.ask("DELETE", f"{world.pods}/db-0", gracePeriodSeconds=0)
    new = get(control, "pods", "db-0")
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert new["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "db-0"
    world.patch(f"{world.pods}/db-1", {"op": "replace", "path": "/metadata/labels/app", "value": "x"})
    orphan = get(control, "pods", "db-1")
    assert "ownerReferences" not in orphan["metadata"]
    assert get(control, "statefulsets", "db")["status"]["replicas"] == 1
    world.ask("DELETE", f"{world.pods}/db-1", gracePeriodSeconds=0)
    assert get(control, "pods", "db-1")["metadata"]["uid"] != orphan["metadata"]["uid"]
    assert get(control, "statefulsets", "db")["status"]["replicas"] == 2


def test_a_stateful_set_is_scaled_down_from_its_end(control: ControlPlane, world: World) -> None:
    where = "/apis/apps/v1/namespaces/shop/statefulsets/db/scale"
    assert world.patch(where, {"op": "replace", "path": "/spec/replicas", "value": 1}).code == 200
    control.settle()
    assert [doc["metadata"]["name"] for doc in pods(control, "db-")] == ["db-0"]


def test_a_daemon_set_comes_back_to_its_node_cordoned_or_not(control: ControlPlane, world: World) -> None:
    old = pods(control, "agent-")[0]
    node = old["spec"]["nodeName"]
    world.patch(f"/api/v1/nodes/{node}", {"op": "add", "path": "/spec/unschedulable", "value": True})
    world.ask("DELETE", f"{world.pods}/{old['metadata']['name']}", gracePeriodSeconds=0)
    found = {doc["spec"]["nodeName"]: doc for doc in pods(control, "agent-")}
    assert found[node]["metadata"]["uid"] != old["metadata"]["uid"]
    assert len(found) == 2


def test_a_job_runs_again_unless_it_is_finished_or_suspended(control: ControlPlane, world: World) -> None:
    (old,) = pods(control, "nightly-")
    world.ask("DELETE", f"{world.pods}/{old['metadata']['name']}", gracePeriodSeconds=0)
    (new,) = pods(control, "nightly-")
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    where = "/apis/batch/v1/namespaces/shop/jobs/nightly"
    assert world.patch(where, {"op": "add", "path": "/spec/suspend", "value": True}).code == 200
    control.settle()
    assert pods(control, "nightly-") == []
    world.patch(where, {"op": "replace", "path": "/spec/suspend", "value": False})
    (again,) = pods(control, "nightly-")
    control.merge("pods", again["metadata"]["name"], {"status": {"phase": "Succeeded"}}, "shop")
    status = get(control, "jobs", "nightly")["status"]
    assert (status["succeeded"], [each["type"] for each in status["conditions"]]) == (1, ["Complete"])
    world.ask("DELETE", f"{world.pods}/{again['metadata']['name']}")
    assert pods(control, "nightly-") == []


def test_a_budget_counts_what_is_ready(control: ControlPlane, world: World) -> None:
    before = get(control, "poddisruptionbudgets", "web")["status"]
    assert (before["currentHealthy"], before["disruptionsAllowed"]) == (3, 1)
    name = pods(control)[0]["metadata"]["name"]
    conditions = [{**each, "status": "False"} for each in pods(control)[0]["status"]["conditions"]]
    control.merge("pods", name, {"status": {"conditions": conditions}}, "shop")
    after = get(control, "poddisruptionbudgets", "web")["status"]
    assert (after["currentHealthy"], after["disruptionsAllowed"]) == (2, 0)
    assert after["conditions"][0]["reason"] == "InsufficientPods"
    ready = pods(control)[1]["metadata"]["name"]
    body: Doc = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": ready}}
    assert world.ask("POST", f"{world.pods}/{ready}/eviction", body=body).code == 429
    body["metadata"]["name"] = name  # it is no part of what the budget guards
    assert world.ask("POST", f"{world.pods}/{name}/eviction", body=body).code == 201


def test_a_budget_of_percent_counts_what_is_wanted(control: ControlPlane) -> None:
    control.merge("poddisruptionbudgets", "web", {"spec": {"minAvailable": None, "maxUnavailable": "50%"}}, "shop")
    status = get(control, "poddisruptionbudgets", "web")["status"]
    assert (status["expectedPods"], status["desiredHealthy"], status["disruptionsAllowed"]) == (3, 1, 2)


def test_several_budgets_let_nobody_evict(control: ControlPlane, world: World) -> None:
    held = get(control, "poddisruptionbudgets", "web")
    control.put({**held, "metadata": {"name": "again", "namespace": "shop"}})
    name = pods(control)[0]["metadata"]["name"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    answer = world.ask("POST", f"{world.pods}/{name}/eviction", body=body)
    assert (answer.code, answer.doc["message"]) == (
        500,
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    )


def test_what_cannot_be_pulled_waits(control: ControlPlane, world: World) -> None:
    control.behave(Behaviour(unpullable=("lab.invalid/app:1",)))
    release(world, pods(control)[0]["metadata"]["name"])
    (new,) = [doc for doc in pods(control) if doc["status"]["phase"] == "Pending"]
    assert new["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert new["metadata"]["name"] not in {
        each["targetRef"]["name"]
        for doc in control.dump()
        if doc["kind"] == "EndpointSlice"
        for each in doc["endpoints"]
        if each["conditions"]["ready"]
    }


def test_roles_made_of_others_follow_them(control: ControlPlane) -> None:
    rule = {"apiGroups": ["shop.example.com"], "resources": ["carts"], "verbs": ["get"]}
    labels = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    control.put({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "carts", "labels": labels},
        "rules": [rule],
    })  # fmt: skip
    view = control.get("clusterroles", "view")
    assert view is not None
    assert rule in view["rules"]
    control.delete("clusterroles", "carts")
    view = control.get("clusterroles", "view")
    assert view is not None
    assert rule not in view["rules"]


def test_a_token_of_a_secret_is_the_accounts_until_either_goes(lab: LabServer, world: World) -> None:
    text = "bGFiLXRva2VuLTE="
    account = lab.control.get("serviceaccounts", "web", "shop")
    assert account is not None
    about = {
        "kubernetes.io/service-account.name": "web",
        "kubernetes.io/service-account.uid": account["metadata"]["uid"],
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "web-token", "namespace": "shop", "annotations": about},
        "type": "kubernetes.io/service-account-token",
        "data": {"token": text},
    }
    lab.control.put(secret)
    answer = world.get(world.pods, token="lab-token-1")
    assert answer.code == 403
    assert 'User "system:serviceaccount:shop:web" cannot list' in answer.doc["message"]
    world.ask("DELETE", "/api/v1/namespaces/shop/secrets/web-token")
    assert world.get(world.pods, token="lab-token-1").code == 401
    lab.control.put(secret)
    world.ask("DELETE", "/api/v1/namespaces/shop/serviceaccounts/web")
    assert lab.control.get("secrets", "web-token", "shop") is None
    assert world.get(world.pods, token="lab-token-1").code == 401
