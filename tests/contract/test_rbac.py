"""Roles and bindings: who may do what by them, in whose words it is refused, and what nobody may grant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.workloads import RBAC, acting, made, path
from tests.support.moments import until
from tests.support.worlds import World

Doc = dict[str, Any]
GROUP = "rbac.authorization.k8s.io"
LIST_PODS: Doc = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}


def role(world: World, name: str, *rules: Doc) -> Doc:
    body = {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": {"name": name}, "rules": list(rules)}
    return made(world.ask("POST", path(world, "roles", group=f"{GROUP}/v1"), body=body))


def reference(name: str, kind: str = "Role") -> Doc:
    return {"apiGroup": GROUP, "kind": kind, "name": name}


def user(name: str = "ana") -> Doc:
    return {"apiGroup": GROUP, "kind": "User", "name": name}


def binding(name: str, to: Doc, *subjects: Doc) -> Doc:
    head = {"apiVersion": f"{GROUP}/v1", "kind": "RoleBinding", "metadata": {"name": name}}
    return {**head, "roleRef": to, "subjects": list(subjects)}


def bind(world: World, name: str, to: Doc, *subjects: Doc) -> Doc:
    where = path(world, "rolebindings", group=f"{GROUP}/v1")
    return made(world.ask("POST", where, body=binding(name, to, *subjects)))


def may(world: World, who: str = "ana", groups: tuple[str, ...] = (), **attributes: str) -> Doc:
    asked = {"namespace": world.namespace, **attributes}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": who, "groups": list(groups), "resourceAttributes": asked},
    }
    answer = world.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body=body)
    status: Doc = made(answer)["status"]
    return status


def granted(world: World, **asked: Any) -> Doc:
    """Wait until it is allowed: the authorizer learns of roles a moment after they are stored."""
    found: Doc = until(f"{asked} to be allowed", lambda: (status := may(world, **asked))["allowed"] and status)
    return found


def test_what_a_role_grants_holds_in_its_namespace_alone(world: World) -> None:
    assert may(world, verb="list", resource="pods")["allowed"] is False
    role(world, "reader", LIST_PODS)
    bind(world, "ana-reads", reference("reader"), user())
    status = granted(world, verb="list", resource="pods")
    name = f"ana-reads/{world.namespace}"
    assert status["reason"] == f'RBAC: allowed by RoleBinding "{name}" of Role "reader" to User "ana"'
    assert may(world, verb="get", resource="pods")["allowed"] is False
    assert may(world, verb="list", resource="pods", namespace="default")["allowed"] is False
    assert may(world, verb="list", resource="pods", namespace="")["allowed"] is False
    assert may(world, who="bo", verb="list", resource="pods")["allowed"] is False


@pytest.mark.parametrize(
    ("rule", "asked", "allowed"),
    [
        ({"resources": ["pods"], "verbs": ["create"]}, {"resource": "pods", "subresource": "exec"}, False),
        ({"resources": ["pods/exec"], "verbs": ["create"]}, {"resource": "pods", "subresource": "exec"}, True),
        ({"resources": ["pods/exec"], "verbs": ["create"]}, {"resource": "pods"}, False),
        ({"resources": ["*/exec"], "verbs": ["create"]}, {"resource": "pods", "subresource": "exec"}, True),
        ({"resources": ["*"], "verbs": ["create"]}, {"resource": "pods", "subresource": "exec"}, True),
        ({"resources": ["pods"], "verbs": ["*"]}, {"resource": "pods"}, True),
        ({"resources": ["pods"], "verbs": ["create"], "apiGroups": ["apps"]}, {"resource": "pods"}, False),
        ({"resources": ["pods"], "verbs": ["create"], "apiGroups": ["*"]}, {"resource": "pods"}, True),
        ({"resources": ["pods"], "verbs": ["create"], "resourceNames": ["a"]}, {"resource": "pods", "name": "a"}, True),
        (
            {"resources": ["pods"], "verbs": ["create"], "resourceNames": ["a"]},
            {"resource": "pods", "name": "b"},
            False,
        ),
        ({"resources": ["pods"], "verbs": ["create"], "resourceNames": ["a"]}, {"resource": "pods"}, False),
    ],
)
def test_rules_match_as_they_say(world: World, rule: Doc, asked: dict[str, Any], allowed: bool) -> None:
    role(world, "one", {"apiGroups": [""], **rule})
    role(world, "then", LIST_PODS)
    bind(world, "one", reference("one"), user())
    bind(world, "then", reference("then"), user())
    granted(world, verb="list", resource="pods")
    assert may(world, verb="create", **asked)["allowed"] is allowed


def test_service_accounts_and_groups_are_subjects_too(world: World) -> None:
    role(world, "reader", LIST_PODS)
    account = {"kind": "ServiceAccount", "name": "web", "namespace": world.namespace}
    bind(world, "both", reference("reader"), account, {"apiGroup": GROUP, "kind": "Group", "name": "team"})
    status = granted(world, who=f"system:serviceaccount:{world.namespace}:web", verb="list", resource="pods")
    assert status["reason"].endswith(f'to ServiceAccount "web/{world.namespace}"')
    assert may(world, who="bo", groups=("team",), verb="list", resource="pods")["allowed"] is True
    assert may(world, who="system:serviceaccount:default:web", verb="list", resource="pods")["allowed"] is False


def test_a_cluster_role_bound_in_a_namespace_holds_there(world: World) -> None:
    bind(world, "viewers", reference("view", "ClusterRole"), user())
    granted(world, verb="list", resource="pods")
    assert may(world, verb="list", resource="secrets")["allowed"] is False
    assert may(world, verb="list", resource="pods", namespace="default")["allowed"] is False


def test_roles_made_of_others_hold_what_those_hold(world: World) -> None:
    rules = world.get(f"{RBAC}/clusterroles/admin").doc["rules"]
    flat = {
        (group, one, verb)
        for r in rules
        for group in r.get("apiGroups", ())
        for one in r["resources"]
        for verb in r["verbs"]
    }
    for wanted in (
        ("", "pods", "list"),
        ("", "secrets", "get"),
        ("", "pods/exec", "create"),
        (GROUP, "rolebindings", "create"),
    ):
        assert wanted in flat


def test_a_403_says_which_role_is_missing(world: World) -> None:
    bind(world, "broken", reference("nobody-made-this"), user())
    wanted = (
        f'pods is forbidden: User "ana" cannot list resource "pods" in API group "" in the namespace '
        f'"{world.namespace}": RBAC: role.rbac.authorization.k8s.io "nobody-made-this" not found'
    )
    until(wanted, lambda: acting(world, "ana", "GET", world.pods).doc.get("message") == wanted)


def test_a_list_of_one_name_is_covered_by_that_name(world: World) -> None:
    role(world, "one", {**LIST_PODS, "resourceNames": ["one"]})
    bind(world, "one", reference("one"), user())
    granted(world, verb="list", resource="pods", name="one")
    assert acting(world, "ana", "GET", f"{world.pods}?fieldSelector=metadata.name=one").code == 200
    assert acting(world, "ana", "GET", f"{world.pods}?fieldSelector=metadata.name=two").code == 403
    assert acting(world, "ana", "GET", world.pods).code == 403


def test_nobody_grants_what_they_do_not_hold(world: World) -> None:
    own = {"apiGroups": [GROUP], "resources": ["roles", "rolebindings"], "verbs": ["create", "patch"]}
    role(world, "own", own, LIST_PODS)
    bind(world, "own", reference("own"), user())
    granted(world, verb="list", resource="pods")
    wanted = [LIST_PODS, {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]
    body = {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": {"name": "more"}, "rules": wanted}
    where = path(world, "roles", group=f"{GROUP}/v1")
    answer = acting(world, "ana", "POST", where, body)
    assert answer.code == 403
    assert answer.doc["message"] == (
        'roles.rbac.authorization.k8s.io "more" is forbidden: user "ana" (groups=["system:authenticated"]) is '
        "attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}'
    )
    assert world.get(f"{where}/more").code == 404
    body["rules"] = [LIST_PODS]
    assert acting(world, "ana", "POST", where, body).code == 201


def test_a_binding_needs_what_its_role_grants_or_the_verb_bind(world: World) -> None:
    role(world, "secrets", {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]})
    role(world, "binder", {"apiGroups": [GROUP], "resources": ["rolebindings"], "verbs": ["create", "patch"]})
    bind(world, "binder", reference("binder"), user())
    where = path(world, "rolebindings", group=f"{GROUP}/v1")
    body = binding("taken", reference("secrets"), user())
    granted(world, verb="create", group=GROUP, resource="rolebindings")
    refused = acting(world, "ana", "POST", where, body)
    assert refused.code == 403
    assert "is attempting to grant RBAC permissions not currently held" in refused.doc["message"]
    may_bind = {"apiGroups": [GROUP], "resources": ["roles"], "resourceNames": ["secrets"], "verbs": ["bind"]}
    role(world, "may-bind", may_bind)
    bind(world, "may-bind", reference("may-bind"), user())
    granted(world, verb="bind", group=GROUP, resource="roles", name="secrets")
    assert acting(world, "ana", "POST", where, body).code == 201


def test_taking_a_subject_out_of_a_binding_is_guarded_like_putting_one_in(world: World) -> None:
    """Who takes rights away needs `bind` as well: the API does not look at the direction."""
    role(world, "secrets", {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]})
    bind(world, "held", reference("secrets"), user("bo"), user("eve"))
    role(world, "binder", {"apiGroups": [GROUP], "resources": ["rolebindings"], "verbs": ["patch"]})
    bind(world, "binder", reference("binder"), user())
    where = path(world, "rolebindings", "held", group=f"{GROUP}/v1")
    granted(world, verb="patch", group=GROUP, resource="rolebindings")
    remove = [{"op": "remove", "path": "/subjects/1"}]
    assert acting(world, "ana", "PATCH", where, remove).code == 403
    assert world.ask("PATCH", where, body=remove, kind="application/json-patch+json").code == 200
    assert [each["name"] for each in world.get(where).doc["subjects"]] == ["bo"]


def test_even_a_label_of_a_binding_is_guarded(world: World) -> None:
    role(world, "secrets", {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]})
    bind(world, "held", reference("secrets"), user("bo"))
    role(world, "binder", {"apiGroups": [GROUP], "resources": ["rolebindings"], "verbs": ["patch"]})
    bind(world, "binder", reference("binder"), user())
    where = path(world, "rolebindings", "held", group=f"{GROUP}/v1")
    label = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]
    answer = acting(world, "ana", "PATCH", where, label)
    assert answer.code == 403
    nothing = [{"op": "test", "path": "/metadata/name", "value": "held"}]
    until("the right to patch", lambda: acting(world, "ana", "PATCH", where, nothing).code == 200)
    assert "is attempting to grant" in acting(world, "ana", "PATCH", where, label).doc["message"]


def test_the_role_of_a_binding_cannot_be_changed(world: World) -> None:
    role(world, "one", LIST_PODS)
    role(world, "two", LIST_PODS)
    bind(world, "held", reference("one"), user())
    where = path(world, "rolebindings", "held", group=f"{GROUP}/v1")
    answer = world.patch(where, {"op": "replace", "path": "/roleRef/name", "value": "two"})
    assert (answer.code, answer.doc["details"]["causes"][0]["field"]) == (422, "roleRef")


def test_a_rules_review_lists_what_one_may_do(world: World) -> None:
    role(world, "reader", LIST_PODS)
    bind(world, "ana-reads", reference("reader"), user())
    granted(world, verb="list", resource="pods")
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": world.namespace},
    }
    answer = acting(world, "ana", "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body)
    assert LIST_PODS in made(answer)["status"]["resourceRules"]
    assert answer.doc["status"]["incomplete"] is False


def test_acting_as_somebody_takes_the_right_to(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.tokens['viewer']}", "Impersonate-User": "ana"}
    answer = world.http.request("GET", f"{world.url}{world.pods}", headers=headers, retries=False)
    assert answer.status == 403
    assert (
        f'cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "{world.namespace}"'
        in (answer.json()["message"])
    )


def test_an_account_that_is_acted_as_has_its_groups(world: World) -> None:
    role(world, "reader", LIST_PODS)
    group = {"apiGroup": GROUP, "kind": "Group", "name": f"system:serviceaccounts:{world.namespace}"}
    bind(world, "all", reference("reader"), group)
    granted(world, groups=(group["name"],), verb="list", resource="pods")
    assert acting(world, f"system:serviceaccount:{world.namespace}:default", "GET", world.pods).code == 200
    assert acting(world, "system:serviceaccount:default:default", "GET", world.pods).code == 403


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"apiGroups": [""], "resources": ["pods"]}, "rules[0].verbs"),
        ({"apiGroups": [""], "verbs": ["get"]}, "rules[0].resources"),
        ({"resources": ["pods"], "verbs": ["get"]}, "rules[0].apiGroups"),
    ],
)
def test_a_rule_that_makes_no_sense_is_a_422(world: World, rule: Doc, field: str) -> None:
    body = {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": {"name": "odd"}, "rules": [rule]}
    answer = world.ask("POST", path(world, "roles", group=f"{GROUP}/v1"), body=body)
    assert answer.code == 422
    assert [cause["field"] for cause in answer.doc["details"]["causes"]] == [field]
