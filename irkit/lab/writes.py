"""create and patch: checked and stored as the API does it."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any, Final

import orjson

from irkit.lab import defaults, fields, managed, patches, validate
from irkit.lab.bodies import Options, loads, read_object, unknown_texts
from irkit.lab.controllers.pods import pending
from irkit.lab.kinds import GENERATED, KINDS, Kind
from irkit.lab.routes import Call
from irkit.lab.status import (
    Cause,
    already_exists,
    bad_value,
    conflict,
    forbidden,
    invalid,
    invalid_patch,
    not_found,
    refuse,
    unserved,
)
from irkit.lab.world import Entry, Guard, World, make_uid, now
from irkit.model.kube import NAMESPACES, PODS, SERVICE_ACCOUNTS, SERVICES

_KEPT_META: Final = ("managedFields", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
_SYSTEM_META: Final = ("uid", "creationTimestamp", *_KEPT_META)
_RBAC: Final = "rbac.authorization.k8s.io"
_WORKLOADS: Final = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"})
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""Letters and digits of generated names: no vowels, nothing that looks like another."""
CHANGED: Final = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(frozen=True, slots=True)
class Written:
    """What a write came to: the object, whether the world changed, and warnings for the caller."""

    body: bytes
    applied: bool
    warnings: tuple[str, ...] = ()
    dry_run: bool = False


def create(world: World, call: Call, body: bytes, how: Options, guard: Guard) -> Written:
    """POST of a new object."""
    resource = call.resource
    kind = KINDS.get(resource, Kind())
    if not kind.creatable:
        unserved(f"creating {resource}")
    doc, warnings = read_object(body, resource, fields.TYPES[resource.kind], how.validation)
    meta = _clean(doc, call)
    with world.lock:
        if call.namespace and world.get(NAMESPACES, "", call.namespace) is None:
            raise not_found(NAMESPACES, call.namespace)
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = _generate(world, call, str(meta["generateName"]))
        _fill_in(world, call, kind, doc)
        causes = [*validate.metadata(meta, names=resource.group == _RBAC), *kind.check(doc)]
        if causes:
            raise invalid(resource, meta.get("name", ""), causes)
        meta["creationTimestamp"] = now()
        if resource in GENERATED:
            meta["generation"] = 1
        managed.record(None, doc, manager=how.manager, at=meta["creationTimestamp"], api_version=resource.api_version)
        if resource is PODS:
            doc["status"] = pending(doc)
        guard(None, {**doc, "metadata": {**meta, "uid": str(uuid.uuid4())}})
        if world.get(resource, call.namespace, meta["name"]) is not None:
            raise already_exists(resource, meta["name"])
        if how.dry_run:
            meta["uid"] = str(uuid.uuid4())
            return Written(orjson.dumps(doc), applied=False, warnings=warnings, dry_run=how.dry_run)
        meta["uid"] = make_uid(world.seed, f"created/{world.next_serial()}")
        return Written(world.put(resource, doc).body, applied=True, warnings=warnings)


def _clean(doc: dict[str, Any], call: Call) -> dict[str, Any]:
    """The metadata of a new object, without what the system alone says. Raises ApiError 400."""
    meta: dict[str, Any] = doc.setdefault("metadata", {})
    if meta.get("namespace", call.namespace) != call.namespace:
        refuse("the namespace of the provided object does not match the namespace sent on the request")
    if meta.get("finalizers") or meta.get("resourceVersion"):
        unserved("creating an object with finalizers or a resourceVersion")
    for key in _SYSTEM_META:
        meta.pop(key, None)
    doc.pop("status", None)
    if call.namespace:
        meta["namespace"] = call.namespace
    return meta


def _fill_in(world: World, call: Call, kind: Kind, doc: dict[str, Any]) -> None:
    """Defaults, and what admission adds to pods. Raises ApiError 403 for a service account that is not there."""
    kind.default(doc)
    if call.resource is SERVICES:
        defaults.service(doc, world)
    if call.resource is not PODS:
        return
    spec = doc.setdefault("spec", {})
    name = spec.get("serviceAccountName") or "default"
    account = world.get(SERVICE_ACCOUNTS, call.namespace, name)
    if account is None:
        why = f'error looking up service account {call.namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden(PODS, doc["metadata"].get("name", ""), why)
    if spec.get("containers"):
        defaults.pod(doc, account=account.doc)


