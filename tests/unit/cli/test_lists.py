"""Lists name everything in full: what is cut cannot be typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from irkit.actions.catalog import Catalog
from irkit.cli.program import run
from irkit.lab import drills
from irkit.playbook import shipped
from irkit.views.terminal import cells
from tests.unit.cli.shells import own_world


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["playbook", "list"], shipped.names()),
        (["actions", "list"], [action.spec.id for action in Catalog.builtin()]),
        (["drill", "list"], drills.names()),
    ],
)
def test_no_name_is_cut_at_eighty_columns(
    words: list[str],
    names: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own_world(tmp_path, monkeypatch)
    assert run(words) == 0
    shown = capsys.readouterr().out
    assert all(f"\n{name} " in f"\n{shown}" for name in names)
    assert max(map(cells, shown.splitlines())) <= 80
