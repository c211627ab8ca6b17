"""What a cluster's own controllers make of each change: replacements, endpoints, budgets, taints, aggregated roles.

May live here: controllers, the scheduler and the kubelets, as far as irkit can see them. They run to rest after each
write, in the caller's thread and by no clock, so that equal requests make equal worlds; only a pod's grace period
takes time. May not: threads, or anything that answers requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from irkit.lab import programs
from irkit.lab.controllers import budgets, cluster, deployments, kubelet, others, replicas, scheduler, services
from irkit.lab.controllers.ownership import Doc, controller_of, is_active, is_ready, selects
from irkit.lab.network import Network
from irkit.lab.world import Change, Entry, Item, World
from irkit.model.effects import Resource
from irkit.model.kube import (
    CLUSTER_ROLES,
    CONTROLLERS,
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PDBS,
    PODS,
    REPLICA_SETS,
    RESOURCE_QUOTAS,
    SERVICE_ACCOUNTS,
    SERVICES,
    STATEFUL_SETS,
)

_ROUNDS: Final = 10_000
_RECONCILE: Final[dict[Resource, Callable[[World, str, str], None]]] = {
    REPLICA_SETS: replicas.reconcile,
    DEPLOYMENTS: deployments.reconcile,
    STATEFUL_SETS: others.stateful_set,
    DAEMON_SETS: others.daemon_set,
    JOBS: others.job,
    PDBS: budgets.reconcile,
    RESOURCE_QUOTAS: cluster.count,
    SERVICES: services.reconcile,
}
_OWNERS: Final = (REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS)


class Controllers:
    """All controllers of a world. `network` is what their pods' tools look at."""

    def __init__(self, world: World, network: Network) -> None:
        self._world = world
        self._network = network
        for resource in (SERVICES, PDBS):  # what is derived from the start; everything else is as it was seeded
            for entry in world.entries(resource):
                _RECONCILE[resource](world, entry.doc["metadata"]["namespace"], entry.doc["metadata"]["name"])
        cluster.aggregate(world)
        world.changes.clear()

    def request(self) -> None:
        """One more request: what was due goes, starts or ends."""
        with self._world.lock:
            self._world.count("requests")
            self._due(everything=False)
            self._again()
            self.run()

    def settle(self) -> None:
        """Let everything happen that only waits for time or further requests."""
        with self._world.lock:
            self._again()
            self.run()
            while self._waits():
                self._due(everything=True)
                self.run()

    def run(self) -> None:
        """Everything that follows from the changes so far.

        Raises:
            RuntimeError: they undo each other for ever; a fault of the lab.
        """
        world = self._world
        with world.lock:
            world.bury()
            for _ in range(_ROUNDS):
                if not world.changes:
                    break
                changes = world.changes[:]
                world.changes.clear()
                self._network.agents.follow()
                self._follow(changes)
            else:
                msg = "the controllers do not come to rest"
                raise RuntimeError(msg)
            self._network.pass_time()

    def _waits(self) -> bool:
        return self._world.dying or bool(self._world.due)

    def _due(self, *, everything: bool) -> None:
        world = self._world
        world.bury(all_=everything)
        at = world.counted("requests")
        due = {uid for uid, when in world.due.items() if everything or when <= at}
        for uid in due:
            del world.due[uid]
        for entry in world.entries(PODS) if due else ():
            if entry.uid in due and is_active(entry.doc):
                kubelet.proceed(world, entry, self._run)

    def _run(self, pod: Doc, container: Doc) -> programs.Ended:
        return programs.run(programs.Seat(pod, container, self._world, self._network))

    def _follow(self, changes: list[Change]) -> None:
        """Reconcile what the changes concern, each once, in the order in which it was first concerned."""
        work: dict[Item, None] = {}
        for change in changes:
            for item in self._concerned(change):
                work[item] = None
        self._reconcile(work)

    def _again(self) -> None:
        """What a controller was denied it tries again, at the next request: policies come and go."""
        denied, self._world.denied = sorted(self._world.denied, key=str), set()
        for _, namespace, name in (one for one in denied if one[0] is PODS):
            cluster.collect_pod(self._world, namespace, name)
        self._reconcile(one for one in denied if one[0] is not PODS)

    def _reconcile(self, work: Iterable[Item]) -> None:
        for resource, namespace, name in work:
            if resource is PODS:
                self._attend(namespace, name)
            elif resource is NODES:
                cluster.cordon(self._world, name)
            elif resource is CLUSTER_ROLES:
                cluster.aggregate(self._world)
            else:
                _RECONCILE[resource](self._world, namespace, name)

    def _attend(self, namespace: str, name: str) -> None:
        """A pod that needs a node, or to be started on it."""
        entry = self._world.get(PODS, namespace, name)
        if entry is not None and _unplaced(entry.doc):
            scheduler.schedule(self._world, entry)
            entry = self._world.get(PODS, namespace, name)
        if entry is None or not entry.doc.get("spec", {}).get("nodeName") or not is_active(entry.doc):
            return
        if entry.doc.get("status", {}).get("phase") == "Pending" and "startTime" not in entry.doc["status"]:
            kubelet.start(self._world, entry, self._run)

    def _concerned(self, change: Change) -> list[Item]:
        entry = change.new or change.old
        if entry is None:
            return []
        meta = entry.doc["metadata"]
        resource, namespace, name = change.resource, meta.get("namespace", ""), meta["name"]
        if change.old is not None and (change.new is None or change.new.uid != change.old.uid):
            if resource is not PODS:
                cluster.collect(self._world, change.old)
            if resource is SERVICE_ACCOUNTS:
                cluster.forget_tokens(self._world, change.old)
        if resource is PODS:
            return self._of_pod(change, namespace, name)
        if resource is NODES:
            return self._of_node(name)
        if resource in {SERVICES, PDBS, CLUSTER_ROLES, RESOURCE_QUOTAS}:
            return [(resource, namespace, name)]
        if resource not in _RECONCILE:
            return []
        return self._of_workload(resource, entry, namespace, name)

    def _of_workload(self, resource: Resource, entry: Entry, namespace: str, name: str) -> list[Item]:
        items: list[Item] = [(resource, namespace, name)]
        owner = controller_of(entry.doc)
        if owner.get("kind") in CONTROLLERS:
            items.append((CONTROLLERS[owner["kind"]], namespace, owner["name"]))
        budgeted = [(PDBS, namespace, each.doc["metadata"]["name"]) for each in self._world.entries(PDBS, namespace)]
        return [each for each in items if each[0] in _RECONCILE] + budgeted

    def _of_node(self, name: str) -> list[Item]:
        items: list[Item] = [(NODES, "", name)]
        for resource, of in ((DAEMON_SETS, _any), (PODS, _unplaced)):
            items += [(resource, *_name(each)) for each in self._world.entries(resource) if of(each.doc)]
        return items

    def _of_pod(self, change: Change, namespace: str, name: str) -> list[Item]:
        items: list[Item] = []
        old, new = change.old.doc if change.old else None, change.new.doc if change.new else None
        same = _standing(old) == _standing(new)
        held = {(owner["kind"], owner["name"]) for doc in (old, new) if doc and (owner := controller_of(doc))}
        for resource in _OWNERS:
            for entry in self._world.entries(resource, namespace):
                selector = entry.doc["spec"].get("selector", {})
                matched = [doc is not None and selects(selector, doc) for doc in (old, new)]
                own = entry.doc["metadata"]["name"]
                mine = (resource.kind, own) in held
                if new is None and resource is STATEFUL_SETS and name.rpartition("-")[0] == own:
                    mine = True  # the name is free again, whoever had it
                if (mine or any(matched)) and not (same and matched[0] == matched[1]):
                    items.append((resource, namespace, own))
        for entry in self._world.entries(SERVICES, namespace):
            chosen = entry.doc["spec"].get("selector", {}).items()
            matched = [doc is not None and chosen <= doc["metadata"].get("labels", {}).items() for doc in (old, new)]
            if any(matched) and not (same and matched[0] == matched[1]):
                items.append((SERVICES, namespace, entry.doc["metadata"]["name"]))
        for entry in self._world.entries(PDBS, namespace):
            matched = [doc is not None and budgets.covers(entry.doc, doc) for doc in (old, new)]
            if any(matched) and not (same and matched[0] == matched[1]):
                items.append((PDBS, namespace, entry.doc["metadata"]["name"]))
        items += [(RESOURCE_QUOTAS, *_name(each)) for each in self._world.entries(RESOURCE_QUOTAS, namespace)]
        if new is not None:
            items.append((PODS, namespace, name))
        else:  # there is room for others now
            items += [(PODS, *_name(each)) for each in self._world.entries(PODS) if _unplaced(each.doc)]
        return items


def _name(entry: Entry) -> tuple[str, str]:
    meta = entry.doc["metadata"]
    return meta["namespace"], meta["name"]


def _any(_doc: Doc) -> bool:
    return True


def _unplaced(doc: Doc) -> bool:
    return bool(doc.get("spec", {}).get("containers")) and not doc["spec"].get("nodeName") and is_active(doc)


def _standing(doc: Doc | None) -> object:
    """What controllers look at in a pod, but for its labels."""
    if doc is None:
        return None
    status = doc.get("status", {})
    own = controller_of(doc).get("uid")
    node = doc.get("spec", {}).get("nodeName")
    return doc["metadata"]["uid"], own, node, is_active(doc), is_ready(doc), status.get("phase"), status.get("podIP")
