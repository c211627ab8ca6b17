"""Playbooks under exactly the RBAC that irkit writes for them: enough, and without any part of it too little."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.app import clock
from irkit.app.preflight import permissions
from irkit.app.runs import Ask, Ticket
from irkit.engine.perform import Closed, Parked
from irkit.engine.preflight import Grant, grants
from irkit.errors import Refused
from irkit.lab.auth import DEFAULT, Identity
from irkit.model.base import Json
from irkit.playbook import load_playbook, shipped
from irkit.views.permissions import Subject, rbac_objects
from tests.e2e.stage import Stage, book

pytestmark = [pytest.mark.timeout(180), pytest.mark.e2e]
USER = "exact"
REVIEWS = {"selfsubjectaccessreviews", "selfsubjectreviews"}
OWN = book(
    """\
    - {id: scope, uses: kube.scope_pod, with: {pod: "${inputs.pod}"}}
    - id: unbind
      uses: kube.revoke_bindings
      needs: [scope]
      with: {service_account: "${steps.scope.service_account}"}
    - id: tokens
      uses: kube.revoke_tokens
      needs: [unbind]
      approval: never
      accept_loss: a test
      with: {service_account: "${steps.scope.service_account}"}
    - {id: close, uses: kube.quarantine_namespace, needs: [tokens], with: {namespace: "${inputs.namespace}"}}
    - {id: block, uses: kube.block_image, needs: [close], with: {image: "${inputs.image}"}}
