"""The schema beside the shipped playbooks is what the code says, and every shipped or documented playbook fits it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from irkit.actions.catalog import Catalog
from irkit.playbook import shipped
from irkit.playbook.diagnostics import Problems
from irkit.playbook.schema import playbook_schema, render_schema
from irkit.playbook.yamltree import read_tree
from irkit.views.pages import example_playbook

FOLDER = Path(__file__).resolve().parents[2] / "playbooks"
CATALOG = Catalog.builtin()
VALIDATOR = Draft202012Validator(playbook_schema(CATALOG))


def faults(text: str) -> list[str]:
    tree = read_tree(text.encode(), Problems())
    assert tree is not None
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(tree.plain())]


def test_the_schema_file_is_fresh() -> None:
    assert (FOLDER / "playbook.schema.json").read_text() == render_schema(CATALOG), "run: make docs"


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_playbook_fits_the_schema(name: str) -> None:
    assert faults(shipped.load(name)[0].decode()) == []


@pytest.mark.parametrize("action", list(CATALOG), ids=lambda action: str(action.spec.id))
def test_the_example_of_every_action_fits_the_schema(action: Any) -> None:
    assert faults(example_playbook(action.spec)) == []


def test_what_does_not_fit_is_noticed() -> None:
    text = shipped.load("compromised-pod")[0].decode()
    assert faults(text.replace("timeout: 20s", "timeout: 20"))
    assert faults(text.replace("kube.cordon_node", "kube.cordon_nodes"))
    assert faults(text.replace("node: ${steps.scope.node}", "nodes: ${steps.scope.node}"))
