"""Taking secrets out of Kubernetes objects before they become evidence.

What is kept: every name, key and shape. What goes: values of environment variables and HTTP headers, the
annotations that hold them, and what looks like a credential in any other text. Each is replaced by its
SHA-256 and length, so that two values can be shown to be equal, or equal to a known one. A short or common
value can be guessed from its digest: treat the artefact as confidential all the same.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from irkit.errors import Malformed

_WORDS = r"(?:passw(?:or)?d|passphrase|pwd|secret|token|credential|api[-_.]?key|(?:private|auth|access)[-_.]?key)"
_SECRETISH = re.compile(_WORDS, re.IGNORECASE)
_NAME = rf"[\w.-]{{0,40}}?{_WORDS}[\w.-]{{0,40}}"  # bounded: a hostile text must not cost quadratic time
_FLAG = re.compile(rf"^(?P<before>{_NAME}=)(?P<value>.+)$", re.IGNORECASE | re.DOTALL)
_BARE_FLAG = re.compile(rf"^-{{1,2}}{_NAME}$", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"(?P<before>(?<![\w.-])(?:{_NAME}=|-{_NAME}\s{{1,4}}))(?P<value>\"[^\"]*\"|'[^']*'|[^\s&;,'\"]+)", re.IGNORECASE
)
_CREDENTIAL = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)"  # PEM
    r"|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"  # JWT
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"  # URL with user and password
    r"|(?<=[Bb]earer )[\w.~+/-]{8,}=*"
    r"|(?<=[Bb]asic )[A-Za-z0-9+/]{8,}=*"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS access key id
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bglpat-[\w-]{20,}|\bxox[abprs]-[\w-]{10,}",  # GitHub, GitLab, Slack
    re.DOTALL,
)
_COPIES = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})
"""Annotations that hold a whole copy of the object, environment included."""
_DEPTH = 100


def hide(text: str) -> str:
    """What stands in place of a secret."""
    if not text:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    return f"[redacted sha256={hashlib.sha256(raw).hexdigest()} length={len(text)}]"


def scrub(text: str) -> str:
    """A text without what looks like a credential in it."""
    bare = _CREDENTIAL.sub(lambda found: hide(found[0]), text)
    return _ASSIGNED.sub(_hide_value, bare)


def _hide_value(found: re.Match[str]) -> str:
    return found["before"] + (found["value"] if found["value"].startswith("[redacted") else hide(found["value"]))


def redact(value: Any, what: str = "object") -> Any:  # noqa: ANN401 -- JSON of any shape
    """A copy of a JSON value without secrets. Raises Malformed where it is nested deeper than any real object."""
    return _walk(value, (), what)


def _walk(value: Any, path: tuple[str, ...], what: str) -> Any:  # noqa: ANN401 -- JSON of any shape
    if len(path) > _DEPTH:
        raise Malformed(what, ".".join(path[:4]), f"nested at most {_DEPTH} deep", "something deeper")
    if isinstance(value, dict):
        return {key: _member(key, item, (*path, key), what) for key, item in value.items()}
    if isinstance(value, list):
        return _items(value, path, what)
    return scrub(value) if isinstance(value, str) else value


def _member(key: str, item: Any, path: tuple[str, ...], what: str) -> Any:  # noqa: ANN401 -- JSON of any shape
    if isinstance(item, str):
        parent = path[-2] if len(path) > 1 else ""
        if parent == "annotations" and (key in _COPIES or _SECRETISH.search(key)):
            return hide(item)
        if parent in {"options", "volumeAttributes"} and _SECRETISH.search(key):
            return hide(item)
    return _walk(item, path, what)


def _items(items: list[Any], path: tuple[str, ...], what: str) -> list[Any]:
    key = path[-1] if path else ""
    if key in {"env", "httpHeaders"}:
        return [_named_value(item, path, what) for item in items]
    if key in {"args", "command"}:
        return [_argument(item, items[index - 1] if index else None) for index, item in enumerate(items)]
    return [_walk(item, (*path, str(index)), what) for index, item in enumerate(items)]


def _argument(item: Any, before: Any) -> Any:  # noqa: ANN401 -- JSON of any shape
    """An argument of a command: `--token`, then its value; `--token=value`; or a line for a shell."""
    if not isinstance(item, str):
        return item
    if isinstance(before, str) and _BARE_FLAG.match(before):
        return hide(item)
    flag = _FLAG.match(item)
    return _hide_value(flag) if flag else scrub(item)


def _named_value(item: Any, path: tuple[str, ...], what: str) -> Any:  # noqa: ANN401 -- JSON of any shape
    if isinstance(item, dict) and "value" in item:
        rest = {key: part for key, part in item.items() if key != "value"}
        value = item["value"]
        return {**_walk(rest, path, what), "value": hide(value) if isinstance(value, str) else hide(repr(value))}
    return _walk(item, path, what)
