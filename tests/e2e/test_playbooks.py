"""Playbooks about a pod that was entered, a stolen account and a bad image: verdicts, the network, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from irkit.engine.guard import Limits
from irkit.engine.perform import Closed, Parked
from irkit.lab.auth import DEFAULT, Rule
from irkit.model.refs import ImageRef, ServiceAccountRef
from tests.crash.harness import world_of
from tests.e2e.plays import Play, by_step, cluster, make_probeable, passes, proven, refusing, why
from tests.e2e.stage import Stage, verdicts

pytestmark = [pytest.mark.timeout(180), pytest.mark.e2e]
DIGEST = "ab" * 32


@pytest.fixture(autouse=True)
def _a_world_that_can_be_probed(stage: Stage) -> None:
    make_probeable(stage)


@pytest.fixture
def may_delete_secrets(stage: Stage) -> Iterator[None]:
    """A responder with one more right than responders usually have."""
    usual = DEFAULT["responder"]
    more = Rule(verbs=("list", "delete"), resources=("secrets",))
    stage.control.add_token("responder", usual.model_copy(update={"rules": (*usual.rules, more)}))
    yield
    stage.control.add_token("responder", usual)


# -- suspicious-exec -------------------------------------------------------------------------------------------------


def entered(stage: Stage, **more: Any) -> Play:
    return Play(stage, "suspicious-exec", "pod", stage.pods[0], **more)


def test_an_entered_pod_is_cut_off_and_stays_with_its_controller(stage: Stage) -> None:
    before, play = world_of(stage.control), entered(stage)
    target, sibling = stage.pods[:2]

    ticket, end = play.run()

    assert isinstance(end, Closed)
    assert by_step(end.run) == proven("scope", "baseline", "who", "label", "isolate", "cut", "probe")
    assert not passes(stage, sibling, target)
    assert not passes(stage, target, sibling)
    assert len(stage.pods) == 4  # nothing was released, nothing was started

    play.undo(ticket.case)
    assert world_of(stage.control) == before
    assert passes(stage, sibling, target)


def test_who_can_enter_it_again_is_in_the_journal(stage: Stage) -> None:
    meta = {"name": "enter", "namespace": "shop"}
    api = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]}]
    stage.control.put({"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": rules})
    subject = {"kind": "User", "name": "eve", "apiGroup": api}
    ref = {"apiGroup": api, "kind": "Role", "name": "enter"}
    stage.control.put(
        {"apiVersion": f"{api}/v1", "kind": "RoleBinding", "metadata": meta, "subjects": [subject], "roleRef": ref}
    )

    _, end = entered(stage, tools=False).run()

    assert isinstance(end, Closed)
    outputs: Any = end.run.steps["who"].outputs
    (eve,) = [one for one in outputs["actors"] if one["name"] == "eve"]
    assert (eve["ways"], eve["binding"]) == (["enter-pod"], "RoleBinding shop/enter")


def test_without_tools_it_is_contained_and_unproven(stage: Stage) -> None:
    _, end = entered(stage, tools=False).run()

    assert isinstance(end, Closed)
    assert by_step(end.run)["isolate"] == {"unproven"}
    assert by_step(end.run)["probe"] == {"unproven"}


# -- compromised-serviceaccount --------------------------------------------------------------------------------------


def stolen(stage: Stage) -> Play:
    """The shop's account, with a right in its namespace, one everywhere, and a token that never expires."""
    api = "rbac.authorization.k8s.io"
    us = {"kind": "ServiceAccount", "name": "default", "namespace": "shop"}
    other = {"kind": "ServiceAccount", "name": "default", "namespace": "kube-system"}
    ref = {"apiGroup": api, "kind": "ClusterRole", "name": "view"}
    role = {"apiVersion": f"{api}/v1", "kind": "RoleBinding", "metadata": {"name": "web", "namespace": "shop"}}
    wide = {"apiVersion": f"{api}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "viewers"}}
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    view = {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": {"name": "view"}, "rules": rules}
    for one in (view, {**role, "roleRef": ref, "subjects": [us]}, {**wide, "roleRef": ref, "subjects": [other, us]}):
        stage.control.put(one)
    account = ServiceAccountRef(cluster=cluster(stage), namespace="shop", name="default")
    return Play(stage, "compromised-serviceaccount", "service_account", account)


def token(stage: Stage) -> None:
    found = stage.control.get("serviceaccounts", "default", "shop")
    assert found is not None
    note = {
        "kubernetes.io/service-account.name": "default",
        "kubernetes.io/service-account.uid": found["metadata"]["uid"],
    }
    meta = {"name": "default-token", "namespace": "shop", "annotations": note}
    kind = "kubernetes.io/service-account-token"
    stage.control.put({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": kind})


def subjects(stage: Stage, plural: str, name: str, namespace: str = "") -> list[str]:
    found = stage.control.get(plural, name, namespace)
    assert found is not None
    return [f"{one['namespace']}/{one['name']}" for one in found.get("subjects", [])]


def test_a_stolen_account_loses_its_rights_and_its_pods_their_network(stage: Stage, may_delete_secrets: None) -> None:
    play = stolen(stage)
    before, ours = world_of(stage.control), stage.pods

    ticket, end = play.run()

    assert isinstance(end, Closed)
    found = by_step(end.run)
    assert found == proven("scope", "baseline", "revoke", "tokens", "label", "cut") | {
        "isolate": {"proven", "unproven"}, "probe": {"proven", "unproven"},
    }  # fmt: skip
    assert [one for one in verdicts(end.run).items() if one[1] == "unproven"] == [
        (f"{step}[{ours[3].uid}]", "unproven") for step in ("isolate", "probe")
    ]  # it declares no port: nobody could see whether it is reached
    assert subjects(stage, "rolebindings", "web", "shop") == []
    assert subjects(stage, "clusterrolebindings", "viewers") == ["kube-system/default"]
    assert "log in until those pods end" in why(end.run, "tokens")  # what is left is said, and no verdict hides it
    assert not any(passes(stage, one, other) for one in ours for other in ours[:3] if one != other)

    play.undo(ticket.case)
    assert world_of(stage.control) == before


def test_a_responder_without_secrets_is_told_and_the_rest_is_done(stage: Stage) -> None:
    _, end = stolen(stage).run(isolate_pods=False)

    assert isinstance(end, Closed)
    assert by_step(end.run)["tokens"] == {"failed"}
    assert 'cannot list resource "secrets"' in end.run.steps["tokens"].reason
    assert by_step(end.run)["revoke"] == {"proven"}


def test_its_tokens_wait_for_somebody_and_nothing_else_does(stage: Stage, may_delete_secrets: None) -> None:
    play = stolen(stage)
    token(stage)

    ticket, end = play.run(isolate_pods=False)

    assert isinstance(end, Parked)
    assert end.on == "approval"
    assert subjects(stage, "rolebindings", "web", "shop") == []
    assert stage.control.get("secrets", "default-token", "shop") is not None
    step = end.run.steps["tokens"]
    stage.request(ticket, "approve", run=ticket.run, step="tokens", digest=step.asked)

    end = stage.advance(ticket)

    assert isinstance(end, Closed)
    found = by_step(end.run)
    assert [found[one] for one in ("revoke", "tokens")] == [{"proven"}, {"proven"}]
    assert stage.control.get("secrets", "default-token", "shop") is None


def test_tokens_that_live_on_leak_where_a_group_still_gives_rights(stage: Stage, may_delete_secrets: None) -> None:
    play = stolen(stage)
    api = "rbac.authorization.k8s.io"
    everybody = {"kind": "Group", "apiGroup": api, "name": "system:serviceaccounts"}
    ref = {"apiGroup": api, "kind": "ClusterRole", "name": "view"}
    wide = {"apiVersion": f"{api}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "all"}}
    stage.control.put({**wide, "roleRef": ref, "subjects": [everybody]})

    _, end = play.run(isolate_pods=False)

    assert isinstance(end, Closed)
    found = by_step(end.run)
    assert [found[one] for one in ("revoke", "tokens")] == [{"leaky"}, {"leaky"}]
    assert "it still has ClusterRole view through the group system:serviceaccounts" in why(end.run, "tokens")


def test_its_pods_are_left_alone_where_that_was_asked(stage: Stage) -> None:
    ours = stage.pods

    _, end = stolen(stage).run(isolate_pods=False)

    assert isinstance(end, Closed)
    assert {"label", "isolate", "cut", "probe"} <= {key for key, one in end.run.steps.items() if one.condition}
    assert passes(stage, ours[0], ours[1])
    assert {one for one in stage.writes() if not one.endswith("bindings")} == set()


# -- malicious-image -------------------------------------------------------------------------------------------------


def digest(stage: Stage, tag: str) -> str:
    """What the lab's runtime says that it runs under a tag."""
    for one in stage.control.dump():
        for status in one.get("status", {}).get("containerStatuses", []) if one["kind"] == "Pod" else []:
            if status["image"].endswith(tag):
                return str(status["imageID"]).rpartition("sha256:")[2]
    raise AssertionError(tag)


def bad(stage: Stage, name: str = "busybox:1") -> Play:
    return Play(stage, "malicious-image", "image", ImageRef.of(cluster(stage), name))


@pytest.mark.parametrize(("named", "block"), [("tag", "unproven"), ("digest", "leaky")])
def test_an_image_is_blocked_and_what_runs_it_is_cut_off(stage: Stage, named: str, block: str) -> None:
    play = bad(stage, "web:1" if named == "tag" else f"sha256:{digest(stage, 'web:1')}")
    before, ours = world_of(stage.control), stage.pods

    ticket, end = play.run(by_tag=named == "tag")

    assert isinstance(end, Closed)
    assert by_step(end.run) == proven("scope", "baseline", "label", "isolate", "cut", "probe") | {"block": {block}}
    assert ("web:1" in why(end.run, "block")) is (named == "digest")  # new pods may still name the tag
    assert len([one for one in end.run.steps if one.startswith("isolate[")]) == 3
    assert not passes(stage, ours[3], ours[1])

    play.undo(ticket.case)
    assert world_of(stage.control) == before


def test_a_pod_that_no_policy_governs_is_named_and_holds_no_other_up(stage: Stage) -> None:
    """It has its node's network: to leave it out would look like containment."""
    found = stage.control.get("pods", stage.pods[0].name, "shop")
    assert found is not None
    meta = {"name": "outside", "namespace": "shop"}
    spec = {"hostNetwork": True, "nodeName": found["spec"]["nodeName"], "containers": found["spec"]["containers"]}
    stage.control.put({**found, "metadata": meta, "spec": spec, "status": {**found["status"], "podIP": "10.0.1.10"}})
    outside = next(one for one in stage.pods if one.name == "outside")

    _, end = bad(stage, f"sha256:{digest(stage, 'web:1')}").run()

    assert isinstance(end, Closed)
    found_out = verdicts(end.run)
    assert found_out[f"isolate[{outside.uid}]"] == "refused"
    assert "network" in end.run.steps[f"isolate[{outside.uid}]"].reason
    assert [one for key, one in found_out.items() if key.startswith("isolate[")].count("proven") == 3


def test_a_refusal_proves_nothing_where_nobody_knows_that_the_port_serves(stage: Stage) -> None:
    """All its siblings are cut off as well, so that none can show what a living port looks like."""
    refusing(stage, "reject")

    _, end = bad(stage, f"sha256:{digest(stage, 'web:1')}").run()

    assert isinstance(end, Closed)
    assert by_step(end.run)["isolate"] == by_step(end.run)["probe"] == {"unproven"}
    probed = next(key for key in end.run.steps if key.startswith("probe["))
    assert "nothing beside it shows that it would" in why(end.run, probed)


def test_an_image_that_runs_nowhere_is_blocked_before_it_does(stage: Stage) -> None:
    _, end = bad(stage, f"sha256:{DIGEST}").run()

    assert isinstance(end, Closed)
    assert by_step(end.run)["scope"] == {"proven"}
    assert [one for one in end.run.steps if one.startswith("isolate[")] == []
    assert {one for one in stage.writes() if one.startswith("patch")} == set()


def test_more_pods_than_the_limit_are_refused_and_the_block_stands(stage: Stage) -> None:
    stage.limits = Limits(max_targets=2)

    _, end = bad(stage, "web:1").run()

    assert isinstance(end, Closed)
    assert by_step(end.run)["isolate"] == {"refused"}
    assert "3 targets are more than the limit of 2" in end.run.steps["isolate"].reason
    assert "proven" not in by_step(end.run)["label"]
    assert {"create validatingadmissionpolicies", "create validatingadmissionpolicybindings"} == set(stage.writes())
