"""What evicting reads: which pods, whose budgets, and what must stay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.actions.catalog import Catalog
from irkit.actions.kube.evictions import Budget, Evictee, allowed, evict
from irkit.actions.kube.netpol import Selector
from irkit.engine.guard import DeclaredReader, check_effects
from irkit.model.effects import Resource
from irkit.model.kube import CASE_LABEL, NODES, PDBS, PODS
from tests.support.action_shop import CLUSTER, NODE, POD, mark_for, meta, shop
from tests.support.memory import MemoryKube, MemoryReader

CATALOG = Catalog.builtin()
World = dict[Resource, list[Any]]


def look(action_id: str, world: World, **arguments: Any) -> Any:
    action = CATALOG.need(action_id)
    params, mark = mark_for(action, **arguments)
    return action.observe(params, mark, DeclaredReader(MemoryReader(MemoryKube(world)), action.spec))


def budget(name: str, labels: dict[str, str] | None, allowed: int = 0, **more: Any) -> dict[str, Any]:
    selector = {} if labels is None else {"selector": {"matchLabels": labels}}
    status = {"disruptionsAllowed": allowed, "currentHealthy": 2, "desiredHealthy": 2, "observedGeneration": 1}
    return {"metadata": meta(name, f"b-{name}", generation=1), "spec": selector, "status": status} | more


def one(**changes: Any) -> Evictee:
    """The shop's first pod, changed, under one budget for its label."""
    world: World = dict(shop())
    world[PDBS] = [budget("web", {"app": "web"}), budget("none", None), budget("cart", {"app": "cart"})]
    doc = world[PODS][0]
    for part, values in changes.items():
        doc.setdefault(part, {}).update(values)
    (found,) = look("kube.evict_pods", world, pods=(POD,)).pods
    assert isinstance(found, Evictee)
    return found


def test_a_running_pod_has_to_ask_its_budget_and_no_other() -> None:
    found = one()

    assert [each.name for each in found.budgets] == ["web"]
    assert (found.owner, found.case, found.static, found.deleting, found.ready) == (
        "ReplicaSet web-new", "", False, False, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"status": {"phase": "Pending"}},
        {"status": {"phase": "Failed"}},
        {"status": {"phase": "Succeeded"}},
        {"metadata": {"deletionTimestamp": "2026-11-21T02:00:00Z"}},
    ],
)
def test_a_pod_that_serves_nobody_asks_no_budget(changes: dict[str, Any]) -> None:
    assert one(**changes).budgets == ()


def test_what_ends_with_a_pod_and_whose_it_is() -> None:
    found = one(
        spec={"volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "pvc", "persistentVolumeClaim": {}}]},
        metadata={"labels": {"app": "web", CASE_LABEL: "IR-20261101-abcd"}},
        status={"conditions": [{"type": "Ready", "status": "True"}]},
    )

    assert (found.local, found.case, found.ready) == (("tmp",), "IR-20261101-abcd", True)


def test_a_budget_that_its_controller_has_not_seen_yet_allows_nothing() -> None:
    world: World = dict(shop())
    world[PDBS] = [budget("web", {"app": "web"}, 5), budget("stale", {"app": "web"}, 5)]
    world[PDBS][1]["metadata"]["generation"] = 2

    (found,) = look("kube.evict_pods", world, pods=(POD,)).pods

    assert [(each.name, each.allowed) for each in found.budgets] == [("stale", 0), ("web", 5)]


def test_another_pod_of_the_name_is_not_evicted() -> None:
    assert look("kube.evict_pods", dict(shop()), pods=(POD.model_copy(update={"uid": "p-77"}),)).pods == ()


def test_a_node_has_the_pods_that_name_it_and_their_budgets() -> None:
    world: World = dict(shop())
    world[NODES][0]["spec"]["unschedulable"] = True
    world[NODES][0]["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    world[PDBS] = [budget("web", {"app": "web"})]
    world[PDBS].append({**budget("web", {"app": "web"}), "metadata": {**meta("web", "b-9"), "namespace": "other"}})

    found = look("kube.drain_node", world, node=NODE)

    assert (found.cordoned, found.ready) == (True, True)
    assert [(each.ref.name, [of.namespace for of in each.budgets]) for each in found.pods] == [
        ("done", []),
        ("web-1", ["shop"]),
        ("web-2", ["shop"]),
    ]


@given(
    allowances=st.lists(st.integers(0, 3), min_size=1, max_size=3),
    of=st.lists(st.integers(-1, 2), max_size=9),
    unready=st.sets(st.integers(0, 8)),
)
def test_no_more_go_than_each_budget_allows(allowances: list[int], of: list[int], unready: set[int]) -> None:
    known = [Budget("shop", f"b{n}", Selector(), count, healthy=1, desired=2) for n, count in enumerate(allowances)]
    pods = [
        Evictee(
            POD.model_copy(update={"name": f"p{n}", "uid": f"u{n}"}),
            budgets=(known[index % len(known)],) if index >= 0 else (),
            ready=n not in unready,
        )
        for n, index in enumerate(of)
    ]

    now, later = allowed(pods)

    assert sorted((*now, *later), key=pods.index) == pods
    for each in known:
        went = sum(pod.budgets == (each,) for pod in now)
        assert went <= each.allowed
        assert went == each.allowed or not any(pod.budgets == (each,) for pod in later)


def test_an_eviction_is_pinned_and_declared() -> None:
    call = evict(POD)

    for action_id in ("kube.evict_pods", "kube.drain_node"):
        assert check_effects(CATALOG.need(action_id).spec, [call], CLUSTER.id) is None
    assert evict(POD.model_copy(update={"uid": "p-2"})).name != call.name


def test_one_approval_is_for_all_evictions() -> None:
    action = CATALOG.need("kube.evict_pods")
    other = POD.model_copy(update={"name": "web-2", "uid": "p-2"})
    params, mark = mark_for(action, pods=(POD, other))

    assert action.foresees(params, mark) == (evict(POD), evict(other))


@pytest.mark.parametrize(
    "pods",
    [
        (),
        (POD, POD),
        (POD, POD.model_copy(update={"name": "x"})),  # the same uid
        (POD, POD.model_copy(update={"namespace": "other", "uid": "p-2"})),
    ],
)
def test_pods_of_one_namespace_each_once(pods: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"pods|at least 1"):
        mark_for(CATALOG.need("kube.evict_pods"), pods=pods)
