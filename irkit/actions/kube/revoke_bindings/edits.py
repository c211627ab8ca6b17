"""Taking subjects out of bindings and putting the same ones back, never a list as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import orjson

from irkit.actions.kube.bindings import SUBJECTS, Binding
from irkit.actions.kube.managers import disown
from irkit.actions.kube.revoke_bindings.facts import Facts
from irkit.model.base import Json, canonical
from irkit.model.effects import KubeCall
from irkit.model.plans import Drift, Originals
from irkit.model.refs import ServiceAccountRef

Kept = dict[str, Json]
"""What was taken out of a binding, and from where, as `Binding.kept` writes it."""


def field_of(binding: Binding) -> str:
    """How originals, drift and reports name it: `RoleBinding shop/web subjects`."""
    return f"{binding} subjects"


def remove(account: ServiceAccountRef, binding: Binding) -> KubeCall:
    """Take the account's subjects out, from the last to the first, each only from where it was seen."""
    ops: list[Json] = [{"op": "test", "path": "/metadata/uid", "value": binding.uid}]
    kept = binding.kept(account)
    for one in reversed(_ours(kept)):
        path = f"/subjects/{one['at']}"
        ops += [{"op": "test", "path": path, "value": one["subject"]}, {"op": "remove", "path": path}]
    return _patch("unbind", account, binding, ops)


def put_back(account: ServiceAccountRef, originals: Originals, facts: Facts) -> tuple[KubeCall, ...]:
    """The patches that are wanted: for each binding of irkit's that is left and lacks a subject of ours."""
    calls = []
    for binding, kept in _touched(account, originals, facts):
        ops = _additions(binding, _ours(kept))
        if ops:
            calls.append(_patch("bind", account, binding, [_uid(binding), *ops]))
    return tuple(calls)


def let_go(account: ServiceAccountRef, originals: Originals, facts: Facts) -> tuple[KubeCall, ...]:
    """The patches that are wanted once the subjects are back: that the API names irkit no longer as their owner."""
    return tuple(
        _patch("disown", account, binding, [_uid(binding), *ops])
        for binding, kept in _touched(account, originals, facts)
        if _ours(kept) and (ops := disown(binding.held, (SUBJECTS,)))
    )


def _additions(binding: Binding, ours: list[dict[str, Json]]) -> list[Json]:
    """Each subject at the place that it had, or behind the last where the list is shorter now.

    Its neighbours are tested, so that nothing lands in a list that was not seen; the API leaves an empty list out.
    """
    missing = [one for one in ours if canonical(one["subject"]).decode() not in binding.subjects]
    if not missing:
        return []
    if not binding.subjects:
        return [
            {"op": "test", "path": "/subjects", "value": None},
            {"op": "add", "path": "/subjects", "value": [one["subject"] for one in missing]},
        ]
    ops: list[Json] = []
    subjects: list[Json] = [orjson.loads(text) for text in binding.subjects]
    for one in missing:
        at = min(one["at"], len(subjects)) if isinstance(one["at"], int) else len(subjects)
        near = [index for index in (at - 1, at) if 0 <= index < len(subjects)]
        ops += [{"op": "test", "path": f"/subjects/{index}", "value": subjects[index]} for index in near]
        ops.append({"op": "add", "path": f"/subjects/{at}", "value": one["subject"]})
        subjects.insert(at, one["subject"])
    return ops


def drift_of(account: ServiceAccountRef, originals: Originals, facts: Facts) -> tuple[Drift, ...]:
    """Bindings that are other objects than those which irkit changed."""
    return tuple(
        Drift(field=field_of(binding), ours=kept["uid"], now=binding.uid, original=kept["uid"])
        for binding, kept in _named(account, originals, facts)
        if kept["uid"] != binding.uid
    )


def lost(account: ServiceAccountRef, originals: Originals, facts: Facts) -> int:
    """How many of the bindings that irkit changed were deleted since. They are not made again."""
    return len([key for key, _ in originals if key == account.key]) - len([*_named(account, originals, facts)])


def _touched(account: ServiceAccountRef, originals: Originals, facts: Facts) -> Iterator[tuple[Binding, Kept]]:
    return ((binding, kept) for binding, kept in _named(account, originals, facts) if kept["uid"] == binding.uid)


def _named(account: ServiceAccountRef, originals: Originals, facts: Facts) -> Iterator[tuple[Binding, Kept]]:
    """The bindings of whose names irkit kept a first value."""
    for binding in facts.bindings:
        kept = originals.get((account.key, field_of(binding)))
        if isinstance(kept, dict):
            yield binding, kept


def _ours(kept: Json) -> list[dict[str, Json]]:
    listed = kept["ours"] if isinstance(kept, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _uid(binding: Binding) -> Json:
    return {"op": "test", "path": "/metadata/uid", "value": binding.uid}


def _patch(verb: str, account: ServiceAccountRef, binding: Binding, ops: list[Json]) -> KubeCall:
    name = hashlib.sha256(str(binding).encode()).hexdigest()[:10]
    return KubeCall(
        name=f"{verb}-{name}",
        cluster=account.cluster.id,
        verb="patch",
        resource=binding.resource,
        namespace=binding.namespace,
        object=binding.name,
        body=ops,
    )
