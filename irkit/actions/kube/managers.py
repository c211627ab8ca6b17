"""Field managers: where the API server names irkit as an owner of a field, and how irkit lets go of it.

Every write makes its writer an owner of what it changed, also of a first value that is put back: whoever keeps the
object by server-side apply would meet a conflict with irkit at the next change of that field. No writer can give up in
the patch that changes the field; a later one that takes the entry, or the field in it, out of managedFields can.
Sources: Kubernetes documentation, "Server-Side Apply"; `apimachinery/pkg/util/managedfields/internal`
(fieldmanager.go, managedfields.go): entries that a request brings are taken as they are, unless there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from irkit.actions.kube.operations import op, remove
from irkit.model.base import Json, canonical
from irkit.model.doc import Doc
from irkit.model.kube import FIELD_MANAGER

Path = tuple[str, ...]
_ENTRIES = ("metadata", "managedFields")
_ITSELF = "."
"""In an entry, the map or object as such, beside its members."""


@dataclass(frozen=True, slots=True)
class Held:
    """An entry of irkit's: its index, and the fields in it as canonical JSON (fieldsV1)."""

    at: int
    fields: str


def read_held(doc: Doc, paths: Sequence[Path]) -> tuple[Held, ...]:
    """Irkit's entries that have one of these fields. Raises Malformed.

    None where all entries are irkit's: without any the server tracks nobody, and the next server-side apply would meet
    a conflict with what it then calls `before-first-apply`.
    """
    entries = [*doc.each(*_ENTRIES)]
    mine = [(at, one.part("fieldsV1")) for at, one in enumerate(entries) if _is_irkits(one)]
    if len(mine) == len(entries):
        return ()
    return tuple(
        Held(at, canonical(fields.raw).decode())
        for at, fields in mine
        if any(fields.has(*_keys(path)) for path in paths)
    )


def applied(doc: Doc) -> bool:
    """Whether somebody keeps the object by server-side apply. Raises Malformed."""
    return any(one.text("operation", default="") == "Apply" for one in doc.each(*_ENTRIES))


def _is_irkits(entry: Doc) -> bool:
    by = entry.text("manager", default=""), entry.text("operation", default="")
    return by == (FIELD_MANAGER, "Update")


def disown(held: Sequence[Held], paths: Sequence[Path]) -> list[Json]:
    """The operations that take these fields out of irkit's entries, and an entry with nothing left in it.

    Each entry is tested to be the one that was seen: what irkit came to own since is not lost sight of.
    """
    ops: list[Json] = []
    for one in sorted(held, key=lambda entry: -entry.at):  # from the last on, or the others would move
        seen = orjson.loads(one.fields)
        rest = seen
        for path in paths:
            rest = _without(rest, _keys(path))
        if rest == seen:
            continue
        where = (*_ENTRIES, str(one.at))
        ops += [op("test", (*where, "manager"), FIELD_MANAGER), op("test", (*where, "fieldsV1"), seen)]
        ops.append(op("replace", (*where, "fieldsV1"), rest) if rest else remove(where))
    return ops


def _keys(path: Path) -> Path:
    return tuple(f"f:{key}" for key in path)


def _without(tree: dict[str, Any], keys: Path) -> dict[str, Any]:
    """A member without members of its own is a field that is owned, so none may be left empty."""
    if keys[0] not in tree:
        return tree
    inner = _without(tree[keys[0]], keys[1:]) if keys[1:] else {}
    rest = {key: value for key, value in tree.items() if key != keys[0]}
    if inner:
        rest[keys[0]] = inner
    return {} if rest.keys() <= {_ITSELF} else rest
