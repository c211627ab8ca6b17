"""The admission policy's own expressions, evaluated by CEL's authors' library: what it denies, and to whom."""

from __future__ import annotations

from typing import Any

import pytest
from cel_expr_python import cel

from irkit.actions.catalog import Catalog
from irkit.actions.kube.isolate_pod.policy import policy_name
from irkit.actions.kube.protect_pod.policy import objects
from irkit.model.kube import CASE_LABEL, POLICY_ENDPOINTS
from irkit.model.refs import PodRef
from tests.support.action_cases import CASE
from tests.support.action_shop import CLUSTER, mark_for

Raw = dict[str, Any]
POD = PodRef(cluster=CLUSTER, namespace="shop", name="web-1", uid="p-1")
_, MARK = mark_for(Catalog.builtin().need("kube.isolate_pod"), pod=POD)
NAMES = ("request", "oldObject", "namespaceObject", "params")
ENDS = {"metadata": {"name": "shop", "deletionTimestamp": "2026-11-21T03:00:00Z"}}
STAYS = {"metadata": {"name": "shop"}}
HELD = {"metadata": {"name": "web-1", "labels": {CASE_LABEL: CASE}}}
ENDED = {"metadata": {"name": "web-1", "labels": {CASE_LABEL: CASE}, "deletionTimestamp": "2026-11-21T03:00:00Z"}}
NAMESPACES = "system:serviceaccount:kube-system:namespace-controller"
MANAGER = "system:kube-controller-manager"
OURS = {"metadata": {"name": policy_name(MARK), "labels": {CASE_LABEL: CASE}}}
ENDPOINTS = {"metadata": {"name": f"{policy_name(MARK)}-x7k2p"}}
"""Of VPC CNI's controller, which names what it makes of a policy after it, and gives it no labels."""


def allowed(
    user: str, resource: str, old: Raw | None, *, namespace: Raw | None = ENDS, pod: Raw = HELD, **request: Any
) -> bool:  # fmt: skip
    """Whether the policy lets it pass, judged for one pod of the case."""
    asked = {"operation": "DELETE", "name": "", "resource": {"resource": resource}, "userInfo": {"username": user}}
    data = {"request": asked | request, "oldObject": old, "namespaceObject": namespace, "params": pod}
    env = cel.NewEnv(variables=dict.fromkeys(NAMES, cel.Type.DYN))
    spec: Any = objects(POD, ("ana",), MARK)[0].spec
    found = [env.compile(one["expression"]).eval(data=data).value() for one in spec["validations"]]
    assert {type(one) for one in found} == {bool}, found  # an error is a refusal
    return all(found)


@pytest.mark.parametrize("user", [NAMESPACES, MANAGER])
@pytest.mark.parametrize(
    ("resource", "old"),
    [("networkpolicies", OURS), ("ciliumnetworkpolicies", OURS), (POLICY_ENDPOINTS.plural, ENDPOINTS)],
)
def test_the_control_plane_leaves_what_isolates_it_in_a_namespace_that_ends(user: str, resource: str, old: Raw) -> None:
    assert not allowed(user, resource, old)
    assert allowed(user, resource, old, namespace=STAYS)
    assert allowed(user, resource, old, pod=ENDED)


@pytest.mark.parametrize(
    "user",
    [
        "ana", "bob", "system:serviceaccount:shop:namespace-controller", "system:serviceaccount:kube-system:irkit",
        "system:serviceaccount:kube-system:namespace-controller-x", "system:kube-controller-manager-x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("namespace", [ENDS, STAYS, None])
def test_nobody_else_is_kept_from_taking_a_policy_back(user: str, namespace: Raw | None) -> None:
    """An undo, wherever irkit runs."""
    assert allowed(user, "networkpolicies", OURS, namespace=namespace)


@pytest.mark.parametrize(
    "meta",
    [
        {"name": "allow-web"},
        {"name": "allow-web", "labels": {}},
        {"name": "allow-web", "labels": {"app": "web"}},
        {"name": "irkit-9999-1", "labels": {CASE_LABEL: "IR-20261121-9999"}},
    ],
)
@pytest.mark.parametrize("resource", ["networkpolicies", "ciliumnetworkpolicies", POLICY_ENDPOINTS.plural])
def test_policies_of_others_go_with_their_namespace(resource: str, meta: Raw) -> None:
    assert allowed(NAMESPACES, resource, {"metadata": meta})


@pytest.mark.parametrize("namespace", [ENDS, STAYS, None])
@pytest.mark.parametrize("user", [NAMESPACES, "bob"])
def test_the_pod_is_neither_deleted_nor_evicted(user: str, namespace: Raw | None) -> None:
    evict: Raw = {"operation": "CREATE", "name": "web-1"}

    assert not allowed(user, "pods", HELD, namespace=namespace)
    assert not allowed(user, "pods", None, namespace=namespace, **evict)
    assert allowed(user, "pods", ENDED, namespace=namespace, pod=ENDED)
    assert allowed(user, "pods", None, namespace=namespace, pod=ENDED, **evict)
    assert allowed("ana", "pods", HELD, namespace=namespace)
    assert allowed(user, "pods", {"metadata": {"name": "web-2"}}, namespace=namespace)
    assert allowed(user, "pods", None, namespace=namespace, **evict | {"name": "web-2"})


def test_it_is_asked_about_all_of_these() -> None:
    spec: Any = objects(POD, (), MARK)[0].spec
    rules = spec["matchConstraints"]["resourceRules"]

    assert [(one["apiGroups"], one["operations"], one["resources"]) for one in rules] == [
        ([""], ["DELETE"], ["pods"]),
        ([""], ["CREATE"], ["pods/eviction"]),
        (["networking.k8s.io"], ["DELETE"], ["networkpolicies"]),
        (["cilium.io"], ["DELETE"], ["ciliumnetworkpolicies"]),
        (["networking.k8s.aws"], ["DELETE"], ["policyendpoints"]),
    ]
