"""The ReplicaSet controller.

Source: `pkg/controller/replicaset/replica_set.go`, `pkg/controller/controller_utils.go`.
"""

from __future__ import annotations

from typing import Any

from irkit.lab.controllers.ownership import (
    claimed,
    controller_of,
    is_active,
    is_ready,
    ready_count,
    selects,
    store_status,
)
from irkit.lab.controllers.pods import create, dismiss
from irkit.lab.world import Entry, World
from irkit.model.kube import PODS, REPLICA_SETS

_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}
_COST = "controller.kubernetes.io/pod-deletion-cost"


def reconcile(world: World, namespace: str, name: str) -> None:
    """As many pods as the ReplicaSet wants, and its status."""
    owner = world.get(REPLICA_SETS, namespace, name)
    if owner is None:
        return
    pods = claimed(world, owner)
    wanted = owner.doc["spec"].get("replicas", 1)
    while len(pods) < wanted and (made := create(world, owner)):
        pods.append(made)
    if len(pods) > wanted:
        for victim in victims(world, owner, pods)[: len(pods) - wanted]:
            if dismiss(world, victim, owner):
                pods.remove(victim)
    labels = owner.doc["spec"]["template"].get("metadata", {}).get("labels", {})
    labelled = sum(labels.items() <= each.doc["metadata"].get("labels", {}).items() for each in pods)
    ready = ready_count(pods)
    store_status(world, REPLICA_SETS, owner, {
        "replicas": len(pods),
        "fullyLabeledReplicas": labelled or None,
        "readyReplicas": ready or None,
        "availableReplicas": ready or None,
        "observedGeneration": owner.doc["metadata"].get("generation", 1),
    })  # fmt: skip


def victims(world: World, owner: Entry, pods: list[Entry]) -> list[Entry]:
    """The pods in the order in which too many of them are deleted (ActivePodsWithRanks).

    One thing differs: Kubernetes compares the logarithms of ages and then the uids; here the later one goes first,
    so that the order does not depend on the pace of the clock.
    """
    beside = _per_node(world, owner)

    def rank(entry: Entry) -> tuple[Any, ...]:
        doc = entry.doc
        spec, status = doc["spec"], doc.get("status", {})
        node = spec.get("nodeName", "")
        ready = is_ready(doc)
        since = next(
            (one.get("lastTransitionTime", "") for one in status.get("conditions", ()) if one["type"] == "Ready"), ""
        )
        restarts = max((one.get("restartCount", 0) for one in status.get("containerStatuses", ())), default=0)
        return (
            bool(node),
            _PHASES.get(status.get("phase", "Pending"), 1),
            ready,
            _cost(doc["metadata"].get("annotations", {}).get(_COST, "0")),
            -beside.get(node, 0),
            _Later(since if ready else ""),
            -restarts,
            _Later(doc["metadata"]["creationTimestamp"]),
            -world.order(entry),
        )

    return sorted(pods, key=rank)


def _per_node(world: World, owner: Entry) -> dict[str, int]:
    """How many related pods a node has: those of all ReplicaSets with the same controller."""
    mine = controller_of(owner.doc).get("uid")
    family = [owner]
    if mine:
        family = [
            each
            for each in world.entries(REPLICA_SETS, owner.doc["metadata"]["namespace"])
            if controller_of(each.doc).get("uid") == mine
        ]
    uids = {each.uid for each in family}
    found: dict[str, int] = {}
    for pod in world.entries(PODS, owner.doc["metadata"]["namespace"]):
        related = controller_of(pod.doc).get("uid") in uids
        if related and is_active(pod.doc) and any(selects(each.doc["spec"]["selector"], pod.doc) for each in family):
            node = pod.doc["spec"].get("nodeName", "")
            found[node] = found.get(node, 0) + 1
    return found


def _cost(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


class _Later(str):
    """A time that sorts before earlier ones."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)
