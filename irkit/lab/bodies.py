"""Request bodies and options: from bytes and query parameters to typed values, refused as the API refuses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from irkit.lab import fields
from irkit.lab.routes import Call
from irkit.lab.status import Cause, invalid, media_type, refuse, unserved, unsupported
from irkit.model.effects import Resource

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
_JSON: Final = "application/json"
_PATCHES: Final = frozenset({JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH})
_OTHER_PATCHES: Final = frozenset({"application/apply-patch+yaml", "application/apply-patch+cbor"})
_OTHER_BODIES: Final = frozenset(
    {
        "application/yaml",
        "application/vnd.kubernetes.protobuf",
        "application/cbor",
    }
)
_VALIDATION: Final = ("", "Ignore", "Strict", "Warn")
_LONGEST_MANAGER: Final = 128
_LONGEST_GRACE: Final = 365 * 86400


@dataclass(frozen=True, slots=True)
class Options:
    """What query parameters (and DeleteOptions) say about a write. `media` is a patch's kind."""

    dry_run: bool
    validation: str
    manager: str
    media: str = JSON_PATCH


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """What a delete asks for. `grace` is None where the object's own grace period holds."""

    dry_run: bool
    uid: str | None
    version: str | None
    grace: int | None


def options(call: Call, user_agent: str, content_type: str = "") -> Options:
    """Raises ApiError 422 for values that the API does not know."""
    kind = {"create": "CreateOptions", "patch": "PatchOptions"}.get(call.verb, "DeleteOptions")
    causes: list[Cause] = []
    dry_run = call.query.get("dryRun", "")
    if dry_run not in {"", "All"}:
        causes.append(unsupported("dryRun", dry_run, ("All",)))
    validation = call.query.get("fieldValidation", "")
    if validation not in _VALIDATION:
        causes.append(unsupported("fieldValidation", validation, _VALIDATION))
    if causes:
        raise invalid(_meta_kind(kind), "", causes)
    manager = call.query.get("fieldManager", "") or user_agent.split("/", maxsplit=1)[0]
    manager = manager[:_LONGEST_MANAGER] or "unknown"
    return Options(bool(dry_run), validation or "Warn", manager, _plain(content_type) or JSON_PATCH)


def _plain(content_type: str) -> str:
    """The media type without its parameters."""
    return content_type.split(";", maxsplit=1)[0].strip().lower()


def _meta_kind(kind: str) -> Resource:
    return Resource(group="meta.k8s.io", version="v1", plural=kind.lower(), kind=kind, namespaced=False)


def check_media_type(content_type: str, *, patch: bool = False) -> None:
    """Raises ApiError 415 for what the API does not take, 501 for what only the lab does not."""
    plain = _plain(content_type)
    taken, others = (_PATCHES, _OTHER_PATCHES) if patch else (frozenset({_JSON}), _OTHER_BODIES)
    if plain in taken or (not plain and not patch):
        return
    if plain in others:
        unserved(f"a body of type {plain}")
    raise media_type(", ".join(sorted(taken | others)))


def loads(body: bytes) -> Any:  # noqa: ANN401 -- JSON of any shape
    """Parsed JSON. Raises ApiError 400."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        refuse(f"couldn't get version/kind; json parse error: {error}")


def read_object(body: bytes, resource: Resource, type_: str, validation: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """An object of this kind, as the API would store it, and warnings about unknown fields.

    Raises:
        ApiError: 400 for no JSON, another kind, wrong types, and unknown fields where validation is strict.
    """
    doc = loads(body)
    if not isinstance(doc, dict):
        refuse("couldn't get version/kind; json parse error: json: cannot unmarshal into Go value of type struct")
    kind, version = doc.get("kind", resource.kind), doc.get("apiVersion", resource.api_version)
    handled = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
    if version != resource.api_version:
        refuse(
            f"the API version in the data ({version}) does not match the expected API version ({resource.api_version})"
        )
    if kind != resource.kind:
        refuse(f'{kind} in version "{resource.version}" cannot be handled as a {resource.kind}')
    unknown: list[str] = []
    try:
        decoded = fields.decode(doc, type_, unknown)
    except fields.WrongType as error:
        refuse(f"{handled}: {error}")
    if unknown and validation == "Strict":
        refuse(f"{handled}: strict decoding error: {', '.join(unknown_texts(unknown))}")
    decoded |= {"kind": resource.kind, "apiVersion": resource.api_version}
    return decoded, unknown_texts(unknown) if validation == "Warn" else ()


def unknown_texts(unknown: list[str]) -> tuple[str, ...]:
    """Unknown fields in the API's words."""
    return tuple(f'unknown field "{path}"' for path in unknown)


def delete_options(body: bytes, query: Mapping[str, str]) -> DeleteOptions:
    """DeleteOptions from a body, or from query parameters where there is none. Raises ApiError 400."""
    doc: dict[str, Any]
    if body.strip():
        parsed = loads(body)
        if not isinstance(parsed, dict) or parsed.get("kind", "DeleteOptions") != "DeleteOptions":
            refuse("the body of a delete must be DeleteOptions")
        try:
            doc = fields.decode(parsed, "V1DeleteOptions", [])
        except fields.WrongType as error:
            refuse(f'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: {error}')
    else:
        doc = {"dryRun": [query["dryRun"]] if query.get("dryRun") else []}
        if query.get("propagationPolicy"):
            doc["propagationPolicy"] = query["propagationPolicy"]
        if query.get("gracePeriodSeconds"):
            if not query["gracePeriodSeconds"].lstrip("-").isdecimal():
                refuse(f'strconv.ParseInt: parsing "{query["gracePeriodSeconds"]}": invalid syntax')
            doc["gracePeriodSeconds"] = int(query["gracePeriodSeconds"])
    if doc.get("propagationPolicy", "Background") != "Background":
        unserved(f"deletion with propagationPolicy {doc['propagationPolicy']}")
    dry_run = doc.get("dryRun", [])
    if dry_run not in ([], ["All"]):
        raise invalid(_meta_kind("DeleteOptions"), "", [unsupported("dryRun", str(dry_run[0]), ("All",))])
    if doc.get("gracePeriodSeconds", 0) > _LONGEST_GRACE:
        unserved("grace periods of more than a year")
    preconditions = doc.get("preconditions", {})
    return DeleteOptions(
        bool(dry_run), preconditions.get("uid"), preconditions.get("resourceVersion"), doc.get("gracePeriodSeconds")
    )