def _generate(world: World, call: Call, prefix: str) -> str:
    name = prefix
    for _ in range(8):
        drawn = hashlib.sha256(f"{world.seed}/name/{world.next_serial()}".encode()).digest()
        name = prefix[:58] + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in drawn[:5])
        if world.get(call.resource, call.namespace, name) is None:
            break
    return name


def patch(world: World, call: Call, body: bytes, how: Options, guard: Guard) -> Written:
    """A patch of an object."""
    resource = call.resource
    if resource not in KINDS:
        unserved(f"patching {resource}")
    operations = loads(body)
    with world.lock:
        entry = world.get(resource, call.namespace, call.name)
        if entry is None:
            raise not_found(resource, call.name)
        patched = patches.apply(entry.copy(), operations, how.media)
        new, warnings = _decode(patched, call, how, patches.unknown_members(operations))
        _check_names(new, call)
        _carry_over(entry, new, call)
        guard(entry.doc, new)
        if _same(entry.doc, new):
            return Written(entry.body, applied=False, warnings=warnings, dry_run=how.dry_run)
        managed.record(entry.doc, new, manager=how.manager, at=now(), api_version=resource.api_version)
        if how.dry_run:
            return Written(orjson.dumps(new), applied=False, warnings=warnings, dry_run=how.dry_run)
        return Written(world.put(resource, new).body, applied=True, warnings=warnings)


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
        new = fields.decode(patched, fields.TYPES[call.resource.kind], unknown)
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


def _carry_over(entry: Entry, new: dict[str, Any], call: Call) -> None:
    """Bring back what no update changes, and refuse what none may."""
    old, resource = entry.doc, call.resource
    kind = KINDS[resource]
    _carry_metadata(old["metadata"], new["metadata"], call)
    new.pop("status", None)
    if "status" in old:
        new["status"] = old["status"]
    causes = [
        *validate.unchanged(old["metadata"], new["metadata"]),
        *validate.metadata(new["metadata"], names=resource.group == _RBAC),
    ]
    if resource is PODS:
        causes += validate.pod_update(old, new)
    elif old.get("spec") != new.get("spec") or "spec" not in old:
        kind.default(new)
        causes += kind.check(new)
        causes += _immutable(old, new)
    if causes:
        raise invalid(resource, call.name, causes)
    _check_simulated(kind, old, new, call)
    if "generation" in new["metadata"] and old.get("spec") != new.get("spec"):
        new["metadata"]["generation"] += 1


def _immutable(old: dict[str, Any], new: dict[str, Any]) -> list[Cause]:
    """The selector of a workload, and the role of a binding."""
    causes = []
    if new["kind"] in _WORKLOADS and old["spec"].get("selector") != new.get("spec", {}).get("selector"):
        causes.append(bad_value("spec.selector", new.get("spec", {}).get("selector"), "field is immutable"))
    if old.get("roleRef") != new.get("roleRef"):
        causes.append(bad_value("roleRef", new.get("roleRef"), "cannot change roleRef"))
    return causes


def _check_simulated(kind: Kind, old: dict[str, Any], new: dict[str, Any], call: Call) -> None:
    """501 for changes of the spec whose consequences the lab does not know."""
    if kind.may_change is None:
        return
    before, after = old.get("spec", {}), new.get("spec", {})
    for key in sorted(before.keys() | after.keys()):
        if key not in kind.may_change and before.get(key) != after.get(key):
            unserved(f"changing spec.{key} of {call.resource}")


def _carry_metadata(before: dict[str, Any], meta: dict[str, Any], call: Call) -> None:
    if meta.get("resourceVersion", before["resourceVersion"]) != before["resourceVersion"]:
        raise conflict(call.resource, call.name, CHANGED)
    for key in ("uid", "resourceVersion"):
        meta.setdefault(key, before[key])
    meta["creationTimestamp"] = before["creationTimestamp"]  # another one is passed over, as in a real API server
    asked = meta.get("managedFields")
    for key in _KEPT_META:
        meta.pop(key, None)
        if key in before:
            meta[key] = before[key]
    if asked is not None and asked != meta.get("managedFields"):  # what brings none keeps them
        meta["managedFields"] = managed.read(asked)
    if meta.get("finalizers") != before.get("finalizers"):
        unserved("changing finalizers")


def _same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return orjson.dumps(old, option=orjson.OPT_SORT_KEYS) == orjson.dumps(new, option=orjson.OPT_SORT_KEYS)
