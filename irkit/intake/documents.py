"""Bytes to bounded JSON, and one spelling for a format that has two."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from irkit.errors import FindingError
from irkit.intake.text import clean

MAX_BYTES: Final = 1 << 20
"""EventBridge and SQS carry at most 1 MiB; a GetFindings page of 50 findings is smaller."""
MAX_DEPTH: Final = 64
"""GuardDuty's deepest finding, an attack sequence, has 15 levels."""
_BOM: Final = b"\xef\xbb\xbf"
_PASCAL: Final = re.compile(r"[A-Z][A-Za-z0-9]*", re.ASCII)
_ODD: Final = {
    "SourceIps": "sourceIPs",
    "TaskCreatedAt": "createdAt",
    "KubernetesResourcesTypes": "type",
    "Latitude": "lat",
    "Longitude": "lon",
}
"""API names that events spell otherwise than with a lower first letter (botocore's service model)."""


def load(data: bytes, name: str) -> Any:  # noqa: ANN401 -- JSON of any shape
    """The JSON value of the bytes. Raises FindingError: too large, too deep, no UTF-8, no JSON."""
    import orjson  # noqa: PLC0415 -- start-up time of commands that read no finding

    if len(data) > MAX_BYTES:
        raise whole(name, f"is larger than {MAX_BYTES >> 10} KiB", hint="pass the finding alone")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise whole(name, "is UTF-16, not UTF-8", hint="save it as UTF-8 (PowerShell: Out-File -Encoding utf8)")
    try:
        value = orjson.loads(data.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        if not data.strip():
            raise whole(name, "is empty") from None
        # orjson's own words are fixed phrases; they quote nothing of the input
        raise whole(name, f"is no JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    if _deeper(value, MAX_DEPTH):
        raise whole(name, f"is nested deeper than {MAX_DEPTH} levels")
    return value


def whole(name: str, problem: str, *, hint: str = "") -> FindingError:
    """A complaint about the document as a whole."""
    return FindingError(f"{clean(name, 200)} {problem}", field="", hint=hint)


def about(name: str, field: str, problem: str, *, hint: str = "") -> FindingError:
    """A complaint about one field, by its path in the sender's own words."""
    return FindingError(f"{clean(name, 200)}: {field} {problem}", field=field, hint=hint)


def camel(key: str) -> str:
    """The event's spelling (`accountId`) of an API member name (`AccountId`); other keys stay as they are."""
    if not _PASCAL.fullmatch(key):
        return key
    return _ODD.get(key) or key[0].lower() + key[1:]


def camelled(value: Any, *, twice: Callable[[str], FindingError]) -> Any:  # noqa: ANN401 -- JSON of any shape
    """A copy with every key in the event's spelling. `twice` makes the error for a key given in both."""
    if type(value) is list:
        return [camelled(item, twice=twice) for item in value]
    if type(value) is not dict:
        return value
    copy: dict[str, Any] = {}
    for key, item in value.items():
        name = camel(key)
        if name in copy:
            raise twice(clean(key, 64))
        copy[name] = camelled(item, twice=twice)
    return copy


def pruned(value: Any) -> Any:  # noqa: ANN401 -- JSON of any shape
    """A copy without null and "" members: GuardDuty writes both for what is not there, objects included."""
    if type(value) is list:
        return [pruned(item) for item in value]
    if type(value) is not dict:
        return value
    return {key: pruned(item) for key, item in value.items() if item is not None and item != ""}


def _deeper(value: Any, limit: int) -> bool:  # noqa: ANN401 -- JSON of any shape
    """Whether it nests deeper, without recursion: the parser allows more levels than Python's stack."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if type(item) in (dict, list)
            for child in (item.values() if type(item) is dict else item)
        ]
        if not level:
            return False
    return any(type(item) in (dict, list) for item in level)
