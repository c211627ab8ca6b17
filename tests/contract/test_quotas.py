"""What a ResourceQuota of pods stops, and what it leaves alone."""

from __future__ import annotations

from typing import Any

from tests.contract.test_deletes import delete
from tests.contract.workloads import Doc, made, path, ready, workload
from tests.support.moments import until
from tests.support.worlds import World


def limit(world: World, pods: int) -> Doc:
    """A quota that is enforced: its status shows the limit."""
    body = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"pods": str(pods)}},
    }
    made(world.ask("POST", quotas(world), body=body))
    found: Doc = until("the limit to be enforced", lambda: shown(world) if "hard" in shown(world) else None)
    return found


def shown(world: World) -> Any:
    return world.get(f"{quotas(world)}/few").doc.get("status", {})


def quotas(world: World) -> str:
    return f"/api/v1/namespaces/{world.namespace}/resourcequotas"


def bare(name: str) -> Doc:
    container = {"name": "main", "image": "lab.invalid/bare:1", "imagePullPolicy": "Never"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}


def test_its_status_shows_the_limit_and_what_is_used(world: World) -> None:
    assert {"hard": {"pods": "9"}, "used": {"pods": "4"}} == limit(world, 9)
    assert 200 == delete(world, f"{world.pods}/two", gracePeriodSeconds=0).code
    until("the pod to be counted no more", lambda: shown(world)["used"] == {"pods": "3"})


def test_no_pod_is_made_beyond_it_and_those_that_run_stay(world: World) -> None:
    limit(world, 0)
    answer = world.ask("POST", world.pods, body=bare("more"))
    assert (403, "Forbidden") == (answer.code, answer.doc["reason"])
    assert (
        'pods "more" is forbidden: exceeded quota: few, requested: pods=1, used: pods=4, limited: pods=0'
        == answer.doc["message"]
    )
    assert 403 == world.ask("POST", world.pods, body=bare("more"), dryRun="All").code
    assert 4 == len(world.get(world.pods).doc["items"])


def test_a_controller_makes_its_pods_once_the_quota_is_gone(world: World) -> None:
    limit(world, 4)
    made(world.ask("POST", path(world, "replicasets"), body=workload("ReplicaSet", "set", 2)))
    where = path(world, "replicasets", "set")
    until("the controller to have tried", lambda: world.get(where).doc["status"].get("observedGeneration"))
    assert [] == world.get(world.pods, labelSelector="app=set").doc["items"]
    assert 200 == delete(world, f"{quotas(world)}/few").code
    ready(world, 2, "app=set")
