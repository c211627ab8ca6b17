"""The Deployment controller: one ReplicaSet a template, rolled over as the strategy says.

Source: `pkg/controller/deployment/{sync,rolling,recreate}.go`. Defaults (25 % both) as `pkg/apis/apps/v1/defaults.go`.
"""

from __future__ import annotations

import orjson

from irkit.lab import objects
from irkit.lab.controllers.ownership import Doc, controller_of, is_active, number, reference, store, store_status
from irkit.lab.world import Entry, World, make_uid, now
from irkit.model.kube import DEPLOYMENTS, PODS, REPLICA_SETS

HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"


def reconcile(world: World, namespace: str, name: str) -> None:
    """A ReplicaSet for the template, the replicas moved to it as far as they may be now, and the status."""
    owner = world.get(DEPLOYMENTS, namespace, name)
    if owner is None:
        return
    spec = owner.doc["spec"]
    sets = _sets(world, owner)
    current = next((each for each in sets if _template(each.doc) == _template(owner.doc)), None)
    if current is None and not spec.get("paused"):
        current = _create(world, owner, sets)
        sets = [*sets, current]
    if spec.get("paused") or current is None:
        _scale_alone(world, owner, sets)
    elif spec.get("strategy", {}).get("type") == "Recreate":
        _recreate(world, owner, current, sets)
    else:
        _roll(world, owner, current, sets)
    _status(world, owner)


def _sets(world: World, owner: Entry) -> list[Entry]:
    found = world.entries(REPLICA_SETS, owner.doc["metadata"]["namespace"])
    return [each for each in found if controller_of(each.doc).get("uid") == owner.uid]


def _template(doc: Doc) -> bytes:
    """A template without the hash that tells it from others."""
    template: Doc = orjson.loads(orjson.dumps(doc["spec"]["template"]))
    template.get("metadata", {}).get("labels", {}).pop(HASH, None)
    return orjson.dumps(template, option=orjson.OPT_SORT_KEYS)


def _create(world: World, owner: Entry, sets: list[Entry]) -> Entry:
    own = owner.doc["metadata"]
    serial = world.count(f"templates/{own['uid']}")
    digest = objects.drawn(f"{serial}/{_template(owner.doc).decode()}", 10)
    revision = max((_revision(each.doc) for each in sets), default=0) + 1
    template: Doc = orjson.loads(orjson.dumps(owner.doc["spec"]["template"]))
    template.setdefault("metadata", {}).setdefault("labels", {})[HASH] = digest
    selector: Doc = orjson.loads(orjson.dumps(owner.doc["spec"]["selector"]))
    selector.setdefault("matchLabels", {})[HASH] = digest
    meta = objects.meta(
        f"{own['name']}-{digest}",
        own["namespace"],
        template["metadata"]["labels"],
        annotations={_REVISION: str(revision)},
        ownerReferences=[reference(owner.doc)],
        generation=1,
    )
    uid = make_uid(world.seed, f"replicaset/{own['uid']}/{serial}")
    meta |= {"uid": uid, "creationTimestamp": now()}
    spec = {"replicas": 0, "selector": selector, "template": template}
    doc = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": spec, "status": {"replicas": 0}}
    return store(world, REPLICA_SETS, None, doc)


def _revision(doc: Doc) -> int:
    text = doc["metadata"].get("annotations", {}).get(_REVISION, "1")
    return int(text) if text.isdecimal() else 1


def _wants(entry: Entry) -> int:
    wanted: int = entry.doc["spec"].get("replicas", 1)
    return wanted


def _available(entry: Entry) -> int:
    found: int = entry.doc.get("status", {}).get("availableReplicas", 0)
    return found


def _scale(world: World, entry: Entry, replicas: int) -> None:
    if _wants(entry) == replicas:
        return
    doc = entry.copy()
    doc["spec"]["replicas"] = replicas
    doc["metadata"]["generation"] = doc["metadata"].get("generation", 1) + 1
    store(world, REPLICA_SETS, entry, doc)


def _scale_alone(world: World, owner: Entry, sets: list[Entry]) -> None:
    """A paused Deployment is still scaled, if it has one ReplicaSet in use."""
    used = [each for each in sets if _wants(each)] or sets[-1:]
    if len(used) == 1:
        _scale(world, used[0], _wants(owner))


def _recreate(world: World, owner: Entry, current: Entry, sets: list[Entry]) -> None:
    old = [each for each in sets if each is not current]
    for each in old:
        _scale(world, each, 0)
    uids = {each.uid for each in old}
    left = [
        pod
        for pod in world.entries(PODS, owner.doc["metadata"]["namespace"])
        if controller_of(pod.doc).get("uid") in uids
        and pod.doc.get("status", {}).get("phase") not in {"Succeeded", "Failed"}
    ]
    if not left:
        _scale(world, current, _wants(owner))


def _roll(world: World, owner: Entry, current: Entry, sets: list[Entry]) -> None:
    wanted = _wants(owner)
    rolling = owner.doc["spec"].get("strategy", {}).get("rollingUpdate", {})
    surge = number(rolling.get("maxSurge", "25%"), wanted, up=True)
    missing = number(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    if not surge and not missing:
        missing = 1
    old = [each for each in sets if each is not current and _wants(each)]
    if _wants(current) > wanted or not old:
        _scale(world, current, wanted)
    else:
        room = wanted + surge - sum(map(_wants, sets))
        if room > 0 and _wants(current) < wanted:
            _scale(world, current, min(wanted, _wants(current) + room))
            return
    fresh = world.get(REPLICA_SETS, current.doc["metadata"]["namespace"], current.doc["metadata"]["name"]) or current
    for each in old:  # those that serve nobody go first, then as many as may be missing
        unhealthy = _wants(each) - _available(each)
        spare = sum(map(_wants, sets)) - (wanted - missing) - (_wants(fresh) - _available(fresh))
        if unhealthy > 0 and spare > 0:
            _scale(world, each, _wants(each) - min(unhealthy, spare))
            return
    spare = sum(map(_available, sets)) - (wanted - missing)
    for each in old:
        if spare > 0:
            _scale(world, each, _wants(each) - min(spare, _wants(each)))
            return


def _status(world: World, owner: Entry) -> None:
    sets = _sets(world, owner)
    current = next((each for each in sets if _template(each.doc) == _template(owner.doc)), None)
    pods = [
        pod
        for pod in world.entries(PODS, owner.doc["metadata"]["namespace"])
        if is_active(pod.doc) and controller_of(pod.doc).get("uid") in {each.uid for each in sets}
    ]
    available = sum(map(_available, sets))
    updated = sum(controller_of(pod.doc).get("uid") == current.uid for pod in pods) if current else 0
    store_status(world, DEPLOYMENTS, owner, {
        "observedGeneration": owner.doc["metadata"].get("generation", 1),
        "replicas": len(pods) or None,
        "updatedReplicas": updated or None,
        "readyReplicas": sum(each.doc.get("status", {}).get("readyReplicas", 0) for each in sets) or None,
        "availableReplicas": available or None,
        "unavailableReplicas": max(0, len(pods) - available, _wants(owner) - available) or None,
    })  # fmt: skip
