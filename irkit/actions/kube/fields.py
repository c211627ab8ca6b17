"""Setting fields of an object that somebody else owns, and taking exactly those out again.

The first value of each field is kept in the journal and, as a second copy, in an annotation of the object.
Labels are added and never replaced (domain.md §2: add and strip are separate operations).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from irkit.actions.kube.managers import Held
from irkit.actions.kube.objects import Presence
from irkit.actions.kube.operations import op, remove
from irkit.model.base import Json, canonical
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall, Resource
from irkit.model.kube import ORIGINALS_ANNOTATION
from irkit.model.plans import Drift, Original, Originals
from irkit.model.refs import TargetRef

MAPS = (("metadata", "labels"), ("metadata", "annotations"))
NOTE = ("metadata", "annotations", ORIGINALS_ANNOTATION)
_NOTE_LIMIT = 8192
_VALUE_LIMIT = 63
"""Of a label (Kubernetes documentation, "Labels and Selectors")."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field that irkit sets, and to what."""

    path: tuple[str, ...]
    wanted: Json

    @property
    def name(self) -> str:
        """How originals, drift and reports name it: `metadata.labels["irkit.dev/case"]`, `spec.unschedulable`."""
        if self.path[:2] in MAPS:
            return f'{".".join(self.path[:2])}["{self.path[2]}"]'
        return ".".join(self.path)


def label(key: str, value: str) -> Field:
    """A label as a field."""
    return Field(("metadata", "labels", key), value)


@dataclass(frozen=True, slots=True)
class Subject:
    """The object whose fields are set."""

    resource: Resource
    ref: TargetRef

    def patch(self, effect: str, ops: list[Json], subresource: str = "") -> KubeCall:
        """A patch of it, pinned by uid."""
        return KubeCall(
            name=effect,
            cluster=self.ref.cluster.id,
            verb="patch",
            resource=self.resource,
            namespace=getattr(self.ref, "namespace", ""),
            object=self.ref.name,
            subresource=subresource,
            body=[op("test", ("metadata", "uid"), self.ref.uid), *ops],
        )


@dataclass(frozen=True, slots=True)
class Fields:
    """What was found of an object's fields. `values` has None where a field is missing; sorted by name.

    `maps` says which of labels and annotations exist: a patch cannot add into a map that is not there.
    `note` is irkit's annotation where it is this case's own, and `saved` what it holds. `held` is where the API names
    irkit as an owner of the fields; it is read only where first values are put back.
    """

    presence: Presence
    values: tuple[tuple[str, Json], ...] = ()
    maps: tuple[str, ...] = ()
    note_state: Literal["absent", "ours", "foreign"] = "absent"
    note: str = ""
    saved: tuple[tuple[str, Json], ...] = ()
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """One patch, and what it touches."""

    call: KubeCall
    originals: tuple[Original, ...]
    after: dict[str, Json]


def read_fields(doc: Doc, fields: Sequence[Field], case: str) -> Fields:
    """The present values. Raises Malformed where a field is not of the type that is wanted there."""
    values: list[tuple[str, Json]] = []
    for one in fields:
        value: Json = None
        if doc.has(*one.path):
            # the API leaves false out, so false and missing are one value
            flag = isinstance(one.wanted, bool)
            value = (doc.flag(*one.path) or None) if flag else doc.text(*one.path, limit=_VALUE_LIMIT)
        values.append((one.name, value))
    note_state, note, saved = read_note(doc, case)
    return Fields(
        presence="here",
        values=tuple(sorted(values)),
        maps=tuple(".".join(path) for path in MAPS if doc.has(*path)),
        note_state=note_state,
        note=note,
        saved=saved,
    )


def read_note(doc: Doc, case: str) -> tuple[Literal["absent", "ours", "foreign"], str, tuple[tuple[str, Json], ...]]:
    """Irkit's annotation: whose it is, its text, and the first values that it holds."""
    if not doc.has(*NOTE):
        return "absent", "", ()
    text = doc.text(*NOTE)
    try:
        value = orjson.loads(text) if len(text) <= _NOTE_LIMIT else None
    except orjson.JSONDecodeError:
        value = None
    saved = value.get("fields") if isinstance(value, dict) and value.get("case") == case else None
    if not isinstance(saved, dict) or not all(key.isascii() and _plain(one) for key, one in saved.items()):
        return "foreign", "", ()  # somebody else's, or an attacker's: left alone, the journal has the originals
    return "ours", text, tuple(sorted(saved.items()))


