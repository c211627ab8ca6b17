"""Pods as controllers make and end them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from irkit.lab import admission, managed, objects
from irkit.lab.controllers.ownership import MANAGER, Doc, reference
from irkit.lab.objects import ENDED
from irkit.lab.status import NOT_SERVED, ApiError
from irkit.lab.world import BY_KIND, Entry, World, make_uid, now
from irkit.model.kube import PODS

DYING: Final = 0.2
"""Seconds after which a pod whose grace period runs is gone: its containers end early, as most do."""
DEFAULT_GRACE: Final = 30
_ACCOUNTS: Final = {
    "ReplicaSet": "replicaset-controller",
    "StatefulSet": "statefulset-controller",
    "DaemonSet": "daemon-set-controller",
    "Job": "job-controller",
    "Pod": "generic-garbage-collector",
}
"""Who acts for an object of a kind; for a pod itself who collects what nobody owns."""


def create(
    world: World, owner: Entry, name: str = "", labels: dict[str, str] | None = None, node: str = ""
) -> Entry | None:
    """A pod from its owner's template; the name is drawn unless given. The same world makes the same pod.

    None where a policy denies it: the controller tries again.
    """
    own = owner.doc["metadata"]
    serial = world.count(f"pods/{own['uid']}")
    drawn = name or _draw(world, own, serial)
    while not name and world.get(PODS, own["namespace"], drawn) is not None:
        serial = world.count(f"pods/{own['uid']}")
        drawn = _draw(world, own, serial)
    template: Doc = orjson.loads(orjson.dumps(owner.doc["spec"]["template"]))
    meta: dict[str, Any] = template.get("metadata", {})
    made = objects.meta(
        drawn,
        own["namespace"],
        {**meta.get("labels", {}), **(labels or {})},
        annotations=meta.get("annotations"),
        generateName=f"{own['name']}-",
        generation=1,
        ownerReferences=[reference(owner.doc)],
    )
    made |= {"uid": make_uid(world.seed, f"pod/{own['uid']}/{serial}"), "creationTimestamp": now()}
    doc = {"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": template["spec"], "status": pending(template)}
    if node:
        doc["spec"]["nodeName"] = node
    managed.record(None, doc, manager=MANAGER, at=now(), api_version="v1")
    return world.put(PODS, doc) if _admitted(world, owner, "CREATE", own["namespace"], drawn, None, doc) else None


def dismiss(world: World, entry: Entry, owner: Entry | None = None) -> bool:
    """Delete a pod as its owner's controller does, or the garbage collector; False where a policy denies it.

    Whoever is denied tries again.
    """
    meta = entry.doc["metadata"]
    if not _admitted(world, owner or entry, "DELETE", meta["namespace"], meta["name"], entry.doc, None):
        return False
    end(world, entry)
    return True


def _admitted(  # noqa: PLR0913, PLR0917 -- what an admission controller is asked
    world: World, owner: Entry, operation: str, namespace: str, name: str, old: Doc | None, new: Doc | None
) -> bool:
    asker = admission.controller(_ACCOUNTS[owner.doc["kind"]])
    try:
        admission.judge(world, admission.Attempt(asker, operation, PODS, namespace, name, old, new))
    except ApiError as error:
        if error.code == NOT_SERVED:
            raise
        world.denied.add(
            (BY_KIND[owner.doc["apiVersion"], owner.doc["kind"]], namespace, owner.doc["metadata"]["name"])
        )
        return False
    return True


def _draw(world: World, own: Doc, serial: int) -> str:
    suffix = objects.drawn(f"{world.seed}/{own['namespace']}/{own['name']}/later/{serial}", 5)
    return f"{own['name'][:57]}-{suffix}"


def pending(pod: Doc) -> Doc:
    """The status of a pod that the API server has just taken."""
    return {"phase": "Pending", "qosClass": quality(pod["spec"])}


def quality(spec: Doc) -> str:
    """The quality of service class. Source: `pkg/apis/core/v1/helper/qos/qos.go`."""
    parts = [each.get("resources", {}) for each in (*spec.get("initContainers", ()), *spec.get("containers", ()))]
    if not any(part.get(kind) for part in parts for kind in ("requests", "limits")):
        return "BestEffort"
    for part in parts:
        limits = part.get("limits", {})
        wanted = {**limits, **part.get("requests", {})}
        if not {"cpu", "memory"} <= limits.keys() or any(wanted[key] != limits[key] for key in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"


def left_of(entry: Entry, grace: int | None) -> int | None:
    """In how many seconds a deletion would end a pod; None where it ends as soon already, and nobody is asked."""
    meta, spec = entry.doc["metadata"], entry.doc["spec"]
    wanted: int = spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE) if grace is None else grace
    wanted = 1 if wanted < 0 else wanted
    if not spec.get("nodeName") or entry.doc.get("status", {}).get("phase") in ENDED:
        wanted = 0
    begun = "deletionTimestamp" in meta
    later = grace is None or wanted >= meta.get("deletionGracePeriodSeconds", 0)
    return None if begun and wanted and later else wanted


def end(world: World, entry: Entry, grace: int | None = None, *, dry_run: bool = False) -> tuple[Doc, bool]:
    """Delete a pod as the API server and its kubelet do; gives what is left of it, and whether anything changed.

    It stays for `DYING` seconds at most where it has a grace period and runs.
    """
    doc = entry.copy()
    meta, wanted = doc["metadata"], left_of(entry, grace)
    if wanted is None:
        return doc, False
    begun = "deletionTimestamp" in meta
    start = datetime.now(UTC)
    if begun:
        ends = datetime.strptime(meta["deletionTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        start = ends - timedelta(seconds=meta.get("deletionGracePeriodSeconds", 0))
    meta["deletionTimestamp"] = (start + timedelta(seconds=wanted)).strftime("%Y-%m-%dT%H:%M:%SZ")
    meta["deletionGracePeriodSeconds"] = wanted
    if meta.get("generation") and not begun:
        meta["generation"] += 1
    if dry_run:
        return doc, False
    if wanted:
        world.let_die(PODS, world.put(PODS, doc), min(wanted, DYING))
    else:
        world.remove(PODS, meta["namespace"], meta["name"])
    return doc, True
