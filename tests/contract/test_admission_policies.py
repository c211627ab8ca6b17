"""ValidatingAdmissionPolicies and their bindings as objects: what is stored, what is refused, what their rules say."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.contract.policies import BINDINGS, HELD, NO_CANARY, POLICIES, Admission, no, rule
from tests.contract.test_deletes import delete
from tests.contract.test_rbac import GROUP, bind, granted, reference, role
from tests.contract.workloads import RBAC, Doc, acting, made
from tests.support.moments import until
from tests.support.worlds import World

GOOD: Doc = {
    "matchConstraints": {"resourceRules": [rule("pods", "DELETE")]}, "validations": [{"expression": "true"}],
}  # fmt: skip
BOUND: Doc = {"policyName": "some", "validationActions": ["Deny"]}
PARAM: Doc = {"name": "one", "parameterNotFoundAction": "Deny"}


def test_a_policy_and_its_binding_are_stored_with_every_default(world: World, admission: Admission) -> None:
    name = admission(
        None, rule("pods", "DELETE"), binding={"matchResources": {"resourceRules": [rule("pods", "DELETE")]}},
        loaded=False,
    )  # fmt: skip
    policy, binding = world.get(f"{POLICIES}/{name}").doc, world.get(f"{BINDINGS}/{name}").doc
    rules = [rule("configmaps", "CREATE", scope="*"), rule("pods", "DELETE", scope="*")]
    here = {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}
    assert {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "matchPolicy": "Equivalent", "namespaceSelector": here, "objectSelector": {}, "resourceRules": rules,
        },
        "validations": [NO_CANARY],
    } == policy["spec"]  # fmt: skip
    assert {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {
            "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}, "resourceRules": rules[1:],
        },
    } == binding["spec"]  # fmt: skip
    assert (1, 1) == (policy["metadata"]["generation"], binding["metadata"]["generation"])


def test_an_expression_that_is_none_is_refused(world: World) -> None:
    spec = {
        "matchConstraints": {"resourceRules": [rule("pods", "DELETE")]},
        "validations": [{"expression": "true"}, {"expression": "1 +"}],
    }
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": f"irkit-{world.namespace}-bad"}, "spec": spec,
    }  # fmt: skip
    answer = world.ask("POST", POLICIES, body=body)
    assert (422, "Invalid") == (answer.code, answer.doc["reason"])
    assert 'spec.validations[1].expression: Invalid value: "1 +": compilation failed: ERROR: ' in answer.doc["message"]


@pytest.mark.parametrize(
    ("plural", "spec", "field"),
    [
        ("policies", {**GOOD, "matchConstraints": {}}, "spec.matchConstraints.resourceRules"),
        ("policies", {**GOOD, "validations": []}, "spec.validations"),
        ("policies", {**GOOD, "validations": [{"expression": ""}]}, "spec.validations[0].expression"),
        ("policies", {**GOOD, "validations": [{"expression": "true", "reason": "Odd"}]}, "spec.validations[0].reason"),
        ("policies", {**GOOD, "failurePolicy": "Maybe"}, "spec.failurePolicy"),
        (
            "policies", {**GOOD, "matchConstraints": {"resourceRules": [rule("pods", "LIST")]}},
            "spec.matchConstraints.resourceRules[0].operations",
        ),
        (
            "policies", {**GOOD, "matchConstraints": {**GOOD["matchConstraints"], "namespaceSelector": {
                "matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]}}},
            "spec.matchConstraints.namespaceSelector.matchExpressions[0].operator",
        ),
        ("bindings", {**BOUND, "policyName": ""}, "spec.policyName"),
        ("bindings", {**BOUND, "validationActions": []}, "spec.validationActions"),
        ("bindings", {**BOUND, "validationActions": ["Deny", "Warn"]}, "spec.validationActions"),
        ("bindings", {**BOUND, "validationActions": ["Odd"]}, "spec.validationActions"),
        ("bindings", {**BOUND, "paramRef": {"name": "one"}}, "spec.paramRef.parameterNotFoundAction"),
        ("bindings", {**BOUND, "paramRef": {"parameterNotFoundAction": "Deny"}}, "spec.paramRef"),
        ("bindings", {**BOUND, "paramRef": {**PARAM, "selector": {}}}, "spec.paramRef"),
    ],
)  # fmt: skip
def test_what_is_no_policy_or_binding_is_refused(world: World, plural: str, spec: Doc, field: str) -> None:
    """A dry run: where one were taken, it would not stay."""
    kind = {"policies": "ValidatingAdmissionPolicy", "bindings": "ValidatingAdmissionPolicyBinding"}[plural]
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
        "metadata": {"name": f"irkit-{world.namespace}-bad"}, "spec": spec,
    }  # fmt: skip
    answer = world.ask("POST", {"policies": POLICIES, "bindings": BINDINGS}[plural], body=body, dryRun="All")
    assert (422, "Invalid") == (answer.code, answer.doc["reason"])
    fields = [one["field"] for one in answer.doc["details"]["causes"]]
    assert field == fields[0][: len(field)], fields


def test_who_makes_a_policy_must_see_all_that_may_parametrise_it(world: World) -> None:
    """Wherever it is: a right in one namespace is not enough for a policy that looks at that one only."""
    who = f"author-{world.namespace}"
    subject = {"apiGroup": GROUP, "kind": "User", "name": who}
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": f"irkit-{world.namespace}-params"}, "spec": {**GOOD, "paramKind": HELD["paramKind"]},
    }  # fmt: skip
    with ExitStack() as stack:

        def grant(name: str, *rules: Doc) -> None:
            head: Doc = {"apiVersion": f"{GROUP}/v1", "metadata": {"name": f"{who}-{name}"}}
            reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": f"{who}-{name}"}
            for kind, more in (
                ("ClusterRole", {"rules": list(rules)}),
                ("ClusterRoleBinding", {"roleRef": reference, "subjects": [subject]}),
            ):
                where = f"{RBAC}/{kind.lower()}s"
                made(world.ask("POST", where, body={**head, "kind": kind, **more}))
                stack.callback(world.ask, "DELETE", f"{where}/{who}-{name}")

        group = "admissionregistration.k8s.io"
        grant("makes", {"apiGroups": [group], "resources": ["validatingadmissionpolicies"], "verbs": ["create"]})
        role(world, "reader", {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})
        bind(world, "author-reads", reference("reader"), subject)
        granted(world, who=who, verb="get", resource="pods")
        granted(world, who=who, verb="create", resource="validatingadmissionpolicies", group=group, namespace="")

        answer = acting(world, who, "POST", f"{POLICIES}?dryRun=All", body)

        said = 'must have "get" permission on all objects of the referenced paramKind (kind=Pod, apiVersion=v1)'
        assert (422, "Invalid") == (answer.code, answer.doc["reason"])
        assert said in answer.doc["message"]
        grant("reads", {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})
        granted(world, who=who, verb="get", resource="pods", namespace="")
        assert 201 == acting(world, who, "POST", f"{POLICIES}?dryRun=All", body).code


CONCERNED: dict[str, tuple[list[Doc], Doc, bool]] = {
    "the verb": ([rule("pods", "DELETE")], {}, True),
    "another verb": ([rule("pods", "CREATE", "UPDATE")], {}, False),
    "any verb": ([rule("pods", "*")], {}, True),
    "another group": ([rule("pods", "DELETE", group="apps")], {}, False),
    "any group": ([rule("pods", "DELETE", group="*")], {}, True),
    "another version": ([rule("pods", "DELETE", apiVersions=["v2"])], {}, False),
    "another resource": ([rule("services", "DELETE")], {}, False),
    "any resource": ([rule("*", "DELETE")], {}, True),
    "any resource and subresource": ([rule("*/*", "DELETE")], {}, True),
    "the resource and its subresources": ([rule("pods/*", "DELETE")], {}, True),
    "a subresource": ([rule("pods/eviction", "DELETE")], {}, False),
    "cluster-wide ones": ([rule("pods", "DELETE", scope="Cluster")], {}, False),
    "namespaced ones": ([rule("pods", "DELETE", scope="Namespaced")], {}, True),
    "its name": ([rule("pods", "DELETE", resourceNames=["one"])], {}, True),
    "another name": ([rule("pods", "DELETE", resourceNames=["two"])], {}, False),
    "the second rule": ([rule("services", "DELETE"), rule("pods", "DELETE")], {}, True),
    "the binding's own rule": (
        [rule("pods", "*")], {"matchResources": {"resourceRules": [rule("pods", "UPDATE")]}}, False,
    ),
    "the binding's labels": (
        [rule("pods", "*")], {"matchResources": {"objectSelector": {"matchLabels": {"app": "two"}}}}, False,
    ),
    "the object's labels": (
        [rule("pods", "*")], {"matchResources": {"objectSelector": {"matchLabels": {"app": "one"}}}}, True,
    ),
}  # fmt: skip


def test_rules_say_which_writes_they_are_about(world: World, admission: Admission) -> None:
    """All policies at once, each of which only warns: the warnings of one request name those that concern it."""
    for name, (rules, binding, _) in CONCERNED.items():
        bound = {**binding, "validationActions": ["Warn"]}
        here = {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}
        match = {"resourceRules": rules, "namespaceSelector": here}
        admission({"expression": "false", "message": f"<{name}>"}, matchConstraints=match, binding=bound, loaded=False)
    admission(
        no("false", message="<last>"), rule("pods", "DELETE"), binding={"validationActions": ["Warn"]}, loaded=False
    )

    def told() -> str:
        return str(delete(world, f"{world.pods}/one", dryRun=["All"]).headers.get("Warning", ""))

    until("the last policy to be taken up", lambda: "<last>" in told())
    said = told()
    assert {name for name, (_, _, wanted) in CONCERNED.items() if wanted} == {
        name for name in CONCERNED if f"<{name}>" in said
    }
