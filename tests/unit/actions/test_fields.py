"""Setting fields and taking them out again, on objects of any shape, through the API server's JSON Patch."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.actions.kube.fields import Field, Subject, clash, label, read_fields, set_fields, take_out
from irkit.errors import Malformed
from irkit.lab.patches import apply
from irkit.lab.status import ApiError
from irkit.model.base import Json
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall
from irkit.model.kube import CASE_LABEL, ORIGINALS_ANNOTATION, PODS
from tests.support.action_cases import CASE
from tests.support.action_shop import POD

SUBJECT = Subject(PODS, POD)
FIELDS = (label(CASE_LABEL, CASE), label("team", "blue"))
CORDON = Field(("spec", "unschedulable"), wanted=True)
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
MAPS = st.dictionaries(st.sampled_from(["app", "a/b", "til~de", "tier"]), TEXT, max_size=3)
NOTES = st.none() | TEXT | st.just('{"case":"IR-20261101-abcd","fields":{}}')


def subject(labels: dict[str, str] | None, annotations: dict[str, str] | None) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": POD.name, "namespace": POD.namespace, "uid": POD.uid}
    if labels:
        meta["labels"] = dict(labels)
    if annotations:
        meta["annotations"] = dict(annotations)
    return {"metadata": meta, "spec": {"nodeName": "node-1"}}


def patched(value: dict[str, Any], call: KubeCall) -> dict[str, Any]:
    """As the server stores it: empty maps are dropped (omitempty)."""
    after = apply(copy.deepcopy(value), copy.deepcopy(call.body))
    for key in ("labels", "annotations"):
        if not after["metadata"].get(key, True):
            del after["metadata"][key]
    return dict(after)


def add(value: dict[str, Any], *fields: Field) -> tuple[dict[str, Any], dict[tuple[str, str], Json]]:
    edit = set_fields("label", SUBJECT, fields, read_fields(Doc(value, "pod"), fields, CASE), CASE)
    assert edit is not None
    return patched(value, edit.call), {(one.target, one.field): one.value for one in edit.originals}


def take(value: dict[str, Any], originals: dict[tuple[str, str], Json], *fields: Field) -> dict[str, Any]:
    call = take_out("unlabel", SUBJECT, fields, read_fields(Doc(value, "pod"), fields, CASE), originals)
    assert isinstance(call, KubeCall)
    return patched(value, call)


@given(labels=MAPS, annotations=MAPS, note=NOTES)
def test_whatever_the_object_had_setting_and_taking_out_gives_it_back(
    labels: dict[str, str], annotations: dict[str, str], note: str | None
) -> None:
    before = subject(labels, annotations | ({} if note is None else {ORIGINALS_ANNOTATION: note}))

    after, originals = add(before, *FIELDS)

    assert after["metadata"]["labels"] == {**labels, CASE_LABEL: CASE, "team": "blue"}
    assert annotations.items() <= after["metadata"].get("annotations", {}).items()
    assert take(after, originals, *FIELDS) == before


@given(labels=MAPS, annotations=MAPS)
def test_set_twice_is_set_once(labels: dict[str, str], annotations: dict[str, str]) -> None:
    after, _ = add(subject(labels, annotations), *FIELDS)

    found = read_fields(Doc(after, "pod"), FIELDS, CASE)

    assert set_fields("label", SUBJECT, FIELDS, found, CASE) is None


@pytest.mark.parametrize("first_out", [0, 1])
def test_two_steps_share_the_note_and_each_takes_out_its_own(first_out: int) -> None:
    before = subject({"app": "web"}, None)
    once, first = add(before, FIELDS[0])
    twice, second = add(once, FIELDS[1])
    assert json.loads(twice["metadata"]["annotations"][ORIGINALS_ANNOTATION]) == {
        "case": CASE,
        "fields": {FIELDS[0].name: None, FIELDS[1].name: None},
    }

    order = [(first, FIELDS[0]), (second, FIELDS[1])]
    for originals, field in order if first_out == 0 else order[::-1]:
        twice = take(twice, originals, field)

    assert twice == before


def test_a_cordon_is_set_and_taken_out_like_a_label() -> None:
    before = subject(None, None)

    after, originals = add(before, CORDON)

    assert after["spec"] == {"nodeName": "node-1", "unschedulable": True}
    assert take(after, originals, CORDON) == before


def test_missing_and_false_are_one_value() -> None:
    value = subject(None, None)
    value["spec"]["unschedulable"] = False

    assert read_fields(Doc(value, "node"), (CORDON,), CASE).values == (("spec.unschedulable", None),)


@pytest.mark.parametrize(
    ("labels", "annotations"),
    [({CASE_LABEL: "other"}, {}), ({}, {ORIGINALS_ANNOTATION: "somebody's"}), ({"team": "red"}, {})],
)
@pytest.mark.parametrize("start", [{}, {"x": "y"}])
def test_the_patch_fails_where_somebody_was_faster(
    labels: dict[str, str], annotations: dict[str, str], start: dict[str, str]
) -> None:
    seen = subject(start, start)
    edit = set_fields("label", SUBJECT, FIELDS, read_fields(Doc(seen, "pod"), FIELDS, CASE), CASE)
    assert edit is not None

    with pytest.raises(ApiError) as raised:
        patched(subject({**start, **labels}, {**start, **annotations}), edit.call)

    assert raised.value.code == 422


def test_the_patch_fails_on_another_object_of_that_name() -> None:
    edit = set_fields("label", SUBJECT, FIELDS, read_fields(Doc(subject(None, None), "pod"), FIELDS, CASE), CASE)
    assert edit is not None
    other = subject(None, None)
    other["metadata"]["uid"] = "p-99"

    with pytest.raises(ApiError):
        patched(other, edit.call)


def test_undoing_fails_where_somebody_changed_the_label_after_the_look() -> None:
    after, originals = add(subject(None, None), *FIELDS)
    call = take_out("unlabel", SUBJECT, FIELDS, read_fields(Doc(after, "pod"), FIELDS, CASE), originals)
    assert isinstance(call, KubeCall)
    after["metadata"]["labels"]["team"] = "red"

    with pytest.raises(ApiError):
        patched(after, call)


def test_another_objects_originals_are_none_of_ours() -> None:
    after, _ = add(subject(None, None), *FIELDS)
    found = read_fields(Doc(after, "pod"), FIELDS, CASE)

    assert take_out("unlabel", SUBJECT, FIELDS, found, {("another", FIELDS[0].name): None}) is None


def test_a_value_of_somebody_else_is_a_clash_and_ours_is_none() -> None:
    found = read_fields(Doc(subject({CASE_LABEL: CASE, "team": "red"}, None), "pod"), FIELDS, CASE)

    assert clash(FIELDS, found) == FIELDS[1]
    assert clash(FIELDS[:1], found) is None


@pytest.mark.parametrize(
    "note",
    ["", "{", "[]", "null", '{"case":"x"}', '{"case":"IR-20261121-k7f2","fields":[]}', "[" * 100_000,
     '{"case":"IR-20261121-k7f2","fields":{"a":1}}', '{"case":"IR-20261121-k7f2","fields":{"é":null}}',
     '{"case":"IR-20261121-k7f2","fields":{"a":null}}' + " " * 9000],
)  # fmt: skip
def test_a_note_that_is_not_this_cases_is_left_alone(note: str) -> None:
    value = subject(None, {ORIGINALS_ANNOTATION: note[:60_000]})

    found = read_fields(Doc(value, "pod"), FIELDS, CASE)

    assert (found.note_state, found.note, found.saved) == ("foreign", "", ())


@pytest.mark.parametrize(
    ("where", "value"),
    [("labels", {CASE_LABEL: 7}), ("labels", []), ("labels", {CASE_LABEL: "x" * 64}), ("annotations", "x"),
     ("annotations", {ORIGINALS_ANNOTATION: {}})],
)  # fmt: skip
def test_fields_of_the_wrong_type_are_malformed(where: str, value: Any) -> None:
    raw = subject(None, None)
    raw["metadata"][where] = value

    with pytest.raises(Malformed):
        read_fields(Doc(raw, "pod"), FIELDS, CASE)
