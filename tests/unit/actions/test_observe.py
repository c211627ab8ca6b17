"""What actions read of a cluster, and what they make of answers that are missing, hostile or of the wrong type."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irkit.actions.catalog import Catalog
from irkit.actions.kube.isolate_pod.policy import create, differences, policy_name
from irkit.actions.kube.netpol import Policy
from irkit.engine.guard import DeclaredReader
from irkit.errors import Malformed
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall, Mark, Resource
from irkit.model.kube import (
    CASE_LABEL,
    CRON_JOBS,
    HELD_LABELS,
    JOBS,
    MARK_LABEL,
    NETWORK_POLICIES,
    NODES,
    ORIGINALS_ANNOTATION,
    PDBS,
    PODS,
    REPLICA_SETS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from irkit.model.plans import Change, Receipts, Refuse, Settled
from irkit.model.ports import Artefact
from tests.support import action_shop
from tests.support.action_cases import CASE, AnyAction
from tests.support.action_shop import ACCOUNT, CLUSTER, CRON_JOB, NAMESPACE, NODE, POD, WORKLOAD, mark_for, meta, shop
from tests.support.memory import AS_OF, MemoryKube, MemoryReader

CATALOG = Catalog.builtin()
World = dict[Resource, list[Any]]
PINNED = {one.uid for one in (POD, NODE, WORKLOAD, CRON_JOB, ACCOUNT, NAMESPACE)}
BOUND = "rb-1"
"""Of the binding that names the account."""


def look(action_id: str, world: World, **arguments: Any) -> Any:
    """The facts, read only through what the action declares that it reads."""
    return observed(action_id, MemoryReader(MemoryKube(world)), **arguments)


def observed(action_id: str, reader: MemoryReader, **arguments: Any) -> Any:
    action = CATALOG.need(action_id)
    params, mark = mark_for(action, **(arguments or action_shop.arguments(action)))
    return action.observe(params, mark, DeclaredReader(reader, action.spec))


def planned(action_id: str, world: World, **arguments: Any) -> Any:
    action = CATALOG.need(action_id)
    params, mark = mark_for(action, **(arguments or action_shop.arguments(action)))
    return action.plan(params, mark, look(action_id, world, **arguments), Receipts())


# -- scope_pod ---------------------------------------------------------------------------------------


def test_scope_follows_a_pod_to_everything_it_is_part_of() -> None:
    facts = look("kube.scope_pod", shop())

    found = facts.found
    assert (facts.presence, facts.as_of) == ("here", AS_OF)
    assert (found.pod.uid, found.node.uid, found.service_account.uid) == ("p-1", "n-1", "sa-1")
    assert [(one.type, one.name, one.uid) for one in found.owners] == [
        ("ReplicaSet", "web-new", "rs-2"),
        ("Deployment", "web", "d-1"),
    ]
    assert [(one.name, one.uid) for one in found.siblings] == [("web-2", "p-2")]
    assert (found.services, found.pdbs, found.policies) == (("web",), ("all", "web"), ("allow-web",))
    assert (found.phase, found.pod_ip, found.host_network) == ("Running", "10.0.3.40", False)
    assert (found.fargate, found.static) == (False, False)


def test_scope_pins_a_pod_that_was_known_by_name_only() -> None:
    facts = look("kube.scope_pod", shop(), pod=POD.model_copy(update={"uid": ""}))

    assert facts.found.pod == POD


def test_scope_follows_a_job_to_its_cron_job_and_the_pods_of_its_other_jobs() -> None:
    world: World = {
        PODS: [
            {"metadata": meta("web-1", "p-1", ("Job", "nightly-2", "j-2"))},
            {"metadata": meta("other", "p-2", ("Job", "nightly-1", "j-1"))},
            {"metadata": meta("stranger", "p-3", ("Job", "weekly-1", "j-9"))},
        ],
        JOBS: [
            {"metadata": meta("nightly-1", "j-1", ("CronJob", "nightly", "c-1"))},
            {"metadata": meta("nightly-2", "j-2", ("CronJob", "nightly", "c-1"))},
            {"metadata": meta("weekly-1", "j-9", ("CronJob", "weekly", "c-2"))},
        ],
        CRON_JOBS: [{"metadata": meta("nightly", "c-1")}],
    }

    found = look("kube.scope_pod", world).found

    assert [one.type for one in found.owners] == ["Job", "CronJob"]
    assert [one.name for one in found.siblings] == ["other"]


@pytest.mark.parametrize(
    ("owner", "types"),
    [(None, []), (("Rollout", "web", "r-1"), ["Rollout"]), (("Node", "node-1", "n-1"), [])],
)
def test_scope_ends_at_controllers_that_it_does_not_know(owner: Any, types: list[str]) -> None:
    world = shop()
    world[PODS][0]["metadata"] = meta("web-1", "p-1", owner)

    found = look("kube.scope_pod", world).found

    assert [one.type for one in found.owners] == types


def test_scope_does_not_take_a_controller_that_was_made_anew_for_the_old_one() -> None:
    world = shop()
    world[REPLICA_SETS][1]["metadata"]["uid"] = "rs-77"

    found = look("kube.scope_pod", world).found

    assert [(one.type, one.uid) for one in found.owners] == [("ReplicaSet", "rs-2")]


def test_scope_does_not_run_in_circles() -> None:
    world = shop()
    world[REPLICA_SETS][1]["metadata"] = meta("web-new", "rs-2", ("ReplicaSet", "web-new", "rs-2"))

    assert len(look("kube.scope_pod", world).found.owners) == 8


def test_scope_says_what_a_pod_is_that_is_not_scheduled_and_has_no_account() -> None:
    world = shop()
    world[PODS][0] = {"metadata": meta("web-1", "p-1")}
    del world[SERVICE_ACCOUNTS], world[NODES]

    found = look("kube.scope_pod", world).found

    assert (found.node, found.phase, found.pod_ip) == (None, "Unknown", "")
    assert (found.service_account.name, found.service_account.uid) == ("default", "")


def test_scope_says_so_where_a_pod_is_static_or_on_fargate_or_on_its_nodes_network() -> None:
    world = shop()
    world[PODS][0]["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "h"}
    world[PODS][0]["metadata"]["labels"]["eks.amazonaws.com/fargate-profile"] = "fp"
    world[PODS][0]["spec"]["hostNetwork"] = True

    found = look("kube.scope_pod", world).found

    assert (found.static, found.fargate, found.host_network) == (True, True, True)


# -- isolate_pod --------------------------------------------------------------------------------------


def isolate_mark() -> Mark:
    return mark_for(CATALOG.need("kube.isolate_pod"), pod=POD)[1]


def own_policy() -> dict[str, Any]:
    """What the API server stores of what the action creates."""
    body = copy.deepcopy(create(POD, isolate_mark()).body)
    assert isinstance(body, dict)
    assert isinstance(body["metadata"], dict)
    body["metadata"]["uid"] = "np-9"
    return body


def test_isolate_reads_policies_that_select_the_pod_as_it_will_be() -> None:
    world = shop()
    by_case = {"matchLabels": {CASE_LABEL: CASE}}
    world[NETWORK_POLICIES].append({"metadata": meta("for-cases", "np-3"), "spec": {"podSelector": by_case}})

    facts = look("kube.isolate_pod", world)

    assert [one.name for one in facts.policies] == ["allow-web", "for-cases"]
    assert (facts.services, facts.others, facts.as_of) == (("web",), (), AS_OF)


def test_isolate_counts_the_living_others_with_the_cases_label_and_not_the_pod_itself() -> None:
    world = shop()
    for pod in world[PODS]:
        pod["metadata"]["labels"] = {CASE_LABEL: CASE}

    assert [name for name, _ in look("kube.isolate_pod", world).others] == ["cart-1", "web-2"]


def test_what_isolate_creates_is_what_it_recognises() -> None:
    found = Policy.read(Doc(own_policy(), "policy"))

    assert differences(found, isolate_mark()) == ()
    assert found.name == policy_name(isolate_mark())
    assert dict(found.labels)[MARK_LABEL] == isolate_mark().short


def test_two_pods_of_a_namespace_share_the_policy_and_two_namespaces_do_not() -> None:
    action = CATALOG.need("kube.isolate_pod")
    other = POD.model_copy(update={"name": "web-2", "uid": "p-2"})
    away = POD.model_copy(update={"namespace": "cart"})

    marks = [mark_for(action, pod=pod)[1] for pod in (POD, other, away)]

    assert marks[0] == marks[1]
    assert marks[0] != marks[2]
    label_pod = CATALOG.need("kube.label_pod")
    assert mark_for(label_pod, pod=POD)[1] != mark_for(label_pod, pod=other)[1]


def test_two_pods_of_a_namespace_have_effects_of_different_names() -> None:
    other = POD.model_copy(update={"name": "web-2", "uid": "p-2"})
    world = shop()
    world[NETWORK_POLICIES].append(own_policy())

    names = {planned("kube.isolate_pod", world, pod=pod).effects[0].name for pod in (POD, other)}

    assert len(names) == 2


def test_the_policys_name_fits_its_case() -> None:
    name = policy_name(isolate_mark())

    assert name.startswith("irkit-k7f2-")
    assert len(name) <= 63


def test_isolate_still_sees_its_policy_when_the_pod_is_gone() -> None:
    world = shop()
    world[PODS] = world[PODS][1:]
    world[NETWORK_POLICIES].append(own_policy())

    facts = look("kube.isolate_pod", world)

    assert facts.fields.presence == "gone"
    assert [one.name for one in facts.policies] == [policy_name(isolate_mark())]


# -- undoing isolation, in every order ------------------------------------------------------------------


@pytest.mark.parametrize("labelled_by", ["isolate", "label_pod"])
@pytest.mark.parametrize("order", [("p-1", "p-2"), ("p-2", "p-1")])
def test_the_last_of_two_isolated_pods_takes_the_policy_with_it(labelled_by: str, order: tuple[str, ...]) -> None:
    action = CATALOG.need("kube.isolate_pod")
    world = shop()
    world[NETWORK_POLICIES].append(own_policy())
    pods = {one["metadata"]["uid"]: one["metadata"] for one in world[PODS][:2]}
    for pod in pods.values():
        pod["labels"][CASE_LABEL] = CASE
    left: list[int] = []
    refs = {uid: POD.model_copy(update={"uid": uid, "name": pods[uid]["name"]}) for uid in order}
    for number, (uid, pod) in enumerate(refs.items(), 1):
        before = Receipts(others=tuple(refs[other].key for other in order[number:]))
        field = f'metadata.labels["{CASE_LABEL}"]'
        originals = {(pod.key, field): None} if labelled_by == "isolate" else {}
        params, mark = mark_for(action, pod=pod)
        plan = action.undo(params, mark, originals, look("kube.isolate_pod", world, pod=pod), before)
        assert isinstance(plan, Change)
        for effect in plan.effects:
            assert isinstance(effect, KubeCall)
            if effect.verb == "delete":
                world[NETWORK_POLICIES].pop()
            else:
                del pods[uid]["labels"][CASE_LABEL]
        again = action.undo(params, mark, originals, look("kube.isolate_pod", world, pod=pod), before)
        assert isinstance(again, Settled)
        left.append(len(world[NETWORK_POLICIES]))

    assert left == [3, 2]
    last = pods[order[1]]["labels"]
    assert (CASE_LABEL in last) == (labelled_by == "label_pod")  # that label is label_pod's own to take out


# -- the others ---------------------------------------------------------------------------------------


def test_cordon_counts_the_living_pods_of_the_node_only() -> None:
    facts = look("kube.cordon_node", shop())

    assert (facts.pods, facts.fargate, facts.holder) == (2, False, "")


def test_cordon_does_not_list_a_clusters_pods_to_look_at_a_cordoned_node() -> None:
    world = shop()
    world[NODES][0]["spec"]["unschedulable"] = True
    kube = MemoryKube(world)

    facts = observed("kube.cordon_node", MemoryReader(kube))

    assert (facts.pods, kube.asked) == (0, [("get", "nodes", "node-1")])


def test_cordon_sees_fargate_and_who_else_holds_the_node() -> None:
    world = shop()
    labels = world[NODES][0]["metadata"]["labels"]
    labels |= {CASE_LABEL: "IR-20261101-abcd", "eks.amazonaws.com/compute-type": "fargate"}

    facts = look("kube.cordon_node", world)
    labels[CASE_LABEL] = CASE

    assert (facts.fargate, facts.holder) == (True, "IR-20261101-abcd")
    assert look("kube.cordon_node", world).holder == ""


def test_protect_sees_another_case_that_marked_the_node_first_or_beside_it() -> None:
    world = shop()
    labels = world[NODES][0]["metadata"]["labels"]
    assert look("kube.protect_node", world).holder == ""

    labels |= {CASE_LABEL: CASE, f"{HELD_LABELS}/IR-20261101-abcd": "true"}
    assert look("kube.protect_node", world).holder == "IR-20261101-abcd"
    labels[CASE_LABEL] = "IR-20261102-abcd"
    assert look("kube.protect_node", world).holder == "IR-20261102-abcd"


def test_delete_sees_what_holds_a_pod_and_who_starts_another() -> None:
    world = shop()
    world[PODS][0]["metadata"] |= {"deletionTimestamp": "2026-11-21T03:00:00Z", "finalizers": ["b/x", "a/y"]}

    facts = look("kube.delete_pod", world)

    assert facts.deleting == "2026-11-21T03:00:00Z"
    assert facts.finalizers == ("a/y", "b/x")
    assert (facts.owner, facts.static) == ("ReplicaSet web-new", False)


@pytest.mark.parametrize(
    "action",
    [
        action
        for action in CATALOG
        if action.spec.id not in {"kube.block_image", "kube.scope_image", "kube.scope_pod_ip"}
    ],
    ids=lambda action: action.spec.id,
)  # an image is its content, and an address is nobody's
def test_another_object_under_the_name_is_never_taken_for_the_target(action: AnyAction) -> None:
    world = shop()
    for doc in (one for items in world.values() for one in items if one["metadata"]["uid"] in PINNED):
        doc["metadata"]["uid"] += "7"

    plan = planned(action.spec.id, world)

    if action.spec.id in {"kube.delete_pod", "kube.evict_pods"}:
        assert isinstance(plan, Settled)  # the one that was meant is gone
    else:
        assert isinstance(plan, Refuse)
        assert "another object" in plan.why


@pytest.mark.parametrize("action", list(CATALOG), ids=lambda action: action.spec.id)
def test_every_write_is_pinned_to_the_uid(action: AnyAction) -> None:
    plan = planned(action.spec.id, shop())

    for effect in plan.effects if isinstance(plan, Change) else ():
        if isinstance(effect, KubeCall) and effect.verb == "patch":
            assert isinstance(effect.body, list)
            assert effect.body[0] in [{"op": "test", "path": "/metadata/uid", "value": uid} for uid in {*PINNED, BOUND}]


def turned(value: Any) -> Any:
    """The same with every list and every object the other way round."""
    if isinstance(value, dict):
        return {key: turned(item) for key, item in reversed(value.items())}
    return [turned(item) for item in reversed(value)] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "action",
    [action for action in CATALOG if action.spec.id != "kube.export_objects"],  # it keeps objects as they are
    ids=lambda action: action.spec.id,
)
def test_facts_and_plans_do_not_depend_on_the_order_of_answers(action: AnyAction) -> None:
    world = rich()
    world[PODS].append({"metadata": meta("web-3", "p-9", ("ReplicaSet", "web-new", "rs-2"), labels={CASE_LABEL: CASE})})
    world[PODS][1]["metadata"]["labels"][CASE_LABEL] = CASE
    world[SERVICES].append({"metadata": meta("all", "s-9"), "spec": {"selector": {"app": "web"}}})
    expressions = [{"key": key, "operator": "NotIn", "values": ["a", "b"]} for key in ("x", "y")]
    selector = {"matchLabels": {"app": "web", CASE_LABEL: CASE}, "matchExpressions": expressions}
    world[NETWORK_POLICIES].append(
        {"metadata": meta("b", "np-9", labels={"m": "n", "o": "p"}), "spec": {"podSelector": selector}}
    )
    note = {"case": CASE, "fields": {"b": None, "a": None}}
    for one in (world[PODS][0], world[NODES][0]):
        one["metadata"]["annotations"] = {ORIGINALS_ANNOTATION: json.dumps(note)}
    labels = {"tier": "x", "team": "blue"} if action.spec.id.startswith("kube.label") else {}
    subject = action_shop.arguments(action)
    given = [{**subject, "labels": one} if labels else subject for one in (labels, dict(reversed(labels.items())))]

    there = look(action.spec.id, world, **given[0])
    back = look(action.spec.id, {resource: turned(items) for resource, items in world.items()}, **given[1])

    assert there == back
    assert planned(action.spec.id, world, **given[0]) == planned(action.spec.id, world, **given[1])


# -- hostile answers ------------------------------------------------------------------------------------

BROKEN = [7, "x", True, [], {}, None, ["x"], {"x": 1}, "x" * 300, 1.5, "a\x1b[2J\nb"]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def rich() -> World:
    """Every field that any action reads is in it."""
    world: World = dict(shop())
    world[PODS][0]["metadata"] |= {"annotations": {ORIGINALS_ANNOTATION: '{"case":"x"}'}, "finalizers": ["a/b"]}
    world[PODS][0]["metadata"]["labels"][CASE_LABEL] = CASE
    world[PODS][0]["spec"]["hostNetwork"] = False
    world[NODES][0]["spec"]["unschedulable"] = False
    world[NODES][0]["metadata"]["labels"][CASE_LABEL] = CASE
    world[PDBS][0]["spec"]["selector"]["matchExpressions"] = [{"key": "a", "operator": "In", "values": ["b"]}]
    world[NETWORK_POLICIES][0]["spec"] |= {"policyTypes": ["Ingress", "Egress"], "egress": [{}]}
    return world


PLACES = [(resource, path) for resource, items in rich().items() for path in paths(items) if path[1:] and path[0] < 2]
NAMES = {("metadata", "name"), ("metadata", "namespace")}
"""By these the in-memory cluster finds its objects; an API server does not answer with another object."""


@settings(max_examples=400)
@given(place=st.sampled_from(PLACES), broken=st.sampled_from(BROKEN), drop=st.booleans())
def test_any_field_may_be_missing_or_of_any_type(place: Any, broken: Any, drop: bool) -> None:
    resource, path = place
    if path[1:] in NAMES or path[1:] == ("metadata",):
        return
    world = rich()
    holder: Any = world[resource]
    for key in path[:-1]:
        holder = holder[key]
    if drop:
        del holder[path[-1]]
    else:
        holder[path[-1]] = copy.deepcopy(broken)

    for action in CATALOG:
        try:
            planned(action.spec.id, world)
        except Malformed as error:
            assert "\x1b" not in str(error)  # noqa: PT017 -- most fields are allowed to be anything
            assert "x" * 20 not in str(error)  # noqa: PT017 -- as above


@pytest.mark.parametrize(
    ("resource", "path", "value"),
    [
        (PODS, ("metadata", "uid"), 7),
        (PODS, ("metadata", "labels"), ["x"]),
        (PODS, ("spec",), "x"),
        (PODS, ("spec", "nodeName"), 7),
        (PODS, ("spec", "nodeName"), "no name\n"),
        (PODS, ("status", "podIP"), "<script>"),
        (PODS, ("metadata", "ownerReferences"), {}),
        (PODS, ("metadata", "ownerReferences"), [{"kind": "../x", "name": "a", "uid": "b", "controller": True}]),
        (PODS, ("metadata", "ownerReferences"), [{"kind": "Job", "name": "a", "uid": "b", "controller": "yes"}]),
        (SERVICES, ("spec", "selector"), "x"),
        (NETWORK_POLICIES, ("spec", "ingress"), {}),
        (PDBS, ("spec", "selector"), []),
    ],
)
def test_what_scope_cannot_understand_is_malformed_and_named(
    resource: Resource, path: tuple[str, ...], value: Any
) -> None:
    world = shop()
    holder: Any = world[resource][0]
    for key in path[:-1]:
        holder = holder.setdefault(key, {})
    holder[path[-1]] = value

    with pytest.raises(Malformed) as raised:
        look("kube.scope_pod", world)

    assert "<script>" not in str(raised.value)


# -- export_objects ------------------------------------------------------------------------------------


def exported(world: World) -> tuple[Any, list[dict[str, Any]], bytes]:
    import orjson  # noqa: PLC0415 -- used here alone

    reader = MemoryReader(MemoryKube(world))
    facts = observed("kube.export_objects", reader)
    data = reader.spooled[facts.spooled.name]
    return facts, [orjson.loads(line) for line in data.splitlines()], data


def test_export_keeps_the_pod_and_what_it_is_part_of_and_nothing_else() -> None:
    facts, lines, data = exported(shop())

    assert lines[0] == {
        "export": {"as_of": AS_OF, "case": CASE, "cluster": CLUSTER.id, "pod": "shop/web-1", "uid": "p-1"}
    }
    assert [(one["kind"], one["metadata"]["name"]) for one in lines[1:]] == [
        ("ClusterRoleBinding", "all"),
        ("Deployment", "web"),
        ("Event", "e-1"),
        ("Event", "e-3"),
        ("NetworkPolicy", "allow-web"),
        ("NetworkPolicy", "cart"),
        ("Node", "node-1"),
        ("Pod", "web-1"),
        ("ReplicaSet", "web-new"),
        ("RoleBinding", "web-reader"),
        ("Service", "web"),
        ("ServiceAccount", "web"),
    ]
    assert (facts.objects, facts.spooled.size, facts.as_of) == (12, len(data), AS_OF)
    assert all(one["apiVersion"] for one in lines[1:])


def test_export_is_the_same_bytes_whatever_the_order_of_the_answers() -> None:
    turned = {resource: items[::-1] for resource, items in shop().items()}
    _, _, there = exported(shop())
    _, _, back = exported({PODS: turned[PODS][::-1], **{key: value for key, value in turned.items() if key != PODS}})

    assert there == back


def test_export_never_asks_for_a_secret_and_keeps_no_value_of_the_environment() -> None:
    world = shop()
    world[PODS][0]["spec"]["containers"] = [{"name": "web", "env": [{"name": "DB", "value": "canary-77"}]}]
    kube = MemoryKube(world)
    reader = MemoryReader(kube)

    observed("kube.export_objects", reader)

    (data,) = reader.spooled.values()
    assert b"canary-77" not in data
    assert b'"name":"DB"' in data
    assert not [one for one in kube.asked if one[1] in {"secrets", "configmaps"}]


@pytest.mark.parametrize(
    ("subject", "bound"),
    [
        ({"kind": "ServiceAccount", "name": "web", "namespace": "shop"}, True),
        ({"kind": "ServiceAccount", "name": "web"}, True),  # a RoleBinding's own namespace
        ({"kind": "ServiceAccount", "name": "web", "namespace": "cart"}, False),
        ({"kind": "ServiceAccount", "name": "default", "namespace": "shop"}, False),
        ({"kind": "Group", "name": "system:serviceaccounts"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:shop"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:cart"}, False),
        ({"kind": "Group", "name": "system:authenticated"}, True),
        ({"kind": "User", "name": "system:serviceaccount:shop:web"}, True),
        ({"kind": "User", "name": "web"}, False),
    ],
)
def test_export_keeps_every_binding_that_gives_the_account_rights(subject: dict[str, str], bound: bool) -> None:
    world = shop()
    for resource, items in list(world.items()):
        if resource.plural == "rolebindings":
            items[:] = [{"metadata": meta("rb", "rb-1"), "subjects": [{"kind": "User", "name": "x"}, subject]}]

    _, lines, _ = exported(world)

    assert (("RoleBinding", "rb") in [(one.get("kind"), one.get("metadata", {}).get("name")) for one in lines]) == bound


def test_export_recognises_what_is_stored_and_reads_nothing_again() -> None:
    mark = mark_for(CATALOG.need("kube.export_objects"), pod=POD)[1]
    key = f"objects/{mark.short}.jsonl"
    kube = MemoryKube({})  # the pod may be gone by now

    facts = observed("kube.export_objects", MemoryReader(kube, [Artefact(key, "ab" * 32, 7, "x", complete=True)]))

    assert (facts.stored.key, facts.stored.sha256, facts.stored.size) == (key, "ab" * 32, 7)
    assert kube.asked == []


def test_export_leaves_a_torn_take_alone_and_makes_the_next() -> None:
    mark = mark_for(CATALOG.need("kube.export_objects"), pod=POD)[1]
    torn = Artefact(f"objects/{mark.short}.jsonl", "ab" * 32, 7, "x", complete=False)

    facts = observed("kube.export_objects", MemoryReader(MemoryKube(shop()), [torn]))

    assert facts.key == f"objects/{mark.short}-1.jsonl"
    assert facts.spooled is not None
