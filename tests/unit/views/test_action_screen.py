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
        "  grace            integer, default 30. seconds | before the end\n",
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
