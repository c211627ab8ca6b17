"""Operations of a JSON Patch (RFC 6902)."""

from __future__ import annotations

from irkit.model.base import Json
from irkit.model.kube import pointer


def op(kind: str, path: tuple[str, ...], value: Json) -> Json:
    """One that has a value."""
    return {"op": kind, "path": pointer(*path), "value": value}


def remove(path: tuple[str, ...]) -> Json:
    """The operation that takes a member away."""
    return {"op": "remove", "path": pointer(*path)}
