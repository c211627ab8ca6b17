"""Isolation by the engine that runs, and the verdict: from a cluster's objects to effects, and back again."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.actions.kube.engines import DenialSeen, EngineSeen, Sharing
from irkit.actions.kube.fields import Fields
from irkit.actions.kube.isolate_pod.facts import Facts
from irkit.actions.kube.isolate_pod.judge import verdict
from irkit.actions.kube.isolate_pod.probed import ProbeSeen
from irkit.actions.kube.netpol import Opening
from irkit.engine.guard import DeclaredReader, check_effects
from irkit.errors import Denied
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall, Resource
from irkit.model.kube import (
    CALICO_STORED_POLICIES,
    CASE_LABEL,
    CILIUM_POLICIES,
    CLUSTER_NETWORK_POLICIES,
    DAEMON_SETS,
    NETWORK_POLICIES,
    PODS,
)
from irkit.model.plans import Change, Plan, Receipt, Receipts, Refuse, Settled
from tests.support.action_cases import CASE
from tests.support.action_shop import CLUSTER, POD, mark_for, meta, shop
from tests.support.memory import MemoryKube, MemoryReader

World = dict[Resource, list[Any]]
ACTION = Catalog.builtin().need("kube.isolate_pod")
ENGINES: dict[str, tuple[str, Resource]] = {
    "calico": ("calico-node", CALICO_STORED_POLICIES),
    "cilium": ("cilium", CILIUM_POLICIES),
    "aws": ("aws-node", CLUSTER_NETWORK_POLICIES),
}
NOTHING = Receipts()
FIELD = f'metadata.labels["{CASE_LABEL}"]'


def running(family: str = "") -> World:
    """The shop, where allow-web keeps pod web-1 open, with an engine."""
    world: World = dict(shop())
    if family:
        name, resource = ENGINES[family]
        agent = {"name": "aws-eks-nodeagent", "args": ["--enable-network-policy=true"]}
        spec = {"template": {"spec": {"containers": [agent]}}}
        world[DAEMON_SETS] = [{"metadata": {"name": name, "namespace": "kube-system"}, "spec": spec}]
        world[resource] = []
    return world


def look(world: World, engine: str = "auto", kube: MemoryKube | None = None) -> Facts:
    params, mark = mark_for(ACTION, pod=POD, engine=engine)
    facts = ACTION.observe(params, mark, DeclaredReader(MemoryReader(kube or MemoryKube(world)), ACTION.spec))
    assert isinstance(facts, Facts)
    return facts


def planned(world: World, engine: str = "auto", mine: Receipts = NOTHING, *, undo: bool = False) -> Plan:
    params, mark = mark_for(ACTION, pod=POD, engine=engine)
    facts = look(world, engine)
    if undo:
        return ACTION.undo(params, mark, {(POD.key, FIELD): None}, facts, mine)
    return ACTION.plan(params, mark, facts, mine)


def names(plan: Plan) -> list[str]:
    """Of the effects, less the digest of the pod."""
    return [re.sub(r"-[0-9a-f]{10}$", "", one.name) for one in plan.effects] if isinstance(plan, Change) else []


def carry_out(world: World, plan: Plan) -> None:
    """What an API server makes of the effects."""
    assert isinstance(plan, Change)
    assert check_effects(ACTION.spec, plan.effects, CLUSTER.id) is None
    for effect in plan.effects:
        assert isinstance(effect, KubeCall)
        if effect.verb == "create":
            body: Any = effect.body
            made = {**body, "metadata": {**body["metadata"], "uid": f"made-{effect.object}"}}
            world.setdefault(effect.resource, []).append(made)
        elif effect.verb == "delete":
            world[effect.resource] = [one for one in world[effect.resource] if one["metadata"]["name"] != effect.object]
        elif effect.resource == PODS:
            for one in world[PODS]:
                if one["metadata"]["name"] == effect.object:
                    if effect.name.startswith("label"):
                        one["metadata"].setdefault("labels", {})[CASE_LABEL] = CASE
                    else:
                        del one["metadata"]["labels"][CASE_LABEL]
        else:
            for one in world[effect.resource]:
                if one["metadata"]["name"] == effect.object:
                    ops: Any = effect.body
                    one["spec"] = ops[-1]["value"]


# -- which objects are made ---------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ENGINES)
def test_where_another_policy_leaks_the_engines_own_object_denies_and_goes_with_the_undo(family: str) -> None:
    world = running(family)
    before = [one["metadata"]["name"] for one in world[NETWORK_POLICIES]]

    first = planned(world)
    assert names(first) == ["policy", "label", f"deny-{family}"]
    carry_out(world, first)
    settled = planned(world)
    assert isinstance(settled, Settled)

    back = planned(world, undo=True)
    assert names(back) == ["unlabel", "delete-policy", f"delete-{family}"]
    carry_out(world, back)
    assert isinstance(planned(world, undo=True), Settled)
    assert [one["metadata"]["name"] for one in world[NETWORK_POLICIES]] == before
    assert world[ENGINES[family][1]] == []


@pytest.mark.parametrize("family", ["calico", "cilium"])
def test_an_object_that_denies_first_closes_the_leak_until_it_is_edited(family: str) -> None:
    world = running(family)
    carry_out(world, planned(world))

    settled = planned(world)
    assert isinstance(settled, Settled)
    assert settled.verdict.status == "unproven"

    world[ENGINES[family][1]][0]["spec"].pop("egress" if family == "calico" else "egressDeny")
    assert names(planned(world)) == [f"mend-{family}"]
    assert isinstance(planned(world, undo=True), Refuse)
    carry_out(world, planned(world))
    assert isinstance(planned(world), Settled)


def test_a_clusternetworkpolicy_does_not_deny_what_comes_from_outside_the_cluster() -> None:
    """Its ingress peers are in-cluster only (domain.md §1)."""
    world = running("aws")
    carry_out(world, planned(world))

    settled = planned(world)
    assert isinstance(settled, Settled)
    assert (settled.verdict.status, "allow-web: ingress from anywhere" in settled.verdict.why) == ("leaky", True)

    world[NETWORK_POLICIES][0]["spec"]["ingress"] = [{"from": [{"podSelector": {}}]}]
    settled = planned(world)
    assert isinstance(settled, Settled)
    assert settled.verdict.status == "unproven"


@pytest.mark.parametrize("family", ENGINES)
def test_nothing_more_than_a_networkpolicy_is_made_where_nothing_leaks_or_nothing_more_is_wanted(family: str) -> None:
    closed = running(family)
    closed[NETWORK_POLICIES] = []
    plain = running(family)

    assert names(planned(closed)) == ["policy", "label"]
    assert names(planned(plain, "networkpolicy")) == ["policy", "label"]
    assert names(planned(closed, family)) == ["policy", "label", f"deny-{family}"]


def test_where_the_engine_has_no_such_object_the_networkpolicy_stands_alone() -> None:
    world = running()
    world[DAEMON_SETS] = [{"metadata": {"name": "kube-router", "namespace": "kube-system"}}]

    assert names(planned(world)) == ["policy", "label"]


@pytest.mark.parametrize("family", ENGINES)
def test_an_engine_that_is_asked_for_and_absent_is_refused_with_the_reason(family: str) -> None:
    world = running()

    plan = planned(world, family)

    assert isinstance(plan, Refuse)
    assert f"engine {family} was asked for, and this cluster's API does not serve" in plan.why


def test_an_object_of_somebody_else_under_the_name_is_refused_where_it_was_asked_for() -> None:
    world = running("cilium")
    carry_out(world, planned(world))
    world[CILIUM_POLICIES][0]["metadata"]["labels"] = {}

    asked = planned(world, "cilium")
    assert isinstance(asked, Refuse)
    assert "is not irkit's" in asked.why
    settled = planned(world)
    assert isinstance(settled, Settled)
    assert settled.verdict.status == "leaky"


class Narrow(MemoryKube):
    """May not look at what network engines bring."""

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        if resource in {one for _, one in ENGINES.values()}:
            msg = "denied"
            raise Denied(msg)
        return super().get(resource, name, namespace)

    def list(self, resource: Resource, namespace: str = "", labels: Any = None) -> Any:
        if resource == DAEMON_SETS:
            msg = "denied"
            raise Denied(msg)
        return super().list(resource, namespace, labels)


def test_an_identity_that_may_not_look_at_engines_isolates_all_the_same() -> None:
    params, mark = mark_for(ACTION, pod=POD)
    facts = look({}, kube=Narrow(running("calico")))

    plan = ACTION.plan(params, mark, facts, Receipts())
    assert names(plan) == ["policy", "label"]
    assert facts.engine.name == "unknown"
    assert [one.state for one in facts.denials] == ["hidden"] * 3
    closed = running("calico")
    closed[NETWORK_POLICIES] = []
    assert look({}, kube=Narrow(closed)).denials == ()
    named, _ = mark_for(ACTION, pod=POD, engine="cilium")
    refusal = ACTION.plan(named, mark, look({}, "cilium", Narrow(running("cilium"))), Receipts())
    assert isinstance(refusal, Refuse)
    assert "may not look at" in refusal.why


def test_an_object_that_the_api_refused_is_not_tried_again_and_the_leak_is_said() -> None:
    world = running("calico")
    carry_out(world, planned(world))
    world[CALICO_STORED_POLICIES] = []
    refused = Receipts((Receipt(effect="deny-calico", status="failed", reply={}),))

    plan = planned(world, mine=refused)

    assert isinstance(plan, Settled)
    assert (plan.verdict.status, "allow-web" in plan.verdict.why) == ("leaky", True)
    assert names(planned(world, "calico", refused)) == ["deny-calico"]


def test_an_undo_that_cannot_look_at_what_it_made_does_not_call_itself_done() -> None:
    world = running("calico")
    carry_out(world, planned(world))
    made = Receipts((Receipt(effect="deny-calico", status="done", reply={}),))
    carry_out(world, planned(world, undo=True, mine=made))
    del world[DAEMON_SETS]
    world[NETWORK_POLICIES] = []

    plan = planned(world, undo=True, mine=made)
    assert isinstance(plan, Refuse)
    assert "irkit made an object of calico here" in plan.why

    ended = Receipts((*made.ended, Receipt(effect="delete-calico", status="done", reply={})))
    assert isinstance(planned(world, undo=True, mine=ended), Settled)


def test_the_object_stays_for_another_pod_of_the_case() -> None:
    world = running("cilium")
    carry_out(world, planned(world))
    world[PODS][1]["metadata"]["labels"][CASE_LABEL] = CASE
    key = POD.model_copy(update={"name": "web-2", "uid": "p-2"}).key

    assert names(planned(world, undo=True, mine=Receipts(others=(key,)))) == ["unlabel"]


# -- what is read -------------------------------------------------------------------------------------------


def test_openings_count_the_peers_of_the_pods_own_namespace() -> None:
    world = running()
    peer = {"podSelector": {"matchLabels": {"app": "cart"}}}
    world[NETWORK_POLICIES][0]["spec"]["ingress"] = [{"from": [peer], "ports": [{"port": 8080}]}]

    assert [str(one) for one in look(world).openings] == [
        "allow-web: ingress from namespace shop pods app=cart on 8080/TCP (1 pod now)"
    ]


def test_a_bystander_that_cannot_be_read_does_not_hold_up_the_containment() -> None:
    world = running()
    world[PODS].append({"metadata": meta("odd", "p-9", labels={}), "spec": {"hostNetwork": 7}})

    assert look(world).openings != ()


def test_a_namespace_without_other_policies_is_not_listed_for_them() -> None:
    world = running()
    world[NETWORK_POLICIES] = []
    kube = MemoryKube(world)
    look(world, kube=kube)

    assert [asked for asked in kube.asked if asked[:2] == ("list", "pods")] == [("list", "pods", "shop")]


# -- VPC CNI (domain.md §1, hardest tests 1, 3 and 4) ---------------------------------------------------------


def stripped(node: str) -> World:
    """web-1 lost the labels that allow-web selects; its sibling of the same prefix did not."""
    world = running("aws")
    world[PODS][0]["metadata"]["labels"] = {}
    world[PODS][1]["spec"]["nodeName"] = node
    world.pop(CLUSTER_NETWORK_POLICIES)
    return world


def test_hardest_1_a_sibling_on_the_node_keeps_it_open_and_one_elsewhere_may_open_it_again() -> None:
    near, far = stripped("node-1"), stripped("node-2")
    for world in (near, far):
        carry_out(world, planned(world))

    here, there = planned(near), planned(far)

    assert isinstance(here, Settled)
    assert isinstance(there, Settled)
    assert here.verdict.status == "leaky"
    assert "allow-web (by pod web-2): ingress from anywhere" in here.verdict.why
    assert there.verdict.status == "unproven"
    assert "may open again" in there.verdict.why
    assert "allow-web (by pod web-2)" in there.verdict.why


def test_hardest_3_those_that_share_the_state_are_named_before_anything_is_written() -> None:
    plan = planned(running("aws"))

    assert isinstance(plan, Change)
    told = {one.who: one for one in plan.impact}
    assert "shares VPC CNI's state" in told["pod web-2"].what
    assert "new ReplicaSet" in told["new pods web-*"].what
    assert told["pod web-2"].warn
    assert [one for one in planned(running("calico")).impact if "VPC CNI" in one.what] == []  # type: ignore[union-attr]


def test_what_other_policies_leave_open_is_foreseen_before_anybody_agrees() -> None:
    alone, cilium = running(), running("cilium")

    warned = [one for one in planned(alone).impact if "still allows" in one.what]  # type: ignore[union-attr]

    assert [one.who for one in warned] == ["NetworkPolicy allow-web"]
    assert "ingress" in warned[0].what
    assert warned[0].warn
    assert [one for one in planned(cilium).impact if "still allows" in one.what] == []  # type: ignore[union-attr]


def test_of_a_fleet_the_first_are_named_and_the_others_counted() -> None:
    """Each pod of 500 would else name the other 499 in its plan, and in the journal."""
    world = running("calico")
    pod = world[PODS][0]
    for number in range(9):
        labels = {**pod["metadata"]["labels"], CASE_LABEL: CASE}
        world[PODS].append({**pod, "metadata": meta(f"more-{number}", uid=f"m-{number}", labels=labels)})

    plan = planned(world)

    assert isinstance(plan, Change)
    told = [one.who for one in plan.impact if "carries the case's label" in one.what]
    assert told == [*(f"pod more-{number}" for number in range(5)), "4 more pods of the namespace"]


def test_hardest_4_an_agent_that_is_switched_off_is_said_loudly() -> None:
    world = running("aws")
    world[NETWORK_POLICIES] = []
    world[DAEMON_SETS][0]["spec"]["template"]["spec"]["containers"][0]["args"] = ["--enable-network-policy=false"]
    carry_out(world, planned(world))

    plan = planned(world)

    assert isinstance(plan, Settled)
    assert plan.verdict.status == "leaky"
    assert "nothing enforces the policy" in plan.verdict.why


# -- the verdict --------------------------------------------------------------------------------------------

CALICO = EngineSeen("calico", "yes", (), ("what was open lives on",))
OPENING = Opening(policy="allow-web", direction="ingress", peers="anywhere", ports="any port", outside=True)
QUIET = Facts(Fields("here"), engine=CALICO)
CLEAN = ProbeSeen(refused=4, tried=4, ingress=True, egress=True, established="cut")
OURS = DenialSeen("calico", "projectcalico.org", "ours", "d-1")


@pytest.mark.parametrize(
    ("facts", "status", "why"),
    [
        (QUIET, "unproven", "nobody tried a connection (kube.probe_pod does); seen: Calico; what was open lives on"),
        (replace(QUIET, probe=CLEAN), "proven", "4 of 4 connections, in and out, were refused"),
        (replace(QUIET, probe=replace(CLEAN, open=("10.0.0.9:53/UDP",))), "leaky", "connections came through: 10.0.0.9:53/UDP"),
        (replace(QUIET, probe=replace(CLEAN, established="unknown")), "unproven", "what became of those that were open"),
        (replace(QUIET, probe=replace(CLEAN, egress=False)), "unproven", "no connection out of the pod was tried"),
        (replace(QUIET, probe=replace(CLEAN, ingress=False)), "unproven", "no connection into the pod was tried"),
        (replace(QUIET, probe=replace(CLEAN, refused=3)), "unproven", "1 of 4 tries said nothing"),
        (replace(QUIET, probe=ProbeSeen(refused=0, tried=0)), "unproven", "nobody tried a connection"),
        (replace(QUIET, openings=(OPENING,)), "leaky", "allow-web: ingress from anywhere on any port"),
        (replace(QUIET, openings=(OPENING,), probe=CLEAN), "leaky", "allow-web"),
        (replace(QUIET, openings=(OPENING,), denials=(OURS,)), "unproven", "nobody tried"),
        (replace(QUIET, openings=(OPENING,), denials=(OURS,), probe=CLEAN), "proven", "refused"),
        (replace(QUIET, openings=(OPENING,), denials=(replace(OURS, state="changed"),)), "leaky", "allow-web"),
        (replace(QUIET, openings=(OPENING,), denials=(OURS,), engine=EngineSeen("cilium", "yes")), "leaky", "allow-web"),
        (replace(QUIET, engine=EngineSeen("vpc-cni", "no", ("it is off",))), "leaky", "nothing enforces the policy: VPC CNI (it is off)"),
        (replace(QUIET, openings=(OPENING,), denials=(OURS,), engine=EngineSeen("calico", "no"), probe=CLEAN), "leaky", "allow-web"),
        (replace(QUIET, engine=EngineSeen("vpc-cni", "no"), probe=CLEAN), "unproven", "nothing enforces the policy now"),
        (replace(QUIET, sharing=Sharing("web", ("web-2",), (), (OPENING,))), "leaky", "allow-web"),
        (replace(QUIET, sharing=Sharing("web", (), ("web-3",), (), (OPENING,)), probe=CLEAN), "proven", "may open again"),
    ],
)  # fmt: skip
def test_the_verdict(facts: Facts, status: str, why: str) -> None:
    found = verdict(facts)

    assert found.status == status
    assert why in found.why
