"""Worlds that have ended: their cases are still found, and commands that need the world say what became of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from irkit.cli.context import Context, executable
from irkit.cli.failures import error_lines
from irkit.cli.program import run
from irkit.cli.worlds import Gone, configurations, gone, home, of_case, require
from irkit.errors import Refused, UsageError
from irkit.views.terminal import paint
from tests.unit.cli.shells import CASE, lab_folder, own_world


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_world(tmp_path, monkeypatch)


def test_a_lab_without_its_process_is_gone(tmp_path: Path) -> None:
    config = lab_folder(tmp_path / "lab")
    assert gone(Context(config=str(config))) == Gone(tmp_path / "lab", "")


def test_a_drill_is_named(tmp_path: Path) -> None:
    config = lab_folder(tmp_path / "x", drill="compromised-pod")
    found = gone(Context(config=str(config)))
    assert found is not None
    assert (found.drill, found.again) == ("compromised-pod", "irkit drill run compromised-pod --keep")


def test_a_real_cluster_is_never_gone(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text("{}")
    (tmp_path / "irkit.yaml").write_text("operator: ada\n")
    assert gone(Context(config=str(tmp_path / "irkit.yaml"))) is None
    assert gone(Context()) is None
    require(Context())


def test_a_command_that_needs_the_world_says_what_became_of_it(tmp_path: Path) -> None:
    own = Context(config=str(lab_folder(tmp_path / "x", drill="compromised-pod")))
    with pytest.raises(Refused, match=f"{CASE} can be read, but its world is gone: it was that of the drill") as caught:
        require(own, CASE)
    assert (caught.value.did, caught.value.hint) == (
        "nothing was changed", "a world that lives: irkit drill run compromised-pod --keep",
    )  # fmt: skip


@pytest.mark.parametrize("words", [("contain", "pod", "shop/web"), ("plan", "compromised-pod"), ("respond", "f.json")])
def test_nothing_is_started_in_a_world_that_is_gone(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = lab_folder(tmp_path / "a lab")
    assert run(["--config", str(config), *words]) == 3
    shown = capsys.readouterr().err
    assert "the world that --config selects is gone" in shown
    assert f"{executable()} lab up --folder '{tmp_path}/a lab'\n" in shown


@pytest.mark.parametrize("name", ["undo", "resume"])
def test_a_case_whose_world_is_gone_is_neither_resumed_nor_undone(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = lab_folder(tmp_path / "x", drill="compromised-pod", case=CASE)
    assert run(["--config", str(config), name, CASE]) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"{CASE} can be read, but its world is gone" in " ".join(shown.err.split())


def test_the_status_of_such_a_case_says_so_and_offers_only_what_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = lab_folder(tmp_path / "x", drill="compromised-pod", case=CASE)
    assert run(["status", CASE, "--config", str(config)]) == 0
    shown = capsys.readouterr().out
    assert "World     gone: it was that of the drill compromised-pod" in shown
    after = shown[shown.index("Next") :]
    assert f"{executable()} --config {config} report {CASE} -o report.html" in after
    assert "drill run compromised-pod --keep" in after
    assert " undo " not in after
    assert " resume " not in after


def test_labs_and_drills_with_cases_are_found_newest_first(tmp_path: Path) -> None:
    own = Context()
    assert configurations(own) == []
    base = tmp_path / "state" / "irkit"
    lab = lab_folder(base / "lab", case=CASE)
    drill = lab_folder(base / "drills" / "one", case="IR-20260101-bbbb")
    lab_folder(base / "drills" / "empty")
    os.utime(lab, (1, 1))
    assert configurations(own) == [drill, lab]
    assert of_case(own, CASE) == lab
    assert of_case(own, "IR-20260101-cccc") is None
    assert configurations(Context(config=str(lab))) == [drill]  # the selected one is no other


def test_status_names_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = lab_folder(tmp_path / "state" / "irkit" / "lab", case=CASE)
    assert run(["status"]) == 0
    shown = capsys.readouterr().out
    assert "1 lab or drill has cases of its own:" in shown
    assert f"export IRKIT_CONFIG={config}\n" in shown


@pytest.mark.parametrize("words", [("status",), ("undo",), ("abort",), ("resume",), ("close", "--why", "x")])
def test_a_case_of_a_drill_is_found_for_whoever_looks_for_it_elsewhere(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = lab_folder(tmp_path / "state" / "irkit" / "drills" / "one", case=CASE)
    assert run([words[0], CASE, *words[1:]]) == 2
    shown = capsys.readouterr().err
    assert f"there is no case {CASE}" in shown
    assert f"export IRKIT_CONFIG={config}\n" in shown


def test_an_unknown_case_is_said_so() -> None:
    with pytest.raises(UsageError) as caught:
        Context().known(CASE)
    assert caught.value.hint == "list cases: irkit status"


def test_labs_go_where_the_state_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home(Context()) == tmp_path / "state" / "irkit"
    monkeypatch.setenv("IRKIT_STATE", str(tmp_path / "mine"))
    assert home(Context()) == tmp_path / "mine"
    assert home(Context(state="flag")) == Path.cwd() / "flag"


# -- what is printed must work when it is pasted -------------------------------------------------------


def test_flags_that_select_are_part_of_every_command_that_is_printed() -> None:
    own = Context(config="my irkit.yaml", state="s", context="kind", cluster="prod", operator="ada", json=True)
    assert own.command == f"{executable()} --config 'my irkit.yaml' --state s --context kind --cluster prod"
    assert Context().command == executable()


def test_hints_of_errors_get_them_where_they_matter() -> None:
    text = paint(error_lines(UsageError("x", hint="irkit status C; or irkit lab up"), "irkit --state s"), colour=False)
    assert f"       irkit --state s status C; or {executable()} lab up\n" in text


def test_prose_about_irkit_is_no_command() -> None:
    error = UsageError("x", hint="irkit works on EKS findings")
    assert "       irkit works on EKS findings\n" in paint(error_lines(error, "irkit --state s"), colour=False)


def test_irkit_without_a_place_in_path_is_called_by_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "v env"
    folder.mkdir()
    (folder / "irkit").touch()
    monkeypatch.setattr("sys.executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/nonexistent")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert executable() == f"'{folder}/irkit'"
    monkeypatch.chdir(tmp_path)
    assert executable() == "'v env/irkit'"
    (folder / "irkit").unlink()
    assert executable() == "irkit"
