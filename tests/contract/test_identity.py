"""Who may do what, and how the API says no."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.worlds import Answer, World


def review(world: World, token: str, **attributes: Any) -> bool:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = world.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body, token=token)
    assert answer.code == 201, answer.doc
    allowed: bool = answer.doc["status"]["allowed"]
    return allowed


def whoami(world: World, token: str) -> Answer:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    return world.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body, token=token)


def test_a_token_that_is_not_known_is_a_401(world: World) -> None:
    answer = world.get(world.pods, token="no-such-token")
    assert answer.code == 401
    assert answer.doc == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


def test_no_token_is_anonymous_and_may_not_look(world: World) -> None:
    answer = world.get(world.pods, token="")
    assert answer.code == 403
    assert 'User "system:anonymous" cannot list resource "pods"' in answer.doc["message"]


def test_a_403_names_user_verb_resource_group_and_namespace(world: World) -> None:
    user = whoami(world, "viewer").doc["status"]["userInfo"]["username"]
    answer = world.patch(f"{world.pods}/one", {"op": "add", "path": "/metadata/labels/x", "value": "y"}, token="viewer")
    assert answer.code == 403
    assert answer.doc["reason"] == "Forbidden"
    assert answer.doc["message"] == (
        f'pods "one" is forbidden: User "{user}" cannot patch resource "pods" in API group "" '
        f'in the namespace "{world.namespace}"'
    )
    assert answer.doc["details"] == {"name": "one", "kind": "pods"}


def test_a_403_of_a_create_has_no_name_and_of_a_node_no_namespace(world: World) -> None:
    user = whoami(world, "viewer").doc["status"]["userInfo"]["username"]
    created = world.ask("POST", world.policies, body={"metadata": {"name": "deny"}}, token="viewer")
    assert created.doc["message"] == (
        f'networkpolicies.networking.k8s.io is forbidden: User "{user}" cannot create resource "networkpolicies" '
        f'in API group "networking.k8s.io" in the namespace "{world.namespace}"'
    )
    (node, *_) = [item["metadata"]["name"] for item in world.get("/api/v1/nodes").doc["items"]]
    cordoned = world.patch(
        f"/api/v1/nodes/{node}", {"op": "add", "path": "/spec/unschedulable", "value": True}, token="viewer"
    )
    assert cordoned.doc["message"] == (
        f'nodes "{node}" is forbidden: User "{user}" cannot patch resource "nodes" in API group "" at the cluster scope'
    )


def test_who_may_not_is_told_so_before_whether_it_is_there(world: World) -> None:
    assert world.ask("DELETE", f"{world.pods}/nobody", token="viewer").code == 403


def test_everybody_may_ask_who_they_are(world: World) -> None:
    answer = whoami(world, "viewer")
    assert answer.code == 201
    user = answer.doc["status"]["userInfo"]
    assert user["username"]
    assert "system:authenticated" in user["groups"]


@pytest.mark.parametrize(
    ("token", "attributes", "wanted"),
    [
        ("viewer", {"verb": "list", "resource": "pods"}, True),
        ("viewer", {"verb": "patch", "resource": "pods"}, False),
        ("responder", {"verb": "patch", "resource": "pods"}, True),
        ("responder", {"verb": "patch", "resource": "nodes"}, True),
        ("responder", {"verb": "create", "resource": "networkpolicies", "group": "networking.k8s.io"}, True),
        ("responder", {"verb": "create", "resource": "networkpolicies"}, False),
        ("responder", {"verb": "delete", "resource": "nodes"}, False),
        ("admin", {"verb": "create", "resource": "pods", "subresource": "eviction"}, True),
    ],
)
def test_an_access_review_says_what_the_request_would_be_told(
    world: World, token: str, attributes: dict[str, str], wanted: Any
) -> None:
    namespaced = {} if attributes["resource"] == "nodes" else {"namespace": world.namespace}
    assert review(world, token, **attributes, **namespaced) is wanted


def test_a_review_that_asks_nothing_is_a_422(world: World) -> None:
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {}}
    answer = world.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
    assert (answer.code, answer.doc["reason"]) == (422, "Invalid")
