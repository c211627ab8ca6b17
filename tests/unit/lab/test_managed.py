"""managedFields: the last writer of a field owns it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from irkit.lab import managed


def write(old: dict[str, Any] | None, labels: dict[str, str], by: str) -> dict[str, Any]:
    new: dict[str, Any] = {"kind": "Pod", "metadata": {"name": "a", "labels": labels}}
    managed.record(old, new, manager=by, at="2026-11-21T12:00:00Z", api_version="v1")
    return new


def owners(doc: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in doc["metadata"]["managedFields"]:
        labels = entry["fieldsV1"].get("f:metadata", {}).get("f:labels", {})
        found.setdefault(entry["manager"], set()).update(key.removeprefix("f:") for key in labels)
    return {manager: labels for manager, labels in found.items() if labels}


def test_a_change_moves_a_field_to_who_made_it() -> None:
    first = write(None, {"a": "1", "b": "1"}, "one")
    second = write(first, {"a": "1", "b": "2"}, "two")
    assert owners(second) == {"one": {"a"}, "two": {"b"}}


def test_setting_what_is_there_takes_nothing() -> None:
    first = write(None, {"a": "1"}, "one")
    assert owners(write(first, {"a": "1"}, "two")) == {"one": {"a"}}


def test_what_is_gone_has_no_owner() -> None:
    first = write(None, {"a": "1", "b": "1"}, "one")
    assert owners(write(first, {"b": "1"}, "two")) == {"one": {"b"}}


@given(st.lists(st.tuples(st.dictionaries(st.sampled_from("abc"), st.sampled_from("12")), st.sampled_from(["x", "y"]))))
def test_every_field_has_exactly_one_owner(writes: list[tuple[dict[str, str], str]]) -> None:
    doc = None
    for labels, by in writes:
        doc = write(doc, labels, by)
        held = [label for each in owners(doc).values() for label in each]
        assert sorted(held) == sorted(labels)


def test_a_subresource_is_an_owner_of_its_own() -> None:
    first = write(None, {"a": "1"}, "one")
    new = {**first, "status": {"phase": "Running"}, "metadata": dict(first["metadata"])}
    managed.record(first, new, manager="one", at="2026-11-21T12:00:01Z", api_version="v1", subresource="status")
    entries = new["metadata"]["managedFields"]
    assert [(each.get("subresource", ""), each["time"][-3:]) for each in entries] == [("", "00Z"), ("status", "01Z")]
    assert entries[1]["fieldsV1"] == {"f:status": {"f:phase": {}}}
