"""The page for the next on-call: what is in it, that it fits, and that nothing in it is markup."""

from __future__ import annotations

import json
import re
from pathlib import Path

from irkit.model import records as r
from irkit.views.handover import MOST, Handover, build_handover, handover_json, handover_lines, handover_markdown
from irkit.views.terminal import cells, paint
from tests.support.screens import CASE, WHO, asked, case_file, closed, parked, playbook, wrote

NOW = "2026-11-20T04:00:00.000000Z"
BOOK = playbook(("scope", "read"), ("label", "protect"), ("isolate", "contain"), ("kill", "contain"))
EVIL = "\x1b[2J[x](http://e) @here `a` <img src=x> \u202e" + "word " * 40


def page(folder: Path, *bodies: r.AnyBody) -> Handover:
    case, _ = case_file(folder, BOOK, bodies)
    return build_handover(case, NOW, irkit="irkit --state x")


def test_what_is_open_comes_worst_first(tmp_path: Path) -> None:
    found = page(
        tmp_path, closed("scope", "unproven", "nobody looked"), parked("label"), closed("isolate", "leaky", "allow-web"),
        asked("kill"),
    )  # fmt: skip
    assert [text.partition(":")[0] for text in found.risks[:3]] == ["r1 isolate", "r1 scope", "r1 label"]
    assert any("is open" in text for text in found.risks)
    assert "the journal is not sealed" in found.risks
    ((text, command),) = found.approvals
    assert "r1 kill" in text
    assert command == f"irkit --state x approve {CASE} kill"
    assert found.verdict == "NOT CONTAINED"


def test_who_did_what_and_how_to_take_it_back(tmp_path: Path) -> None:
    note = r.Note(request="x" * 8, who=WHO.model_copy(update={"operator": "bo"}), text="saw a miner")
    found = page(tmp_path, *wrote("label"), note)
    assert any("ada (identity unproven) began r1, playbook book" in text for text in found.deeds)
    assert any("bo (identity unproven) noted: saw a miner" in text for text in found.deeds)
    assert f"irkit --state x resume {CASE}" in found.following


def test_an_effect_in_doubt_is_a_risk(tmp_path: Path) -> None:
    found = page(tmp_path, *wrote("label")[:1])
    assert any("nobody knows whether" in text for text in found.risks)


def test_it_fits_and_nothing_in_it_steers_a_terminal(tmp_path: Path) -> None:
    found = page(tmp_path, closed("isolate", "leaky", EVIL), r.Note(request="x" * 8, who=WHO, text=EVIL))
    text = paint(handover_lines(found), colour=False)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(cells(line) for line in text.splitlines()) <= 80
    assert json.loads(handover_json(found))["case"] == CASE


def test_markdown_from_outside_is_text(tmp_path: Path) -> None:
    text = handover_markdown(page(tmp_path, closed("isolate", "leaky", EVIL)))
    assert not re.search(r"(?<!\\)[\[<`@]", text.partition("## Open risks")[2].partition("## Take back")[0])
    assert "\x1b" not in text
    assert "## Who did what" in text


def test_long_sections_are_cut_and_say_so(tmp_path: Path) -> None:
    notes = [r.Note(request=f"request{number:02}", who=WHO, text="x") for number in range(MOST + 5)]
    found = page(tmp_path, *notes)
    assert "and " in paint(handover_lines(found), colour=False).partition("Who did what")[2]
