"""What an attacker tries in a drill: it works in the world as it is, and stops working where something prevents it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from irkit.errors import IrkitError
from irkit.intake import read_finding
from irkit.lab.behaviour import Behaviour
from irkit.lab.drills import load
from irkit.lab.drills.trials import Attacker, Way
from irkit.lab.faults import Fault
from irkit.lab.fromfinding import world_from_finding
from irkit.lab.server import LabServer

DRILL = load("compromised-pod")
POD = "web-6c9f7d8b5-x2x4p"
WAYS: frozenset[Way] = frozenset(get_args(Way))
HELD: frozenset[Way] = frozenset({"keep a connection to it", "keep its shell"})
ELSEWHERE: dict[str, Any] = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
DENY: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "deny", "namespace": "shop"},
    "spec": {"podSelector": {"matchLabels": {"evidence": "yes"}}, "policyTypes": ["Ingress", "Egress"]},
}


@pytest.fixture
def lab() -> Iterator[LabServer]:
    finding = read_finding(DRILL.finding.read_bytes(), source_name="finding.json")
    with LabServer(world_from_finding(finding)) as server:
        yield server
        assert server.control.unserved() == []


@pytest.fixture
def attacker(lab: LabServer) -> Attacker:
    return Attacker(lab.control, "shop", POD)


def mark(lab: LabServer) -> None:
    """The pod is under no policy of its own any more, and can be told from the others."""
    lab.control.merge("pods", POD, {"metadata": {"labels": {"app": None, "evidence": "yes"}}}, "shop")


def forbid(lab: LabServer, operation: str, resource: str) -> None:
    """An admission policy that denies this about everybody."""
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "keep"}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": [resource]}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": "false"}]}
    lab.control.put({**group, "kind": "ValidatingAdmissionPolicy", "spec": spec})
    bound = {"policyName": "keep", "validationActions": ["Deny"]}
    lab.control.put({**group, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound})


def test_everything_works_in_the_drills_world_and_changes_nothing_in_it(lab: LabServer, attacker: Attacker) -> None:
    assert {trial.does for trial in DRILL.trials} == WAYS
    before = lab.control.dump()
    attacker.begin(WAYS)
    assert WAYS == attacker.works(WAYS)
    assert before == lab.control.dump()


@pytest.mark.parametrize(
    ("established", "kept"),
    [("keep", {*HELD, "delete it", "evict it"}), ("cut", {"delete it", "evict it"})],
)
def test_a_policy_that_denies_ends_what_the_cluster_enforces(
    lab: LabServer, attacker: Attacker, established: Any, kept: set[Way]
) -> None:
    lab.control.behave(Behaviour(enforcement=established))
    mark(lab)
    attacker.begin(WAYS)
    lab.control.put(DENY)
    assert kept == attacker.works(WAYS)


def test_where_nobody_enforces_policies_a_policy_ends_nothing(lab: LabServer, attacker: Attacker) -> None:
    lab.control.behave(Behaviour(enforcement="none"))
    mark(lab)
    attacker.begin(WAYS)
    lab.control.put(DENY)
    assert WAYS == attacker.works(WAYS)


@pytest.mark.parametrize(
    ("operation", "resource", "ends"), [("DELETE", "pods", "delete it"), ("CREATE", "pods/eviction", "evict it")]
)
def test_an_admission_policy_ends_one_way_to_be_rid_of_it(
    lab: LabServer, attacker: Attacker, operation: str, resource: str, ends: Way
) -> None:
    attacker.begin(WAYS)
    forbid(lab, operation, resource)
    assert WAYS - {ends} == attacker.works(WAYS)


def test_a_trial_that_never_worked_would_prove_nothing(lab: LabServer, attacker: Attacker) -> None:
    forbid(lab, "DELETE", "pods")
    with pytest.raises(IrkitError, match="nobody can delete it before irkit acts"):
        attacker.begin(WAYS)


def test_a_pod_of_the_case_is_no_attacker(lab: LabServer, attacker: Attacker) -> None:
    for one in lab.control.dump():
        if one["kind"] == "Pod" and one["metadata"]["namespace"] == "shop" and one["metadata"]["name"] != POD:
            labels = {"metadata": {"labels": {"irkit.dev/case": "IR-20261122-abcd"}}}
            lab.control.merge("pods", one["metadata"]["name"], labels, "shop")
    with pytest.raises(IrkitError, match="or none beside it"):
        attacker.begin(WAYS)


def policy(**spec: Any) -> dict[str, Any]:
    return {**DENY, "spec": {**DENY["spec"], **spec}}


ANYWHERE_OUTSIDE = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]}}


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        (policy(policyTypes=["Ingress"]), "connect out of it"),
        (policy(policyTypes=["Egress"]), "reach it"),
        (policy(egress=[{"to": [ANYWHERE_OUTSIDE]}]), "connect out of it"),
        (policy(egress=[{"to": [{"podSelector": {}}]}]), "connect out of it"),
        (
            policy(
                ingress=[
                    {"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"no": "one"}}}, ELSEWHERE]}
                ]
            ),
            "reach it",
        ),
        (policy(ingress=[{"from": [{"podSelector": {}}]}]), "reach it"),
    ],
)
def test_a_policy_that_leaves_a_way_open_is_found_out(
    lab: LabServer, attacker: Attacker, what: dict[str, Any], kept: Way
) -> None:
    mark(lab)
    attacker.begin(WAYS)
    lab.control.put(what)
    assert {kept} == attacker.works({"reach it", "connect out of it"})


def test_cutting_one_connection_leaves_the_other(lab: LabServer, attacker: Attacker) -> None:
    lab.control.behave(Behaviour(enforcement="cut"))
    mark(lab)
    attacker.begin(WAYS)
    lab.control.put(policy(policyTypes=["Ingress"]))
    assert {"keep its shell"} == attacker.works(HELD)


def test_a_pod_that_is_gone_was_deleted(lab: LabServer, attacker: Attacker) -> None:
    attacker.begin(WAYS)
    lab.control.delete("pods", POD, "shop")
    assert {"delete it", "evict it"} == attacker.works(WAYS)


@pytest.mark.parametrize("code", [401, 429, 500])
def test_only_a_policys_word_is_a_no(lab: LabServer, attacker: Attacker, code: int) -> None:
    attacker.begin(WAYS)
    lab.control.fault(Fault(kind="status", code=code, verb="delete", resource="pods"))
    with pytest.raises(IrkitError, match=f"could not be judged: DELETE .* was answered {code}"):
        attacker.works({"delete it"})
