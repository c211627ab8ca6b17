"""Questions at a terminal: no is no, an unknown key is not, and Ctrl-C says what was done until then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from irkit.cli.context import confirm
from irkit.cli.program import app, run, summarize
from tests.unit.cli.shells import CASE, open_case, own_world


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_world(tmp_path, monkeypatch)


def typing(monkeypatch: pytest.MonkeyPatch, *answers: str | BaseException) -> None:
    """Somebody at the keyboard."""
    waiting: Iterator[str | BaseException] = iter(answers)

    def answer(_question: str) -> str:
        one = next(waiting)
        if isinstance(one, BaseException):
            raise one
        return one

    monkeypatch.setattr("builtins.input", answer)


@pytest.mark.parametrize(
    ("answers", "meant"),
    [
        (["y"], "y"), ([" YES "], "yes"), ([""], ""), (["n"], ""), (["No"], ""), ([EOFError()], ""),
        (["x", "yo", "y"], "y"), (["x", ""], ""),
    ],
)  # fmt: skip
def test_only_no_and_nothing_are_no(
    answers: list[str | BaseException], meant: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typing(monkeypatch, *answers)
    assert confirm("Run it? ") == meant
    unknown = [one for one in answers if one in {"x", "yo"}]
    assert capsys.readouterr().out.count("It is one of: y, yes, n") == len(unknown)


def test_another_question_has_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    typing(monkeypatch, "d")
    assert confirm("Run it? ", ("y", "d")) == "d"


def test_an_interrupt_at_a_question_is_130_and_says_that_nothing_was_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typing(monkeypatch, KeyboardInterrupt())
    with pytest.raises(typer.Exit) as caught:
        confirm("Approve it? ", did="nothing was approved")
    assert caught.value.exit_code == 130
    assert capsys.readouterr().err == "\nirkit: interrupted at the question: nothing was approved\n"


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("n", (3, "Nothing was changed.")),
        (KeyboardInterrupt(), (130, "interrupted at the question: nothing was changed")),
    ],
)
def test_a_declined_undo_says_that_nothing_was_done(
    answer: str | BaseException, wanted: tuple[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    status, told = wanted
    open_case(tmp_path / "state" / "irkit", CASE)
    monkeypatch.setattr("irkit.cli.after.interactive", lambda: True)
    typing(monkeypatch, answer)
    before = (tmp_path / "state" / "irkit" / "cases" / CASE / "journal.jsonl").read_bytes()
    assert run(["undo", CASE]) == status
    shown = capsys.readouterr()
    assert told in shown.out + shown.err
    assert (tmp_path / "state" / "irkit" / "cases" / CASE / "journal.jsonl").read_bytes() == before


# -- usage ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["report"], "report --help"), (["approve", CASE], "approve --help"), (["lab", "up", "--nope"], "lab up --help"),
        (["contain", "pod"], "contain pod --help"), (["bogus"], "irkit --help"), (["close", CASE], "close --help"),
    ],
)  # fmt: skip
def test_wrong_usage_names_the_help_of_its_own_command(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err.endswith(f"{hint}\n")


def groups(one: typer.Typer, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    for inner in one.registered_groups:
        assert inner.typer_instance is not None
        found += groups(inner.typer_instance, (*path, str(inner.name)))
    return found


@pytest.mark.parametrize("path", groups(app), ids=" ".join)
def test_no_summary_of_a_command_is_cut(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path, "--help"]) == 0
    assert not re.search(r"[^\]]\.\.\.$", capsys.readouterr().out, re.MULTILINE)


def test_a_summary_is_the_first_sentence_of_the_docstring() -> None:
    def long() -> None:
        """Do one thing of which there is much to be said, and more than a line of a screen can hold. And another.

        Details.
        """

    group = typer.Typer()
    group.command()(long)
    summarize(group)
    told = "Do one thing of which there is much to be said, and more than a line of a screen can hold."
    assert [one.short_help for one in group.registered_commands] == [told]


# -- files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"), [("nope/x.html", "there is no folder nope"), (".", "it is a folder"), ("x.pdf", "is not clear")]
)
def test_a_report_that_cannot_be_written_is_wrong_usage(
    name: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_case(tmp_path / "state" / "irkit", CASE)
    assert run(["report", CASE, "-o", name]) == 2
    assert why in capsys.readouterr().err


def test_an_unknown_format_lists_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_case(tmp_path / "state" / "irkit", CASE)
    assert run(["report", CASE, "-o", "x", "--format", "pdf"]) == 2
    shown = capsys.readouterr().err
    assert "there is no report format pdf" in shown
    assert "--format html, md or json" in shown


def test_a_report_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_case(tmp_path / "state" / "irkit", CASE)
    path = tmp_path / ("a-long-name" * 8 + ".md")
    assert run(["report", CASE, "-o", str(path)]) == 0
    assert f"{path}\n" in capsys.readouterr().out
