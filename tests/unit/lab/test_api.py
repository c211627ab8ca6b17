"""The client API's edges: what is not simulated says so, everything is audited, nothing breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.lab.auth import Identity, Rule
from irkit.lab.http import Request
from irkit.lab.server import LabServer
from tests.support.worlds import World

PATCH = "application/json-patch+json"


def label(value: str = "x") -> dict[str, Any]:
    return {"op": "add", "path": "/metadata/labels/note", "value": value}


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/", ""),
        ("GET", "/api/v1/pods?watch=true", ""),
        ("GET", "/api/v1/namespaces/shop/pods?resourceVersion=1000&resourceVersionMatch=Exact", ""),
        ("GET", "/api/v1/namespaces/shop/pods/bare/log", ""),
        ("POST", "/api/v1/namespaces/shop/pods/bare/exec", "application/json"),
        ("PUT", "/api/v1/namespaces/shop/pods/bare", "application/json"),
        ("PATCH", "/api/v1/namespaces/shop/pods/bare", "application/apply-patch+yaml"),
        ("DELETE", "/api/v1/namespaces/shop/pods", "application/json"),
        ("DELETE", "/api/v1/namespaces/shop", "application/json"),
        ("OPTIONS", "/api/v1/pods", ""),
        ("POST", "/api/v1/nodes", "application/json"),
        ("POST", "/apis/apps/v1/namespaces/shop/daemonsets", "application/json"),
        ("DELETE", "/api/v1/nodes/x", "application/json"),
        ("POST", "/api/v1/namespaces/shop/serviceaccounts/web/token", "application/json"),
        ("PUT", "/apis/apps/v1/namespaces/shop/deployments/web/scale", "application/json"),
    ],
)
def test_what_is_not_simulated_is_a_501_and_is_remembered(
    lab: LabServer, world: World, method: str, path: str, kind: str
) -> None:
    before = lab.control.dump()
    answer = world.ask(method, path, body=[] if kind == PATCH else {} if kind else None, kind=kind)
    assert (answer.code, answer.doc["reason"]) == (501, "NotImplemented")
    (noted,) = lab.control.unserved()
    assert noted.startswith(f"{method} {path.partition('?')[0]}")
    assert lab.control.dump() == before
    lab.control.reset()
    assert lab.control.unserved() == []


def test_the_audit_says_who_did_what_to_what(lab: LabServer, world: World) -> None:
    lab.control.clear_audit()
    world.get(f"{world.pods}/bare", token="viewer")
    world.patch(f"{world.pods}/bare", label(), dryRun="All", token="responder")
    world.patch(f"{world.pods}/bare", label(), token="responder")
    world.patch(f"{world.pods}/bare", label(), token="responder")
    world.patch(f"{world.pods}/bare", label("y"), token="viewer")
    world.ask("DELETE", f"{world.pods}/nobody", body={"preconditions": {"uid": "x"}}, token="responder")
    entries = lab.control.audit()
    assert [(each["seq"], each["user"], each["verb"], each["name"], each["code"]) for each in entries] == [
        (1, "viewer", "get", "bare", 200),
        (2, "irkit-responder", "patch", "bare", 200),
        (3, "irkit-responder", "patch", "bare", 200),
        (4, "irkit-responder", "patch", "bare", 200),
        (5, "viewer", "patch", "bare", 403),
        (6, "irkit-responder", "delete", "nobody", 404),
    ]
    assert [each["dry_run"] for each in entries] == [False, True, False, False, False, False]
    assert [each["applied"] for each in entries] == [False, False, True, False, False, False]
    assert {(each["resource"], each["namespace"], each["group"], each["subresource"]) for each in entries} == {
        ("pods", "shop", "", "")
    }
    assert entries[2]["body"] == [label()]
    assert entries[2]["content_type"] == PATCH
    assert entries[2]["user_agent"] == world.agent
    assert entries[4]["reason"] == "Forbidden"
    assert entries[5]["body"] == {"preconditions": {"uid": "x"}}


def test_an_audit_id_is_the_callers_or_a_new_one(lab: LabServer) -> None:
    given_ = lab.api.handle(Request("GET", "/version", {"audit-id": "mine"}, b""))
    made = lab.api.handle(Request("GET", "/version", {}, b""))
    assert dict(given_.headers)["Audit-Id"] == "mine"
    assert len(dict(made.headers)["Audit-Id"]) == 32


def test_rules_can_be_of_one_namespace_name_or_subresource(lab: LabServer, world: World) -> None:
    rules = (
        Rule(verbs=("get",), resources=("pods",), namespaces=("shop",), names=("bare",)),
        Rule(verbs=("create",), resources=("pods/eviction",)),
        Rule(verbs=("list",), resources=("services",), namespaces=("shop",)),
    )
    token = lab.control.add_token("narrow", Identity(user="narrow", rules=rules))
    assert world.get(f"{world.pods}/bare", token=token).code == 200
    assert world.get(f"{world.pods}/wide", token=token).code == 403
    assert world.get(world.pods, token=token).code == 403
    assert world.get("/api/v1/namespaces/shop/services", token=token).code == 200
    assert world.get("/api/v1/namespaces/default/services", token=token).code == 403
    assert world.get("/api/v1/services", token=token).code == 403
    assert world.ask("DELETE", f"{world.pods}/bare", token=token).code == 403


def test_secrets_are_nobodys_but_the_admins(world: World) -> None:
    for token, code in (("responder", 403), ("viewer", 403), ("admin", 200)):
        assert world.get("/api/v1/namespaces/shop/secrets", token=token).code == code


def test_a_token_expires_and_a_reset_revives_it(lab: LabServer, world: World) -> None:
    lab.control.expire_token("responder")
    assert world.get(world.pods, token="responder").code == 401
    assert world.get(world.pods, token="viewer").code == 200
    lab.control.reset()
    assert world.get(world.pods, token="responder").code == 200


def test_a_cordoned_node_is_tainted_by_its_controller(lab: LabServer, world: World) -> None:
    (node, *_) = [item["metadata"]["name"] for item in world.get("/api/v1/nodes").doc["items"]]
    before = lab.control.get("nodes", node)
    path = f"/api/v1/nodes/{node}"
    world.patch(path, {"op": "add", "path": "/spec/unschedulable", "value": True}, token="responder")
    after = lab.control.get("nodes", node)
    assert before is not None
    assert after is not None
    (taint,) = after["spec"]["taints"]
    assert (taint["key"], taint["effect"]) == ("node.kubernetes.io/unschedulable", "NoSchedule")
    assert [each["manager"] for each in after["metadata"]["managedFields"]][-1] == "kube-controller-manager"
    world.patch(path, {"op": "remove", "path": "/spec/unschedulable"}, token="responder")
    again = lab.control.get("nodes", node)
    assert again is not None
    assert again["spec"] == before["spec"]


def test_a_nodes_other_fields_are_not_simulated(world: World) -> None:
    (node, *_) = [item["metadata"]["name"] for item in world.get("/api/v1/nodes").doc["items"]]
    assert world.patch(f"/api/v1/nodes/{node}", {"op": "add", "path": "/spec/taints", "value": []}).code == 200
    taint = [{"key": "a", "effect": "NoSchedule"}]
    assert world.patch(f"/api/v1/nodes/{node}", {"op": "add", "path": "/spec/taints", "value": taint}).code == 501


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("", 200),
        ("*/*", 200),
        ("application/json", 200),
        ("application/vnd.kubernetes.protobuf, application/json", 200),
        ("application/json;as=Table;v=v1;g=meta.k8s.io", 501),
        ("text/html", 406),
    ],
)
def test_what_can_be_accepted(lab: LabServer, accept: str, code: int) -> None:
    headers = {"authorization": f"Bearer {lab.tokens['admin']}", "accept": accept}
    assert lab.api.handle(Request("GET", "/api/v1/namespaces/shop/pods", headers, b"")).code == code


def test_an_eviction_spends_the_budget(lab: LabServer, world: World) -> None:
    lab.control.merge("pods", "bare", {"metadata": {"labels": {"app": "alone"}}}, "shop")
    budget = lab.control.get("poddisruptionbudgets", "web", "shop")
    assert budget is not None
    spec = {"selector": {"matchLabels": {"app": "alone"}}, "minAvailable": 0}
    status = {**budget["status"], "disruptionsAllowed": 1}
    name = {"name": "alone", "namespace": "shop"}
    lab.control.put({**budget, "metadata": name, "spec": spec, "status": status})
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "bare"}}
    assert world.ask("POST", f"{world.pods}/bare/eviction", body=body, dryRun="All").code == 201
    assert world.ask("POST", f"{world.pods}/bare/eviction", body=body).code == 201
    spent = lab.control.get("poddisruptionbudgets", "alone", "shop")
    assert spent is not None
    assert spent["status"]["disruptionsAllowed"] == 0
    assert spent["status"]["currentHealthy"] == 0
