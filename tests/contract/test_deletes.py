"""Deleting and evicting, as irkit relies on it."""

from __future__ import annotations

from typing import Any

from tests.support.moments import until
from tests.support.worlds import Answer, World

POLICY: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "deny"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
}


def delete(world: World, path: str, **options: Any) -> Answer:
    return world.ask("DELETE", path, body={"kind": "DeleteOptions", "apiVersion": "v1", **options})


def evict(world: World, name: str, **more: Any) -> Answer:
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": world.namespace},
        **more,
    }
    return world.ask("POST", f"{world.pods}/{name}/eviction", body=body)


def wait_gone(world: World, name: str) -> None:
    """A real kubelet gives the containers their grace period."""
    until(f"{name} to be gone", lambda: world.get(f"{world.pods}/{name}").code == 404)


def test_a_deleted_policy_is_gone_and_the_answer_says_which_it_was(world: World) -> None:
    made = world.ask("POST", world.policies, body=POLICY).doc
    answer = delete(world, f"{world.policies}/deny", preconditions={"uid": made["metadata"]["uid"]})
    assert answer.code == 200
    assert answer.doc == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {
            "name": "deny",
            "group": "networking.k8s.io",
            "kind": "networkpolicies",
            "uid": made["metadata"]["uid"],
        },
    }
    assert world.get(f"{world.policies}/deny").code == 404
    assert delete(world, f"{world.policies}/deny").code == 404


def test_another_uid_is_a_409_and_deletes_nothing(world: World) -> None:
    made = world.ask("POST", world.policies, body=POLICY).doc
    answer = delete(world, f"{world.policies}/deny", preconditions={"uid": "another"})
    assert (answer.code, answer.doc["reason"]) == (409, "Conflict")
    assert "the UID in the precondition (another) does not match the UID in record" in answer.doc["message"]
    assert world.get(f"{world.policies}/deny").doc == made


def test_another_version_is_a_409_and_deletes_nothing(world: World) -> None:
    pod = world.pod("one")
    answer = delete(world, f"{world.pods}/one", preconditions={"resourceVersion": "1"}, gracePeriodSeconds=0)
    assert (answer.code, answer.doc["reason"]) == (409, "Conflict")
    assert world.pod("one") == pod


def test_a_deleted_pod_is_answered_with_the_pod_and_goes_once_its_grace_ends(world: World) -> None:
    pod = world.pod("one")
    answer = delete(world, f"{world.pods}/one", preconditions={"uid": pod["metadata"]["uid"]}, gracePeriodSeconds=1)
    assert (answer.code, answer.doc["kind"]) == (200, "Pod")
    meta = answer.doc["metadata"]
    assert meta["uid"] == pod["metadata"]["uid"]
    assert meta["deletionTimestamp"]
    assert meta["deletionGracePeriodSeconds"] == 1
    wait_gone(world, "one")


def test_a_pod_that_is_going_can_be_deleted_again_and_sooner(world: World) -> None:
    first = delete(world, f"{world.pods}/two", gracePeriodSeconds=30)
    for later in (30, 60):
        again = delete(world, f"{world.pods}/two", gracePeriodSeconds=later)
        assert again.code == 200
        assert again.doc["metadata"]["deletionTimestamp"] == first.doc["metadata"]["deletionTimestamp"]
        assert again.doc["metadata"]["deletionGracePeriodSeconds"] == 30
    assert delete(world, f"{world.pods}/two", gracePeriodSeconds=0).code == 200
    assert world.get(f"{world.pods}/two").code == 404


def test_without_grace_a_pod_is_gone_at_once(world: World) -> None:
    assert delete(world, f"{world.pods}/one", gracePeriodSeconds=0).code == 200
    assert world.get(f"{world.pods}/one").code == 404


def test_a_dry_run_deletes_nothing(world: World) -> None:
    pod = world.pod("one")
    assert delete(world, f"{world.pods}/one", dryRun=["All"], gracePeriodSeconds=0).code == 200
    assert world.ask("DELETE", f"{world.pods}/one", dryRun="All").code == 200
    assert world.pod("one") == pod


def test_an_eviction_that_the_budget_forbids_is_a_429_naming_it(world: World) -> None:
    pod = world.pod("guarded")
    answer = evict(world, "guarded")
    assert (answer.code, answer.doc["reason"]) == (429, "TooManyRequests")
    assert answer.doc["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    assert answer.doc["details"]["causes"][0]["reason"] == "DisruptionBudget"
    assert "The disruption budget guard needs 1 healthy pods and has 1 currently" in str(answer.doc["details"])
    assert world.pod("guarded") == pod


def test_an_eviction_that_nothing_forbids_is_a_201(world: World) -> None:
    answer = evict(world, "three", deleteOptions={"gracePeriodSeconds": 1})
    assert (answer.code, answer.doc["kind"], answer.doc["status"]) == (201, "Status", "Success")
    wait_gone(world, "three")


def test_an_eviction_of_another_uid_is_a_409(world: World) -> None:
    pod = world.pod("three")
    assert evict(world, "three", deleteOptions={"preconditions": {"uid": "another"}}).code == 409
    assert world.pod("three") == pod


def test_an_eviction_for_another_name_is_a_400(world: World) -> None:
    answer = world.ask(
        "POST",
        f"{world.pods}/three/eviction",
        body={"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "two"}},
    )
    assert answer.code == 400
