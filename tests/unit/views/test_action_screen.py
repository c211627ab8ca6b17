"""An action on a terminal: everything that its page says, without a mark of Markdown."""

from __future__ import annotations

import pytest

from irkit.actions.catalog import Catalog
from irkit.views.action_screen import action_lines
from irkit.views.terminal import cells, paint
from tests.unit.views.test_pages import spec


def test_everything_is_there_and_nothing_is_markdown() -> None:
    shown = paint(action_lines(spec(destroys="memory", settle=5)), colour=False)
    for wanted in (
        "kube.stop_pod  Stop a pod\n",
        "Purpose   contain: stops an attacker\n",
        "Loses     volatile evidence of memory: capture it before\n",
        "Settles   within 5 s of its last write\n",
        "  pod              pod, required\n",
        "  grace            seconds | before the end (integer, default 30)\n",
        "  mode             one of fast, slow, default fast\n",
        "Gives\n  node             node\n",
        "  kube     pods: get, patch\n",
        "  kube     replicasets.apps: list\n",
        "  apiVersion: irkit.dev/v1alpha1\n",
    ):
        assert wanted in shown
    assert "| " not in shown.replace("seconds | before", "")
    assert "`" not in shown
    assert "#" not in shown


@pytest.mark.parametrize("action", [action.spec.id for action in Catalog.builtin()])
def test_every_shipped_action_fits_eighty_columns(action: str) -> None:
    shown = paint(action_lines(Catalog.builtin().need(action).spec), colour=False)
    assert max(cells(line) for line in shown.splitlines()) <= 80
    assert "| --- |" not in shown


@pytest.mark.parametrize("action", [action.spec.id for action in Catalog.builtin()])
def test_no_name_is_cut_and_each_parameter_says_what_it_is_for(action: str) -> None:
    spec = Catalog.builtin().need(action).spec
    shown = " ".join(paint(action_lines(spec), colour=False).split())
    for name, info in spec.params.model_fields.items():
        assert f" {name} {' '.join(str(info.description).split())} (" in shown
    for name in spec.outputs.model_fields:
        assert f" {name} " in shown


def test_a_switch_is_shown_as_a_playbook_says_it() -> None:
    shown = paint(action_lines(Catalog.builtin().need("kube.drain_node").spec), colour=False)
    assert "(boolean, default false)" in " ".join(shown.split())
