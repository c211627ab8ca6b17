"""create and patch: what the lab takes, checked and stored as the API does it.

Of creations there are NetworkPolicies, of patches pods, nodes and NetworkPolicies. What needs a controller that
the lab does not simulate is answered 501: releasing a pod from its ReplicaSet, or making one adopt it.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any, Final

import orjson

from irkit.lab import fields, managed, patches, validate
from irkit.lab.bodies import Options, loads, read_object, unknown_texts
from irkit.lab.routes import Call
from irkit.lab.selectors import from_object, matches
from irkit.lab.status import (
    already_exists,
    conflict,
    invalid,
    invalid_patch,
    not_found,
    refuse,
    unserved,
)
from irkit.lab.world import Entry, World, make_uid, now
from irkit.model.kube import NAMESPACES, NETWORK_POLICIES, NODES, PODS, REPLICA_SETS

CREATABLE: Final = {NETWORK_POLICIES: "V1NetworkPolicy"}
PATCHABLE: Final = {PODS: "V1Pod", NODES: "V1Node", NETWORK_POLICIES: "V1NetworkPolicy"}
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
_KEPT_META: Final = ("managedFields", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
_SYSTEM_META: Final = ("uid", "creationTimestamp", *_KEPT_META)
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""Letters and digits of generated names: no vowels, nothing that looks like another."""
_CHANGED: Final = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(frozen=True, slots=True)
class Written:
    """What a write came to: the object, whether the world changed, and warnings for the caller."""

    body: bytes
    applied: bool
    warnings: tuple[str, ...] = ()
    dry_run: bool = False


def create(world: World, call: Call, body: bytes, how: Options) -> Written:
    """POST of a new object."""
    resource = call.resource
    if resource not in CREATABLE:
        unserved(f"creating {resource}")
    doc, warnings = read_object(body, resource, CREATABLE[resource], how.validation)
    meta: dict[str, Any] = doc.setdefault("metadata", {})
    if meta.get("namespace", call.namespace) != call.namespace:
        refuse("the namespace of the provided object does not match the namespace sent on the request")
    if meta.get("finalizers") or meta.get("resourceVersion"):
        unserved("creating an object with finalizers or a resourceVersion")
    for key in _SYSTEM_META:
        meta.pop(key, None)
    meta["namespace"] = call.namespace
    validate.default_policy(doc)
    with world.lock:
        if world.get(NAMESPACES, "", call.namespace) is None:
            raise not_found(NAMESPACES, call.namespace)
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = _generate(world, call, str(meta["generateName"]))
        causes = [*validate.metadata(meta), *validate.network_policy(doc)]
        if causes:
            raise invalid(resource, meta.get("name", ""), causes)
        if world.get(resource, call.namespace, meta["name"]) is not None:
            raise already_exists(resource, meta["name"])
        meta["creationTimestamp"] = now()
        meta["generation"] = 1
        managed.record(None, doc, manager=how.manager, at=meta["creationTimestamp"], api_version=resource.api_version)
        if how.dry_run:
            meta["uid"] = str(uuid.uuid4())
            return Written(orjson.dumps(doc), applied=False, warnings=warnings, dry_run=how.dry_run)
        meta["uid"] = make_uid(world.seed, f"created/{world.next_serial()}")
        return Written(world.put(resource, doc).body, applied=True, warnings=warnings)


def _generate(world: World, call: Call, prefix: str) -> str:
    name = prefix
    for _ in range(8):
        drawn = hashlib.sha256(f"{world.seed}/name/{world.next_serial()}".encode()).digest()
        name = prefix[:58] + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in drawn[:5])
        if world.get(call.resource, call.namespace, name) is None:
            break
    return name


def patch(world: World, call: Call, body: bytes, how: Options) -> Written:
    """JSON Patch of an object."""
    resource = call.resource
    if resource not in PATCHABLE:
        unserved(f"patching {resource}")
    operations = loads(body)
    with world.lock:
        entry = world.get(resource, call.namespace, call.name)
        if entry is None:
            raise not_found(resource, call.name)
        patched = patches.apply(entry.copy(), operations)
        new, warnings = _decode(patched, call, how, patches.unknown_members(operations))
        _check_names(new, call)
        _carry_over(world, entry, new, call)
        if _same(entry.doc, new):
            return Written(entry.body, applied=False, warnings=warnings, dry_run=how.dry_run)
        managed.record(entry.doc, new, manager=how.manager, at=now(), api_version=resource.api_version)
        if how.dry_run:
            return Written(orjson.dumps(new), applied=False, warnings=warnings, dry_run=how.dry_run)
        stored = world.put(resource, new)
        if resource is NODES:
            _follow_cordon(world, stored)
        return Written(stored.body, applied=True, warnings=warnings)


