"""Replacing or removing what somebody else set, and putting exactly that back.

`fields` only ever adds. This is for the few values that have to go: labels that selectors use, counts of replicas, an
autoscaler's annotation. Each patch tests the very value that was seen, so that nobody's change is lost.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from irkit.actions.kube.fields import (
    MAPS,
    NOTE,
    Edit,
    Field,
    Fields,
    Subject,
    read_note,
    write_note,
)
from irkit.actions.kube.managers import disown, read_held
from irkit.actions.kube.operations import op, remove
from irkit.model.base import Json
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall
from irkit.model.plans import Change, Drift, Original, Originals

_TEXT_LIMIT = 1024
Path = tuple[str, ...]


def annotation(key: str, value: str) -> Field:
    """An annotation as a field."""
    return Field(("metadata", "annotations", key), value)


def read_exact(doc: Doc, fields: Sequence[Field], case: str, *, noted: bool = True) -> Fields:
    """The present values as they are: false is not the same as missing. `wanted` None means that it has to go.

    `noted` False leaves irkit's annotation out: controllers copy a Deployment's annotations to its ReplicaSets.
    Raises Malformed where a field is not of the type that is wanted there; text where it has to go.
    """
    parents = {*MAPS, *(one.path[:-1] for one in fields)}
    note_state, note, saved = read_note(doc, case) if noted else ("foreign", "", ())
    return Fields(
        presence="here",
        values=tuple(sorted((one.name, _read(doc, one)) for one in fields)),
        maps=tuple(sorted(".".join(path) for path in parents if doc.has(*path))),
        note_state=note_state,
        note=note,
        saved=saved,
        held=read_held(doc, [one.path for one in fields]),
    )


def _read(doc: Doc, field: Field) -> Json:
    if not doc.has(*field.path):
        return None
    if isinstance(field.wanted, bool):
        return doc.flag(*field.path)
    if isinstance(field.wanted, int):
        return doc.integer(*field.path)
    return doc.text(*field.path, limit=_TEXT_LIMIT)


def alter(effect: str, subject: Subject, fields: Sequence[Field], found: Fields, case: str) -> Edit | None:
    """The patch that makes the fields what is wanted, or None where they are."""
    values = dict(found.values)
    changing = [one for one in fields if values.get(one.name) != one.wanted]
    if not changing:
        return None
    kept: dict[str, Json] = {one.name: values.get(one.name) for one in changing}
    changes: list[tuple[Path, Json, Json]] = [(one.path, kept[one.name], one.wanted) for one in changing]
    if found.note_state != "foreign":
        changes.append((NOTE, found.note or None, write_note(case, {**kept, **dict(found.saved)})))
    return Edit(
        subject.patch(effect, _ops(changes, found)),
        tuple(Original(target=subject.ref.key, field=name, value=value) for name, value in kept.items()),
        {one.name: one.wanted for one in changing},
    )


def restore(
    effect: str, subject: Subject, fields: Sequence[Field], found: Fields, originals: Originals
) -> KubeCall | tuple[Drift, ...] | None:
    """The patch that puts the first values back; drift where a field is neither irkit's value nor the first.

    None where every field is as it was. Fields that irkit did not change are not looked at.
    """
    values, saved = dict(found.values), dict(found.saved)
    mine = [one for one in fields if (subject.ref.key, one.name) in originals and _ours(one, found)]
    drift: list[Drift] = []
    changes: list[tuple[Path, Json, Json]] = []
    for one in mine:
        now, first = values.get(one.name), originals[subject.ref.key, one.name]
        if now == one.wanted != first:
            changes.append((one.path, now, first))
        elif now != first:
            drift.append(Drift(field=one.name, ours=one.wanted, now=now, original=first))
    if drift:
        return tuple(drift)
    rest: dict[str, Json] = {name: value for name, value in saved.items() if name not in {one.name for one in mine}}
    if len(rest) < len(saved):
        changes.append((NOTE, found.note, write_note(orjson.loads(found.note)["case"], rest) if rest else None))
    return subject.patch(effect, _ops(changes, found)) if changes else None


def let_go(
    effect: str, subject: Subject, fields: Sequence[Field], found: Fields, originals: Originals
) -> Change | None:
    """What is wanted once `restore` wants nothing more: that the API names irkit no longer as an owner of what is back.

    None where it does not. What irkit took out again has no owner, and what it still wants on the object stays its own.
    """
    values = dict(found.values)
    firsts = ((one, originals.get((subject.ref.key, one.name))) for one in fields)
    ops = disown(found.held, [one.path for one, first in firsts if first is not None and values.get(one.name) == first])
    why = f"the API names irkit as an owner of what {subject.ref} has back"
    return Change((subject.patch(effect, ops),), why) if ops else None


def _ours(one: Field, found: Fields) -> bool:
    """Whether a flag, which anybody could have set, was set by the patch that noted it (as in `fields`)."""
    return not isinstance(one.wanted, bool) or found.note_state == "foreign" or one.name in dict(found.saved)


def _ops(changes: Sequence[tuple[Path, Json, Json]], found: Fields) -> list[Json]:
    """Operations from (path, value now, value then). A patch cannot add into a map that is not there."""
    ops: list[Json] = []
    there = set(found.maps)
    for path, now, then in changes:
        parent = ".".join(path[:-1])
        if now is None and parent not in there:
            ops += [op("test", path[:-1], None), op("add", path[:-1], {})]
            there.add(parent)
        else:
            ops.append(op("test", path, now))
        ops.append(remove(path) if then is None else op("add", path, then))
    return ops
