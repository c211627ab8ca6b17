"""A wave's looks share what they read: each costs the same, however many pods are looked at with it."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.clients.snapshot import SnapshotReader
from irkit.engine.guard import DeclaredReader
from irkit.model.effects import Resource
from irkit.model.kube import CASE_LABEL, DAEMON_SETS, NETWORK_POLICIES, NODES, PODS
from irkit.model.plans import Receipts
from irkit.model.ports import KubeReader
from irkit.model.refs import ClusterRef, PodRef
from tests.support.action_cases import CASE
from tests.support.action_shop import CLUSTER, mark_for, meta, shop
from tests.support.memory import MemoryKube, MemoryReader

CATALOG = Catalog.builtin()
FEW, MANY = 20, 120
OF_PODS = [one.spec.id for one in CATALOG if "pod" in one.spec.params.model_fields and one.spec.id != "kube.scope_pod"]
"""A scope names the pod's siblings, and grows with them."""
RULES: tuple[dict[str, Any], ...] = (
    {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [{"podSelector": {}}]}]},
    {"podSelector": {"matchLabels": {"app": "web"}}, "egress": [{"to": [{"namespaceSelector": {}}]}]},
    {"podSelector": {"matchLabels": {"tier": "back"}}, "ingress": [{}]},
    {"podSelector": {"matchLabels": {CASE_LABEL: CASE}}, "policyTypes": ["Ingress", "Egress"]},
)


class Wave(MemoryReader):
    """One snapshot for all looks."""

    def __init__(self, kube: MemoryKube, count: int) -> None:
        super().__init__(kube)
        self.snapshot = SnapshotReader(kube, count)

    def kube(self, cluster: ClusterRef) -> KubeReader:
        return self.snapshot


def fleet(count: int, *, marked: bool) -> tuple[dict[Resource, list[dict[str, Any]]], list[PodRef]]:
    """So many replicas on four nodes under VPC CNI; a few of another label keep open what they share."""
    world, labels = shop(), {"app": "web"} | ({CASE_LABEL: CASE} if marked else {})
    world[NODES] = [{"metadata": {"name": f"node-{at}", "uid": f"n-{at}"}, "spec": {}} for at in range(4)]
    agent = {"name": "aws-node", "args": ["--enable-network-policy=true"]}
    world[DAEMON_SETS] = [
        {
            "metadata": {"name": "aws-node", "namespace": "kube-system"},
            "spec": {"template": {"spec": {"containers": [{"name": "aws-node"}, agent]}}},
        }
    ]
    world[NETWORK_POLICIES] = [{"metadata": meta(f"p-{at}", f"np-{at}"), "spec": spec} for at, spec in enumerate(RULES)]
    owner = ("ReplicaSet", "web-new", "rs-2")
    world[PODS] = [
        {
            "metadata": meta(f"web-new-{at}", f"p-{at}", owner, labels=labels | ({"tier": "back"} if at < 4 else {})),
            "spec": {"nodeName": f"node-{at % 4}", "containers": [{"name": "web"}]},
            "status": {"phase": "Running", "podIP": f"10.0.{at // 250}.{at % 250}"},
        }
        for at in range(count)
    ]
    refs = [PodRef(cluster=CLUSTER, namespace="shop", name=f"web-new-{at}", uid=f"p-{at}") for at in range(count)]
    return world, refs


def calls_of_a_look(action_id: str, count: int, *, marked: bool) -> float:
    """Calls of Python functions that the look at one more pod takes, once others have looked."""
    action = CATALOG.need(action_id)
    world, pods = fleet(count, marked=marked)
    reader = DeclaredReader(Wave(MemoryKube(world), count), action.spec)
    called = 0

    def count_calls(_frame: object, event: str, _given: object) -> None:
        nonlocal called
        called += event == "call"

    def look(pod: PodRef) -> None:
        params, mark = mark_for(action, pod=pod)
        action.plan(params, mark, action.observe(params, mark, reader), Receipts())

    for pod in pods[: count // 2]:
        look(pod)
    gc.disable()  # what other tests left would be ended here, and its calls counted
    sys.setprofile(count_calls)
    try:
        for pod in pods[count // 2 :]:
            look(pod)
    finally:
        sys.setprofile(None)
        gc.enable()
    return called / (count - count // 2)


@pytest.mark.parametrize("action_id", OF_PODS)
@pytest.mark.parametrize("marked", [False, True], ids=["before", "after"])
def test_a_look_takes_no_more_calls_in_a_larger_crowd(action_id: str, marked: bool) -> None:
    few, many = (calls_of_a_look(action_id, count, marked=marked) for count in (FEW, MANY))

    assert many < 1.2 * few
