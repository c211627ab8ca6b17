"""The scale subresource of workloads: how many pods there shall be, and nothing else. `pkg/registry/apps/*/storage`."""

from __future__ import annotations

from typing import Any

import orjson

from irkit.lab import fields, kinds, managed, patches
from irkit.lab.bodies import Options, loads
from irkit.lab.routes import Call
from irkit.lab.selectors import write
from irkit.lab.status import conflict, invalid, invalid_patch, not_found, unserved
from irkit.lab.world import Entry, Guard, World, now
from irkit.lab.writes import CHANGED, Written
from irkit.model.effects import Resource

SCALES = Resource(group="autoscaling", version="v1", plural="scales", kind="Scale")


def view(entry: Entry) -> dict[str, Any]:
    """The Scale of a workload."""
    meta, spec = entry.doc["metadata"], entry.doc["spec"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    replicas = spec.get("replicas", 1)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in kept},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {
            "replicas": entry.doc.get("status", {}).get("replicas", 0),
            "selector": write(spec.get("selector", {})),
        },
    }


def _found(world: World, call: Call) -> Entry:
    entry = world.get(call.resource, call.namespace, call.name)
    if entry is None:
        raise not_found(call.resource, call.name)
    return entry


def get(world: World, call: Call) -> bytes:
    """GET. Raises ApiError 404."""
    with world.lock:
        return orjson.dumps(view(_found(world, call)))


def patch(world: World, call: Call, body: bytes, how: Options, guard: Guard) -> Written:
    """A patch: of the whole Scale only spec.replicas counts."""
    operations = loads(body)
    with world.lock:
        entry = _found(world, call)
        held = view(entry)
        patched = patches.apply(orjson.loads(orjson.dumps(held)), operations, how.media)
        try:
            new = fields.decode(patched, "V1Scale", [])
        except fields.WrongType as error:
            raise invalid_patch(orjson.dumps(patched).decode(), str(error)) from error
        if new.get("metadata", {}).get("uid") != entry.uid or new["metadata"].get("name") != call.name:
            unserved("a scale patch that changes metadata")
        if (
            new["metadata"].get("resourceVersion", held["metadata"]["resourceVersion"])
            != held["metadata"]["resourceVersion"]
        ):
            raise conflict(call.resource, call.name, CHANGED)
        wanted = new.get("spec", {}).get("replicas", 0)
        if causes := kinds.replicas(wanted, "spec.replicas"):
            raise invalid(SCALES, call.name, causes)
        guard(held, new)
        if wanted == entry.doc["spec"].get("replicas", 1):
            return Written(orjson.dumps(held), applied=False, dry_run=how.dry_run)
        doc = entry.copy()
        doc["spec"]["replicas"] = wanted
        doc["metadata"]["generation"] = doc["metadata"].get("generation", 1) + 1
        version = call.resource.api_version
        managed.record(entry.doc, doc, manager=how.manager, at=now(), api_version=version, subresource="scale")
        if how.dry_run:
            return Written(orjson.dumps(view(Entry(doc))), applied=False, dry_run=True)
        return Written(orjson.dumps(view(world.put(call.resource, doc))), applied=True)
