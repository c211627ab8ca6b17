"""get and list, as irkit relies on them."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest

from tests.support.worlds import World

ONE_LABEL = "app=one"


def names(answer: Any) -> list[str]:
    assert answer.code == 200, answer.doc
    return [item["metadata"]["name"] for item in answer.doc["items"]]


def test_an_object_says_who_it_is(world: World) -> None:
    pod = world.pod("one")
    assert (pod["kind"], pod["apiVersion"]) == ("Pod", "v1")
    meta = pod["metadata"]
    assert (meta["name"], meta["namespace"]) == ("one", world.namespace)
    assert meta["uid"]
    assert meta["resourceVersion"].isdecimal()
    assert meta["creationTimestamp"].endswith("Z")


def test_what_is_not_there_is_a_404_with_details(world: World) -> None:
    answer = world.get(f"{world.pods}/nobody")
    assert answer.code == 404
    assert answer.doc == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'pods "nobody" not found',
        "reason": "NotFound",
        "details": {"name": "nobody", "kind": "pods"},
        "code": 404,
    }


def test_a_404_of_a_group_names_the_group(world: World) -> None:
    doc = world.get(f"{world.policies}/nobody").doc
    assert doc["message"] == 'networkpolicies.networking.k8s.io "nobody" not found'
    assert doc["details"] == {"name": "nobody", "group": "networking.k8s.io", "kind": "networkpolicies"}


def test_a_list_is_typed_and_its_items_are_not(world: World) -> None:
    answer = world.get(world.pods)
    assert (answer.doc["kind"], answer.doc["apiVersion"]) == ("PodList", "v1")
    assert names(answer) == ["guarded", "one", "three", "two"]
    assert all("kind" not in item and "apiVersion" not in item for item in answer.doc["items"])


def test_a_list_of_nothing_has_items_and_a_version(world: World) -> None:
    answer = world.get(world.policies)
    assert answer.doc["items"] == []
    assert int(answer.doc["metadata"]["resourceVersion"]) >= int(world.pod("one")["metadata"]["resourceVersion"])


def test_a_list_across_namespaces_holds_those_of_all(world: World) -> None:
    found = {item["metadata"]["namespace"] for item in world.get("/api/v1/pods").doc["items"]}
    assert world.namespace in found


def test_a_list_of_a_namespace_that_is_not_there_is_empty(world: World) -> None:
    assert names(world.get("/api/v1/namespaces/nowhere/pods")) == []


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("app=one", ["one"]),
        ("app==one", ["one"]),
        ("tier=front,app!=one", ["two"]),
        ("app in (one, three)", ["one", "three"]),
        ("app notin (one),tier", ["two"]),
        ("tier", ["one", "two"]),
        ("!tier", ["guarded", "three"]),
        ("tier!=front", ["guarded", "three"]),
        ("app=nobody", []),
    ],
)
def test_label_selectors(world: World, selector: str, wanted: Any) -> None:
    assert names(world.get(world.pods, labelSelector=selector)) == wanted


@pytest.mark.parametrize("selector", ["app in one", "app=a b", "=x", "app=_"])
def test_a_selector_that_is_none_is_a_400(world: World, selector: str) -> None:
    answer = world.get(world.pods, labelSelector=selector)
    assert (answer.code, answer.doc["reason"]) == (400, "BadRequest")


def test_field_selectors_of_pods(world: World) -> None:
    assert names(world.get(world.pods, fieldSelector="metadata.name=two")) == ["two"]
    node = world.pod("two")["spec"]["nodeName"]
    on_it = names(world.get(world.pods, fieldSelector=f"spec.nodeName={node}"))
    assert "two" in on_it
    assert all(world.pod(name)["spec"]["nodeName"] == node for name in on_it)
    others = names(world.get(world.pods, fieldSelector=f"spec.nodeName!={node}"))
    assert sorted(on_it + others) == ["guarded", "one", "three", "two"]


def test_a_field_selector_that_is_not_known_is_a_400(world: World) -> None:
    answer = world.get(world.pods, fieldSelector="spec.color=red")
    assert (answer.code, answer.doc["message"]) == (400, "field label not supported: spec.color")


def test_pages_are_of_one_list(world: World) -> None:
    first = world.get(world.pods, limit=2)
    assert names(first) == ["guarded", "one"]
    assert first.doc["metadata"]["remainingItemCount"] == 2
    # what changes between two pages does not show
    added = world.patch(f"{world.pods}/two", {"op": "add", "path": "/metadata/labels/late", "value": "yes"})
    assert added.code == 200
    second = world.get(world.pods, limit=2, **{"continue": first.doc["metadata"]["continue"]})
    assert names(second) == ["three", "two"]
    assert "continue" not in second.doc["metadata"]
    assert "late" not in second.doc["items"][1]["metadata"]["labels"]
    assert second.doc["metadata"]["resourceVersion"] == first.doc["metadata"]["resourceVersion"]


def test_pages_of_a_selection_do_not_count_the_rest(world: World) -> None:
    answer = world.get(world.pods, limit=1, labelSelector="tier=front")
    assert names(answer) == ["one"]
    assert "continue" in answer.doc["metadata"]
    assert "remainingItemCount" not in answer.doc["metadata"]


def test_a_page_that_is_too_old_is_a_410_with_a_way_on(world: World) -> None:
    first = world.get(world.pods, limit=2)
    world.expire_pages()
    second = world.get(world.pods, limit=2, **{"continue": first.doc["metadata"]["continue"]})
    assert (second.code, second.doc["reason"]) == (410, "Expired")
    rest = world.get(world.pods, limit=2, **{"continue": second.doc["metadata"]["continue"]})
    assert names(rest) == ["three", "two"]


def test_a_continue_token_that_is_none_is_a_400(world: World) -> None:
    assert world.get(world.pods, **{"continue": "nonsense"}).code == 400


def test_answers_carry_the_servers_clock_and_an_audit_id(world: World) -> None:
    headers = world.get(world.pods).headers
    assert headers["Date"].endswith("GMT")
    assert headers["Audit-Id"]
    assert headers["Content-Type"] == "application/json"


def test_a_connection_carries_many_requests(world: World) -> None:
    for _ in range(5):
        assert world.get(world.pods).code == 200
    host = urllib.parse.urlsplit(world.url)
    pool = world.http.connection_from_host(host.hostname, host.port, "https")
    assert (pool.num_connections, pool.num_requests) == (1, 5)


def test_the_server_says_its_version_and_health(world: World) -> None:
    assert int(world.get("/version").doc["minor"].rstrip("+")) >= 30
    for path in ("/readyz", "/livez", "/healthz"):
        answer = world.get(path, token="")
        assert (answer.code, answer.doc) == (200, "ok")


def test_no_answer_is_a_tampered_one(world: World) -> None:
    """JSON of an object read alone and in a list is the same but for kind and apiVersion."""
    alone = world.pod("one")
    listed = world.get(world.pods, labelSelector=ONE_LABEL).doc["items"][0]
    assert json.dumps(listed, sort_keys=True) == json.dumps(
        {key: value for key, value in alone.items() if key not in {"kind", "apiVersion"}}, sort_keys=True
    )
