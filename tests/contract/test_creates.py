"""Creating, as irkit relies on it: NetworkPolicies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.worlds import World


def policy(name: str = "deny", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": {"matchLabels": {"app": "one"}}, "policyTypes": ["Ingress", "Egress"], **spec},
    }


def test_a_created_object_has_an_identity_and_a_version(world: World) -> None:
    answer = world.ask("POST", world.policies, body=policy())
    assert answer.code == 201
    meta = answer.doc["metadata"]
    assert meta["uid"]
    assert meta["namespace"] == world.namespace
    assert meta["generation"] == 1
    assert meta["managedFields"][0]["manager"] == "irkit"
    assert answer.doc["spec"] == policy()["spec"]
    assert world.get(f"{world.policies}/deny").doc == answer.doc


def test_a_name_that_is_taken_is_a_409(world: World) -> None:
    first = world.ask("POST", world.policies, body=policy()).doc
    second = world.ask("POST", world.policies, body=policy())
    assert second.code == 409
    assert second.doc == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'networkpolicies.networking.k8s.io "deny" already exists',
        "reason": "AlreadyExists",
        "details": {"name": "deny", "group": "networking.k8s.io", "kind": "networkpolicies"},
        "code": 409,
    }
    assert world.get(f"{world.policies}/deny").doc == first


def test_a_dry_run_creates_nothing_and_still_sees_conflicts(world: World) -> None:
    answer = world.ask("POST", world.policies, body=policy(), dryRun="All")
    assert answer.code == 201
    assert world.get(f"{world.policies}/deny").code == 404
    world.ask("POST", world.policies, body=policy())
    assert world.ask("POST", world.policies, body=policy(), dryRun="All").code == 409


def test_types_are_filled_in_where_they_are_left_out(world: World) -> None:
    body = policy()
    del body["spec"]["policyTypes"]
    assert world.ask("POST", world.policies, body=body).doc["spec"]["policyTypes"] == ["Ingress"]
    body = policy("both", egress=[{"ports": [{"port": 53}]}])
    del body["spec"]["policyTypes"]
    stored = world.ask("POST", world.policies, body=body).doc["spec"]
    assert stored["policyTypes"] == ["Ingress", "Egress"]
    assert stored["egress"] == [{"ports": [{"port": 53, "protocol": "TCP"}]}]


def test_an_unknown_field_isolates_nothing_and_is_refused_if_strict(world: World) -> None:
    body = policy()
    body["spec"]["policyType"] = body["spec"].pop("policyTypes")
    strict = world.ask("POST", world.policies, body=body, fieldValidation="Strict")
    assert (strict.code, strict.doc["reason"]) == (400, "BadRequest")
    assert 'strict decoding error: unknown field "spec.policyType"' in strict.doc["message"]
    lenient = world.ask("POST", world.policies, body=body)
    assert lenient.code == 201
    assert lenient.doc["spec"]["policyTypes"] == ["Ingress"]
    assert 'unknown field \\"spec.policyType\\"' in lenient.headers["Warning"]
    silent = world.ask("POST", world.policies, body={**body, "metadata": {"name": "b"}}, fieldValidation="Ignore")
    assert "Warning" not in silent.headers


@pytest.mark.parametrize("name", ["Upper", "under_score", "-lead", "x" * 254, "dot..dot", ""])
def test_a_name_that_is_none_is_a_422(world: World, name: str) -> None:
    answer = world.ask("POST", world.policies, body=policy(name))
    assert (answer.code, answer.doc["reason"]) == (422, "Invalid")
    assert [cause["field"] for cause in answer.doc["details"]["causes"]] == ["metadata.name"]


def test_a_name_is_made_from_generate_name(world: World) -> None:
    body = policy()
    body["metadata"] = {"generateName": "deny-"}
    made = {world.ask("POST", world.policies, body=body).doc["metadata"]["name"] for _ in range(3)}
    assert len(made) == 3
    assert all(name.startswith("deny-") and len(name) == 10 for name in made)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"policyTypes": ["Sideways"]}, "spec.policyTypes[0]"),
        ({"podSelector": {"matchLabels": {"a": "not a value"}}}, "spec.podSelector.matchLabels"),
        (
            {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Near", "values": ["b"]}]}},
            "spec.podSelector.matchExpressions[0].operator",
        ),
        (
            {"podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            "spec.podSelector.matchExpressions[0].values",
        ),
        ({"ingress": [{"ports": [{"port": 70000}]}]}, "spec.ingress[0].ports[0].port"),
        ({"ingress": [{"ports": [{"port": 80, "protocol": "ICMP"}]}]}, "spec.ingress[0].ports[0].protocol"),
        ({"egress": [{"to": [{}]}]}, "spec.egress[0].to[0]"),
        ({"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0"}}]}]}, "spec.egress[0].to[0].ipBlock.cidr"),
        (
            {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["192.0.2.0/24"]}}]}]},
            "spec.egress[0].to[0].ipBlock.except[0]",
        ),
        (
            {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}]}]},
            "spec.egress[0].to[0].ipBlock.except[0]",
        ),
        (
            {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}]},
            "spec.ingress[0].from[0]",
        ),
    ],
)
def test_a_policy_that_makes_no_sense_is_a_422_naming_the_field(world: World, spec: dict[str, Any], field: str) -> None:
    answer = world.ask("POST", world.policies, body=policy(**spec))
    assert (answer.code, answer.doc["reason"]) == (422, "Invalid")
    assert answer.doc["details"]["group"] == "networking.k8s.io"
    assert answer.doc["details"]["kind"] == "NetworkPolicy"
    assert [cause["field"] for cause in answer.doc["details"]["causes"]] == [field]
    assert world.get(f"{world.policies}/deny").code == 404


def test_what_decodes_to_no_policy_is_a_400(world: World) -> None:
    for body in (b"no json", policy() | {"kind": "Pod"}, policy() | {"apiVersion": "v9"}, policy(podSelector="all")):
        answer = world.ask("POST", world.policies, body=body)
        assert (answer.code, answer.doc["reason"]) == (400, "BadRequest")


def test_a_namespace_in_the_body_is_the_one_in_the_path(world: World) -> None:
    body = policy()
    body["metadata"]["namespace"] = "elsewhere"
    assert world.ask("POST", world.policies, body=body).code == 400


def test_a_namespace_that_is_not_there_is_a_404(world: World) -> None:
    path = world.policies.replace(f"/{world.namespace}/", "/nowhere/")
    answer = world.ask("POST", path, body=policy())
    assert (answer.code, answer.doc["message"]) == (404, 'namespaces "nowhere" not found')


def test_system_fields_of_the_caller_do_not_count(world: World) -> None:
    body = policy()
    body["metadata"] |= {"uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z"}
    meta = world.ask("POST", world.policies, body=body).doc["metadata"]
    assert meta["uid"] != "mine"
    assert not meta["creationTimestamp"].startswith("2001")


def test_an_empty_pod_selector_is_kept(world: World) -> None:
    """It selects every pod of the namespace; losing it would be losing the policy's reach."""
    stored = world.ask("POST", world.policies, body=policy(podSelector={})).doc
    assert stored["spec"]["podSelector"] == {}


def test_a_change_of_a_policys_spec_is_a_generation(world: World) -> None:
    world.ask("POST", world.policies, body=policy())
    labelled = world.patch(f"{world.policies}/deny", {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}})
    assert labelled.doc["metadata"]["generation"] == 1
    changed = world.patch(f"{world.policies}/deny", {"op": "replace", "path": "/spec/podSelector", "value": {}})
    assert changed.doc["metadata"]["generation"] == 2
