"""Selectors and the union of policies, against a second reading of the API's documentation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.actions.kube.netpol import Policy, Selector, openings
from irkit.errors import Malformed
from irkit.model.doc import Doc

KEYS = st.sampled_from(["app", "tier", "irkit.dev/case"])
VALUES = st.sampled_from(["web", "cart", ""])
LABELS = st.dictionaries(KEYS, VALUES)
EXPRESSIONS = st.builds(
    lambda key, operator, values: {"key": key, "operator": operator}
    | ({"values": values} if operator in {"In", "NotIn"} else {}),
    KEYS, st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]), st.lists(VALUES, min_size=1, max_size=3),
)  # fmt: skip
SELECTORS = st.fixed_dictionaries(
    {}, optional={"matchLabels": LABELS, "matchExpressions": st.lists(EXPRESSIONS, max_size=3)}
)
RULES = st.lists(st.sampled_from([{}, {"from": [{"podSelector": {}}]}, {"ports": [{"port": 53}]}]), max_size=2)
SPECS = st.fixed_dictionaries(
    {"podSelector": SELECTORS},
    optional={
        "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"], []]),
        "ingress": RULES,
        "egress": RULES,
    },
)
CASES = st.lists(SPECS, max_size=6)


def policy(name: str, spec: dict[str, Any]) -> Policy:
    return Policy.read(Doc({"metadata": {"name": name, "uid": f"u-{name}"}, "spec": spec}, "a policy"))


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Word for word from the API reference of LabelSelector."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for one in selector.get("matchExpressions", []):
        key, operator = one["key"], one["operator"]
        if operator == "In" and labels.get(key) not in one["values"]:
            return False
        if operator == "NotIn" and key in labels and labels[key] in one["values"]:
            return False
        if operator == "Exists" and key not in labels:
            return False
        if operator == "DoesNotExist" and key in labels:
            return False
    return True


def open_directions(specs: list[dict[str, Any]], labels: dict[str, str]) -> set[tuple[str, str]]:
    found = set()
    for index, spec in enumerate(specs):
        types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
        for direction in types:
            if selects(spec["podSelector"], labels) and spec.get(direction.lower()):
                found.add((f"p{index}", direction.lower()))
    return found


@given(specs=CASES, labels=LABELS)
def test_what_the_union_of_policies_leaves_open_is_what_the_documentation_says(
    specs: list[dict[str, Any]], labels: dict[str, str]
) -> None:
    found = openings([policy(f"p{index}", spec) for index, spec in enumerate(specs)], labels)

    expected = open_directions(specs, labels)
    told = {(line.split()[0], word) for line in found for word in ("ingress", "egress") if word in line.split()}
    names = sorted({name for name, _ in expected})
    if len(names) > 5:
        assert found[-1] == f"{len(names) - 5} more policies allow something"
        assert told == {(name, direction) for name, direction in expected if name in names[:5]}
    else:
        assert told == expected


@given(selector=SELECTORS, labels=LABELS)
def test_a_selector_matches_as_the_documentation_says(selector: dict[str, Any], labels: dict[str, str]) -> None:
    assert Selector.read(Doc(selector, "a selector")).matches(labels) == selects(selector, labels)


def test_many_openings_are_counted_and_five_are_named() -> None:
    found = openings([policy(f"p{index}", {"podSelector": {}, "ingress": [{}]}) for index in range(7)], {})

    assert found == (*(f"p{index} allows ingress" for index in range(5)), "2 more policies allow something")


def test_the_order_of_policies_does_not_change_what_is_said() -> None:
    both = [policy("b", {"podSelector": {}, "ingress": [{}]}), policy("a", {"podSelector": {}, "ingress": [{}]})]

    assert openings(both, {}) == openings(both[::-1], {}) == ("a allows ingress", "b allows ingress")


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({"podSelector": {}}, ("Ingress",)),
        ({"podSelector": {}, "ingress": [{}]}, ("Ingress",)),
        ({"podSelector": {}, "egress": [{}]}, ("Egress", "Ingress")),
        ({"podSelector": {}, "egress": []}, ("Ingress",)),
        ({"podSelector": {}, "policyTypes": ["Egress"]}, ("Egress",)),
    ],
)
def test_policy_types_that_are_left_out_default_as_the_api_defaults_them(
    spec: dict[str, Any], types: tuple[str, ...]
) -> None:
    assert policy("p", spec).types == types


@pytest.mark.parametrize(
    "spec",
    [
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}},
        {"podSelector": {"matchExpressions": [{"operator": "Exists"}]}},
        {"podSelector": {"matchExpressions": ["x"]}},
        {"podSelector": {"matchLabels": {"a": 1}}},
        {"podSelector": []},
        {"podSelector": {}, "ingress": {}},
        {"podSelector": {}, "policyTypes": [1]},
        "text",
    ],
)
def test_a_policy_that_cannot_be_understood_is_malformed_and_never_taken_for_harmless(spec: Any) -> None:
    with pytest.raises(Malformed):
        policy("p", spec)
