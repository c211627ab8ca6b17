"""The JSON Schema says what the grammar says: what one refuses by form, the other refuses."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from irkit.playbook.diagnostics import Problems
from irkit.playbook.schema import playbook_schema, render_schema
from irkit.playbook.yamltree import read_tree
from tests.unit.playbook.sample import CATALOG, HEAD, book, found
from tests.unit.playbook.test_language import WHOLE

SCHEMA = playbook_schema(CATALOG)
VALIDATOR = Draft202012Validator(SCHEMA)


def faults(text: str) -> list[str]:
    tree = read_tree(text.encode(), Problems())
    assert tree is not None
    return [error.json_path for error in VALIDATOR.iter_errors(tree.plain())]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_every_reference_in_it_leads_somewhere() -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [one for part in value.values() for one in references(part)]
        return [one for part in value for one in references(part)] if isinstance(value, list) else []

    used = {one.removeprefix("#/$defs/") for one in references(SCHEMA)}
    assert used <= set(SCHEMA["$defs"])  # type: ignore[arg-type] # a JSON value
    assert "with test.tag" in used


@pytest.mark.parametrize("text", [HEAD, WHOLE, book("- {id: a, uses: test.tag}")])
def test_what_lints_is_valid(text: str) -> None:
    assert not [one for one in found(text) if not one.warning]
    assert faults(text) == []


WRONG = [
    HEAD.replace("v1alpha1", "v9"),
    HEAD.replace("kind: Playbook", "kind: Routes"),
    HEAD.replace("name: sample", "name: Sample"),
    HEAD.replace("name: sample", "title: sample"),
    HEAD.replace("metadata:\n  name: sample\n", ""),
    HEAD.replace("type: pod", "type: pdo"),
    HEAD.replace("pod: {type: pod}", "Pod: {type: pod}"),
    HEAD.replace("type: pod}", "type: text, default: 1}"),
    HEAD.replace("type: pod}", "type: pod, default: shop/web}"),
    HEAD.replace("type: pod}", "type: pod, required: 'yes'}"),
    HEAD.replace("  steps:", "  step:"),
    HEAD.partition("  steps:")[0] + "  steps: []\n",
    *(
        book(f"- {step}")
        for step in (
            "{uses: test.tag}",
            "{id: a}",
            "{id: A, uses: test.tag}",
            "{id: a, uses: test.nothing}",
            "{id: a, uses: test.tag, when: true}",
            "{id: a, uses: test.tag, needs: scope}",
            "{id: a, uses: test.tag, timeout: 90}",
            "{id: a, uses: test.tag, timeout: 1d}",
            "{id: a, uses: test.tag, approval: no}",
            "{id: a, uses: test.tag, on_failure: ignore}",
            "{id: a, uses: test.kill, accept_loss: '', with: {pod: '${inputs.pod}'}}",
            "{id: a, uses: test.tag, for_each: siblings}",
            "{id: a, uses: test.cordon}",
            "{id: a, uses: test.cordon, with: {}}",
            "{id: a, uses: test.cordon, with: {nodes: '${inputs.pod}'}}",
            "{id: a, uses: test.cordon, with: {node: 'x ${inputs.pod}'}}",
            "{id: a, uses: test.cordon, with: {node: n}}",
            "{id: a, uses: test.tag, with: {account: 111122223333}}",
            "{id: a, uses: test.tag, with: {account: '12'}}",
            "{id: a, uses: test.tag, with: {count: '1'}}",
            "{id: a, uses: test.tag, with: {count: -1}}",
            "{id: a, uses: test.tag, with: {mode: medium}}",
            "{id: a, uses: test.tag, with: {names: [1]}}",
        )
    ),
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_by_form_is_wrong_to_both(text: str) -> None:
    assert [one for one in found(text) if not one.warning]
    assert faults(text)


def test_an_expression_may_stand_for_any_parameter() -> None:
    steps = '- {id: a, uses: test.tag, with: {count: "${inputs.n}", names: "${steps.b.c}", force: "${item}", mode: "${item.x}"}}'
    assert faults(book(steps)) == []


def test_descriptions_come_from_the_code() -> None:
    defs: Any = SCHEMA["$defs"]
    assert defs["with test.tag"]["properties"]["count"]["description"] == "how many"
    assert defs["with test.tag"]["description"] == "Parameters of every kind."
    assert defs["step"]["allOf"][0]["then"]["description"] == "Sample (capture, none)"
    assert all(part["description"] for part in defs["step"]["properties"].values())


def test_models_of_the_same_name_in_two_actions_are_kept_apart() -> None:
    defs: Any = SCHEMA["$defs"]
    assert {"test.kill PodRef", "test.look PodRef", "input pod ClusterRef"} <= set(defs)


def test_it_is_rendered_the_same_each_time() -> None:
    assert render_schema(CATALOG) == render_schema(CATALOG)
    assert render_schema(CATALOG).endswith("}\n")
