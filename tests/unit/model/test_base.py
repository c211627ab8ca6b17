from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from irkit.model.base import MAX_SAFE_INTEGER, canonical, digest

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(max_codepoint=127))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=20,
)


@given(VALUES)
def test_canonical_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert rfc8785.dumps(value) == canonical(value)


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), 2**53, {"é": 1}, {1: 2}, "\ud800", {"a": {"b": [1.5]}}, b"x", {1}]
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical(value)


def test_equal_values_have_equal_digests() -> None:
    assert digest({"a": 1, "b": [None]}) == digest({"b": [None], "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})
