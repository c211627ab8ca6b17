"""Event patterns match as EventBridge says they do: its documentation's examples, and moto's matcher where that is right."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.events.models import EventPattern

from irkit.errors import Malformed
from irkit.intake.patterns import MAX_ALTERNATIVES, compile_pattern


def matches(pattern: Any, event: Any) -> bool:
    return compile_pattern(pattern, "routes").matches(event)


# -- the user guide's examples -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaf", "yes", "no"),
    [
        (["running", "stopped"], ["running", ["x", "stopped"]], ["Running", "", None, [], {"running": 1}, ["x"]]),
        ([""], [""], [" ", None]),
        ([None], [None, [None]], ["", "null", 0, False]),
        ([True], [True], [1, "true", False]),
        ([0], [0, 0.0], [False, "0", None]),
        ([5.5], [5.5], [5, "5.5"]),
        ([{"prefix": "eu-"}], ["eu-west-1", "eu-", ["us", "eu-"]], ["EU-west-1", "xeu-", 5, None]),
        ([{"prefix": {"equals-ignore-case": "Event"}}], ["EVENT-1", "event"], ["an event"]),
        ([{"suffix": ".png"}], ["a.png", ".png"], ["a.PNG", "a.png "]),
        ([{"suffix": {"equals-ignore-case": ".png"}}], ["a.PNG"], ["a.jpg"]),
        ([{"equals-ignore-case": "Alice"}], ["ALICE"], ["alic", "alicee", 1]),
        ([{"anything-but": "init"}], ["running", 5, True, None, ["init", "x"]], ["init", ["init"], [], {"a": 1}]),
        ([{"anything-but": ["a", "b"]}], ["c"], ["a", "b"]),
        ([{"anything-but": [1, 2]}], [3, "1"], [1, 2.0]),
        ([{"anything-but": {"prefix": "init"}}], ["x", 7], ["initializing"]),
        ([{"anything-but": {"prefix": ["a", "b"]}}], ["c"], ["ab", "ba"]),
        ([{"anything-but": {"suffix": ".txt"}}], ["a.png"], ["a.txt"]),
        ([{"anything-but": {"suffix": [".txt", ".rtf"]}}], ["a.png"], ["a.rtf"]),
        ([{"anything-but": {"equals-ignore-case": ["init", "run"]}}], ["x"], ["INIT", "Run"]),
        ([{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}], ["/etc/x"], ["/usr/lib/x", "/usr/bin/y"]),
        ([{"numeric": ["=", 5]}], [5, 5.0], [6, "5", True]),
        ([{"numeric": [">", 0, "<=", 5]}], [0.1, 5], [0, 5.1, 6e9]),
        ([{"numeric": ["<", 10]}], [-1, 9.99], [10, -6e9]),
        ([{"numeric": [">=", 301.8]}], [301.8, 400], [301]),
        ([{"cidr": "10.0.0.0/24"}], ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "x", 167772160, "::ffff:10.0.0.1"]),
        ([{"cidr": "2001:db8::/32"}], ["2001:db8::1"], ["2001:db9::1", "10.0.0.1"]),
        ([{"wildcard": "dir/*.png"}], ["dir/a.png", "dir/.png", "dir/x/y.png"], ["dir/a.jpg", "adir/a.png"]),
        ([{"wildcard": "*"}], ["", "anything\nat all"], [1, None]),
        ([{"wildcard": "a*b*c"}], ["abc", "axbxc", "abcbc"], ["acb", "ab", "abcd"]),
        ([{"wildcard": "*ab*ba*"}], ["abba"], ["aba"]),
        ([{"wildcard": "x*ab*b"}], ["xabb"], ["xab"]),
        ([{"wildcard": "ab*bc"}], ["abbc", "abxbc"], ["abc"]),
        ([{"wildcard": r"a\*b\\*"}], ["a*b\\", "a*b\\x"], ["axb\\", "a*b"]),
        ([{"wildcard": r"*\**"}], ["*", "a*b"], ["ab"]),
        ([{"wildcard": "none"}], ["none"], ["nones", "anone"]),
        ([{"exists": True}], ["", None, 0, False, ["x"]], [{"a": 1}, {}, []]),
        ([{"exists": False}], [{"a": 1}, {}, []], ["", None, 0, ["x"]]),
        ([{"exists": False}, "x"], ["x", {}], ["y", None]),
        (["x", {"prefix": "y"}, {"numeric": ["<", 3]}], ["x", "yz", 2], ["z", 3]),
    ],
)  # fmt: skip
def test_a_comparison_matches_these_values_and_not_those(leaf: list[Any], yes: list[Any], no: list[Any]) -> None:
    pattern = compile_pattern({"detail": {"state": leaf}}, "routes")

    assert [value for value in yes if not pattern.matches({"detail": {"state": value}})] == []
    assert [value for value in no if pattern.matches({"detail": {"state": value}})] == []


def test_every_field_must_match_and_others_do_not_matter() -> None:
    event = {"source": "aws.ec2", "detail": {"state": "running", "instance-id": "i-1"}, "account": "1"}

    assert matches({"source": ["aws.ec2"], "detail": {"state": ["running"]}}, event)
    assert not matches({"source": ["aws.ec2"], "detail": {"state": ["stopped"]}}, event)
    assert not matches({"source": ["aws.ec2"], "detail": {"status": ["running"]}}, event)
    assert not matches({"source": {"state": ["running"]}}, event)


def test_absence_is_of_the_field_however_deep() -> None:
    pattern = {"detail": {"c": {"d": [{"exists": False}]}}}

    assert matches(pattern, {})
    assert matches(pattern, {"detail": {"c": 5}})
    assert matches(pattern, {"detail": {"c": {"e": 1}}})
    assert not matches(pattern, {"detail": {"c": {"d": None}}})


def test_or_is_between_fields_and_goes_with_the_rest() -> None:
    pattern = {
        "source": ["x"],
        "detail": {
            "$or": [
                {"c": [{"numeric": [">", 0, "<=", 5]}]},
                {"d": [{"numeric": ["<", 10]}], "e": ["y"]},
                {"f": {"g": [1]}},
            ]
        },
    }

    assert matches(pattern, {"source": "x", "detail": {"c": 3}})
    assert matches(pattern, {"source": "x", "detail": {"c": 30, "d": 3, "e": "y"}})
    assert matches(pattern, {"source": "x", "detail": {"f": {"g": 1}}})
    assert not matches(pattern, {"source": "x", "detail": {"d": 3}})
    assert not matches(pattern, {"source": "z", "detail": {"c": 3}})


# -- arrays of objects: element by element -----------------------------------------------------------

FINDINGS: Any = {
    "detail": {
        "findings": [
            {
                "Severity": {"Label": "LOW"},
                "Resources": [{"Type": "AwsEc2Instance"}, {"Type": "AwsEksCluster", "Tags": {"env": "prod"}}],
            },
            {"Severity": {"Label": "HIGH"}, "Resources": [{"Type": "AwsS3Bucket", "Tags": {"env": "test"}}]},
        ]
    }
}


def finding(**members: Any) -> dict[str, Any]:
    return {"detail": {"findings": members}}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (finding(Severity={"Label": ["HIGH"]}), True),
        (finding(Severity={"Label": ["LOW"]}, Resources={"Type": ["AwsEksCluster"]}), True),
        (finding(Severity={"Label": ["HIGH"]}, Resources={"Type": ["AwsEksCluster"]}), False),
        (finding(Resources={"Type": ["AwsEksCluster"], "Tags": {"env": ["prod"]}}), True),
        (finding(Resources={"Type": ["AwsEc2Instance"], "Tags": {"env": ["prod"]}}), False),
        (finding(Resources={"Type": ["AwsS3Bucket"], "Tags": {"env": ["prod"]}}), False),
        (finding(Resources={"Type": ["AwsEksCluster", "x"]}), True),
        (finding(Resources=["AwsEksCluster"]), False),
    ],
)
def test_one_and_the_same_element_must_match(pattern: Any, *, expected: bool) -> None:
    assert matches(pattern, FINDINGS) is expected


def test_an_or_beside_an_array_is_about_the_same_element_too() -> None:
    pattern = {
        "detail": {"findings": {"Severity": {"Label": ["HIGH"]}}},
        "$or": [
            {"detail": {"findings": {"Resources": {"Type": ["AwsEksCluster"]}}}},
            {"detail": {"findings": {"Resources": {"Type": ["AwsIamRole"]}}}},
        ],
    }

    assert not matches(pattern, FINDINGS)


def test_absence_in_an_array_is_absence_from_all_its_elements() -> None:
    pattern = {"detail": {"findings": {"Resources": {"Tags": {"env": [{"exists": False}]}}}}}

    assert not matches(pattern, FINDINGS)
    assert matches(pattern, {"detail": {"findings": [{"Resources": [{"Type": "x"}]}, {}]}})


def test_arrays_in_arrays_are_looked_through() -> None:
    assert matches({"a": {"b": ["x"]}}, {"a": [[{"b": 1}], [[{"b": ["y", ["x"]]}]]]})


# -- against moto ------------------------------------------------------------------------------------

KEYS = st.sampled_from(["a", "b", "c"])
WORDS = st.text("xyX*.", max_size=4)
SCALARS = st.one_of(
    WORDS, st.integers(2, 6), st.sampled_from([2.5, 4.0]), st.none(), st.sampled_from(["10.0.0.7", "10.0.1.7"])
)
VALUES = SCALARS | st.lists(SCALARS, min_size=1, max_size=3)
STARS = st.lists(st.sampled_from(["x", "y", "X", "xy"]), min_size=1, max_size=4).map("*".join)
NUMBERS = st.integers(2, 6)
FILTERS = st.one_of(
    SCALARS,
    st.fixed_dictionaries({"prefix": WORDS}),
    st.fixed_dictionaries({"suffix": WORDS}),
    st.fixed_dictionaries({"prefix": st.fixed_dictionaries({"equals-ignore-case": WORDS})}),
    st.fixed_dictionaries({"equals-ignore-case": WORDS}),
    st.fixed_dictionaries({"wildcard": STARS | STARS.map("*{}*".format)}),
    st.fixed_dictionaries({"anything-but": WORDS | NUMBERS | st.lists(WORDS, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"anything-but": st.fixed_dictionaries({"prefix": WORDS})}),
    st.fixed_dictionaries({"anything-but": st.fixed_dictionaries({"wildcard": STARS})}),
    st.fixed_dictionaries({"numeric": st.tuples(st.sampled_from(["<", "<=", "=", ">", ">="]), NUMBERS).map(list)}),
    st.fixed_dictionaries({"numeric": NUMBERS.map(lambda low: [">", low, "<=", low + 2])}),
    st.fixed_dictionaries({"cidr": st.just("10.0.0.0/24")}),
    st.just({"exists": True}),
)
LEAVES = st.lists(FILTERS, min_size=1, max_size=3)


def nested(leaves: Any, keys: Any = KEYS) -> Any:
    return st.recursive(
        st.dictionaries(keys, leaves, min_size=1, max_size=3),
        lambda inner: st.dictionaries(keys, leaves | inner, min_size=1, max_size=3),
        max_leaves=5,
    )


@st.composite
def patterns(draw: st.DrawFn, leaves: Any) -> Any:
    """Sometimes with an `$or` over fields of its own, as EventBridge wants it."""
    pattern = draw(nested(leaves))
    if draw(st.booleans()):
        pattern["$or"] = draw(st.lists(nested(leaves, st.sampled_from(["d", "e"])), min_size=2, max_size=3))
    return pattern


ALL_KEYS = st.sampled_from(["a", "b", "c", "d", "e"])


@settings(max_examples=300)
@given(patterns(LEAVES | st.just([{"exists": False}])), nested(VALUES, ALL_KEYS))
def test_without_arrays_of_objects_moto_agrees(pattern: Any, event: Any) -> None:
    assert matches(pattern, event) == EventPattern(None, pattern).matches_event(event)


def variants(value: Any) -> list[Any]:
    """The value with each array of objects replaced by one of its elements, in every combination."""
    if isinstance(value, list):
        return [plain for item in value for plain in variants(item)]
    if not isinstance(value, dict):
        return [value]
    return [dict(zip(value, choice, strict=True)) for choice in itertools.product(*map(variants, value.values()))]


ARRAYS = st.recursive(
    st.dictionaries(ALL_KEYS, VALUES, min_size=1, max_size=3),
    lambda inner: st.dictionaries(
        ALL_KEYS, VALUES | inner | st.lists(inner, min_size=1, max_size=2), min_size=1, max_size=3
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(patterns(LEAVES), ARRAYS)
def test_with_arrays_expanded_moto_agrees(pattern: Any, event: Any) -> None:
    expected = any(EventPattern(None, pattern).matches_event(variant) for variant in variants(event))

    assert matches(pattern, event) == expected


def test_moto_alone_is_wrong_about_arrays_of_objects() -> None:
    pattern = finding(Severity={"Label": ["HIGH"]})

    # once this fails, moto has learned it, and the expansion above can go
    assert not EventPattern(None, pattern).matches_event(FINDINGS)


# -- what is refused ---------------------------------------------------------------------------------


def deep(levels: int) -> dict[str, Any]:
    pattern: dict[str, Any] = {"a": ["x"]}
    for _ in range(levels):
        pattern = {"a": pattern}
    return pattern


def choices(count: int) -> dict[str, Any]:
    """Two to the power of `count` combinations."""
    return {f"k{index}": {"$or": [{"a": ["x"]}, {"b": ["x"]}]} for index in range(count)}


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ({}, ""),
        ([], ""),
        ({"a": {}}, "a"),
        ({"a": "x"}, "a"),
        ({"a": []}, "a"),
        ({"a": [["x"]]}, "a[0]"),
        ({"a": [float("inf")]}, "a[0]"),
        ({1: ["x"]}, ""),
        ({"a": ["x", {}]}, "a[1]"),
        ({"a": [{"prefix": "x", "suffix": "y"}]}, "a[0]"),
        ({"a": [{"prefx": "x"}]}, "a[0]"),
        ({"a": [{"prefix": 5}]}, "a[0].prefix"),
        ({"a": [{"prefix": ["x"]}]}, "a[0].prefix"),
        ({"a": [{"prefix": {"wildcard": "x"}}]}, "a[0].prefix"),
        ({"a": [{"exists": "yes"}]}, "a[0].exists"),
        ({"a": [{"exists": 0}]}, "a[0].exists"),
        ({"a": [{"anything-but": []}]}, "a[0].anything-but"),
        ({"a": [{"anything-but": ["x", 1]}]}, "a[0].anything-but"),
        ({"a": [{"anything-but": [None]}]}, "a[0].anything-but"),
        ({"a": [{"anything-but": {"numeric": ["=", 1]}}]}, "a[0].anything-but.numeric"),
        ({"a": [{"anything-but": {"prefix": []}}]}, "a[0].anything-but"),
        ({"a": [{"numeric": ["=="]}]}, "a[0].numeric"),
        ({"a": [{"numeric": ["==", 1]}]}, "a[0].numeric"),
        ({"a": [{"numeric": [">", "1"]}]}, "a[0].numeric"),
        ({"a": [{"numeric": [">", 5, "<", 5]}]}, "a[0].numeric"),
        ({"a": [{"numeric": ["<", 1, ">", 5]}]}, "a[0].numeric"),
        ({"a": [{"numeric": ["<", 6e9]}]}, "a[0].numeric"),
        ({"a": [{"cidr": "10.0.0.0/40"}]}, "a[0].cidr"),
        ({"a": [{"wildcard": "x**y"}]}, "a[0].wildcard"),
        ({"a": [{"wildcard": r"x\y"}]}, "a[0].wildcard"),
        ({"a": [{"wildcard": "x\\"}]}, "a[0].wildcard"),
        ({"$or": [{"a": ["x"]}]}, "$or"),
        ({"$or": {"a": ["x"]}}, "$or"),
        ({"$or": [{"a": ["x"]}, {}]}, "$or[1]"),
        ({"a": ["x"], "$or": [{"a": ["y"]}, {"b": ["y"]}]}, "$or"),
        ({"b": {"$or": [{"a": ["x"]}, {"a": {"c": ["y"]}}], "a": ["z"]}}, "b.a"),
        ({"a": {"c": ["y"]}, "$or": [{"a": ["x"]}, {"b": ["x"]}]}, "$or"),
        ({"a": ["y"], "$or": [{"a": {"c": ["x"]}}, {"b": ["x"]}]}, "$or"),
        (deep(40), "a" + ".a" * 32),
        (choices(9), "k8"),
    ],
)
def test_an_invalid_pattern_is_refused_where_it_is_invalid(pattern: Any, path: str) -> None:
    with pytest.raises(Malformed) as caught:
        compile_pattern(pattern, "routes.yaml")

    assert caught.value.path == path
    assert caught.value.message.startswith("routes.yaml: ")


def test_as_many_combinations_as_allowed_are_compiled() -> None:
    assert len(compile_pattern(choices(8), "routes").alternatives) == MAX_ALTERNATIVES


def test_a_wildcard_does_not_backtrack() -> None:
    pattern = compile_pattern({"a": [{"wildcard": "*a" * 30 + "*b"}]}, "routes")

    # some milliseconds; a matcher that backtracks does not end here before the test's time limit
    assert not pattern.matches({"a": "a" * 60_000 + "c"})
