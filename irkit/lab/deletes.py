"""delete and eviction."""

from __future__ import annotations

from typing import Any, Final

import orjson

from irkit.lab import managed
from irkit.lab.bodies import DeleteOptions, delete_options, read_object
from irkit.lab.controllers import budgets
from irkit.lab.controllers.ownership import is_ready
from irkit.lab.controllers.pods import end, left_of
from irkit.lab.kinds import KINDS
from irkit.lab.objects import ENDED
from irkit.lab.routes import Call
from irkit.lab.status import ApiError, not_found, precondition_failed, refuse, too_many, unserved
from irkit.lab.world import Entry, Guard, World, now
from irkit.lab.writes import Written
from irkit.model.effects import Resource
from irkit.model.kube import NAMESPACES, NODES, PDBS, PODS, RESOURCE_QUOTAS, SERVICE_ACCOUNTS, SERVICES

EVICTIONS: Final = Resource(group="policy", version="v1", plural="evictions", kind="Eviction")
DELETABLE: Final = frozenset(KINDS) - {NAMESPACES, NODES}
"""Of these the lab knows what else goes: what they own, and a service account's tokens."""

_ANSWERED_WHOLE: Final = frozenset({SERVICES, SERVICE_ACCOUNTS, RESOURCE_QUOTAS})
"""Deleting one of these is answered with the object, as of pods (`ReturnDeletedObject` in `pkg/registry`)."""


def delete(world: World, call: Call, how: DeleteOptions, guard: Guard) -> Written:
    """DELETE of an object."""
    if call.resource not in DELETABLE:
        unserved(f"deleting {call.resource}")
    with world.lock:
        return _delete(world, call, how, guard)


def _delete(world: World, call: Call, how: DeleteOptions, guard: Guard | None = None) -> Written:
    entry = world.get(call.resource, call.namespace, call.name)
    if entry is None:
        raise not_found(call.resource, call.name)
    meta = entry.doc["metadata"]
    _check_preconditions(call, meta, how)
    if meta.get("finalizers"):
        unserved("deleting an object that has finalizers")
    if guard is not None and (call.resource is not PODS or left_of(entry, how.grace) is not None):
        guard(entry.doc, None)
    if call.resource is PODS:
        return _delete_pod(world, entry, how)
    if not how.dry_run:
        world.remove(call.resource, call.namespace, call.name)
    if call.resource in _ANSWERED_WHOLE:
        return Written(entry.body, applied=not how.dry_run, dry_run=how.dry_run)
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {
            "name": call.name,
            "group": call.resource.group,
            "kind": call.resource.plural,
            "uid": entry.uid,
        },
    }
    return Written(orjson.dumps(status), applied=not how.dry_run, dry_run=how.dry_run)


def _check_preconditions(call: Call, meta: dict[str, Any], how: DeleteOptions) -> None:
    for what, wanted, found in (
        ("UID", how.uid, meta["uid"]),
        ("ResourceVersion", how.version, meta["resourceVersion"]),
    ):
        if wanted is not None and wanted != found:
            hint = "deleted and then recreated" if what == "UID" else "modified"
            why = (
                f"the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). "
                f"The object might have been {hint}"
            )
            raise precondition_failed(call.resource, call.name, why)


def _delete_pod(world: World, entry: Entry, how: DeleteOptions) -> Written:
    left, applied = end(world, entry, how.grace, dry_run=how.dry_run)
    body = entry.body if not applied and not how.dry_run else orjson.dumps(left)
    return Written(body, applied=applied, dry_run=how.dry_run)


def evict(world: World, call: Call, body: bytes, guard: Guard, *, dry_run: bool) -> Written:
    """POST of an Eviction: a delete that PodDisruptionBudgets can refuse (429). Policies see the Eviction alone."""
    doc, _ = read_object(body, EVICTIONS, "V1Eviction", "Warn")
    if doc.get("metadata", {}).get("name") != call.name:
        refuse("name in URL does not match name in Eviction object")
    doc["metadata"].setdefault("namespace", call.namespace)
    how = delete_options(orjson.dumps(doc.get("deleteOptions", {})), {})
    how = DeleteOptions(how.dry_run or dry_run, how.uid, how.version, how.grace)
    with world.lock:
        guard(None, doc)
        entry = world.get(PODS, call.namespace, call.name)
        if entry is None:
            raise not_found(PODS, call.name)
        budget = _check_budget(world, entry)
        done = _delete(world, call, how)
        if done.applied and budget is not None:
            _spend(world, budget, entry)
    success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return Written(orjson.dumps(success), applied=done.applied, dry_run=done.dry_run)


def _budgets(world: World, pod: Entry) -> list[Entry]:
    """The budgets that a pod's eviction has to ask."""
    status, meta = pod.doc.get("status", {}), pod.doc["metadata"]
    if status.get("phase") in {*ENDED, "Pending"} or "deletionTimestamp" in meta:
        return []
    return [budget for budget in world.entries(PDBS, meta["namespace"]) if budgets.covers(budget.doc, pod.doc)]


def _check_budget(world: World, pod: Entry) -> Entry | None:
    """The budget to spend from. Raises ApiError 429 where it is spent, 500 where there are several."""
    found = _budgets(world, pod)
    if len(found) > 1:
        raise ApiError(
            500,
            "",
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        )
    if not found:
        return None
    doc = found[0].doc
    status, policy = doc.get("status", {}), doc["spec"].get("unhealthyPodEvictionPolicy", "")
    healthy, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
    if not is_ready(pod.doc) and (policy == "AlwaysAllow" or (healthy >= desired > 0)):
        return None  # it is no part of what the budget guards
    if status.get("disruptionsAllowed", 0) <= 0:
        why = (
            f"The disruption budget {doc['metadata']['name']} needs {desired} healthy pods and has {healthy} currently"
        )
        message = "Cannot evict pod as it would violate the pod's disruption budget."
        raise too_many(message, 0, [{"reason": "DisruptionBudget", "message": why}])
    return found[0]


def _spend(world: World, budget: Entry, pod: Entry) -> None:
    doc = budget.copy()
    doc["status"]["disruptionsAllowed"] -= 1
    doc["status"].setdefault("disruptedPods", {})[pod.doc["metadata"]["name"]] = now()
    managed.record(budget.doc, doc, manager="kube-apiserver", at=now(), api_version="policy/v1", subresource="status")
    world.put(PDBS, doc)
