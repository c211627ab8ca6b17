"""Whom an open policy lets through from other namespaces today: counted where that is cheap, else not claimed."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.engine.guard import DeclaredReader
from irkit.errors import Denied, ServerFault
from irkit.model.effects import Resource
from irkit.model.kube import NAMESPACES, NETWORK_POLICIES, PODS
from irkit.model.ports import Listing
from tests.support.action_shop import POD, mark_for, meta, shop
from tests.support.memory import MemoryKube, MemoryReader

ACTION = Catalog.builtin().need("kube.isolate_pod")
TEAM = {"namespaceSelector": {"matchLabels": {"team": "front"}}}
NAMED = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "cart"}}}


def pod(name: str, namespace: str, phase: str = "Running", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {**meta(name, f"{namespace}-{name}", labels=labels), "namespace": namespace},
        "spec": {}, "status": {"phase": phase},
    }  # fmt: skip


def world(*peers: dict[str, Any]) -> dict[Resource, list[dict[str, Any]]]:
    objects: dict[Resource, list[dict[str, Any]]] = shop()
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{"from": [*peers]}]}
    objects[NETWORK_POLICIES] = [{"metadata": meta("open", "np-1", generation=1), "spec": spec}]
    objects[NAMESPACES] = [
        {"metadata": {"name": name, "uid": f"ns-{name}", "labels": {"team": team}}}
        for name, team in (("shop", "back"), ("cart", "front"), ("web", "front"), ("jobs", "back"))
    ]
    objects[PODS] += [
        pod("a", "cart", app="client"), pod("b", "cart"), pod("old", "cart", "Succeeded"), pod("c", "web", app="client"),
        pod("d", "jobs", app="client"), {"metadata": {"name": "broken", "namespace": "web"}, "spec": []},
    ]  # fmt: skip
    return objects


def said(kube: MemoryKube) -> list[str]:
    params, mark = mark_for(ACTION, pod=POD)
    facts: Any = ACTION.observe(params, mark, DeclaredReader(MemoryReader(kube), ACTION.spec))
    return [str(one) for one in facts.openings]


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        (TEAM, "(3 pods now)"),
        (TEAM | {"podSelector": {"matchLabels": {"app": "client"}}}, "(2 pods now)"),
        (NAMED, "(2 pods now)"),
        ({"namespaceSelector": {"matchLabels": {"team": "nobody"}}}, "(nobody now)"),
    ],
)
def test_peers_of_other_namespaces_are_counted(peer: dict[str, Any], counted: str) -> None:
    (line,) = said(MemoryKube(world(peer)))

    assert line.endswith(counted)


def test_nobody_is_asked_where_no_rule_is_about_other_namespaces() -> None:
    kube = MemoryKube(world({"podSelector": {"matchLabels": {"app": "client"}}}))

    (line,) = said(kube)

    assert line.endswith("(nobody now)")
    assert "namespaces" not in {kind for _, kind, _ in kube.asked}


def test_a_rule_about_most_of_the_cluster_is_not_counted() -> None:
    objects = world({"namespaceSelector": {}})
    objects[NAMESPACES] += [{"metadata": {"name": f"n{n}", "uid": f"ns-{n}"}} for n in range(3)]
    kube = MemoryKube(objects)

    (line,) = said(kube)

    assert (line.endswith("any port"), "now" in line) == (True, False)
    assert {place for _, kind, place in kube.asked if kind == "pods"} <= {"shop", "", "web-1"}


class Narrow(MemoryKube):
    """May look into the pod's namespace alone, or finds the rest broken."""

    def __init__(self, objects: Any, error: Exception, *hidden: tuple[Resource, str]) -> None:
        super().__init__(objects)
        self.error, self.hidden = error, hidden

    def list(self, resource: Resource, namespace: str = "", labels: Any = None) -> Listing:
        if (resource, namespace) in self.hidden:
            raise self.error
        return super().list(resource, namespace, labels)


@pytest.mark.parametrize("error", [Denied("no"), ServerFault("broken")])
@pytest.mark.parametrize("hidden", [(NAMESPACES, ""), (PODS, "web")])
def test_who_may_not_look_counts_nothing_and_contains_all_the_same(error: Exception, hidden: Any) -> None:
    (line,) = said(Narrow(world(TEAM), error, hidden))

    assert (line.endswith("any port"), "now" in line) == (True, False)
