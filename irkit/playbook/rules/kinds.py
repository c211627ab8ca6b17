"""The types of values, taken from the actions' own models: which fits which, and what they are called."""

from __future__ import annotations

from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from irkit.model.base import Json

Kind = Any
"""A type annotation; there is no narrower static type for `X | None` and `tuple[X, ...]` alike."""

_WORDS: dict[Kind, str] = {str: "text", int: "a whole number", bool: "true or false"}


def _origin(kind: Kind) -> object:
    return get_origin(kind)


def members(kind: Kind) -> tuple[Kind, ...]:
    """The alternatives of a union, or the one type; without pydantic's annotations."""
    while _origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if _origin(kind) in {Union, UnionType}:
        return tuple(dict.fromkeys(one for part in get_args(kind) for one in members(part)))
    return (kind,)


def present(kind: Kind) -> tuple[Kind, ...]:
    """The alternatives without None: an empty value skips the step when it runs."""
    return tuple(one for one in members(kind) if one is not NoneType)


def item(kind: Kind) -> Kind | None:
    """The type of a list's items, or None where it is no list."""
    found = present(kind)
    if len(found) != 1 or _origin(found[0]) not in {list, tuple}:
        return None
    items = [one for one in get_args(found[0]) if one is not Ellipsis]
    return items[0] if len(set(items)) == 1 else None


def many(kind: Kind) -> Kind:
    """The type of a list of these."""
    return GenericAlias(list, (kind,))


def fields(kind: Kind) -> dict[str, Kind]:
    """The fields that a value certainly has, with their types; none where it is no object."""
    found = [one.model_fields if _is_model(one) else {} for one in present(kind)]
    common = set(found[0]).intersection(*found[1:]) if found else set()
    kinds = {name: tuple(dict.fromkeys(part for one in found for part in _parts(one[name]))) for name in common}
    return {name: Union[kinds[name]] for name in (found[0] if found else ()) if name in common}  # noqa: UP007 -- of a tuple


def _parts(info: Any) -> tuple[Kind, ...]:  # noqa: ANN401 -- pydantic's FieldInfo
    return members(info.annotation)


def fits(given: Kind, wanted: Kind) -> bool:
    """Whether every value of one type, when it is not empty, is one of the other."""
    return all(any(_one_fits(one, other) for other in present(wanted)) for one in present(given))


def _one_fits(given: Kind, wanted: Kind) -> bool:
    if given == wanted or wanted is Json or wanted is Any:
        return True
    if _origin(given) is Literal:
        values = get_args(given)
        if _origin(wanted) is Literal:
            return set(values) <= set(get_args(wanted))
        return all(type(one) is wanted for one in values)
    one, other = item(given), item(wanted)
    if one is None or other is None:
        return False
    holes = NoneType in members(one) and NoneType not in members(other)  # an empty item is found only when it runs
    return not holes and fits(one, other)


def words(kind: Kind) -> str:
    """What a playbook's author calls it: `a pod`, `text`, `a list of nodes`."""
    found = present(kind)
    if len(found) != 1:
        return " or ".join(dict.fromkeys(words(one) for one in found)) or "nothing"
    one = found[0]
    if one in _WORDS:
        return _WORDS[one]
    if _origin(one) is Literal:
        return " or ".join(str(value) or "nothing" for value in get_args(one))
    inner = item(one)
    if inner is not None:
        return f"a list of {_plural(inner)}"
    if _origin(one) is dict:
        return f"a mapping of names to {words(get_args(one)[1])}"
    name = str(getattr(one, "__name__", "value")).removesuffix("Ref")
    spaced = "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()
    return f"{'an' if spaced[:1] in 'aeio' else 'a'} {spaced}"


def _plural(kind: Kind) -> str:
    """What several of them are called; what has no article has no plural either."""
    each = [words(one) for one in present(kind)]
    return " or ".join(f"{one.partition(' ')[2]}s" if one.startswith(("a ", "an ")) else one for one in each)


def _is_model(kind: Kind) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
