"""Permissions as RBAC objects: exact, without wildcards, and such as `kubectl apply` takes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from kubernetes.client import ApiClient, V1ClusterRole, V1ClusterRoleBinding, V1Role, V1RoleBinding

from irkit.actions.catalog import Catalog
from irkit.engine.preflight import Grant, grants
from irkit.model.effects import Access
from irkit.playbook import load_playbook, shipped
from irkit.views.permissions import Subject, hazards, permission_lines, permissions_json, rbac_objects, rbac_yaml
from irkit.views.terminal import cells, paint

GROUP = Subject("Group", "irkit-responders")
KINDS = {one.__name__[2:]: one for one in (V1ClusterRole, V1ClusterRoleBinding, V1Role, V1RoleBinding)}
Rule = tuple[str, str, str, str]
REVIEWS = {
    ("authentication.k8s.io", "selfsubjectreviews", "create", ""),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create", ""),
}


def grant(text: str, group: str = "", *, everywhere: bool = False, name: str = "", **more: Any) -> Grant:
    verb, _, resource = text.partition(" ")
    return Grant(Access(group=group, resource=resource, verb=verb), everywhere, name, **{"steps": ("cut",), **more})


def rules(role: Any) -> set[Rule]:
    """Group, resource, verb and name of everything that a role allows."""
    return {
        (group, resource, verb, name)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }


def shipped_grants(name: str) -> tuple[Grant, ...]:
    known = Catalog.builtin()
    return grants([load_playbook(*shipped.load(name), known)], known)


SMALL = (
    grant("get pods"), grant("patch pods"), grant("list services"), grant("list nodes", everywhere=True),
    grant("get namespaces", everywhere=True, name="kube-system"), grant("create pods/eviction"),
    grant("list pods", everywhere=True), grant("list pods"), grant("delete networkpolicies", "networking.k8s.io"),
)  # fmt: skip


def test_without_a_namespace_all_of_it_is_one_cluster_role() -> None:
    role, binding = rbac_objects(SMALL, "irkit-x", GROUP)

    assert rules(role) == REVIEWS | {
        ("", "pods", "get", ""), ("", "pods", "patch", ""), ("", "pods", "list", ""), ("", "services", "list", ""),
        ("", "nodes", "list", ""), ("", "namespaces", "get", "kube-system"), ("", "pods/eviction", "create", ""),
        ("networking.k8s.io", "networkpolicies", "delete", ""),
    }  # fmt: skip
    assert (role["kind"], binding["kind"]) == ("ClusterRole", "ClusterRoleBinding")
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "irkit-x"
    }  # fmt: skip
    assert binding["subjects"] == [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "irkit-responders"}
    ]


def test_with_a_namespace_only_what_is_in_none_or_in_all_stays_in_the_cluster_role() -> None:
    wide, _, narrow, binding = rbac_objects(SMALL, "irkit-x", GROUP, "shop")

    assert rules(wide) == REVIEWS | {
        ("", "nodes", "list", ""), ("", "namespaces", "get", "kube-system"), ("", "pods", "list", "")
    }  # fmt: skip
    assert rules(narrow) == {
        ("", "pods", "get", ""), ("", "pods", "patch", ""), ("", "services", "list", ""),
        ("", "pods/eviction", "create", ""), ("networking.k8s.io", "networkpolicies", "delete", ""),
    }  # fmt: skip
    assert [one["metadata"]["namespace"] for one in (narrow, binding)] == ["shop", "shop"]  # type: ignore[index, call-overload]  # JSON
    assert binding["roleRef"]["kind"] == "Role"  # type: ignore[index, call-overload]  # JSON


def test_with_a_namespace_and_nothing_in_it_there_is_no_role() -> None:
    assert [one["kind"] for one in rbac_objects([grant("list nodes", everywhere=True)], "x", GROUP, "shop")] == [
        "ClusterRole",
        "ClusterRoleBinding",
    ]


def test_a_name_narrows_only_its_own_rule() -> None:
    role, _ = rbac_objects(
        [grant("get namespaces", everywhere=True), grant("get namespaces", everywhere=True, name="kube-system")],
        "x",
        GROUP,
    )

    assert {one for one in rules(role) if one[1] == "namespaces"} == {
        ("", "namespaces", "get", ""),
        ("", "namespaces", "get", "kube-system"),
    }


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (Subject("User", "ana"), {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ana"}),
        (
            Subject("ServiceAccount", "responder", "irkit"),
            {"kind": "ServiceAccount", "name": "responder", "namespace": "irkit"},
        ),
    ],
)
def test_a_subject_is_named_as_rbac_names_it(subject: Subject, shown: dict[str, str]) -> None:
    assert rbac_objects(SMALL, "x", subject)[1]["subjects"] == [shown]


@pytest.mark.parametrize("name", shipped.names())
@pytest.mark.parametrize("namespace", ["", "shop"])
def test_what_the_shipped_playbooks_get_is_exactly_what_their_actions_declare(name: str, namespace: str) -> None:
    found = shipped_grants(name)
    objects = list(yaml.safe_load_all(rbac_yaml(rbac_objects(found, "x", GROUP, namespace), found, "Title")))

    given = set().union(*(rules(one) for one in objects if "rules" in one))
    assert given - REVIEWS == {(one.access.group, one.access.resource, one.access.verb, one.name) for one in found}
    assert "*" not in str(objects)
    for one in objects:  # every field is one that the API has
        made = ApiClient()._ApiClient__deserialize_model(one, KINDS[one["kind"]])  # type: ignore[attr-defined]  # no public way
        assert ApiClient().sanitize_for_serialization(made) == one  # type: ignore[no-untyped-call]  # the client has no types


def test_the_yaml_warns_of_permissions_that_give_more_than_irkit_uses() -> None:
    found = (
        grant("list secrets"),
        grant("bind clusterroles", "rbac.authorization.k8s.io", everywhere=True),
        grant("get pods"),
    )

    text = rbac_yaml(rbac_objects(found, "x", GROUP), found, "Permissions of x")

    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert [str(access) for access, _ in hazards(found)] == [
        "list secrets",
        "bind clusterroles.rbac.authorization.k8s.io",
    ]
    assert any("metadata only" in line for line in comments)
    assert any("as powerful as any ClusterRole" in line for line in comments)
    assert next(yaml.safe_load_all(text))["kind"] == "ClusterRole"


def test_who_grants_a_shipped_playbook_is_told_of_all_that_it_could_be_used_for() -> None:
    assert {str(access) for access, _ in hazards(shipped_grants("compromised-pod"))} == {
        "create pods",
        "create validatingadmissionpolicybindings.admissionregistration.k8s.io",
        *(f"patch {plural}.apps" for plural in ("daemonsets", "deployments", "statefulsets")),
    }


def test_the_screen_names_the_steps_and_fits() -> None:
    text = paint(permission_lines(shipped_grants("compromised-pod"), "Permissions of compromised-pod"), colour=False)

    assert max(cells(line) for line in text.splitlines()) <= 80
    assert "irkit itself" in text
    assert "  create networkpolicies.networking.k8s.io" in text
    assert "(goes on without it)" in text


def test_the_json_holds_every_grant() -> None:
    found = (grant("get pods", optional=True), grant("get namespaces", everywhere=True, name="kube-system"))

    assert permissions_json(found) == [
        {
            "group": "", "resource": "pods", "verb": "get", "name": "", "everywhere": False, "namespace": "",
            "steps": ["cut"], "optional": True,
        },
        {
            "group": "", "resource": "namespaces", "verb": "get", "name": "kube-system", "everywhere": True,
            "namespace": "", "steps": ["cut"], "optional": False,
        },
    ]  # fmt: skip
