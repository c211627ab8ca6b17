from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.errors import Malformed
from irkit.model.doc import Doc

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def test_a_missing_field_gives_its_default_and_without_one_is_said_so() -> None:
    pod = Doc({"metadata": {"name": "web"}}, "pod shop/web")
    assert "x" == pod.text("spec", "nodeName", default="x")
    with pytest.raises(Malformed, match=r"pod shop/web: spec\.nodeName must be text, got nothing"):
        pod.text("spec", "nodeName")


def test_null_counts_as_missing_as_the_api_has_it() -> None:
    assert {} == Doc({"metadata": {"labels": None}}, "pod").labels("metadata", "labels")
    assert () == Doc({"items": None}, "list").items("items")


@pytest.mark.parametrize("value", [1, True, 1.5, [], {}])
def test_the_wrong_type_is_an_error_even_with_a_default(value: Any) -> None:
    with pytest.raises(Malformed):
        Doc({"a": value}, "x").text("a", default="d")


def test_a_boolean_is_no_integer() -> None:
    with pytest.raises(Malformed):
        Doc({"a": True}, "x").integer("a")


def test_a_label_that_is_no_text_is_named() -> None:
    with pytest.raises(Malformed, match=r"metadata\.labels\.app must be text, got an integer"):
        Doc({"metadata": {"labels": {"app": 1}}}, "pod").labels("metadata", "labels")


def test_text_is_bounded() -> None:
    with pytest.raises(Malformed, match="at most 10 characters"):
        Doc({"a": "x" * 11}, "x").text("a", limit=10)


def test_the_value_itself_is_never_in_the_error() -> None:
    with pytest.raises(Malformed) as caught:
        Doc({"token": {"secret": "canary"}}, "x").text("token")
    assert "canary" not in str(caught.value)


@given(JSON)
def test_any_json_gives_a_value_or_malformed(value: Any) -> None:
    doc = Doc(value, "x")
    readers: list[Any] = [
        doc.text,
        doc.integer,
        doc.flag,
        doc.labels,
        doc.items,
        doc.texts,
        lambda *p: list(doc.each(*p)),
    ]
    for read in readers:
        for path in [(), ("a",), ("a", "b")]:
            try:
                read(*path)
            except Malformed:
                continue
