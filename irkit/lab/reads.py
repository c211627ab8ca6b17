"""get and list, with selectors and pages."""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections import OrderedDict
from typing import Final

from irkit.lab.routes import Call
from irkit.lab.selectors import field_match, label_match
from irkit.lab.status import ApiError, expired, not_acceptable, not_found, refuse, unserved
from irkit.lab.world import Entry, World

INCONSISTENT: Final = -1
_KEPT: Final = 256


class Pages:
    """What is left of lists that were begun: consistent until it expires."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rest: OrderedDict[str, tuple[list[Entry], str]] = OrderedDict()

    def keep(self, rest: list[Entry], version: str) -> str:
        """A continue token for these entries, of the list at this version."""
        meta = rest[0].doc["metadata"]
        token = _token(int(version), f"{meta.get('namespace', '')}/{meta['name']}")
        with self._lock:
            self._rest[token] = (rest, version)
            while len(self._rest) > _KEPT:
                self._rest.popitem(last=False)
        return token

    def take(self, token: str) -> tuple[list[Entry], str] | None:
        """The entries behind a token, or None where it has expired. The token stays good."""
        with self._lock:
            return self._rest.get(token)

    def expire(self) -> None:
        """All tokens are too old from now on."""
        with self._lock:
            self._rest.clear()


def _token(version: int, start: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    try:
        doc = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(doc["rv"]), str(doc["start"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        refuse("continue key is not valid: the token cannot be read")


PARTIAL: Final = "PartialObjectMetadata"
PARTIAL_LIST: Final = "PartialObjectMetadataList"
_A_LIST: Final = "you requested PartialObjectMetadata, but the requested object is a list"
_NO_LIST: Final = "you requested PartialObjectMetadataList, but the requested object is not a list"


def get(world: World, call: Call, form: str = "") -> bytes:
    """One object, or with `PARTIAL` its metadata. Raises ApiError 404, 406."""
    if form == PARTIAL_LIST:
        raise not_acceptable(_NO_LIST)
    with world.lock:
        entry = world.get(call.resource, call.namespace, call.name)
    if entry is None:
        raise not_found(call.resource, call.name)
    return entry.partial if form else entry.body


def list_(world: World, pages: Pages, call: Call, form: str = "") -> bytes:
    """A list, or a page of it; with `PARTIAL_LIST` of metadata alone. Raises ApiError 400, 406, 410, 504."""
    if form == PARTIAL:
        raise not_acceptable(_A_LIST)
    query = call.query
    picks = [
        pick
        for pick in (
            label_match(query.get("labelSelector", "")),
            field_match(query.get("fieldSelector", ""), call.resource.plural),
        )
        if pick is not None
    ]
    limit = _limit(query.get("limit", ""))
    with world.lock:
        entries, version = _source(world, pages, call)
    for pick in picks:
        entries = [entry for entry in entries if pick(entry.doc)]
    meta = {"resourceVersion": version}
    if limit and len(entries) > limit:
        rest = entries[limit:]
        entries = entries[:limit]
        meta["continue"] = pages.keep(rest, version)
        if not picks:
            meta["remainingItemCount"] = len(rest)  # type: ignore[assignment]  # the one number here
    kind, version = f"{call.resource.kind}List", call.resource.api_version
    if form:
        kind, version = PARTIAL_LIST, "meta.k8s.io/v1"
    items = b",".join(entry.partial if form else entry.item for entry in entries)
    head = json.dumps({"kind": kind, "apiVersion": version, "metadata": meta}).encode()
    return head[:-1] + b', "items": [' + items + b"]}"


def _limit(text: str) -> int:
    if not text:
        return 0
    try:
        return max(0, int(text))
    except ValueError:
        refuse(f'strconv.ParseInt: parsing "{text}": invalid syntax')


def _source(world: World, pages: Pages, call: Call) -> tuple[list[Entry], str]:
    """The entries to choose from and their version: of now, or what an earlier page left."""
    token, wanted = call.query.get("continue", ""), call.query.get("resourceVersion", "")
    if call.query.get("resourceVersionMatch", "NotOlderThan") != "NotOlderThan":
        unserved("resourceVersionMatch=Exact")
    if wanted not in {"", "0"}:
        if token:
            refuse("specifying resource version is not allowed when using continue")
        if not wanted.isdecimal():
            refuse(f'Invalid value: "{wanted}": strconv.ParseUint: parsing "{wanted}": invalid syntax')
        if int(wanted) > int(world.version):
            message = f"Timeout: Too large resource version: {wanted}, current: {world.version}"
            raise ApiError(504, "Timeout", message, details={}, retry_after=1)
    if not token:
        return world.entries(call.resource, call.namespace), world.version
    version, start = _read_token(token)
    if version != INCONSISTENT:
        kept = pages.take(token)
        if kept is None:
            raise expired(_token(INCONSISTENT, start))
        return kept
    rest = [entry for entry in world.entries(call.resource, call.namespace) if _key(entry) >= start]
    return rest, world.version


def _key(entry: Entry) -> str:
    meta = entry.doc["metadata"]
    return f"{meta.get('namespace', '')}/{meta['name']}"
