"""delete and eviction.

Pods and NetworkPolicies can be deleted. A pod with a controller would be replaced by it; as the lab has no
controllers, such a delete or eviction is answered 501.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from irkit.lab import managed
from irkit.lab.bodies import DeleteOptions, delete_options, read_object
from irkit.lab.routes import Call
from irkit.lab.selectors import from_object, matches
from irkit.lab.status import not_found, precondition_failed, refuse, too_many, unserved
from irkit.lab.world import Entry, World, now
from irkit.lab.writes import Written
from irkit.model.effects import Resource
from irkit.model.kube import NETWORK_POLICIES, PDBS, PODS

EVICTIONS: Final = Resource(group="policy", version="v1", plural="evictions", kind="Eviction")
DYING: Final = 0.2
"""Seconds after which a pod whose grace period runs is gone: its containers end early, as most do."""
_DEFAULT_GRACE: Final = 30
_ENDED: Final = frozenset({"Succeeded", "Failed"})


def delete(world: World, call: Call, body: bytes) -> Written:
    """DELETE of an object."""
    if call.resource not in {PODS, NETWORK_POLICIES}:
        unserved(f"deleting {call.resource}")
    how = delete_options(body, call.query)
    with world.lock:
        return _delete(world, call, how)


def _delete(world: World, call: Call, how: DeleteOptions) -> Written:
    entry = world.get(call.resource, call.namespace, call.name)
    if entry is None:
        raise not_found(call.resource, call.name)
    meta = entry.doc["metadata"]
    _check_preconditions(call, meta, how)
    if meta.get("finalizers"):
        unserved("deleting an object that has finalizers")
    if call.resource is PODS:
        return _delete_pod(world, call, entry, how)
    if not how.dry_run:
        world.remove(call.resource, call.namespace, call.name)
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


def _delete_pod(world: World, call: Call, entry: Entry, how: DeleteOptions) -> Written:
    doc = entry.copy()
    meta, spec = doc["metadata"], doc["spec"]
    if any(owner.get("controller") and owner["kind"] != "Node" for owner in meta.get("ownerReferences", [])):
        unserved("deleting a pod that a controller owns and would replace (no controllers)")
    grace = spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE) if how.grace is None else how.grace
    grace = 1 if grace < 0 else grace
    if not spec.get("nodeName") or doc.get("status", {}).get("phase") in _ENDED:
        grace = 0
    begun = "deletionTimestamp" in meta
    if begun and grace and (how.grace is None or grace >= meta.get("deletionGracePeriodSeconds", 0)):
        return Written(entry.body, applied=False, dry_run=how.dry_run)
    start = datetime.now(UTC)
    if begun:
        ends = datetime.strptime(meta["deletionTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        start = ends - timedelta(seconds=meta.get("deletionGracePeriodSeconds", 0))
    meta["deletionTimestamp"] = (start + timedelta(seconds=grace)).strftime("%Y-%m-%dT%H:%M:%SZ")
    meta["deletionGracePeriodSeconds"] = grace
    if meta.get("generation") and not begun:
        meta["generation"] += 1
    if how.dry_run:
        return Written(orjson.dumps(doc), applied=False, dry_run=True)
    if grace:
        stored = world.put(PODS, doc)
        world.let_die(PODS, stored, min(grace, DYING))
        return Written(stored.body, applied=True)
    world.remove(PODS, call.namespace, call.name)
    return Written(orjson.dumps(doc), applied=True)


def evict(world: World, call: Call, body: bytes, *, dry_run: bool) -> Written:
    """POST of an Eviction: a delete that PodDisruptionBudgets can refuse (429)."""
    doc, _ = read_object(body, EVICTIONS, "V1Eviction", "Warn")
    if doc.get("metadata", {}).get("name") != call.name:
        refuse("name in URL does not match name in Eviction object")
    how = delete_options(orjson.dumps(doc.get("deleteOptions", {})), {})
    how = DeleteOptions(how.dry_run or dry_run, how.uid, how.version, how.grace)
    with world.lock:
        entry = world.get(PODS, call.namespace, call.name)
        if entry is None:
            raise not_found(PODS, call.name)
        _check_budget(world, entry)
        done = _delete(world, call, how)
        if done.applied:
            _spend_budget(world, entry)
    success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return Written(orjson.dumps(success), applied=done.applied, dry_run=done.dry_run)


def _budgets(world: World, pod: Entry) -> list[Entry]:
    """The budgets that select the pod; an empty selector selects nothing here."""
    meta = pod.doc["metadata"]
    return [
        budget
        for budget in world.entries(PDBS, meta["namespace"])
        if (wanted := from_object(budget.doc["spec"].get("selector", {}))) and matches(wanted, meta.get("labels", {}))
    ]


def _exempt(pod: Entry) -> bool:
    return pod.doc.get("status", {}).get("phase") in {*_ENDED, "Pending"} or "deletionTimestamp" in pod.doc["metadata"]


def _check_budget(world: World, pod: Entry) -> None:
    if _exempt(pod):
        return
    budgets = _budgets(world, pod)
    if len(budgets) > 1:
        unserved("evicting a pod that several budgets select")
    for budget in budgets:
        status = budget.doc["status"]
        if status["disruptionsAllowed"] <= 0:
            why = (
                f"The disruption budget {budget.doc['metadata']['name']} needs {status['desiredHealthy']} healthy "
                f"pods and has {status['currentHealthy']} currently"
            )
            message = "Cannot evict pod as it would violate the pod's disruption budget."
            raise too_many(message, 0, [{"reason": "DisruptionBudget", "message": why}])


def _spend_budget(world: World, pod: Entry) -> None:
    if _exempt(pod):
        return
    for budget in _budgets(world, pod):
        doc = budget.copy()
        doc["status"]["disruptionsAllowed"] -= 1
        doc["status"].setdefault("disruptedPods", {})[pod.doc["metadata"]["name"]] = now()
        managed.record(
            budget.doc, doc, manager="kube-apiserver", at=now(), api_version="policy/v1", subresource="status"
        )
        world.put(PDBS, doc)
