"""Letting go of what irkit put back: its entry among the managers of an object's fields."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.actions.kube.alter import alter, let_go, read_exact, restore
from irkit.actions.kube.fields import Field, Subject, label
from irkit.actions.kube.managers import disown, read_held
from irkit.errors import Malformed
from irkit.lab import managed
from irkit.lab.patches import apply
from irkit.lab.status import ApiError
from irkit.model.base import Json
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall
from irkit.model.kube import CASE_LABEL, PODS
from irkit.model.plans import Change
from tests.support.action_cases import CASE
from tests.support.action_shop import POD

SUBJECT = Subject(PODS, POD)
AT = "2026-11-21T12:00:00Z"
Tree = dict[str, Any]
Originals = dict[tuple[str, str], Json]


def pod(**labels: str) -> Tree:
    """Somebody's pod."""
    meta = {"name": POD.name, "namespace": POD.namespace, "uid": POD.uid, "labels": labels}
    made: Tree = {"kind": "Pod", "metadata": meta, "spec": {"nodeName": "node-1"}}
    managed.record(None, made, manager="owner", at=AT, api_version="v1")
    return made


def patched(before: Tree, call: KubeCall) -> Tree:
    """As the server stores it: what changes has irkit as its owner."""
    after: Tree = apply(copy.deepcopy(before), copy.deepcopy(call.body))
    for key in ("labels", "annotations"):
        if not after["metadata"].get(key, True):
            del after["metadata"][key]
    managed.record(before, after, manager="irkit", at=AT, api_version="v1")
    return after


def owned(doc: Tree, manager: str = "irkit") -> list[Tree]:
    return [one["fieldsV1"] for one in doc["metadata"]["managedFields"] if one["manager"] == manager]


def changed(doc: Tree, *fields: Field) -> tuple[Tree, Originals]:
    edit = alter("change", SUBJECT, fields, read_exact(Doc(doc, "pod"), fields, CASE), CASE)
    assert edit is not None
    return patched(doc, edit.call), {(one.target, one.field): one.value for one in edit.originals}


def back(doc: Tree, originals: Originals, *fields: Field) -> Tree:
    call = restore("back", SUBJECT, fields, read_exact(Doc(doc, "pod"), fields, CASE), originals)
    assert isinstance(call, KubeCall)
    return patched(doc, call)


def gone(doc: Tree, originals: Originals, *fields: Field) -> Change | None:
    return let_go("disown", SUBJECT, fields, read_exact(Doc(doc, "pod"), fields, CASE), originals)


def only(change: Change | None) -> KubeCall:
    assert change is not None
    (call,) = change.effects
    assert isinstance(call, KubeCall)
    return call


KEYS = st.sampled_from(["app", "a/b", "til~de", "tier"])


@given(st.dictionaries(KEYS, st.sampled_from("12"), min_size=1), st.sets(KEYS, min_size=1), st.booleans())
def test_what_is_put_back_is_irkits_until_it_lets_go(labels: dict[str, str], keys: set[str], marked: bool) -> None:
    before = pod(**labels)
    mark = label(CASE_LABEL, CASE)
    fields = [Field(("metadata", "labels", key), None) for key in sorted(keys & labels.keys())]
    if not fields:
        return
    mine, originals = changed(before, *fields)
    if marked:
        mine, _ = changed(mine, mark)
    there = back(mine, originals, *fields)
    assert owned(there)

    call = only(gone(there, originals, *fields))
    after = patched(there, call)

    assert gone(after, originals, *fields) is None
    assert {key: value for key, value in after["metadata"]["labels"].items() if key != CASE_LABEL} == labels
    assert not any(f"f:{one.path[-1]}" in str(owned(after)) for one in fields)
    assert marked == any(f"f:{CASE_LABEL}" in str(one) for one in owned(after))
    assert {} not in owned(after)
    assert owned(before, "owner")[0]["f:spec"] == owned(after, "owner")[0]["f:spec"]


