"""The screen of `irkit check`: the verdict first, then what it rests on; nothing from outside steers the terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from irkit.app.check import Checked, Checkup
from irkit.app.newcomers import Newcomer
from irkit.views.check import MOST, check_json, check_lines, check_status, lead
from irkit.views.terminal import cells, paint
from tests.support.screens import CASE, POD

AT = "2026-11-20T03:00:00.000000Z"


def one(status: Any, purpose: str = "contain", step: str = "isolate", why: str = "because") -> Checked:
    return Checked("r1", step, "kube.isolate_pod", purpose, str(POD), "proven", status, why, "a hint")


def up(*steps: Checked, **more: Any) -> Checkup:
    return Checkup(CASE, AT, steps, **more)


STRANGER = Newcomer(POD, "same image", expected=False)
REPLACED = Newcomer(POD, "same owner", expected=True)


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (up(one("holds")), 0, "Still contained."),
        (up(one("holds"), newcomers=(REPLACED,)), 0, "Still contained."),
        (up(one("holds"), newcomers=(STRANGER,)), 4, "Still contained, but look:"),
        (up(one("holds"), one("drifted", "protect")), 4, "Still contained, but look:"),
        (up(one("holds"), one("drifted")), 4, "NOT CONTAINED"),
        (up(one("leaky")), 4, "NOT CONTAINED"),
        (up(one("never")), 4, "NOT CONTAINED"),
        (up(one("unproven")), 4, "CONTAINMENT UNPROVEN"),
        (up(one("unknown")), 75, "CONTAINMENT UNPROVEN"),
        (up(one("unknown"), one("drifted")), 4, "NOT CONTAINED"),
        (up(one("holds"), one("unknown", "protect")), 75, "Still contained."),
        (up(), 4, "NOTHING CONTAINS ANYTHING HERE"),
        (up(undone=2), 4, "NOT CONTAINED: everything was taken back"),
        (up(one("holds"), undone=1), 0, "Still contained."),
        (up(one("holds"), undone=2, opened=("isolate",)), 4, "NOT CONTAINED: taken back in part"),
    ],
)
def test_the_worst_decides(found: Checkup, status: int, words: str) -> None:
    assert (check_status(found), lead(found)[0]) == (status, words)
    assert words in paint(check_lines(found), colour=False).splitlines()[0]
    assert json.loads(check_json(found))["verdict"] == words.rstrip(".:")


def test_what_was_taken_back_is_named() -> None:
    found = up(one("holds", step="cordon"), undone=14, opened=tuple(f"step-{number}" for number in range(13)))
    shown = paint(check_lines(found), colour=False)
    assert "✗ step-0           taken back" in shown
    assert "and 3 more that were taken back" in shown
    assert 13 == len(json.loads(check_json(found))["opened"])


def test_a_target_that_the_reason_names_is_named_once() -> None:
    shown = paint(check_lines(up(one("drifted", why=f"{POD} lacks its label"), one("holds"))), colour=False)
    assert " ".join(shown.split()).count(f"changed since: {POD} lacks its label") == 1
    assert f"holds: {POD}: because" in " ".join(shown.split())


def test_hundreds_of_steps_are_one_screen() -> None:
    found = up(*(one("holds", step=f"isolate[{number}]") for number in range(500)), one("drifted"))
    lines = paint(check_lines(found), colour=False).splitlines()
    assert len(lines) < 2 * MOST + 15
    assert "and 490 more that are holds" in "\n".join(lines)
    assert "1 changed since, " not in lines[0]
    assert "500 holds" in lines[0]
    assert len(json.loads(check_json(found))["steps"]) == 501


def test_the_next_command_is_about_what_was_changed() -> None:
    text = paint(check_lines(up(one("drifted"), newcomers=(STRANGER,)), irkit="irkit --state x"), colour=False)
    assert f"irkit --state x contain pod {POD.path}" in text
    assert "a hint" in text


def test_hostile_words_do_nothing_and_lines_fit() -> None:
    evil = "\x1b[2Jowned\u202e\r\n" + "word " * 60
    text = paint(check_lines(up(one("drifted", why=evil), unsearched=evil)), colour=False)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(cells(line) for line in text.splitlines()) <= 80
