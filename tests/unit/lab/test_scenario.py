"""Scenario files: what they may say, and how mistakes are told."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.errors import ConfigError
from irkit.lab import builder, scenario
from irkit.lab.seed import Seed
from irkit.playbook.language import API_VERSION
from tests.unit.lab.conftest import NOW

MINIMAL = {"apiVersion": "irkit.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "a"}, "world": {}}


def test_the_documented_example_is_a_world() -> None:
    doc = scenario.__doc__
    assert doc is not None
    lines = [line for line in doc.splitlines() if line.startswith("    ")]
    found = scenario.parse(scenario.read(textwrap.dedent("\n".join(lines)).encode(), "example"), "example")
    assert found.metadata.title == "A web shop"
    names = {(each["kind"], each["metadata"]["name"]) for each in builder.build(found, NOW).objects}
    assert {("Deployment", "web"), ("Pod", "odd"), ("NetworkPolicy", "allow-web")} <= names


def test_a_file_says_where_it_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    with pytest.raises(ConfigError, match=r"world\.yaml: cannot be read: No such file"):
        scenario.load(path)
    path.write_text("world: {\n  a: ]", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"world\.yaml:2:6: "):
        scenario.load(path)


@pytest.mark.parametrize(
    ("doc", "message"),
    [
        ({**MINIMAL, "kind": "Playbook"}, "kind: Input should be 'Scenario'"),
        ({**MINIMAL, "wrld": {}}, "wrld: Extra inputs are not permitted"),
        ({**MINIMAL, "world": {"nodes": [{"count": 0}]}}, "world.nodes.0.count: "),
        ({**MINIMAL, "world": {"namespaces": {"Shop": {}}}}, "world.namespaces.Shop"),
        (
            {**MINIMAL, "world": {"namespaces": {"a": {"pods": {"b": {"imge": "c"}}}}}},
            "world.namespaces.a.pods.b.imge: ",
        ),
        ({**MINIMAL, "seed": "one"}, "seed: "),
        (
            {**MINIMAL, "world": {"namespaces": {"a": {"pods": {"b": {"labels": {"c": "no value"}}}}}}},
            "pods.b.labels: Value error, labels: Invalid value",
        ),
        (
            {**MINIMAL, "world": {"namespaces": {"a": {"pods": {"b": {"annotations": {"no key": "c"}}}}}}},
            "pods.b.annotations: Value error, metadata.annotations: Invalid value",
        ),
        ({**MINIMAL, "world": {"cluster": "lab"}}, "world.cluster: "),
        (
            {**MINIMAL, "world": {"namespaces": {"a": {"networkPolicies": {"p": {"policyType": ["Egress"]}}}}}},
            "networkPolicies.p: Value error, there is no field policyType",
        ),
        (
            {**MINIMAL, "world": {"namespaces": {"a": {"networkPolicies": {"p": {"policyTypes": ["Up"]}}}}}},
            'spec.policyTypes[0]: Unsupported value: "Up"',
        ),
        ({**MINIMAL, "world": {"objects": [{"kind": "Pod"}]}}, "world.objects.0: Value error, apiVersion and kind"),
        (
            {**MINIMAL, "world": {"objects": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}]}},
            "needs a name and a namespace",
        ),
        (
            {**MINIMAL, "world": {"objects": [{"apiVersion": "v1", "kind": "Gizmo", "metadata": {"name": "a"}}]}},
            "world.objects.0: ",
        ),
    ],
)
def test_mistakes_are_named_by_their_path(doc: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        scenario.parse(doc, "a.yaml")
    assert caught.value.message.startswith("a.yaml: ")
    assert message in caught.value.message


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"a: &x [1]\nb: *y", b"\x00", b"a: 1\na: 2", b"- " * 5000, b"x" * (scenario.LARGEST + 1)]
)
def test_what_is_no_mapping_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError):
        scenario.read(data, "a.yaml")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))  # fmt: skip
def test_nothing_but_config_errors(value: Any) -> None:
    for doc in ({**MINIMAL, "world": value}, {**MINIMAL, "tokens": value}):
        try:
            builder.build(scenario.parse(doc, "a.yaml"), NOW)
        except ConfigError as error:
            assert error.message.startswith("a.yaml: ")  # noqa: PT017 -- most values are refused, {} is not


def test_a_pod_on_a_node_that_is_not_there_is_refused() -> None:
    doc = {**MINIMAL, "world": {"namespaces": {"a": {"pods": {"b": {"node": "elsewhere"}}}}}}
    with pytest.raises(ConfigError, match="there is no node elsewhere"):
        builder.build(scenario.parse(doc, "a.yaml"), NOW)


def test_a_scenarios_own_tokens_join_the_default_ones() -> None:
    rules = [{"verbs": ["get"], "resources": ["pods"]}]
    doc = {**MINIMAL, "tokens": {"auditor": {"user": "auditor", "rules": rules}}}
    seed = builder.build(scenario.parse(doc, "a.yaml"), NOW)
    assert set(seed.tokens) == {"admin", "responder", "viewer", "auditor"}
    assert seed.tokens["auditor"].user == "auditor"


def test_a_seed_survives_the_way_to_another_process(seed: Seed) -> None:
    assert Seed.from_json(seed.to_json()) == seed


def test_scenarios_and_playbooks_are_of_one_api_version() -> None:
    assert scenario.parse(MINIMAL, "test").api_version == API_VERSION
    with pytest.raises(ConfigError, match=API_VERSION):
        scenario.parse({**MINIMAL, "apiVersion": "irkit.dev/v1"}, "test")
