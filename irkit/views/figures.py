"""Figures and short forms that several screens share."""

from __future__ import annotations

from irkit.model.base import Json, canonical
from irkit.model.times import milliseconds

_KIB = 1024


def size(count: int) -> str:
    """Bytes for people: `2.1 MiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < _KIB or unit == "GiB":
            return f"{int(value)} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _KIB
    raise AssertionError  # the last unit always returns


def ago(then: str, now: str) -> str:
    """How long ago, coarsely: `4 min ago`. Both in the records' form."""
    return f"{age(then, now)} ago"


def age(then: str, now: str) -> str:
    """How long it lasts, coarsely: `6 d`. Both in the records' form."""
    past = max(milliseconds(then, now), 0) // 1000
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if past >= length:
            return f"{past // length} {unit}"
    return f"{past} s"


def short(value: Json, limit: int = 160) -> str:
    """A JSON value on one line; text without quotes, nothing as `(none)`."""
    if value is None:
        return "(none)"
    if isinstance(value, str):
        text = value
    else:
        try:
            text = canonical(value).decode()
        except ValueError:
            text = "(not shown)"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def change(now: Json, then: Json) -> str:
    """`now → then`; of two objects only the members in which they differ, in words."""
    if not isinstance(now, dict) or not isinstance(then, dict):
        return f"{short(now)} → {short(then)}"
    names = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
    return ", ".join(f"{name} {_words(now.get(name))} → {_words(then.get(name))}" for name in names)


def _words(value: Json, limit: int = 160) -> str:
    """A JSON value without its punctuation; an object that names another by that alone, as in `Role shop/reader`."""
    if isinstance(value, dict) and isinstance(value.get("kind"), str) and isinstance(value.get("name"), str):
        where = f"{value['namespace']}/" if value.get("namespace") else ""
        text = f"{value['kind']} {where}{value['name']}"
    elif isinstance(value, dict):
        text = " ".join(f"{name} {_words(one)}" for name, one in value.items())
    elif isinstance(value, list):
        text = ", ".join(map(_words, value))
    else:
        return short(value, limit)
    return short(text or None, limit)


def digest8(digest: str) -> str:
    """The first eight hex digits, as people read them to each other: `7c1f 09ab`."""
    return f"{digest[:4]} {digest[4:8]}"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 step`, `2 steps`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
