"""What only the lab has to be asked about admission: every controller, what it does not simulate, and resets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from irkit.lab import builder, scenario
from irkit.lab.server import LabServer

SCENARIO = b"""
apiVersion: irkit.dev/v1alpha1
kind: Scenario
metadata: {name: owners}
world:
  nodes: [{nodegroup: ng-1, count: 2}]
  namespaces:
    shop:
      deployments: {web: {image: "lab.invalid/web:1", replicas: 2}}
      statefulSets: {db: {image: "lab.invalid/db:1", replicas: 2}}
      daemonSets: {agent: {image: "lab.invalid/agent:1"}}
      jobs: {batch: {image: "lab.invalid/batch:1"}}
"""
GROUP = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"


@pytest.fixture
def lab() -> Iterator[LabServer]:
    seed = builder.build(scenario.parse(scenario.read(SCENARIO, "owners"), "owners"))
    with LabServer(seed) as server:
        yield server


def deny(lab: LabServer, operation: str, expression: str = "false") -> None:
    """Nobody may do this to a pod from now on."""
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "deny"}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": ["pods"]}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": expression}]}
    lab.control.put({**group, "kind": "ValidatingAdmissionPolicy", "spec": spec})
    bound = {"policyName": "deny", "validationActions": ["Deny"]}
    lab.control.put({**group, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound})


def allow(lab: LabServer) -> None:
    """As before; controllers try again at the next request."""
    lab.control.delete("validatingadmissionpolicybindings", "deny")
    lab.control.settle()


def pods(lab: LabServer, start: str) -> list[str]:
    found = [one["metadata"] for one in lab.control.dump() if one["kind"] == "Pod"]
    return [one["name"] for one in found if one["name"].startswith(start) and "deletionTimestamp" not in one]


LESS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "web-": ("deployments", "web", {"spec": {"replicas": 0}}),
    "db-": ("statefulsets", "db", {"spec": {"replicas": 0}}),
    "agent-": ("daemonsets", "agent", {"spec": {"template": {"spec": {"nodeSelector": {"no": "where"}}}}}),
    "batch-": ("jobs", "batch", {"spec": {"suspend": True}}),
}
ACCOUNTS = {
    "web-": "replicaset-controller", "db-": "statefulset-controller", "agent-": "daemon-set-controller",
    "batch-": "job-controller",
}  # fmt: skip


@pytest.mark.parametrize("start", LESS)
def test_a_controller_that_may_not_delete_tries_again(lab: LabServer, start: str) -> None:
    resource, name, change = LESS[start]
    before = pods(lab, start)
    assert before
    deny(lab, "DELETE", f"request.userInfo.username != 'system:serviceaccount:kube-system:{ACCOUNTS[start]}'")
    lab.control.merge(resource, name, change, "shop")
    lab.control.settle()
    assert before == pods(lab, start)
    allow(lab)
    assert [] == pods(lab, start)


@pytest.mark.parametrize("start", LESS)
def test_a_controller_that_may_not_create_tries_again(lab: LabServer, start: str) -> None:
    before = pods(lab, start)
    deny(lab, "CREATE", f"request.userInfo.username != 'system:serviceaccount:kube-system:{ACCOUNTS[start]}'")
    lab.control.delete("pods", before[0], "shop")
    lab.control.settle()
    assert len(before) - 1 == len(pods(lab, start))
    allow(lab)
    assert len(before) == len(pods(lab, start))


def test_a_reset_forgets_who_was_denied(lab: LabServer) -> None:
    deny(lab, "DELETE")
    lab.control.snapshot("denied")
    lab.control.merge("deployments", "web", {"spec": {"replicas": 0}}, "shop")
    assert 2 == len(pods(lab, "web-"))
    lab.control.snapshot("trying")
    lab.control.reset("denied")
    allow(lab)
    assert 2 == len(pods(lab, "web-"))
    lab.control.reset("trying")
    allow(lab)
    assert [] == pods(lab, "web-")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("authorizer.group('').resource('pods').check('get').allowed()", "undeclared reference to 'authorizer'"),
        ("'x'.lowerAscii() == 'x'", "undeclared reference to 'lowerAscii'"),
    ],
)
def test_what_the_lab_cannot_evaluate_it_does_not_take(lab: LabServer, expression: str, said: str) -> None:
    spec = {
        "matchConstraints": {"resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["pods"]},
        ]},
        "validations": [{"expression": expression}],
    }  # fmt: skip
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "strange"}, "spec": spec,
    }  # fmt: skip
    assert 501 == lab.control.request("POST", GROUP, body)["code"]
    assert [True] == [said in one for one in lab.control.unserved()]


def test_a_quota_of_what_the_lab_does_not_count_is_not_taken(lab: LabServer) -> None:
    body = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "much"},
        "spec": {"hard": {"pods": "1", "requests.cpu": "1"}},
    }  # fmt: skip
    assert 501 == lab.control.request("POST", "/api/v1/namespaces/shop/resourcequotas", body)["code"]
    assert [True] == ["quotas of requests.cpu" in one for one in lab.control.unserved()]
