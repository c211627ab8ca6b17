"""EventBridge's event patterns: compiled once, matched against an event. A pattern is data and runs no code.

Source: Amazon EventBridge user guide, "Event patterns" and "Comparison operators"; event-ruler, its engine, where the
guide is silent. An array matches if one of its values does; an array of objects matches if one and the same object
matches all that the pattern says below it. A pattern's number equals an event's number of the same value.
Not supported: event-ruler's dotted names for nested members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from irkit.errors import Malformed
from irkit.intake.comparisons import Test, comparison, exactly, kind

MAX_ALTERNATIVES: Final = 256
"""All `$or`s together may stand for so many plain patterns."""
MAX_DEPTH: Final = 32


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a value may be: one of the tests, or (`absent`) nothing at all."""

    tests: tuple[Test, ...]
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern: an event matches if it matches one of the alternatives."""

    alternatives: tuple[Mapping[str, Any], ...]

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether EventBridge would deliver the event. Linear in the event for each alternative."""
        return any(_object(alternative, event, event, ()) for alternative in self.alternatives)


def compile_pattern(value: Any, what: str, path: str = "") -> Pattern:  # noqa: ANN401 -- JSON of any shape
    """Check and compile. Raises Malformed, with the path of what is wrong below `path`."""
    return Pattern(tuple(_tree(flat) for flat in _alternatives(value, what, path, ())))


# -- compiling ---------------------------------------------------------------------------------------

_Flat = dict[tuple[str, ...], Leaf]


def _alternatives(value: Any, what: str, at: str, path: tuple[str, ...]) -> list[_Flat]:  # noqa: ANN401 -- JSON
    """The pattern without `$or`, once for each choice."""
    if type(value) is not dict or not value:
        raise Malformed(what, at, "an object with members", kind(value))
    if len(path) > MAX_DEPTH:
        raise Malformed(what, at, f"at most {MAX_DEPTH} levels deep", "more")
    found: list[_Flat] = [{}]
    for key, item in value.items():
        if type(key) is not str:
            raise Malformed(what, at, "an object with texts as its members' names", "another name")
        here = f"{at}.{key}" if at else key
        if key == "$or":
            choices = _choices(item, what, here, path)
        elif type(item) is list:
            choices = [{(*path, key): _leaf(item, what, here)}]
        else:
            choices = _alternatives(item, what, here, (*path, key))
        if len(found) * len(choices) > MAX_ALTERNATIVES:
            raise Malformed(what, here, f"at most {MAX_ALTERNATIVES} combinations of $or", "more")
        found = [_merged(one, other, what, here) for one in found for other in choices]
    return found


def _choices(value: Any, what: str, at: str, path: tuple[str, ...]) -> list[_Flat]:  # noqa: ANN401 -- JSON
    if type(value) is not list or len(value) < 2:  # noqa: PLR2004 -- one choice is none
        raise Malformed(what, at, "a list of at least two objects", kind(value))
    return [flat for index, item in enumerate(value) for flat in _alternatives(item, what, f"{at}[{index}]", path)]


def _merged(one: _Flat, other: _Flat, what: str, at: str) -> _Flat:
    """Both, which must not speak of one field twice: EventBridge would silently take the later."""
    for path in other:
        if any(path[: len(known)] == known or known[: len(path)] == path for known in one):
            raise Malformed(what, at, "about other fields than the rest of the pattern", f"{'.'.join(path)} again")
    return {**one, **other}


def _tree(flat: _Flat) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path, leaf in flat.items():
        node = root
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = leaf
    return root


def _leaf(values: list[Any], what: str, at: str) -> Leaf:
    if not values:
        raise Malformed(what, at, "a list of values or comparisons", "an empty list")
    tests: list[Test] = []
    absent = False
    for index, value in enumerate(values):
        here = f"{at}[{index}]"
        if type(value) is list:
            raise Malformed(what, here, "a value or a comparison", "a list")
        if type(value) is not dict:
            tests.append(exactly(value, what, here))
        elif len(value) == 1 and value.get("exists") is False:
            absent = True
        else:
            tests.append(comparison(value, what, here))
    return Leaf(tuple(tests), absent)


# -- matching ----------------------------------------------------------------------------------------


def _object(tree: Mapping[str, Any], node: Mapping[str, Any], root: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    for key, wanted in tree.items():
        here = (*path, key)
        found = [node[key]] if key in node else []
        if isinstance(wanted, Leaf):
            if wanted.absent and not any(_values(root, here)):
                continue
            if not any(test(value) for value in _plain(found) for test in wanted.tests):
                return False
        elif not any(_object(wanted, item, root, here) for item in list(_objects(found)) or [{}]):
            return False
    return True


def _values(root: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[bool]:
    """True for every plain value that the whole event has at the path: `exists: false` is about all array elements."""
    nodes: list[Any] = [root]
    for key in path:
        nodes = [item[key] for item in _objects(nodes) if key in item]
    yield from (True for _ in _plain(nodes))


def _plain(items: list[Any]) -> Iterator[Any]:
    """The values in nested arrays that are neither array nor object."""
    for item in items:
        if type(item) is list:
            yield from _plain(item)
        elif type(item) is not dict:
            yield item


def _objects(items: list[Any]) -> Iterator[Mapping[str, Any]]:
    """The objects in nested arrays."""
    for item in items:
        if type(item) is list:
            yield from _objects(item)
        elif type(item) is dict:
            yield item
