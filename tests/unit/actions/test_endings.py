"""Deletions that wait for a node (domain.md §3, hardest test 21): a release that lets them happen says so before."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.actions.kube.endings import Ending, away, ending, endings, warnings
from irkit.actions.kube.fields import NOTE, write_note
from irkit.engine.guard import DeclaredReader
from irkit.model.doc import Doc
from irkit.model.kube import CASE_LABEL, NODES, PODS
from irkit.model.plans import Change, Originals, Receipts
from tests.support.action_cases import CASE
from tests.support.action_shop import NODE, POD, mark_for, shop
from tests.support.memory import MemoryKube, MemoryReader

AT = "2026-11-21T03:10:00Z"
TAINT = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
TARGET = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}


def pod(**more: Any) -> Doc:
    meta = {"namespace": "shop", "name": "web-1", **more.pop("metadata", {})}
    return Doc({"metadata": meta, "status": {"phase": "Running", **more}}, "pod")


@pytest.mark.parametrize(
    ("doc", "found"),
    [
        (pod(), None),
        (pod(metadata={"deletionTimestamp": AT}), Ending("shop/web-1", AT)),
        (pod(conditions=[TARGET]), Ending("shop/web-1")),
        (pod(conditions=[{**TARGET, "status": "False"}]), None),
        (pod(conditions=[{"type": "Ready", "status": "True"}]), None),
        (pod(metadata={"deletionTimestamp": AT}, phase="Failed"), None),  # it has ended already
        (pod(metadata={"deletionTimestamp": 7}), None),
    ],
)
def test_who_is_to_end(doc: Doc, found: Ending | None) -> None:
    assert ending(doc) == found
    assert endings([doc]) == ((found,) if found else ())


@pytest.mark.parametrize(
    ("taints", "gone"),
    [
        ([TAINT], True),
        ([{**TAINT, "key": "node.kubernetes.io/not-ready"}], True),
        ([{**TAINT, "effect": "NoSchedule"}], False),
        ([{**TAINT, "key": "dedicated"}], False),
        ([], False),
    ],
)
def test_a_node_is_away_where_its_pods_are_evicted_for_that(taints: list[Any], *, gone: bool) -> None:
    assert away(Doc({"spec": {"taints": taints}}, "node")) is gone


def test_a_crowd_is_cut_short_and_counted() -> None:
    found = warnings(Ending(f"shop/web-{index:02}", AT) for index in range(12))

    assert [one.who for one in found][-2:] == ["pod shop/web-09", "2 more pods"]
    assert all(one.warn for one in found)


def undone(name: str, target: Any, key: str, world: Any) -> Change:
    action = Catalog.builtin().need(name)
    params, mark = mark_for(action, **target)
    facts = action.observe(params, mark, DeclaredReader(MemoryReader(MemoryKube(world)), action.spec))
    originals: Originals = {(action.target(params).key, key): None}
    plan = action.undo(params, mark, originals, facts, Receipts())
    assert isinstance(plan, Change)
    return plan


@pytest.mark.parametrize("action", ["kube.isolate_pod", "kube.protect_pod"])
@pytest.mark.parametrize("dying", [True, False])
def test_giving_a_pod_back_names_its_end(action: str, *, dying: bool) -> None:
    world: Any = dict(shop())
    meta = world[PODS][0]["metadata"]
    meta.setdefault("labels", {})[CASE_LABEL] = CASE
    if dying:
        meta["deletionTimestamp"] = AT

    found = undone(action, {"pod": POD}, f'metadata.labels["{CASE_LABEL}"]', world)

    said = [(one.who, AT in one.what, one.warn) for one in found.impact]
    assert said == ([(f"pod {POD.path}", True, True)] if dying else [])


@pytest.mark.parametrize("silent", [True, False])
def test_uncordoning_a_silent_node_names_those_of_its_pods_that_end(*, silent: bool) -> None:
    world: Any = dict(shop())
    node = next(one for one in world[NODES] if one["metadata"]["name"] == NODE.name)
    node["spec"] = {"unschedulable": True, "taints": [TAINT] if silent else []}
    node["metadata"]["annotations"] = {NOTE[-1]: write_note(CASE, {"spec.unschedulable": None})}
    for one in world[PODS]:
        one["spec"]["nodeName"] = NODE.name
    world[PODS][0]["metadata"]["deletionTimestamp"] = AT

    found = undone("kube.cordon_node", {"node": NODE}, "spec.unschedulable", world)

    assert [one.who for one in found.impact] == ([f"pod {POD.path}"] if silent else [])
