"""The disruption controller: what PodDisruptionBudgets allow now. Source: `pkg/controller/disruption/disruption.go`."""

from __future__ import annotations

from irkit.lab.controllers.ownership import Doc, controller_of, is_ready, number, store_status
from irkit.lab.selectors import from_object, matches
from irkit.lab.world import Entry, World, now
from irkit.model.kube import CONTROLLERS, PDBS, PODS


def covers(budget: Doc, pod: Doc) -> bool:
    """Whether a budget is about a pod. One without a selector is about none, an empty selector is about all."""
    selector = budget["spec"].get("selector")
    return selector is not None and matches(from_object(selector), pod["metadata"].get("labels", {}))


def reconcile(world: World, namespace: str, name: str) -> None:
    """The budget's status from the pods that there are."""
    budget = world.get(PDBS, namespace, name)
    if budget is None:
        return
    spec, status = budget.doc["spec"], budget.doc.get("status", {})
    pods = [each for each in world.entries(PODS, namespace) if covers(budget.doc, each.doc)]
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if most is not None:
        expected = _scale(world, pods)
        desired = max(0, expected - number(most, expected, up=True))
    elif isinstance(least, str):
        expected = _scale(world, pods)
        desired = number(least, expected, up=True)
    else:
        expected, desired = len(pods), least if least is not None else 1
    alive = {each.doc["metadata"]["name"] for each in pods if "deletionTimestamp" not in each.doc["metadata"]}
    leaving = {pod: at for pod, at in status.get("disruptedPods", {}).items() if pod in alive}
    healthy = sum(
        is_ready(each.doc)
        for each in pods
        if each.doc["metadata"]["name"] in alive and each.doc["metadata"]["name"] not in leaving
    )
    allowed = max(0, healthy - desired) if expected else 0
    store_status(world, PDBS, budget, {
        "observedGeneration": budget.doc["metadata"].get("generation", 1),
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": expected,
        "disruptedPods": leaving or None,
        "conditions": _conditions(budget.doc, allowed),
    })  # fmt: skip


def _scale(world: World, pods: list[Entry]) -> int:
    """How many pods their controllers want together; a pod without one does not count."""
    found: dict[str, int] = {}
    for pod in pods:
        owner = controller_of(pod.doc)
        resource = CONTROLLERS.get(owner.get("kind", ""))
        entry = world.get(resource, pod.doc["metadata"]["namespace"], owner["name"]) if resource else None
        if entry is not None and entry.uid == owner["uid"]:
            found[owner["uid"]] = entry.doc["spec"].get("replicas", entry.doc["spec"].get("parallelism", 1))
    return sum(found.values())


def _conditions(budget: Doc, allowed: int) -> list[Doc]:
    status, reason = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
    old: Doc = next(
        (each for each in budget.get("status", {}).get("conditions", ()) if each["type"] == "DisruptionAllowed"), {}
    )
    return [{
        "type": "DisruptionAllowed",
        "status": status,
        "reason": reason,
        "message": "",
        "observedGeneration": budget["metadata"].get("generation", 1),
        "lastTransitionTime": old["lastTransitionTime"] if old.get("status") == status else now(),
    }]  # fmt: skip