"""
).replace(
    "    pod: {type: pod}\n", "    pod: {type: pod}\n    namespace: {type: namespace}\n    image: {type: image}\n"
)
BOOKS: dict[str, bytes] = {"compromised-pod": shipped.load("compromised-pod")[0], "own": OWN.encode()}


@dataclass
class Exact:
    """A stage whose responder holds the RBAC objects of one playbook and nothing else."""

    stage: Stage
    name: str
    namespace: str

    @property
    def found(self) -> tuple[Grant, ...]:
        known = Catalog.builtin()
        return grants([load_playbook(BOOKS[self.name], "test.yaml", known)], known)

    def give(self, without: Grant | None = None) -> None:
        """Write the roles and bindings, all or without one grant."""
        objects = rbac_objects(self.found, "irkit-test", Subject("User", USER), self.namespace)
        for doc in objects:
            if "rules" in doc and without is not None:
                doc = {**doc, "rules": [one for rule in as_list(doc["rules"]) for one in reduced(rule, without)]}  # noqa: PLW2901 -- JSON
            self.stage.control.put(copy.deepcopy(doc))

    def ask(self) -> Ask:
        pod = self.stage.pods[0]
        inputs: dict[str, Json] = {"pod": pod.dump()}
        if self.name == "own":
            uid = next(one["metadata"]["uid"] for one in self.stage.control.dump() if one["kind"] == "Namespace"
                       and one["metadata"]["name"] == "shop")  # fmt: skip
            cluster = pod.cluster.dump()
            inputs["namespace"] = {"kind": "Namespace", "cluster": cluster, "name": "shop", "uid": uid}
            inputs["image"] = {"kind": "Image", "cluster": cluster, "name": "web:1", "uid": "ab" * 32}
        return Ask(pod, BOOKS[self.name], "test.yaml", inputs, clock.now())

    def run(self, *, preflight: bool = True) -> tuple[Ticket, Closed | Parked]:
        ticket = self.stage.app().open_run(self.ask(), preflight=preflight)
        return ticket, self.stage.advance(ticket)

    def undo(self, case: str, *, preflight: bool = True) -> Closed | Parked:
        return self.stage.advance(self.stage.app().open_undo(case, clock.now(), preflight=preflight))

    def denied(self) -> set[tuple[str, str, str]]:
        """Group, resource and verb of every request that was answered 403."""
        return {
            (entry["group"], "/".join(filter(None, (entry["resource"], entry["subresource"]))), entry["verb"])
            for entry in self.stage.control.audit()
            if entry["code"] == 403
        }


def as_list(value: Json) -> list[Any]:
    assert isinstance(value, list)
    return value


def reduced(rule: dict[str, Any], without: Grant) -> Iterator[dict[str, Any]]:
    """The rule without one verb on one resource; as it is where it does not hold that."""
    access = without.access
    named = rule.get("resourceNames", [""])
    if rule["apiGroups"] != [access.group] or access.resource not in rule["resources"] or without.name not in named:
        yield rule
        return
    rest = [one for one in rule["resources"] if one != access.resource]
    verbs = [one for one in rule["verbs"] if one != access.verb]
    if rest:
        yield {**rule, "resources": rest}
    if verbs:
        yield {**rule, "resources": [access.resource], "verbs": verbs}


@pytest.fixture
def exact(stage: Stage) -> Iterator[Callable[..., Exact]]:
    stage.control.add_token("responder", Identity(user=USER))
    yield lambda name, namespace="": Exact(stage, name, namespace)
    stage.control.add_token("responder", DEFAULT["responder"])


@pytest.mark.parametrize("namespace", ["", "shop"])
@pytest.mark.parametrize("name", list(BOOKS))
def test_a_playbook_and_its_undo_run_under_exactly_their_rbac(
    exact: Callable[..., Exact], name: str, namespace: str
) -> None:
    world = exact(name, namespace)
    world.give()

    ticket, end = world.run()

    assert isinstance(end, Closed)
    assert "failed" not in {step.verdict.status for step in end.run.steps.values() if step.verdict}
    back = world.undo(ticket.case)
    assert isinstance(back, Closed)
    assert "failed" not in {step.verdict.status for step in back.run.steps.values() if step.verdict}
    assert world.denied() == set()


@pytest.mark.parametrize("name", list(BOOKS))
def test_each_permission_that_is_taken_away_is_missed_by_name_before_anything_is_written(
    exact: Callable[..., Exact], name: str
) -> None:
    world = exact(name)
    known, target = Catalog.builtin(), world.stage.pods[0]
    playbook, app = load_playbook(BOOKS[name], "test.yaml", known), world.stage.app()
    for grant in world.found:
        world.give(without=grant)

        found = permissions(app.kube(target.cluster), playbook, known, target)

        assert (grant.access, grant.everywhere) in {(one.grant.access, one.grant.everywhere) for one in found.missing}
        assert {one.grant.access for one in found.missing} == {grant.access}
        if not grant.optional:
            with pytest.raises(Refused, match=str(grant.access)):
                found.check("test.yaml")
    world.give(without=next(one for one in world.found if not one.optional))
    with pytest.raises(Refused):
        world.run()
    assert world.stage.writes() == []
    assert not (world.stage.state / "cases").exists()


@pytest.mark.parametrize(
    ("name", "verb", "resource"),
    [
        ("compromised-pod", "get", "pods"),
        ("compromised-pod", "patch", "pods"),
        ("compromised-pod", "patch", "nodes"),
        ("compromised-pod", "create", "networkpolicies"),
        ("compromised-pod", "delete", "networkpolicies"),
        ("own", "patch", "rolebindings"),
        ("own", "bind", "roles"),
        ("own", "list", "secrets"),
        ("own", "create", "resourcequotas"),
        ("own", "create", "validatingadmissionpolicies"),
        ("own", "delete", "validatingadmissionpolicybindings"),
    ],
)
def test_with_the_preflight_bypassed_the_api_itself_says_no(
    exact: Callable[..., Exact], name: str, verb: str, resource: str
) -> None:
    world = exact(name)
    bound(world.stage)
    taken = next(one for one in world.found if (one.access.verb, one.access.resource) == (verb, resource))
    world.give(without=taken)

    ticket, _ = world.run(preflight=False)
    if verb == "delete":
        world.undo(ticket.case, preflight=False)

    tried = ("rolebindings", "patch") if verb == "bind" else (resource, verb)
    assert tried in {(plural, how) for _, plural, how in world.denied()}


def bound(stage: Stage) -> None:
    """The pod's service account has rights in the shop."""
    account = next(one["spec"]["serviceAccountName"] for one in stage.control.dump() if one["kind"] == "Pod"
                   and one["metadata"]["name"] == stage.pods[0].name)  # fmt: skip
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "web-reads", "namespace": "shop"}}
    rule = {"apiGroups": ["example.com"], "resources": ["secrets-of-others"], "verbs": ["get"]}
    stage.control.put({**copy.deepcopy(head), "kind": "Role", "rules": [rule]})
    stage.control.put({
        **copy.deepcopy(head), "kind": "RoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "web-reads"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "shop"}],
    })  # fmt: skip


def test_what_only_a_step_that_may_fail_lacks_stops_nothing(exact: Callable[..., Exact]) -> None:
    world = exact("compromised-pod")
    world.give(without=next(one for one in world.found if str(one.access) == "list events"))

    ticket, end = world.run()

    assert ticket.preflight is not None
    assert [str(one) for one in ticket.preflight.missing] == ["list events in shop"]
    assert isinstance(end, Closed)
    assert end.run.steps["isolate"].verdict is not None
    assert end.run.steps["isolate"].verdict.status != "failed"
    assert end.run.steps["baseline"].verdict is not None
    assert end.run.steps["baseline"].verdict.status == "failed"