def _decode(
    patched: Any,  # noqa: ANN401 -- JSON of any shape
    call: Call,
    how: Options,
    found: list[str],
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The patched object, and warnings: what was `found` before, and unknown fields."""
    text = orjson.dumps(patched).decode()
    unknown: list[str] = []
    try:
        new = fields.decode(patched, PATCHABLE[call.resource], unknown)
    except fields.WrongType as error:
        raise invalid_patch(text, str(error)) from error
    if (new.get("kind"), new.get("apiVersion")) != (call.resource.kind, call.resource.api_version):
        raise invalid_patch(text, "the patched object is of another kind")
    warnings = (*found, *unknown_texts(unknown))
    if warnings and how.validation == "Strict":
        raise invalid_patch(text, f"strict decoding error: {', '.join(warnings)}")
    return new, warnings if how.validation == "Warn" else ()


def _check_names(new: dict[str, Any], call: Call) -> None:
    meta = new.setdefault("metadata", {})
    if call.namespace and meta.setdefault("namespace", call.namespace) != call.namespace:
        refuse("the namespace of the provided object does not match the namespace sent on the request")
    if meta.get("name", "") != call.name:
        refuse(f"the name of the object ({meta.get('name', '')}) does not match the name on the URL ({call.name})")


def _carry_over(world: World, entry: Entry, new: dict[str, Any], call: Call) -> None:
    """Bring back what no update changes, and refuse what none may."""
    old, resource = entry.doc, call.resource
    _carry_metadata(old["metadata"], new["metadata"], call)
    new.pop("status", None)
    if "status" in old:
        new["status"] = old["status"]
    causes = [*validate.unchanged(old["metadata"], new["metadata"]), *validate.metadata(new["metadata"])]
    if resource is NETWORK_POLICIES:
        validate.default_policy(new)
        causes += validate.network_policy(new)
    elif resource is PODS:
        causes += validate.pod_update(old, new)
    elif _but_cordon(old) != _but_cordon(new):
        unserved("changing a node's spec but for unschedulable")
    if causes:
        raise invalid(resource, call.name, causes)
    if resource is PODS:
        _check_controllers(world, old, new)
    if "generation" in new["metadata"] and old.get("spec") != new.get("spec"):
        new["metadata"]["generation"] += 1


def _carry_metadata(before: dict[str, Any], meta: dict[str, Any], call: Call) -> None:
    if meta.get("resourceVersion", before["resourceVersion"]) != before["resourceVersion"]:
        raise conflict(call.resource, call.name, _CHANGED)
    for key in ("uid", "creationTimestamp", "resourceVersion"):
        meta.setdefault(key, before[key])
    for key in _KEPT_META:
        meta.pop(key, None)
        if key in before:
            meta[key] = before[key]
    for key in ("finalizers", "ownerReferences"):
        if meta.get(key) != before.get(key):
            unserved(f"changing {key}")


def _but_cordon(doc: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in doc.get("spec", {}).items() if key != "unschedulable"}


def _check_controllers(world: World, old: dict[str, Any], new: dict[str, Any]) -> None:
    """501 where a ReplicaSet would let go of the pod, or take it."""
    before, after = old["metadata"].get("labels", {}), new["metadata"].get("labels", {})
    if before == after:
        return
    for entry in world.entries(REPLICA_SETS, old["metadata"]["namespace"]):
        selector = from_object(entry.doc["spec"]["selector"])
        if matches(selector, before) != matches(selector, after):
            unserved("a label change by which a ReplicaSet lets go of a pod or takes one (no controllers)")


def _same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return orjson.dumps(old, option=orjson.OPT_SORT_KEYS) == orjson.dumps(new, option=orjson.OPT_SORT_KEYS)


def _follow_cordon(world: World, entry: Entry) -> None:
    """The node lifecycle controller's part: the taint follows spec.unschedulable."""
    wanted = bool(entry.doc["spec"].get("unschedulable"))
    taints = entry.doc["spec"].get("taints", [])
    if wanted == any(taint["key"] == UNSCHEDULABLE for taint in taints):
        return
    doc = entry.copy()
    if wanted:
        taint = {"key": UNSCHEDULABLE, "effect": "NoSchedule", "timeAdded": now()}
        doc["spec"]["taints"] = [*taints, taint]
    else:
        doc["spec"]["taints"] = [taint for taint in taints if taint["key"] != UNSCHEDULABLE]
        if not doc["spec"]["taints"]:
            del doc["spec"]["taints"]
    managed.record(entry.doc, doc, manager="kube-controller-manager", at=now(), api_version="v1")
    world.put(NODES, doc)
