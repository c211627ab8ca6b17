"""The base of every journaled or user-written value, and the JSON that records may hold."""

from __future__ import annotations

import hashlib
from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue

Json = JsonValue
"""A JSON value. Floats are refused where it matters, by `canonical`."""

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8785 §3.2.2.3, RFC 7493 §2.2)."""


class Model(BaseModel):
    """A frozen, closed, strictly validated value.

    Values from YAML, the journal or a file enter through `parse`: strict validation of Python objects
    would refuse the tuples and literals that JSON cannot spell.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants"
    )  # a NaN stays visible, so that `canonical` refuses it instead of recording null

    @classmethod
    def parse(cls, value: Any) -> Self:  # noqa: ANN401 -- anything may be offered; validation says what is taken
        """Build from a JSON-like value. Raises `pydantic.ValidationError`, with all errors at once."""
        return cls.model_validate_json(orjson.dumps(value))

    def dump(self) -> dict[str, Json]:
        """The JSON form, every field present."""
        return self.model_dump(mode="json")


def canonical(value: Any) -> bytes:  # noqa: ANN401 -- JSON of any shape
    """RFC 8785 bytes of a JSON value without floats and with ASCII keys.

    Raises:
        ValueError: a float, an integer beyond 2**53-1, a key that is not an ASCII string, a lone surrogate.
    """
    _check(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:  # a lone surrogate: orjson reports it as a type error
        msg = f"no canonical form: {error}"
        raise ValueError(msg) from error


def digest(value: Any) -> str:  # noqa: ANN401 -- JSON of any shape
    """Hex SHA-256 of the canonical bytes."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _check(value: Any) -> None:  # noqa: ANN401 -- JSON of any shape
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return
    if kind is int:
        if not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            msg = f"no canonical form: integer {value} is beyond 2**53-1"
            raise ValueError(msg)
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                msg = f"no canonical form: key {key!r} is not ASCII text"
                raise ValueError(msg)
            _check(item)
    elif kind is list or kind is tuple:
        for item in value:
            _check(item)
    else:
        msg = f"no canonical form: {kind.__name__} is not allowed in a record"
        raise ValueError(msg)
