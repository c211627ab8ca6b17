"""What controllers share: owners, the state of pods, and storing what they changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from irkit.lab import managed
from irkit.lab.objects import ENDED
from irkit.lab.selectors import from_object, matches
from irkit.lab.world import Entry, World, now
from irkit.model.effects import Resource
from irkit.model.kube import PODS

Doc = dict[str, Any]
MANAGER: Final = "kube-controller-manager"


def store(  # noqa: PLR0913 -- by whom and of which part, both by keyword
    world: World, resource: Resource, old: Entry | None, new: Doc, *, by: str = MANAGER, part: str = ""
) -> Entry:
    """Store what a controller made of an object; nothing where it is the same."""
    if old is not None and _same(old.doc, new):
        return old
    managed.record(
        old.doc if old else None, new, manager=by, at=now(), api_version=resource.api_version, subresource=part
    )
    return world.put(resource, new)


def _same(old: Doc, new: Doc) -> bool:
    return orjson.dumps(old, option=orjson.OPT_SORT_KEYS) == orjson.dumps(new, option=orjson.OPT_SORT_KEYS)


def store_status(world: World, resource: Resource, entry: Entry, status: Doc) -> Entry:
    """Set these fields of an object's status; what is None goes."""
    doc = entry.copy()
    merged = {**doc.get("status", {}), **status}
    doc["status"] = {key: value for key, value in merged.items() if value is not None}
    return store(world, resource, entry, doc, part="status")


def controller_of(doc: Doc) -> Doc:
    """The owner reference of the controller; {} where there is none."""
    owners: list[Doc] = doc["metadata"].get("ownerReferences", [])
    return next((owner for owner in owners if owner.get("controller")), {})


def is_active(pod: Doc) -> bool:
    """Whether a controller counts it: neither ended nor about to be."""
    return pod.get("status", {}).get("phase") not in ENDED and "deletionTimestamp" not in pod["metadata"]


def is_ready(pod: Doc) -> bool:
    """Whether its condition Ready is true."""
    return any(
        each["type"] == "Ready" and each["status"] == "True" for each in pod.get("status", {}).get("conditions", [])
    )


def selects(selector: Doc, doc: Doc) -> bool:
    """Whether a LabelSelector object selects this object by its labels."""
    return matches(from_object(selector), doc["metadata"].get("labels", {}))


def claimed(world: World, owner: Entry, *, named: str = "") -> list[Entry]:
    """The active pods that an owner counts as its own, after letting go of some and taking others.

    A pod whose labels no longer match loses its owner reference; one that matches and has no controller gets one. A
    name that only starts like the owner's, where `named` is given, is not taken.
    Source: `pkg/controller/controller_ref_manager.go`.
    """
    meta, kept = owner.doc["metadata"], []
    for entry in world.entries(PODS, meta["namespace"]):
        if not is_active(entry.doc):
            continue
        held, match = controller_of(entry.doc), selects(owner.doc["spec"]["selector"], entry.doc)
        if held and held["uid"] != meta["uid"]:
            continue
        if held and match:
            kept.append(entry)
        elif held:
            _release(world, entry, meta["uid"])
        elif match and entry.doc["metadata"]["name"].startswith(named):
            kept.append(_adopt(world, entry, owner))
    return kept


def _release(world: World, entry: Entry, uid: str) -> None:
    doc = entry.copy()
    left = [each for each in doc["metadata"]["ownerReferences"] if each["uid"] != uid]
    doc["metadata"]["ownerReferences"] = left
    if not left:
        del doc["metadata"]["ownerReferences"]
    store(world, PODS, entry, doc)


def _adopt(world: World, entry: Entry, owner: Entry) -> Entry:
    doc = entry.copy()
    doc["metadata"].setdefault("ownerReferences", []).append(reference(owner.doc))
    return store(world, PODS, entry, doc)


def reference(doc: Doc) -> Doc:
    """An owner reference to a controller."""
    return {
        "apiVersion": doc["apiVersion"],
        "kind": doc["kind"],
        "name": doc["metadata"]["name"],
        "uid": doc["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def number(value: object, of: int, *, up: bool) -> int:
    """An IntOrString of so many, rounded as `intstr.GetScaledValueFromIntOrPercent` does."""
    if isinstance(value, int):
        return value
    percent = int(str(value).removesuffix("%") or 0)
    return -(-of * percent // 100) if up else of * percent // 100


def ready_count(pods: Iterable[Entry]) -> int:
    """How many of them are ready."""
    return sum(is_ready(each.doc) for each in pods)
