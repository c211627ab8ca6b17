"""The comparison operators of EventBridge's event patterns, each as a test of one plain value.

Source: Amazon EventBridge user guide, "Comparison operators for use in event patterns"; see `patterns`.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable
from itertools import pairwise
from math import isfinite
from typing import Any, Final

from irkit.errors import Malformed

_NUMERIC_END: Final = 5e9
"""EventBridge compares numbers from -5e9 to 5e9 only."""
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_TOKEN: Final = re.compile(r"\\[*\\]|[^\\]", re.DOTALL)

_TEXTUAL: Final = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"})

Test = Callable[[Any], bool]


def comparison(value: dict[str, Any], what: str, at: str) -> Test:
    """The test of an object such as `{"prefix": "a"}`. Raises Malformed."""
    name, argument = _only(value, what, at)
    here = f"{at}.{name}"
    if name == "exists":
        if argument is not True:
            raise Malformed(what, here, "true or false", kind(argument))
        return lambda _: True
    if name == "anything-but":
        return _anything_but(argument, what, here)
    if name == "numeric":
        return _numeric(argument, what, here)
    if name == "cidr":
        return _cidr(argument, what, here)
    if name not in _TEXTUAL:
        known = "anything-but, cidr, equals-ignore-case, exists, numeric, prefix, suffix or wildcard"
        raise Malformed(what, at, f"a comparison by {known}", "another")
    if name in {"prefix", "suffix"} and type(argument) is dict:
        inner, text = _only(argument, what, here)
        if inner != "equals-ignore-case":
            raise Malformed(what, here, "text, or an object with equals-ignore-case", f"an object with {inner}")
        lowered = _of_text(name, _text(text, what, f"{here}.{inner}").lower(), what, here)
        return lambda found: type(found) is str and lowered(found.lower())
    return _of_text(name, _text(argument, what, here), what, here)


def _of_text(name: str, text: str, what: str, at: str) -> Test:
    if name == "prefix":
        return lambda found: type(found) is str and found.startswith(text)
    if name == "suffix":
        return lambda found: type(found) is str and found.endswith(text)
    if name == "equals-ignore-case":
        return lambda found: type(found) is str and found.lower() == text.lower()
    return _wildcard(text, what, at)


def _anything_but(argument: Any, what: str, at: str) -> Test:  # noqa: ANN401 -- JSON of any shape
    if type(argument) is dict:
        name, inner = _only(argument, what, at)
        if name not in _TEXTUAL:
            raise Malformed(
                what, f"{at}.{name}", "prefix, suffix, equals-ignore-case or wildcard", "another comparison"
            )
        texts = inner if type(inner) is list else [inner]
        here = f"{at}.{name}"
        tests = [_of_text(name, _text(text, what, here), what, here) for text in texts]
    else:
        values = argument if type(argument) is list else [argument]
        if len({_is_number(value) for value in values}) > 1:
            raise Malformed(what, at, "texts only or numbers only", "both")
        tests = [exactly(value if _is_number(value) else _text(value, what, at), what, at) for value in values]
    if not tests:
        raise Malformed(what, at, "at least one value", "an empty list")
    return lambda found: not any(test(found) for test in tests)


def _numeric(argument: Any, what: str, at: str) -> Test:  # noqa: ANN401 -- JSON of any shape
    """`["=", 5]`, `["<", 10]`, or a range such as `[">", 0, "<=", 5]`."""
    form = 'a comparison such as [">", 0, "<=", 5]'
    if type(argument) is not list or len(argument) not in (2, 4):
        raise Malformed(what, at, form, kind(argument))
    signs, numbers = argument[::2], argument[1::2]
    if not all(type(sign) is str and sign in _COMPARE for sign in signs) or not all(map(_comparable, numbers)):
        raise Malformed(what, at, form, "another")
    if len(signs) == 2 and not (signs[0] in {">", ">="} and signs[1] in {"<", "<="} and numbers[0] < numbers[1]):  # noqa: PLR2004 -- a range has two ends
        raise Malformed(what, at, form, "a range that is empty or the wrong way round")
    tests = [(_COMPARE[sign], number) for sign, number in zip(signs, numbers, strict=True)]
    return lambda found: _comparable(found) and all(holds(found, number) for holds, number in tests)


def _cidr(argument: Any, what: str, at: str) -> Test:  # noqa: ANN401 -- JSON of any shape
    try:
        network = ipaddress.ip_network(_text(argument, what, at), strict=False)
    except ValueError:
        raise Malformed(what, at, "an IPv4 or IPv6 network such as 10.0.0.0/24", "other text") from None

    def test(found: Any) -> bool:  # noqa: ANN401 -- JSON of any shape
        try:
            return type(found) is str and ipaddress.ip_address(found) in network
        except ValueError:
            return False

    return test


def _wildcard(text: str, what: str, at: str) -> Test:
    """`*` stands for any characters. No regular expression and no backtracking: the pieces are found in order."""
    pieces = _pieces(text, what, at)
    first, last = pieces[0], pieces[-1]

    def test(found: Any) -> bool:  # noqa: ANN401 -- JSON of any shape
        if type(found) is not str:
            return False
        if len(pieces) == 1:
            return found == first
        if len(found) < len(first) + len(last) or not found.startswith(first) or not found.endswith(last):
            return False
        at, end = len(first), len(found) - len(last)
        for piece in pieces[1:-1]:
            at = found.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    return test


def _pieces(text: str, what: str, at: str) -> list[str]:
    """The texts between the stars, with escapes taken out."""
    tokens = _TOKEN.findall(text)
    if sum(map(len, tokens)) != len(text):
        raise Malformed(what, at, "a wildcard with \\* and \\\\ as its only escapes", "another escape")
    if any(one == other == "*" for one, other in pairwise(tokens)):
        raise Malformed(what, at, "a wildcard without ** in it", "two together")
    pieces = [""]
    for sign in tokens:
        if sign == "*":
            pieces.append("")
        else:
            pieces[-1] += sign[-1]
    return pieces


def exactly(value: Any, what: str, at: str) -> Test:  # noqa: ANN401 -- JSON of any shape
    """The test of a plain value: of the same type, numbers by value. Raises Malformed."""
    if type(value) is float and not isfinite(value):
        raise Malformed(what, at, "a number that JSON can write", "another")
    if _is_number(value):
        return lambda found: _is_number(found) and found == value
    return lambda found: type(found) is type(value) and found == value


def _only(value: dict[str, Any], what: str, at: str) -> tuple[str, Any]:
    if len(value) != 1:
        raise Malformed(what, at, "an object with one comparison", f"one with {len(value)}")
    return next(iter(value.items()))


def _text(value: Any, what: str, at: str) -> str:  # noqa: ANN401 -- JSON of any shape
    if type(value) is not str:
        raise Malformed(what, at, "text", kind(value))
    return value


def _is_number(value: Any) -> bool:  # noqa: ANN401 -- JSON of any shape
    return type(value) in (int, float)


def _comparable(value: Any) -> bool:  # noqa: ANN401 -- JSON of any shape
    return _is_number(value) and -_NUMERIC_END <= value <= _NUMERIC_END


def kind(value: Any) -> str:  # noqa: ANN401 -- JSON of any shape
    """What a value is, for messages."""
    if type(value) in (dict, list):
        return f"{'an object' if type(value) is dict else 'a list'} of {len(value)}"
    return "nothing" if value is None else "a plain value"
