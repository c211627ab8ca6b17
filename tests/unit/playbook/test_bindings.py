"""Expressions to values at run time: whole values, empty ones with a reason, items by identity."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.errors import UsageError
from irkit.model.base import Json, canonical
from irkit.model.playbooks import Expr, Input, InputType, Playbook, Step
from irkit.model.records import StepExpanded
from irkit.playbook.bindings import KINDS, Missing, check_inputs, evaluate, expand, resolve
from tests.unit.playbook.sample import pod


def expr(text: str) -> Expr:
    return Expr(expr=tuple(text.split(".")))


def step(for_each: str = "", **arguments: Any) -> Step:
    each = expr(for_each) if for_each else None
    return Step(id="a", uses="test.tag", arguments=arguments, for_each=each)


# -- resolve -----------------------------------------------------------------------------------------


def test_an_expression_stands_for_the_whole_value() -> None:
    one = step(pod=expr("inputs.pod"), node=expr("steps.scope.node"), me=expr("item"), name=expr("item.name"), n=3)
    found = resolve(one, {"pod": pod()}, {"scope": {"node": {"name": "n"}}}, {"name": "x", "uid": "u"})
    assert found == {"pod": pod(), "node": {"name": "n"}, "me": {"name": "x", "uid": "u"}, "name": "x", "n": 3}


@pytest.mark.parametrize("value", [0, False, "", [], {}])
def test_what_is_false_is_not_empty(value: Json) -> None:
    assert resolve(step(v=expr("inputs.v")), {"v": value}, {}) == {"v": value}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("inputs.hint", "${inputs.hint} is empty"),
        ("inputs.none", "${inputs.none} is empty"),
        ("steps.scope.node", "${steps.scope.node} is empty"),
        ("steps.scope.node.name", "${steps.scope.node.name} is empty"),
        ("steps.scope.title.x", "${steps.scope.title.x} is empty"),
        ("steps.gone.node", "${steps.gone.node} is empty: step `gone` gave no outputs"),
        ("item", "${item} is empty"),
        ("item.name", "${item.name} is empty"),
    ],
)
def test_what_leads_to_nothing_says_so_by_name(text: str, why: str) -> None:
    outputs: dict[str, Json] = {"scope": {"node": None, "title": "t"}}
    assert resolve(step(a=1, v=expr(text)), {"none": None}, outputs) == Missing(why)


def test_a_literal_null_is_a_value() -> None:
    assert resolve(step(v=None), {}, {}) == {"v": None}


# -- expand ------------------------------------------------------------------------------------------


def test_children_are_named_by_uid_in_the_order_of_the_items() -> None:
    outputs: dict[str, Json] = {"scope": {"pods": [pod("b", "u-2"), pod("a", "u-1")]}}
    assert expand(step("steps.scope.pods"), {}, outputs) == [("a[u-2]", pod("b", "u-2")), ("a[u-1]", pod("a", "u-1"))]


def test_the_same_item_twice_is_one_child_and_the_first_counts() -> None:
    outputs: dict[str, Json] = {"scope": {"pods": [pod("b"), pod("c"), "x", "x", 1, True]}}
    found = expand(step("steps.scope.pods"), {}, outputs)
    assert isinstance(found, list)
    assert [item for _, item in found] == [pod("b"), "x", 1, True]


def test_a_step_without_for_each_is_its_own_child() -> None:
    assert expand(step(), {}, {}) == [("a", None)]


def test_an_empty_list_has_no_children() -> None:
    assert expand(step("steps.scope.pods"), {}, {"scope": {"pods": []}}) == []


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        ({}, "${steps.scope.pods} is empty: step `scope` gave no outputs"),
        ({"scope": {"pods": None}}, "${steps.scope.pods} is empty"),
        ({"scope": {"pods": {"a": 1}}}, "${steps.scope.pods} is not a list"),
    ],
)
def test_what_is_no_list_expands_to_nothing_and_says_why(outputs: dict[str, Json], why: str) -> None:
    assert expand(step("steps.scope.pods"), {}, outputs) == Missing(why)


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
ITEM = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["uid", "name", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.lists(ITEM, max_size=8))
def test_whatever_the_items_are_the_children_can_be_journaled(items: list[Any]) -> None:
    found = expand(step("steps.scope.pods"), {}, {"scope": {"pods": items}})
    assert isinstance(found, list)
    keys = tuple(key for key, _ in found)
    assert StepExpanded(run="r1", step="a", items=tuple(item for _, item in found), children=keys).children == keys
    assert len(set(keys)) == len(keys)
    kept = {canonical(item) for _, item in found}
    assert kept <= {canonical(item) for item in items}
    named = [item for item in items if not (isinstance(item, dict) and isinstance(item.get("uid"), str))]
    assert {canonical(item) for item in named} <= kept


def test_a_uid_that_no_key_can_hold_is_not_used() -> None:
    hostile = pod(uid="../x] y")
    found = expand(step("steps.scope.pods"), {}, {"scope": {"pods": [hostile]}})
    assert isinstance(found, list)
    assert re.fullmatch(r"a\[[0-9a-f]{16}\]", found[0][0])


# -- inputs ------------------------------------------------------------------------------------------


def playbook(*inputs: Input) -> Playbook:
    return Playbook(name="sample", title="Sample", inputs=inputs, steps=())


def test_every_kind_of_input_has_a_type() -> None:
    assert set(KINDS) == set(get_args(InputType))


def test_references_come_out_whole_whatever_was_left_out() -> None:
    short: dict[str, Json] = {"cluster": {"id": "context:lab"}, "namespace": "shop", "name": "web"}
    assert check_inputs(playbook(Input(name="pod", type="pod")), {"pod": short}) == {"pod": pod(uid="")}
    assert check_inputs(playbook(Input(name="pod", type="pod")), {"pod": pod()}) == {"pod": pod()}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "x"),
        ("text", ""),
        ("integer", 0),
        ("boolean", False),
        ("node", {"kind": "Node", "cluster": {"kind": "Cluster", "id": "context:lab"}, "name": "n", "uid": ""}),
        (
            "namespace",
            {"kind": "Namespace", "cluster": {"kind": "Cluster", "id": "context:lab"}, "name": "n", "uid": ""},
        ),
    ],
)
def test_a_value_of_the_declared_type_is_taken(kind: Any, value: Json) -> None:
    assert check_inputs(playbook(Input(name="v", type=kind)), {"v": value}) == {"v": value}


def test_a_default_stands_where_nothing_is_given() -> None:
    book = playbook(
        Input(name="v", type="text", default="x", required=False), Input(name="w", type="text", required=False)
    )
    assert check_inputs(book, {}) == {"v": "x"}
    assert check_inputs(book, {"v": None, "w": "y"}) == {"v": "x", "w": "y"}
    assert check_inputs(book, {"v": ""}) == {"v": ""}


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("text", 1, "input `v` must be text"),
        ("text", "\udcff", "input `v` must be UTF-8"),
        ("integer", "1", "input `v` must be a whole number"),
        ("integer", True, "input `v` must be a whole number"),
        ("integer", 1.0, "input `v` must be a whole number"),
        ("integer", 2**53, "input `v` must be within 2^53"),
        ("boolean", 1, "input `v` must be true or false"),
        ("pod", "shop/web", "input `v` must be a pod: "),
        ("pod", {"name": "web"}, "input `v` must be a pod: cluster: Field required"),
        ("pod", {**pod(), "kind": "Node"}, "input `v` must be a pod: kind: "),
        ("pod", {**pod(), "name": "web\n"}, "input `v` must be a pod: name: "),
        ("pod", {**pod(), "uid": "\udcff"}, "input `v` must be a pod: it has no JSON form"),
        ("pod", {**pod(), "x": 2**70}, "input `v` must be a pod: it has no JSON form"),
        ("pod", None, "input `v` (pod) is missing"),
    ],
)
def test_a_value_of_another_type_is_refused(kind: Any, value: Json, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_inputs(playbook(Input(name="v", type=kind)), {"v": value})
    assert caught.value.message.startswith(f"playbook sample: {why}")
    assert (caught.value.did, caught.value.hint) == ("nothing was run", "irkit playbook show sample")


def test_all_that_is_wrong_is_said_at_once() -> None:
    book = playbook(Input(name="pod", type="pod"), Input(name="count", type="integer"))
    with pytest.raises(UsageError) as caught:
        check_inputs(book, {"pdo": 1, "count": "x"})
    assert caught.value.message == (
        "playbook sample: it takes no input `pdo` (did you mean `pod`?); input `pod` (pod) is missing; "
        "input `count` must be a whole number"
    )


def test_a_playbook_without_inputs_takes_none() -> None:
    with pytest.raises(UsageError, match=r"it takes no input `x+` \(it takes: none\)") as caught:
        check_inputs(playbook(), {"x" * 500: 1})
    assert len(caught.value.message) < 120


def test_the_value_itself_is_never_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        check_inputs(playbook(Input(name="pod", type="pod")), {"pod": {**pod(), "name": "s3cr3t!"}})
    assert "s3cr3t" not in caught.value.message


def test_an_item_is_what_it_is_even_inside_nothing() -> None:
    assert evaluate(expr("item.a.b"), {}, {}, {"a": {"b": 1}}) == 1
    assert evaluate(expr("item.a.b"), {}, {}, {"a": [1]}) == Missing("${item.a.b} is empty")
