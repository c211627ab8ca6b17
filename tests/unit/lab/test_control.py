"""The control plane: the same answers in this process and from another, and only to who holds the token."""

from __future__ import annotations

import http.client
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from irkit.errors import Unreachable
from irkit.lab.auth import Identity, Rule
from irkit.lab.control import METHODS, Control, ControlPlane
from irkit.lab.faults import Fault
from irkit.lab.remote import LabControl
from irkit.lab.server import LabServer
from tests.support.worlds import World


@pytest.fixture(params=["here", "remote"])
def control(request: pytest.FixtureRequest, lab: LabServer) -> Iterator[ControlPlane]:
    if request.param == "here":
        yield lab.control
        return
    with LabControl(lab.control_url, lab.control_token) as remote:
        yield remote


def test_an_attacker_edits_creates_and_deletes(control: ControlPlane, world: World) -> None:
    edited = control.merge(
        "pods", "bare", {"metadata": {"labels": {"app": None, "evil": "yes"}}}, "shop", by="attacker"
    )
    assert world.pod("bare") == edited
    assert edited["metadata"]["labels"] == {"evil": "yes"}
    assert "attacker" in [each["manager"] for each in edited["metadata"]["managedFields"]]
    new: dict[str, Any] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "open", "namespace": "shop"},
        "spec": {"podSelector": {}, "ingress": [{}]},
    }
    created = control.put(new)
    assert world.get(f"{world.policies}/open").doc == created
    assert created["metadata"]["uid"]
    replaced = control.put({**new, "spec": {"podSelector": {}}})
    assert replaced["metadata"]["uid"] == created["metadata"]["uid"]
    control.delete("networkpolicies", "open", "shop")
    assert world.get(f"{world.policies}/open").code == 404
    assert control.get("networkpolicies", "open", "shop") is None


def test_what_is_not_there_is_a_lookup_error(control: ControlPlane) -> None:
    with pytest.raises(LookupError):
        control.delete("pods", "nobody", "shop")
    with pytest.raises(LookupError):
        control.merge("pods", "nobody", {}, "shop")
    with pytest.raises(LookupError):
        control.reset("never kept")
    with pytest.raises(LookupError):
        control.get("colours", "red")


def test_the_dump_is_every_object_and_none_of_it_is_the_worlds_own(control: ControlPlane) -> None:
    dump = control.dump()
    assert [doc["kind"] for doc in dump[:2]] == ["Pod", "Pod"]
    assert {doc["kind"] for doc in dump} >= {"Secret", "Node", "PodDisruptionBudget", "ClusterRoleBinding"}
    dump[0]["metadata"]["name"] = "changed"
    assert control.dump()[0]["metadata"]["name"] != "changed"


def test_snapshots_faults_tokens_and_the_audit(control: ControlPlane, world: World) -> None:
    control.snapshot("here")
    control.delete("pods", "bare", "shop")
    number = control.fault(Fault(kind="status", code=429, resource="nodes"))
    assert world.get("/api/v1/nodes").code == 429
    assert control.faults() == {number: 1}
    control.clear_faults()
    assert control.faults() == {}
    token = control.add_token("new", Identity(user="new", rules=(Rule(verbs=("list",), resources=("nodes",)),)))
    assert control.tokens()["new"] == token
    assert world.get("/api/v1/nodes", token=token).code == 200
    control.expire_token("new")
    assert world.get("/api/v1/nodes", token=token).code == 401
    assert [each["code"] for each in control.audit()] == [429, 200, 401]
    control.clear_audit()
    assert control.audit() == []
    assert world.ask("PUT", "/api/v1/nodes/x", body={}).code == 501
    assert len(control.unserved()) == 1
    control.reset("here")
    assert control.unserved() == []
    assert control.get("pods", "bare", "shop") is not None


def test_every_method_is_done_by_both_sides(lab: LabServer) -> None:
    assert METHODS == {name.removeprefix("_do_") for name in vars(Control) if name.startswith("_do_")}
    for name in METHODS - {"faults"}:
        asked = inspect.signature(getattr(ControlPlane, name)).parameters
        done = inspect.signature(getattr(Control, f"_do_{name}")).parameters
        assert list(asked) == list(done)


def ask(lab: LabServer, method: str, path: str, headers: dict[str, str], body: bytes = b"{}") -> int:
    connection = http.client.HTTPConnection(lab.control_url.removeprefix("http://"), timeout=5)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_listener_asks_for_its_token(lab: LabServer) -> None:
    good = {"Authorization": f"Bearer {lab.control_token}"}
    assert ask(lab, "POST", "/dump", {}) == 401
    assert ask(lab, "POST", "/dump", {"Authorization": f"Bearer {lab.tokens['admin']}"}) == 401
    assert ask(lab, "POST", "/dump", good) == 200
    assert ask(lab, "GET", "/dump", good) == 404
    assert ask(lab, "POST", "/_store", good) == 404
    assert ask(lab, "POST", "/perform", good) == 404
    assert ask(lab, "POST", "/dump", good, b"not json") == 400
    assert ask(lab, "POST", "/dump", good, b'{"more": 1}') == 400
    assert ask(lab, "POST", "/fault", good, b'{"fault": {"kind": "none such"}}') == 400


def test_the_client_api_does_not_lead_to_it(lab: LabServer, world: World) -> None:
    for path in ("/dump", "/reset", "/audit"):
        assert world.ask("POST", path, body={}).code == 501
    assert world.get("/api/v1/pods", token=lab.control_token).code == 401


def test_a_lab_that_is_gone_is_unreachable() -> None:
    with LabControl("http://127.0.0.1:9", "token") as control, pytest.raises(Unreachable, match="does not answer"):
        control.dump()
