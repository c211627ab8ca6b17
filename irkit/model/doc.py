"""Reading JSON from outside without trusting it: every access says what it expects and where it looked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from irkit.errors import Malformed

_MISSING: Final = object()
MAX_TEXT = 64 * 1024


class Doc:
    """A JSON value of unknown shape, with typed access.

    A missing field gives the default where one is passed, and `Malformed` where not. A field of the wrong
    type is always `Malformed`: half-understood evidence is worse than none. JSON null counts as missing,
    as the Kubernetes API treats it.
    """

    __slots__ = ("_path", "_value", "_what")

    def __init__(self, value: Any, what: str, path: str = "") -> None:  # noqa: ANN401 -- anything may come in
        self._value = value
        self._what = what
        self._path = path

    @property
    def what(self) -> str:
        """What this value is, for messages."""
        return self._what

    @property
    def path(self) -> str:
        """Where in it, for messages; "" at the top."""
        return self._path

    @property
    def raw(self) -> Any:  # noqa: ANN401 -- the untyped value, for exports only
        """The value as it came. For exports and comparisons, never for decisions."""
        return self._value

    def has(self, *path: str) -> bool:
        """Whether the field is there and not null."""
        return self._find(path) is not _MISSING

    def text(self, *path: str, default: str | None = None, limit: int = MAX_TEXT) -> str:
        """A string of at most `limit` characters."""
        value = self._find(path)
        if value is _MISSING and default is not None:
            return default
        if type(value) is not str:
            raise self._bad(path, "text", value)
        if len(value) > limit:
            where = _join(self._path, path)
            raise Malformed(self._what, where, f"at most {limit} characters", f"{len(value)} characters")
        return value

    def integer(self, *path: str, default: int | None = None) -> int:
        """An integer (a boolean is none)."""
        value = self._find(path)
        if value is _MISSING and default is not None:
            return default
        if type(value) is not int:
            raise self._bad(path, "an integer", value)
        return value

    def flag(self, *path: str, default: bool | None = None) -> bool:
        """A boolean."""
        value = self._find(path)
        if value is _MISSING and default is not None:
            return default
        if type(value) is not bool:
            raise self._bad(path, "true or false", value)
        return value

    def part(self, *path: str) -> Doc:
        """An object; an empty one where it is missing."""
        value = self._find(path)
        if value is _MISSING:
            return Doc({}, self._what, _join(self._path, path))
        if type(value) is not dict:
            raise self._bad(path, "an object", value)
        return Doc(value, self._what, _join(self._path, path))

    def each(self, *path: str) -> Iterator[Doc]:
        """The objects of an array; none where it is missing."""
        for item in self.items(*path):
            if type(item.raw) is not dict:
                raise Malformed(self._what, item.path, "an object", _describe(item.raw))
            yield item

    def items(self, *path: str) -> tuple[Doc, ...]:
        """The values of an array, of any type; none where it is missing."""
        value = self._find(path)
        if value is _MISSING:
            return ()
        if type(value) is not list:
            raise self._bad(path, "a list", value)
        where = _join(self._path, path)
        return tuple(Doc(item, self._what, f"{where}[{index}]") for index, item in enumerate(value))

    def texts(self, *path: str) -> tuple[str, ...]:
        """An array of strings; empty where it is missing."""
        return tuple(item.text() for item in self.items(*path))

    def labels(self, *path: str) -> dict[str, str]:
        """A string-to-string object, such as labels; empty where it is missing."""
        value = self._find(path)
        if value is _MISSING:
            return {}
        if type(value) is not dict:
            raise self._bad(path, "an object", value)
        for key, one in value.items():
            if type(one) is not str:
                raise self._bad((*path, key), "text", one)
        return dict(value)

    def _find(self, path: tuple[str, ...]) -> Any:  # noqa: ANN401 -- the untyped value
        """The value there. Runs for every field of every object of a LIST: where it is, is worked out for errors."""
        value: Any = self._value
        for depth, key in enumerate(path):
            if type(value) is not dict and not isinstance(value, Mapping):
                raise self._bad(path[:depth], "an object", value)
            value = value.get(key)
            if value is None:
                return _MISSING
        return _MISSING if value is None else value

    def _bad(self, path: tuple[str, ...], expected: str, value: object) -> Malformed:
        return Malformed(self._what, _join(self._path, path), expected, _describe(value))


def _join(base: str, path: tuple[str, ...]) -> str:
    return ".".join((base, *path)) if base else ".".join(path)


def _describe(value: object) -> str:
    """The type of a value, never the value: it may be a secret or hostile."""
    if value is _MISSING:
        return "nothing"
    if value is None:
        return "nothing"
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "an integer"}
    return names.get(type(value), type(value).__name__)
