"""JSON Patch as the API server applies it.

The server uses evanphx/json-patch v4, which differs from RFC 6902 in two points that callers can meet: `test` for null
passes where the member is missing, and `replace` adds one that is missing, both as long as its parent is there.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

import jsonpatch
import jsonpointer

from irkit.lab.status import ApiError, patch_failed, refuse

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


def apply(document: dict[str, Any], operations: object) -> Any:  # noqa: ANN401 -- the patched JSON
    """The document after all operations; it is changed in place, so hand in a copy.

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
