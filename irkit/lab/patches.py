"""Patches as the API server applies them: JSON Patch, and the merge patches that kubectl sends.

A strategic merge patch is a merge patch but for lists and directives; one that has either is not simulated.
The server uses evanphx/json-patch v4, which differs from RFC 6902 in two points that callers can meet: `test` for null
passes where the member is missing, and `replace` adds one that is missing, both as long as its parent is there.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

import jsonpatch
import jsonpointer

from irkit.lab.bodies import JSON_PATCH, STRATEGIC_PATCH
from irkit.lab.status import ApiError, patch_failed, refuse, unserved

MAX_OPERATIONS: Final = 10_000
_MEMBERS: Final = frozenset({"op", "path", "from", "value"})
_OPS: Final = frozenset({"add", "remove", "replace", "move", "copy", "test"})


class _Test(jsonpatch.TestOperation):
    def apply(self, obj: Any) -> Any:  # noqa: ANN401 -- JSON of any shape
        if "value" in self.operation and self.operation["value"] is None:
            parent, last = self.pointer.to_last(obj)
            if isinstance(parent, dict) and last not in parent:
                return obj
        return super().apply(obj)


class _Replace(jsonpatch.ReplaceOperation):
    def apply(self, obj: Any) -> Any:  # noqa: ANN401 -- as above
        parent, last = self.pointer.to_last(obj)
        if isinstance(parent, dict) and last not in parent and "value" in self.operation:
            parent[last] = self.operation["value"]
            return obj
        return super().apply(obj)


class _Patch(jsonpatch.JsonPatch):
    operations = MappingProxyType({**jsonpatch.JsonPatch.operations, "replace": _Replace, "test": _Test})


def _is_text(operation: dict[str, Any]) -> bool:
    return all(isinstance(operation.get(key, ""), str | None) for key in ("op", "path", "from"))


def unknown_members(operations: object) -> list[str]:
    """What a strict reader says of members that no operation has."""
    if not isinstance(operations, list):
        return []
    return [
        f'json patch unknown field "[{index}].{key}"'
        for index, operation in enumerate(operations)
        if isinstance(operation, dict)
        for key in operation
        if key not in _MEMBERS
    ]


def apply(document: dict[str, Any], patch: object, media: str = JSON_PATCH) -> Any:  # noqa: ANN401 -- the patched JSON
    """The document after a patch of this media type; it is changed in place, so hand in a copy.

    Raises:
        ApiError: 400 for what is no patch, 413 for too many operations, 422 for one that does not apply.
    """
    if media == JSON_PATCH:
        return _operate(document, patch)
    if not isinstance(patch, dict):
        refuse("error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}")
    if media == STRATEGIC_PATCH and _strategic(patch):
        unserved("a strategic merge patch with lists or directives")
    return merge(document, patch)


def _strategic(value: object) -> bool:
    """Whether what merges strategically would differ from RFC 7396."""
    if isinstance(value, dict):
        return any(str(key).startswith("$") or _strategic(inner) for key, inner in value.items())
    return isinstance(value, list)


def merge(target: Any, patch: Any) -> Any:  # noqa: ANN401 -- JSON of any shape
    """RFC 7396: null takes a member away, anything else that is no object replaces it."""
    if not isinstance(patch, dict):
        return patch
    done = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            done.pop(key, None)
        else:
            done[key] = merge(done.get(key), value)
    return done


def _operate(document: dict[str, Any], operations: object) -> Any:  # noqa: ANN401 -- as above
    """JSON Patch, all operations or none.

    Raises:
        ApiError: 400 for what is no patch, 413 for too many operations, 422 for one that does not apply.
    """
    if not isinstance(operations, list):
        refuse("error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp")
    if len(operations) > MAX_OPERATIONS:
        raise ApiError(
            413,
            "RequestEntityTooLarge",
            "Request entity too large: The allowed maximum operations in a JSON patch is "
            f"{MAX_OPERATIONS}, got {len(operations)}",
        )
    for operation in operations:
        if not isinstance(operation, dict) or not _is_text(operation):
            refuse("error decoding patch: json: cannot unmarshal into Go value of type handlers.jsonPatchOp")
        if operation.get("op") not in _OPS or not operation.get("path"):
            raise patch_failed()
    try:
        return _Patch(operations).apply(document, in_place=True)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError) as error:
        raise patch_failed() from error
