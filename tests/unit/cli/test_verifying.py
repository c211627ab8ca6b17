"""`irkit verify` on a terminal: its numbers add up, or it says what they leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

from irkit.cli.program import run
from tests.unit.cli.shells import CASE, open_case, own_world


def test_what_is_not_counted_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A seal is no record that somebody must vouch for: 88 records, one of them a seal, are 87 that nobody does."""
    own_world(tmp_path, monkeypatch)
    open_case(tmp_path / "state" / "irkit", CASE)
    assert run(["verify", CASE]) == 0
    assert "are not (its seals aside)\n" in capsys.readouterr().out
