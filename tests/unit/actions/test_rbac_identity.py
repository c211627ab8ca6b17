"""Who can still act as a service account: each way in, and what is no way in."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from irkit.actions.kube.identity import INDIRECT, MEANING, Account, Way, actors, is_admin, read_rbac, requests, rights
from irkit.actions.kube.rbac import Rbac
from irkit.model.doc import Doc
from irkit.model.kube import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from tests.support.memory import MemoryKube

Raw = dict[str, Any]
ANA: Raw = {"kind": "User", "name": "ana"}
ACCOUNT = Account("shop", "web", pods=("web-1", "web-2"), nodes=("node-1",), secrets=("web-token",))
RBAC = "rbac.authorization.k8s.io"
HOOKS = "admissionregistration.k8s.io"


def granted(rule: Raw, *, namespace: str = "", subject: Raw = ANA) -> Rbac:
    """A cluster with one rule for one subject, cluster-wide or in a namespace."""
    role = Doc({"metadata": {"name": "r"}, "rules": [rule]}, "a role")
    ref = {"kind": "ClusterRole", "name": "r"}
    meta: Raw = {"name": "b", "uid": "u-1"} | ({"namespace": namespace} if namespace else {})
    binding = Doc({"metadata": meta, "roleRef": ref, "subjects": [subject]}, "a binding")
    return Rbac.read([], [role], [binding] if namespace else [], [] if namespace else [binding])


def rule(verb: str, group: str, resource: str, *names: str) -> Raw:
    found: Raw = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
    return found | ({"resourceNames": list(names)} if names else {})


def ways(found: Rbac, account: Account = ACCOUNT) -> tuple[Way, ...]:
    rows = actors(found, account)
    assert len(rows) <= 1
    return rows[0].ways if rows else ()


# One line a way in: what RBAC must say for it. In a namespace where the second column is "shop".
OPEN: list[tuple[Way, str, Raw]] = [
    ("mint-token", "shop", rule("create", "", "serviceaccounts/token", "web")),
    ("impersonate", "shop", rule("impersonate", "", "serviceaccounts", "web")),
    ("impersonate", "shop", rule("impersonate:serviceaccount", "authentication.k8s.io", "serviceaccounts", "web")),
    ("read-secrets", "shop", rule("get", "", "secrets", "web-token")),
    ("read-secrets", "shop", rule("list", "", "secrets")),
    ("read-secrets", "shop", rule("watch", "", "secrets", "web-token")),
    ("create-secrets", "shop", rule("create", "", "secrets")),
    ("enter-pod", "shop", rule("create", "", "pods/exec")),
    ("enter-pod", "shop", rule("get", "", "pods/exec", "web-2")),
    ("enter-pod", "shop", rule("get", "", "pods/attach")),
    ("enter-pod", "shop", rule("create", "", "pods/attach")),
    ("enter-pod", "shop", rule("create", "", "pods/portforward")),
    ("enter-pod", "shop", rule("get", "", "pods/portforward")),
    ("enter-pod", "shop", rule("patch", "", "pods/ephemeralcontainers")),
    ("enter-pod", "shop", rule("update", "", "pods/ephemeralcontainers")),
    ("enter-pod", "shop", rule("create", "", "*/exec")),
    ("change-pod", "shop", rule("patch", "", "pods", "web-1")),
    ("change-pod", "shop", rule("update", "", "pods")),
    ("node-proxy", "", rule("get", "", "nodes/proxy")),
    ("node-proxy", "", rule("create", "", "nodes/proxy", "node-1")),
    ("run-pod", "shop", rule("create", "", "pods")),
    ("run-pod", "shop", rule("create", "apps", "deployments")),
    ("run-pod", "shop", rule("patch", "apps", "daemonsets", "any-one")),
    ("run-pod", "shop", rule("update", "batch", "cronjobs")),
    ("run-pod", "shop", rule("create", "", "replicationcontrollers")),
    ("admission", "", rule("create", HOOKS, "mutatingwebhookconfigurations")),
    ("admission", "", rule("patch", HOOKS, "mutatingwebhookconfigurations", "their-hook")),
    ("admission", "", rule("create", HOOKS, "mutatingadmissionpolicies")),
    ("certificate", "", rule("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client")),
    ("certificate", "", rule("approve", "certificates.k8s.io", "signers", "kubernetes.io/*")),
    ("impersonate-others", "", rule("impersonate", "", "users", "boss")),
    ("impersonate-others", "", rule("impersonate", "", "groups")),
    ("escalate", "shop", rule("escalate", RBAC, "roles")),
    ("escalate", "", rule("escalate", RBAC, "clusterroles", "edit")),
    ("bind", "shop", rule("bind", RBAC, "clusterroles", "admin")),
    ("bind", "shop", rule("bind", RBAC, "roles")),
]


@pytest.mark.parametrize(("way", "namespace", "given"), OPEN, ids=str)
def test_each_way_in_is_found_where_it_is_open(way: Way, namespace: str, given: Raw) -> None:
    (found,) = actors(granted(given, namespace=namespace), ACCOUNT)

    assert (found.ways, found.kind, found.name, found.direct) == ((way,), "User", "ana", way not in INDIRECT)
    where = f"RoleBinding {namespace}/b" if namespace else "ClusterRoleBinding b"
    assert (found.binding, found.role) == (where, "ClusterRole r")


def test_every_way_is_tried_and_has_a_meaning() -> None:
    assert {way for way, _, _ in OPEN} == set(get_args(Way)) == set(MEANING)
    assert {way for way, _ in requests(ACCOUNT)} == set(MEANING)


CLOSED = [
    ("shop", rule("create", "", "serviceaccounts/token", "api")),  # another account
    ("shop", rule("create", "", "serviceaccounts")),
    ("cart", rule("create", "", "serviceaccounts/token")),  # another namespace
    ("shop", rule("impersonate", "", "users")),  # asked of the cluster, and never for an account
    ("", rule("impersonate", "", "serviceaccounts", "api")),
    ("shop", rule("get", "", "secrets", "other")),
    ("shop", rule("get", "", "pods")),
    ("shop", rule("create", "", "pods", "web-1")),  # a create names nothing, so this rule never counts
    ("shop", rule("get", "", "pods/exec", "cart-1")),
    ("shop", rule("delete", "", "pods")),
    ("shop", rule("get", "", "pods/log")),
    ("shop", rule("get", "", "nodes/proxy")),  # nodes are of no namespace
    ("", rule("get", "", "nodes/proxy", "node-2")),  # none of its pods is there
    ("", rule("get", "", "nodes")),
    ("", rule("create", HOOKS, "validatingwebhookconfigurations")),  # changes no pod
    ("", rule("approve", "certificates.k8s.io", "signers", "example.com/own")),
    ("", rule("create", "certificates.k8s.io", "certificatesigningrequests")),
    ("cart", rule("bind", RBAC, "clusterroles")),
    ("shop", rule("escalate", RBAC, "clusterroles")),
]


@pytest.mark.parametrize(("namespace", "given"), CLOSED, ids=str)
def test_what_is_no_way_in_is_not_named(namespace: str, given: Raw) -> None:
    assert actors(granted(given, namespace=namespace), ACCOUNT) == ()


def test_where_nothing_runs_as_it_there_is_nothing_to_enter_but_something_to_start() -> None:
    bare = Account("shop", "web")

    assert ways(granted(rule("*", "", "pods/exec")), bare) == ()
    assert ways(granted(rule("*", "", "nodes/proxy")), bare) == ()
    assert ways(granted(rule("*", "", "pods")), bare) == ("run-pod",)


def test_secrets_matter_where_there_is_a_token_in_them_or_nobody_could_look() -> None:
    reader = granted(rule("get", "", "secrets", "some-name"), namespace="shop")

    assert ways(reader, Account("shop", "web", secrets=())) == ()
    assert ways(reader, Account("shop", "web", secrets=("some-name",))) == ("read-secrets",)
    assert ways(reader, Account("shop", "web", secrets=None)) == ("read-secrets",)
    assert ways(granted(rule("list", "", "secrets")), Account("shop", "web", secrets=None)) == ("read-secrets",)


def test_an_administrator_is_one_row_with_every_way_in() -> None:
    everything = rule("*", "*", "*")

    (found,) = actors(granted(everything, subject={"kind": "Group", "name": "system:masters"}), ACCOUNT)

    assert found.ways == tuple(MEANING)
    assert (found.kind, found.name, found.direct) == ("Group", "system:masters", True)


def test_direct_ways_come_first_and_one_subject_has_a_row_for_each_binding() -> None:
    roles = [
        Doc({"metadata": {"name": "a-bind"}, "rules": [rule("bind", RBAC, "roles")]}, "a role"),
        Doc({"metadata": {"name": "exec"}, "rules": [rule("create", "", "pods/exec")]}, "a role"),
    ]
    bindings = [
        Doc(
            {
                "metadata": {"name": name, "uid": name},
                "roleRef": {"kind": "ClusterRole", "name": name},
                "subjects": [ANA, {"kind": "ServiceAccount", "name": "ci", "namespace": "build"}],
            },
            "a binding",
        )
        for name in ("a-bind", "exec")
    ]

    found = actors(Rbac.read([], roles, [], bindings), ACCOUNT)

    assert [(one.kind, one.namespace, one.name, one.ways) for one in found] == [
        ("ServiceAccount", "build", "ci", ("enter-pod",)),
        ("User", "", "ana", ("enter-pod",)),
        ("ServiceAccount", "build", "ci", ("bind",)),
        ("User", "", "ana", ("bind",)),
    ]


# -- what the account may do itself ---------------------------------------------------------------------------


def world() -> MemoryKube:
    def bind(name: str, role: str, subject: Raw, namespace: str = "") -> Raw:
        meta = {"name": name, "uid": name, **({"namespace": namespace} if namespace else {})}
        kind, _, role_name = role.partition("/")
        return {"metadata": meta, "roleRef": {"kind": kind, "name": role_name}, "subjects": [subject]}

    web = {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}
    return MemoryKube({
        ROLES: [{"metadata": {"name": "own", "namespace": "cart"}, "rules": [rule("get", "", "secrets", "key")]}],
        CLUSTER_ROLES: [
            {"metadata": {"name": "discovery"}, "rules": [{"verbs": ["get"], "nonResourceURLs": ["/version"]}]},
            {"metadata": {"name": "unused"}, "rules": [rule("*", "*", "*")]},
        ],
        ROLE_BINDINGS: [bind("theirs", "Role/own", web, "cart")],
        CLUSTER_ROLE_BINDINGS: [
            bind("discovery", "ClusterRole/discovery", {"kind": "Group", "name": "system:authenticated"})
        ],
    })  # fmt: skip


def test_an_accounts_rights_are_its_own_and_those_of_its_groups_each_with_its_origin() -> None:
    kube = world()

    own, shared = rights(read_rbac(kube), "shop", "web")

    assert (own.verbs, own.resources, own.names, own.namespace) == (("get",), ("secrets",), ("key",), "cart")
    assert (own.binding, own.role, own.through) == ("RoleBinding cart/theirs", "Role cart/own", "")
    assert (shared.urls, shared.namespace, shared.through) == (("/version",), "", "system:authenticated")
    assert [one[0] for one in kube.asked] == ["list"] * 4


@pytest.mark.parametrize(
    ("given", "namespace", "admin"),
    [
        (rule("*", "*", "*"), "", True),
        (rule("*", "*", "*"), "shop", False),
        (rule("*", "", "*"), "", False),
        (rule("get", "*", "*"), "", False),
        (rule("*", "*", "*", "one"), "", False),
        (rule("*", "*", "pods"), "", False),
    ],
)
def test_an_administrator_may_do_everything_everywhere(given: Raw, namespace: str, admin: bool) -> None:
    subject = {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}

    assert is_admin(granted(given, namespace=namespace, subject=subject), "shop", "web") == admin
    assert not is_admin(granted(given, namespace=namespace, subject=subject), "shop", "other")
