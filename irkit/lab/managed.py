"""managedFields: who set which field last, and when.

Reduced against the real API in one way: lists are owned whole, not item by item.
"""

from __future__ import annotations

from typing import Any, Final

from irkit.lab.status import unserved

Tree = dict[str, Any]

_IGNORED: Final = frozenset({"apiVersion", "kind"})
_IGNORED_META: Final = frozenset({
    "name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation", "selfLink", "managedFields",
    "deletionTimestamp", "deletionGracePeriodSeconds", "generateName",
})  # fmt: skip


def record(  # noqa: PLR0913 -- an entry has this many parts, all by keyword
    old: Tree | None,
    new: Tree,
    *,
    manager: str,
    at: str,
    api_version: str,
    subresource: str = "",
) -> None:
    """Set `new`'s managedFields from those that it brings, or else `old`'s, and the difference between the two."""
    before = _owned(old) if old is not None else {}
    after = _owned(new)
    held = new["metadata"].get("managedFields") or (old or {}).get("metadata", {}).get("managedFields", [])
    entries = [dict(entry) for entry in held]
    changed = _changed(before, after)
    removed = _removed(before, after)
    mine = None
    kept = []
    for entry in entries:
        same = entry.get("manager") == manager and entry.get("operation") == "Update"
        if same and entry.get("subresource", "") == subresource:
            mine = entry
            entry["fieldsV1"] = _without(entry["fieldsV1"], removed)
        else:
            entry["fieldsV1"] = _without(_without(entry["fieldsV1"], removed), changed)
        if entry["fieldsV1"] or entry is mine:
            kept.append(entry)
    if mine is None:
        mine = {
            "manager": manager,
            "operation": "Update",
            "apiVersion": api_version,
            "time": at,
            "fieldsType": "FieldsV1",
            "fieldsV1": {},
        }
        if subresource:
            mine["subresource"] = subresource
        kept.append(mine)
    mine["fieldsV1"] = _merged(mine["fieldsV1"], changed)
    mine["time"] = at
    new["metadata"]["managedFields"] = [entry for entry in kept if entry["fieldsV1"]]


def read(entries: list[Tree]) -> list[Tree]:
    """Entries that a writer wrote itself. Raises ApiError 501 for what the real API reads in its own way.

    An empty list is among that: from then on it tracks nobody.
    """
    if not entries:
        unserved("emptying managedFields")
    for entry in entries:
        known = entry.get("manager") and entry.get("operation") == "Update" and entry.get("fieldsType") == "FieldsV1"
        if not known or not isinstance(entry.get("fieldsV1"), dict):
            unserved("writing a managedFields entry of another form")
    return entries


def _owned(doc: Tree) -> Tree:
    found = {key: value for key, value in doc.items() if key not in _IGNORED}
    meta = doc.get("metadata", {})
    found["metadata"] = {key: value for key, value in meta.items() if key not in _IGNORED_META}
    return found


def _changed(old: Tree, new: Tree) -> Tree:
    tree: Tree = {}
    for key, value in new.items():
        before = old.get(key)
        if key in old and before == value:
            continue
        if isinstance(value, dict):
            inner = _changed(before if isinstance(before, dict) else {}, value)
            if inner or (not value and key != "metadata"):
                tree[f"f:{key}"] = inner
        else:
            tree[f"f:{key}"] = {}
    return tree


def _removed(old: Tree, new: Tree) -> Tree:
    tree: Tree = {}
    for key, value in old.items():
        if key not in new:
            tree[f"f:{key}"] = {}
        elif isinstance(value, dict) and isinstance(new[key], dict) and (inner := _removed(value, new[key])):
            tree[f"f:{key}"] = inner
    return tree


def _without(tree: Tree, taken: Tree) -> Tree:
    left: Tree = {}
    for key, inner in tree.items():
        if key not in taken:
            left[key] = inner
        elif taken[key] and (rest := _without(inner, taken[key])):
            left[key] = rest
    return left


def _merged(tree: Tree, more: Tree) -> Tree:
    joined = dict(tree)
    for key, inner in more.items():
        joined[key] = _merged(joined.get(key, {}), inner)
    return joined