def _plain(value: object) -> bool:
    return value is None or isinstance(value, str | bool)


def clash(fields: Sequence[Field], found: Fields) -> Field | None:
    """The first field that somebody else has set to another value."""
    values = dict(found.values)
    return next((one for one in fields if values[one.name] not in (None, one.wanted)), None)


def set_fields(effect: str, subject: Subject, fields: Sequence[Field], found: Fields, case: str) -> Edit | None:
    """The patch that adds the missing fields, or None where nothing is missing.

    Each `test` for null guards against somebody who sets the field between irkit's look and the patch: the
    API server's JSON Patch lets it pass exactly where the member is missing.
    """
    values = dict(found.values)
    missing = [one for one in fields if values[one.name] is None]
    if not missing:
        return None
    wanted: dict[tuple[str, ...], Json] = {one.path: one.wanted for one in missing}
    if found.note_state != "foreign":
        kept: dict[str, Json] = dict.fromkeys(one.name for one in missing)
        wanted[NOTE] = write_note(case, {**kept, **dict(found.saved)})
    ops: list[Json] = []
    for path in MAPS:
        inside: dict[str, Json] = {key[-1]: value for key, value in wanted.items() if key[:-1] == path}
        if inside and ".".join(path) not in found.maps:
            ops += [op("test", path, None), op("add", path, inside)]
            wanted = {key: value for key, value in wanted.items() if key[:-1] != path}
    for where, value in wanted.items():
        ops += [op("test", where, (found.note or None) if where == NOTE else None), op("add", where, value)]
    return Edit(
        subject.patch(effect, ops),
        tuple(Original(target=subject.ref.key, field=one.name, value=None) for one in missing),
        {one.name: one.wanted for one in missing},
    )


def take_out(
    effect: str, subject: Subject, fields: Sequence[Field], found: Fields, originals: Originals
) -> KubeCall | tuple[Drift, ...] | None:
    """The patch that puts back the first values of what irkit set; drift where somebody else set it since.

    None where nothing of irkit's is left. Fields that irkit did not set are not looked at.
    """
    values = dict(found.values)
    mine = [one for one in fields if (subject.ref.key, one.name) in originals and _ours(one, found)]
    drift: list[Drift] = []
    ops: list[Json] = []
    for one in mine:
        now, first = values[one.name], originals[subject.ref.key, one.name]
        if now == one.wanted:
            ops.append(op("test", one.path, one.wanted))
            ops.append(remove(one.path) if first is None else op("replace", one.path, first))
        elif now != first:
            drift.append(Drift(field=one.name, ours=one.wanted, now=now, original=first))
    if drift:
        return tuple(drift)
    rest = {name: value for name, value in found.saved if name not in {one.name for one in mine}}
    if len(rest) < len(found.saved):
        case = orjson.loads(found.note)["case"]
        ops.append(op("test", NOTE, found.note))
        ops.append(op("replace", NOTE, write_note(case, rest)) if rest else remove(NOTE))
    return subject.patch(effect, ops) if ops else None


def _ours(one: Field, found: Fields) -> bool:
    """Whether a value that anybody could have set (a flag, not our case's id) was set by the patch that noted it.

    A write may have been lost while a colleague set the same flag: theirs is not ours to take back.
    """
    return not isinstance(one.wanted, bool) or found.note_state == "foreign" or one.name in dict(found.saved)


def remove_field(effect: str, subject: Subject, field: Field) -> KubeCall:
    """The patch that takes a field out, if it still is as irkit sets it."""
    return subject.patch(effect, [op("test", field.path, field.wanted), remove(field.path)])


def write_note(case: str, fields: dict[str, Json]) -> str:
    """The text of irkit's annotation: the case, and the first value of each field."""
    return canonical({"case": case, "fields": fields}).decode()
