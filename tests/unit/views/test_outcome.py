"""The exit status and the last screen's first words, as experience.md's table says."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from irkit.model import records as r
from irkit.views.outcome import PRECEDENCE, exit_status, lead, seconds, worst
from tests.support.screens import asked, case_file, closed, ended, parked, playbook, wrote

UNNEEDED = closed("isolate", "skipped", condition="inputs.x")
BOOK = playbook(("scope", "read"), ("label", "protect"), ("isolate", "contain"))
ALL_PROVEN = [closed("scope", "proven"), closed("label", "proven"), closed("isolate", "proven")]
STORED = r.EffectIntended(
    run="r1", step="scope", turn=1, key="k", name="export", mark="0" * 64, attempt=1,
    call={"type": "store", "key": "x", "name": "export"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("bodies", "pause", "expected"),
    [
        pytest.param([*ALL_PROVEN, ended()], "", 0, id="all proven"),
        pytest.param([*ALL_PROVEN[:2], closed("isolate", "unproven"), ended()], "", 4, id="unproven"),
        pytest.param([*ALL_PROVEN[:2], closed("isolate", "leaky"), ended()], "", 4, id="leaky"),
        pytest.param([*ALL_PROVEN[1:], closed("scope", "skipped"), ended()], "", 4, id="skipped alone"),
        pytest.param([*ALL_PROVEN[:2], UNNEEDED, ended()], "", 0, id="one not needed"),
        pytest.param([*ALL_PROVEN[:2], closed("isolate", "failed"), ended("partial")], "", 4, id="failed"),
        pytest.param([closed("scope", "failed"), closed("label", "skipped"), closed("isolate", "skipped"), ended()],
                     "", 4, id="failed and skipped"),
        pytest.param([closed("scope", "proven"), closed("label", "refused"), closed("isolate", "skipped"), ended()],
                     "", 3, id="refused and nothing changed"),
        pytest.param([closed("scope", "proven"), STORED, closed("label", "refused"), closed("isolate", "skipped")],
                     "", 3, id="refused, only an artefact stored"),
        pytest.param([*wrote("label"), closed("label", "proven"), closed("isolate", "refused"), ended("partial")],
                     "", 4, id="refused after a change"),
        pytest.param([*wrote("label", failed=True), closed("label", "refused"), closed("isolate", "skipped")],
                     "", 3, id="refused after a write that did not take effect"),
        pytest.param([*wrote("label")[:1], closed("label", "refused")], "", 4, id="refused with a write in doubt"),
        pytest.param([*ALL_PROVEN[:2], asked("isolate")], "approval", 6, id="waits for approval"),
        pytest.param([*ALL_PROVEN[:2], parked("isolate")], "parked", 75, id="parked"),
        pytest.param([asked("label"), parked("isolate")], "approval", 75, id="parked before approval"),
        pytest.param([closed("label", "leaky"), asked("isolate")], "approval", 4, id="leaky before approval"),
        pytest.param([closed("label", "leaky"), parked("isolate")], "parked", 4, id="leaky before parked"),
        pytest.param([closed("label", "leaky")], "interrupted", 130, id="interrupted before leaky"),
        pytest.param(ALL_PROVEN[:1], "interrupted", 130, id="interrupted"),
        pytest.param([*ALL_PROVEN, ended("aborted")], "", 4, id="aborted"),
        pytest.param([ended("superseded")], "", 4, id="superseded"),
    ],
)  # fmt: skip
def test_exit_status(tmp_path: Path, bodies: list[r.AnyBody], pause: str, expected: int) -> None:
    case, view = case_file(tmp_path, BOOK, bodies)
    assert expected == exit_status(case.state, view, pause)


def test_precedence_is_the_documented_one() -> None:
    order = [1, 7, 130, 3, 4, 75, 6, 0]
    assert list(PRECEDENCE) == order
    for one, two in itertools.combinations(order, 2):
        assert worst([two, one]) == one
    assert worst([]) == 0


@pytest.mark.parametrize(
    ("bodies", "words", "level"),
    [
        ([*ALL_PROVEN, ended(contained_ms=3800)], "Contained in 3.8 s.", "good"),
        ([*ALL_PROVEN[:2], closed("isolate", "leaky"), ended()], "NOT CONTAINED", "bad"),
        ([*ALL_PROVEN[:2], closed("isolate", "refused"), ended()], "NOT CONTAINED", "bad"),
        ([*ALL_PROVEN[:2], closed("isolate", "failed"), ended()], "NOT CONTAINED", "bad"),
        ([*ALL_PROVEN[:2], closed("isolate", "skipped"), ended()], "NOT CONTAINED", "bad"),
        ([*ALL_PROVEN[:2], closed("isolate", "unproven"), ended(contained_ms=5)], "CONTAINMENT UNPROVEN", "warn"),
        ([*ALL_PROVEN[:2], asked("isolate")], "NOT CONTAINED YET", "bad"),
        ([*ALL_PROVEN[:2], parked("isolate")], "NOT CONTAINED YET", "bad"),
        ([*ALL_PROVEN[:2], UNNEEDED, ended()], "Done.", "good"),
        ([], "NOT CONTAINED YET", "bad"),
        ([closed("scope", "failed"), *ALL_PROVEN[1:], ended(contained_ms=10)], "Contained in 10 ms.", "good"),
    ],
)
def test_the_verdict_leads(tmp_path: Path, bodies: list[r.AnyBody], words: str, level: str) -> None:
    _, view = case_file(tmp_path, BOOK, bodies)
    found = lead(view)
    assert (found.words, found.level) == (words, level)


@pytest.mark.parametrize("status", ["leaky", "refused", "failed", "skipped", "unproven"])
def test_no_bad_contain_step_is_ever_called_contained(tmp_path: Path, status: Any) -> None:
    book = playbook(("one", "contain"), ("two", "contain"))
    _, view = case_file(tmp_path, book, [closed("one", "proven"), closed("two", status), ended(contained_ms=1)])
    found = lead(view)
    assert not found.words.startswith("Contained")
    assert [step.key for step in found.reasons] == ["two"]


def test_an_undo_says_whether_it_took_everything_back(tmp_path: Path) -> None:
    book = playbook(("undo-isolate", "contain"), ("undo-label", "protect"))
    bodies: list[r.AnyBody] = [closed("undo-isolate", "proven"), closed("undo-label", "proven"), ended()]
    case, view = case_file(tmp_path / "a", book, bodies, mode="undo")
    assert lead(view).words == "Taken back."
    assert exit_status(case.state, view) == 0
    bodies = [
        closed("undo-isolate", "proven"),
        *wrote("undo-isolate"),
        closed("undo-label", "refused"),
        ended("partial"),
    ]
    case, view = case_file(tmp_path / "b", book, bodies, mode="undo")
    assert lead(view).words == "NOT ALL TAKEN BACK"
    assert exit_status(case.state, view) == 4


def test_a_run_without_a_contain_step_claims_no_containment(tmp_path: Path) -> None:
    _, view = case_file(tmp_path, playbook(("scope", "read")), [closed("scope", "proven"), ended()])
    assert lead(view).words == "Done."


@pytest.mark.parametrize(
    ("given", "shown"), [(-1, "-"), (43, "43 ms"), (400, "0.4 s"), (12_000, "12 s"), (185_000, "3 min 5 s")]
)
def test_seconds(given: int, shown: str) -> None:
    assert seconds(given) == shown