def test_a_patch_says_whose_entry_it_takes() -> None:
    fields = (Field(("metadata", "labels", "app"), None),)
    there = back(*changed(pod(app="web", tier="x"), *fields), *fields)
    entries = there["metadata"]["managedFields"]
    at = [one["manager"] for one in entries].index("irkit")
    held = entries[at]["fieldsV1"]

    call = only(gone(there, {(POD.key, fields[0].name): "web"}, *fields))

    where = f"/metadata/managedFields/{at}"
    assert call.body == [
        {"op": "test", "path": "/metadata/uid", "value": POD.uid},
        {"op": "test", "path": f"{where}/manager", "value": "irkit"},
        {"op": "test", "path": f"{where}/fieldsV1", "value": held},
        {"op": "remove", "path": where},
    ]


def test_an_entry_that_moved_or_changed_since_is_left_alone() -> None:
    fields = (Field(("metadata", "labels", "app"), None),)
    there = back(*changed(pod(app="web", tier="x"), *fields), *fields)
    call = only(gone(there, {(POD.key, fields[0].name): "web"}, *fields))
    moved = copy.deepcopy(there)
    moved["metadata"]["managedFields"].reverse()
    more = patched(there, only_label(there))

    for other in (moved, more):
        with pytest.raises(ApiError):
            apply(copy.deepcopy(other), copy.deepcopy(call.body))


def only_label(doc: Tree) -> KubeCall:
    mark = label(CASE_LABEL, CASE)
    edit = alter("mark", SUBJECT, (mark,), read_exact(Doc(doc, "pod"), (mark,), CASE), CASE)
    assert edit is not None
    return edit.call


def test_what_irkit_only_added_is_nobodys_to_let_go_of() -> None:
    mark = label(CASE_LABEL, CASE)
    added, originals = changed(pod(app="web"), mark)
    assert originals == {(POD.key, mark.name): None}

    assert gone(added, originals, mark) is None
    assert gone(back(added, originals, mark), originals, mark) is None


def test_what_somebody_set_since_is_not_ours_to_let_go_of() -> None:
    fields = (Field(("metadata", "labels", "app"), None),)
    there = back(*changed(pod(app="web", tier="x"), *fields), *fields)
    assert gone(there, {(POD.key, fields[0].name): "other"}, *fields) is None


@pytest.mark.parametrize(
    ("operation", "manager"), [("Apply", "irkit"), ("Update", "irkit-2"), ("Update", "")], ids=["applied", "other", "none"]
)  # fmt: skip
def test_only_what_irkit_wrote_by_an_update_is_its_own(operation: str, manager: str) -> None:
    doc = pod(app="web")
    fields: Tree = {"f:metadata": {"f:labels": {"f:app": {}}}}
    doc["metadata"]["managedFields"].append({"manager": manager, "operation": operation, "fieldsV1": fields})
    assert read_held(Doc(doc, "pod"), [("metadata", "labels", "app")]) == ()


def test_the_last_entry_of_an_object_is_left() -> None:
    """Without any, the server tracks nobody."""
    doc = pod(app="web")
    doc["metadata"]["managedFields"][0]["manager"] = "irkit"
    assert read_held(Doc(doc, "pod"), [("metadata", "labels", "app")]) == ()


def test_an_object_without_managers_is_no_ones() -> None:
    assert read_held(Doc({"metadata": {}}, "pod"), [("spec", "suspend")]) == ()


def test_managers_of_the_wrong_type_are_malformed() -> None:
    with pytest.raises(Malformed):
        read_held(Doc({"metadata": {"managedFields": ["irkit"]}}, "pod"), [("spec", "suspend")])


def test_a_map_as_such_goes_with_its_last_member() -> None:
    """`.` is the map itself; a member that is left empty would be a field of its own."""
    doc = pod(app="web")
    labels: Tree = {"f:labels": {".": {}, "f:app": {}}}
    doc["metadata"]["managedFields"] += [
        {"manager": "irkit", "operation": "Update", "fieldsV1": {"f:metadata": labels, "f:spec": {"f:nodeName": {}}}},
        {"manager": "irkit", "operation": "Update", "subresource": "x", "fieldsV1": {"f:metadata": labels}},
    ]
    path = ("metadata", "labels", "app")

    ops = disown(read_held(Doc(doc, "pod"), [path]), [path])

    after = apply(doc, ops)
    assert owned(after) == [{"f:spec": {"f:nodeName": {}}}]
