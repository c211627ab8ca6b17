"""Decoding: types, unknown fields, and what Go would not store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from irkit.lab import fields
from irkit.lab.seed import Seed


def decode(value: Any, type_: str) -> tuple[Any, list[str]]:
    unknown: list[str] = []
    return fields.decode(value, type_, unknown), unknown


@pytest.mark.timeout(30)  # imports all models of the official client
def test_the_table_is_what_the_official_client_says() -> None:
    made = fields.render(fields.generate(fields.ROOTS))
    assert fields.TABLE.read_text(encoding="utf-8") == made, "python -m irkit.lab.fields makes it anew"


def test_a_field_that_no_kind_has_is_found_wherever_it_is() -> None:
    doc = {"spec": {"containers": [{"name": "a"}, {"name": "b", "imag": "c"}]}, "colour": "red"}
    decoded, unknown = decode(doc, "V1Pod")
    assert sorted(unknown) == ["colour", "spec.containers[1].imag"]
    assert decoded == {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}}


@pytest.mark.parametrize(
    ("doc", "stored"),
    [
        ({"metadata": {"labels": {}, "annotations": None, "finalizers": []}}, {"metadata": {}}),
        ({"metadata": {"labels": {"a": ""}}}, {"metadata": {"labels": {"a": ""}}}),
        ({"spec": {"hostNetwork": False, "containers": []}}, {"spec": {}}),
        ({"spec": {"automountServiceAccountToken": False}}, {"spec": {"automountServiceAccountToken": False}}),
        (
            {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}},
            {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}},
        ),
    ],
)
def test_what_is_empty_is_not_stored_unless_it_means_something(doc: dict[str, Any], stored: dict[str, Any]) -> None:
    assert decode(doc, "V1Pod") == (stored, [])


@pytest.mark.parametrize(
    "doc",
    [
        {"metadata": "text"},
        {"metadata": {"labels": ["a"]}},
        {"metadata": {"labels": {"a": 1}}},
        {"metadata": {"generation": True}},
        {"metadata": {"generation": 1.5}},
        {"spec": {"hostNetwork": "yes"}},
        {"spec": {"containers": {"name": "a"}}},
        {"spec": {"containers": ["a"]}},
    ],
)
def test_another_type_is_refused(doc: dict[str, Any]) -> None:
    with pytest.raises(fields.WrongType, match="cannot unmarshal"):
        decode(doc, "V1Pod")


def test_every_seeded_object_is_one_that_the_api_would_have_stored(seed: Seed) -> None:
    seen = set()
    for doc in seed.objects:
        decoded, unknown = decode(doc, fields.TYPES[doc["kind"]])
        assert (unknown, json.dumps(decoded, sort_keys=True)) == ([], json.dumps(doc, sort_keys=True))
        seen.add(doc["kind"])
    given_by_hand = {"CronJob", "RoleBinding", "Role", "ResourceQuota", "HorizontalPodAutoscaler"}
    made_by_controllers = {"EndpointSlice"}
    assert seen == {
        kind for kind in fields.TYPES if kind not in given_by_hand | made_by_controllers and "Admission" not in kind
    }
