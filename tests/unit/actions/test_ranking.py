"""Which pod a controller deletes, against a transcription of the controller's own comparison."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.actions.kube.ranking import Standing, active, endangered, likely, surely_before
from irkit.model.doc import Doc

NOW = "2026-11-21T03:00:00.000000Z"


def less(one: Standing, other: Standing, crowd: dict[str, int], later: float) -> bool:
    """`ActivePodsWithRanks.Less`, as Go has it, so many seconds later."""
    if bool(one.node) != bool(other.node):
        return not one.node
    phases = {"Pending": 0, "Unknown": 1, "Running": 2}
    if one.phase != other.phase:
        return phases[one.phase] < phases[other.phase]
    ready_1, ready_2 = one.ready_age >= 0, other.ready_age >= 0
    if ready_1 != ready_2:
        return not ready_1
    if one.cost != other.cost:
        return one.cost < other.cost
    if crowd.get(one.node, 0) != crowd.get(other.node, 0):
        return crowd.get(one.node, 0) > crowd.get(other.node, 0)
    if ready_1 and one.ready_age != other.ready_age:
        return logarithmic(one.ready_age + later, other.ready_age + later, one, other)
    if one.restarts != other.restarts:
        return one.restarts > other.restarts
    if one.age != other.age:
        return logarithmic(one.age + later, other.age + later, one, other)
    return False


def logarithmic(age: float, other_age: float, one: Standing, other: Standing) -> bool:
    steps = [int(math.log2(value)) if value > 0 else -1 for value in (age, other_age)]
    return one.uid < other.uid if steps[0] == steps[1] else steps[0] < steps[1]


standings = st.builds(
    Standing,
    name=st.sampled_from(["a", "b", "c"]),
    uid=st.uuids().map(str),
    owner=st.just("rs"),
    node=st.sampled_from(["", "n1", "n2"]),
    phase=st.sampled_from(["Pending", "Unknown", "Running"]),
    cost=st.integers(-1, 1),
    ready_age=st.sampled_from([-1.0, 0.0, 40.0, 90.0, 300.0, 4000.0, 90000.0]),
    restarts=st.integers(0, 2),
    age=st.sampled_from([0.0, 41.0, 95.0, 310.0, 4100.0, 91000.0]),
)


@given(
    one=standings, other=standings, later=st.floats(0, 30), crowded=st.dictionaries(st.just("n1"), st.integers(0, 3))
)
def test_who_surely_goes_first_does_so_for_the_controller_too(
    one: Standing, other: Standing, later: float, crowded: dict[str, int]
) -> None:
    if surely_before(one, other, crowded):
        assert less(one, other, crowded, later)
        assert not less(other, one, crowded, later)


PLAIN = Standing("web", "u", "rs", "n1", "Running", ready_age=1000.0, age=1100.0)


@pytest.mark.parametrize(
    "worse",
    [
        {"node": ""},
        {"phase": "Pending"},
        {"phase": "Unknown"},
        {"phase": "Strange"},
        {"ready_age": -1.0},
        {"cost": -1},
        {"node": "n2"},  # crowded
        {"ready_age": 400.0},
        {"restarts": 1},
        {"age": 400.0},
    ],
)
def test_each_reason_decides_alone(worse: dict[str, object]) -> None:
    other = replace(PLAIN, **worse)  # type: ignore[arg-type]  # each is of its field's type

    assert surely_before(other, PLAIN, {"n1": 1, "n2": 2})
    assert not surely_before(PLAIN, other, {"n1": 1, "n2": 2})


def test_ages_that_are_near_each_other_decide_nothing() -> None:
    near = replace(PLAIN, ready_age=600.0)

    assert not surely_before(near, PLAIN, {})
    assert not surely_before(PLAIN, near, {})


def test_evidence_is_safe_only_where_enough_others_surely_go_first() -> None:
    ours = replace(PLAIN, name="ours", evidence=True)
    young, like = replace(PLAIN, name="young", ready_age=10.0), replace(PLAIN, name="like")

    assert endangered((ours, young, like), 1, {}) is None
    assert endangered((ours, young, like), 2, {}) == ours
    assert endangered((ours, young, like), 0, {}) is None
    assert endangered((ours, replace(young, evidence=True)), 1, {}) == ours
    assert likely((ours, like, young), 1, {}) == ("young",)
    assert likely((ours, like, young), -1, {}) == ()


@pytest.mark.parametrize(
    ("status", "deleted", "counted"),
    [("Running", False, True), ("Pending", False, True), ("Failed", False, False), ("Running", True, False)],
)
def test_a_controller_counts_what_has_not_ended(status: str, deleted: bool, counted: bool) -> None:
    meta = {"deletionTimestamp": "2026-11-21T02:00:00Z"} if deleted else {}

    assert active(Doc({"metadata": meta, "status": {"phase": status}}, "pod")) == counted


@pytest.mark.parametrize(
    ("text", "cost"), [("5", 5), ("-5", -5), ("", 0), ("x", 0), ("1" * 30, 0), ("9999999999", 0), ("٣", 0)]
)
def test_a_deletion_cost_that_is_none_counts_as_nothing(text: str, cost: int) -> None:
    annotations = {"controller.kubernetes.io/pod-deletion-cost": text}
    doc = Doc({"metadata": {"name": "web", "uid": "u", "annotations": annotations}}, "pod")

    assert Standing.read(doc, NOW).cost == cost


@pytest.mark.parametrize("since", ["", "yesterday", "2026-11-21T04:00:00Z", "2026-11-21T02:00:00"])
def test_a_time_that_cannot_be_is_the_youngest(since: str) -> None:
    doc = Doc({"metadata": {"name": "web", "uid": "u", "creationTimestamp": since}}, "pod")

    assert Standing.read(doc, NOW).age == 0
