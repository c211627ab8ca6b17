"""Lists name everything in full, as what is cut cannot be typed; and programs get one object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """What a command prints for programs, and its status."""
    own_world(tmp_path, monkeypatch)

    def ask(*words: str) -> tuple[int, list[dict[str, Any]]]:
        status = run(["--json", *words])
        return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return ask


def test_programs_get_each_playbook_drill_and_action(told: Any) -> None:
    _, books = told("playbook", "list")
    assert list(shipped.names()) == [one["name"] for one in books]
    assert all(one["title"] for one in books)
    assert list(drills.names()) == [one["name"] for one in told("drill", "list")[1]]
    _, actions = told("actions", "list")
    assert [action.spec.id for action in Catalog.builtin()] == [one["id"] for one in actions]
    (delete,) = [one for one in actions if one["id"] == "kube.delete_pod"]
    assert (delete["purpose"], delete["risk"], delete["undo"]) == ("recover", "destructive", False)


def test_programs_get_an_action_with_what_it_takes_gives_and_needs(told: Any) -> None:
    status, (shown,) = told("actions", "show", "kube.label_pod")
    assert (status, shown["id"]) == (0, "kube.label_pod")
    assert shown["params"]["required"] == ["pod"]
    assert shown["outputs"]["type"] == "object"
    assert {"plane": "kube", "group": "", "resource": "pods", "verb": "patch"} in shown["writes"]
    assert "kube.label_pod" in shown["example"]


@pytest.mark.parametrize("action", [action.spec.id for action in Catalog.builtin()])
def test_what_programs_get_of_an_action_is_said_of_each(told: Any, action: str) -> None:
    status, (shown,) = told("actions", "show", action)
    assert (status, shown["id"]) == (0, action)
    assert set(shown["params"].get("required", [])) <= set(shown["params"]["properties"])


def test_programs_get_what_is_wrong_with_a_playbook_by_its_place(told: Any, tmp_path: Path) -> None:
    assert told("playbook", "lint", *shipped.names()) == (0, [])
    text = shipped.load("compromised-pod")[0].decode()
    (tmp_path / "wrong.yaml").write_text(text.replace("uses: kube.label_pod", "uses: kube.lable_pod", 1))
    status, (one,) = told("playbook", "lint", "wrong.yaml", "suspicious-exec")
    assert status == 2
    assert (one["file"], one["line"], one["warning"]) == (
        "wrong.yaml", 1 + text.split("uses: kube.label_pod")[0].count("\n"), False,
    )  # fmt: skip
    assert "kube.lable_pod" in one["message"]
    assert "kube.label_pod" in one["remedy"]
