"""Selectors: the query form and the object form agree."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.lab import selectors
from irkit.lab.status import ApiError

KEYS = st.sampled_from(["app", "tier", "irkit.dev/case", "a.b/c-d"])
VALUES = st.sampled_from(["", "web", "db", "IR-20261121-k7f2", "x_y.z"])
LABELS = st.dictionaries(KEYS, VALUES)


@given(
    labels=LABELS, key=KEYS, values=st.lists(VALUES, min_size=1, max_size=3), operator=st.sampled_from(["In", "NotIn"])
)
def test_a_set_means_the_same_in_a_query_and_in_an_object(
    labels: dict[str, str], key: str, values: list[str], operator: str
) -> None:
    query = selectors.parse_labels(f"{key} {operator.lower()} ({', '.join(values)})")
    item = {"key": key, "operator": operator, "values": values}
    from_object = selectors.from_object({"matchExpressions": [item]})
    expected = (labels.get(key) in values) if operator == "In" else key not in labels or labels[key] not in values
    assert selectors.matches(query, labels) == selectors.matches(from_object, labels) == expected


@given(labels=LABELS, wanted=LABELS)
def test_match_labels_are_a_subset(labels: dict[str, str], wanted: dict[str, str]) -> None:
    text = ",".join(f"{key}={value}" for key, value in wanted.items())
    expected = wanted.items() <= labels.items()
    assert selectors.matches(selectors.parse_labels(text), labels) == expected
    assert selectors.matches(selectors.from_object({"matchLabels": wanted}), labels) == expected


@given(text=st.text(max_size=40))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    for parse in (selectors.label_match, lambda each: selectors.field_match(each, "pods")):
        with contextlib.suppress(ApiError):
            parse(text)


@pytest.mark.parametrize(
    ("text", "labels", "wanted"),
    [
        ("size>5", {"size": "6"}, True),
        ("size>5", {"size": "5"}, False),
        ("size<5", {"size": "4"}, True),
        ("size<5", {}, False),
        ("size>5", {"size": "many"}, False),
        ("a,!b", {"a": ""}, True),
        ("a,!b", {"a": "", "b": ""}, False),
    ],
)
def test_numbers_and_presence(text: str, labels: dict[str, str], wanted: bool) -> None:
    assert selectors.matches(selectors.parse_labels(text), labels) is wanted


def test_an_empty_selector_selects_everything() -> None:
    assert selectors.label_match(" ") is None
    assert selectors.field_match("", "pods") is None
    assert selectors.matches(selectors.from_object({}), {})


@pytest.mark.parametrize(
    ("plural", "text", "doc", "wanted"),
    [
        ("nodes", "spec.unschedulable=true", {"spec": {"unschedulable": True}}, True),
        ("nodes", "spec.unschedulable=false", {"spec": {}}, True),
        (
            "events",
            "involvedObject.name=web,reason!=Killed",
            {"involvedObject": {"name": "web"}, "reason": "Started"},
            True,
        ),
        ("events", "source=kubelet", {"source": {"component": "kubelet"}}, True),
        ("secrets", "type=Opaque", {"type": "Opaque"}, True),
        ("pods", "status.phase=Running", {"status": {}}, False),
    ],
)
def test_fields(plural: str, text: str, doc: dict[str, Any], wanted: bool) -> None:
    match = selectors.field_match(text, plural)
    assert match is not None
    assert match(doc) is wanted


def test_a_kind_without_own_selectors_says_which_there_are() -> None:
    with pytest.raises(ApiError, match="is not a known field selector"):
        selectors.field_match("spec.x=y", "services")
