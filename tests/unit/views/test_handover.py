"""The page for the next on-call: what is in it, that it fits, and that nothing in it is markup."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from irkit.actions.catalog import Catalog
from irkit.model import records as r
from irkit.model.effects import Mark
from irkit.model.playbooks import Expr, Playbook, Step
from irkit.views.casefile import CaseFile
from irkit.views.handover import MOST, Handover, build_handover, handover_json, handover_lines, handover_markdown
from irkit.views.terminal import cells, paint
from tests.support.screens import (
    CASE,
    CLUSTER,
    POD,
    WHO,
    asked,
    case_file,
    closed,
    ended,
    parked,
    playbook,
    records,
    wrote,
)  # fmt: skip

NOW = "2026-11-20T04:00:00.000000Z"
BOOK = playbook(("scope", "read"), ("label", "protect"), ("isolate", "contain"), ("kill", "contain"))
EVIL = "\x1b[2J[x](http://e) @here `a` ``b`` <img src=x> www.evil.test \u202e" + "word " * 40


def page(folder: Path, *bodies: r.AnyBody, **more: Any) -> Handover:
    case, _ = case_file(folder, BOOK, bodies, **more)
    return build_handover(case, NOW, irkit="irkit --state 'x y'")


def told(found: Handover, kind: str) -> list[str]:
    return [str(one) for one in found.risks if one.kind == kind]


def real(folder: Path, uses: dict[str, str], *more: r.AnyBody, finished: bool = True) -> CaseFile:
    """A case whose steps use real actions on the pod, and that changed something with each."""
    pods = Expr(expr=("inputs", "pods"))
    steps = tuple(
        Step(id=name.partition("[")[0], uses=action, arguments={}, for_each=pods if "[" in name else None)
        for name, action in uses.items()
    )
    case, view = case_file(folder, Playbook(name="book", title="x", inputs=(), steps=steps))
    case.catalog = Catalog.builtin()
    for name in uses:
        if "[" in name:
            view.run.children.setdefault(name.partition("[")[0], (name,))
            view.run.items[name] = POD.dump()
    bodies: list[r.AnyBody] = []
    for name, action in uses.items():
        mark = Mark(within=CLUSTER.id, case=CASE, action=action, scope="s", params="0" * 64)
        planned = r.StepPlanned(
            run="r1", step=name, turn=1, action=action, mark=mark, target=POD.key, why="w", effects=("e",), impact=(),
            touches=(r.Touch(target=POD.key, field="x", value="1"),),
        )  # fmt: skip
        calls = [one.model_copy(update={"mark": mark.id}) for one in wrote(name)]
        calls = [one.model_copy(update={"key": f"{mark.id}.0.apply.e"}) for one in calls]
        done = closed(name, "proven").model_copy(update={"mark": mark.id, "target": POD.key})
        bodies += [planned, *calls, *([done] if finished else [])]
    case.hear(records([*bodies, *more], start=2))
    assert view.run.id == "r1"
    return case


def test_what_is_open_comes_worst_first(tmp_path: Path) -> None:
    found = page(
        tmp_path, closed("scope", "unproven", "nobody looked"), parked("label"), closed("isolate", "leaky", "allow-web"),
        asked("kill"),
    )  # fmt: skip
    assert [one.kind for one in found.risks] == ["open", "unproven", "waits", "waits", "journal"]
    assert told(found, "open") == ["r1 isolate: leaky: allow-web"]
    assert told(found, "unproven") == ["r1 scope: unproven: nobody looked"]
    assert told(found, "waits")[0].startswith("r1 label: parked: ")
    assert "is open" in told(found, "waits")[1]
    assert told(found, "journal") == ["the journal is not sealed"]
    ((text, command),) = found.approvals
    assert "r1 kill" in text
    assert command == f"irkit --state 'x y' approve {CASE} kill"
    assert found.verdict == "NOT CONTAINED"
    assert found.advice[1] == command


def test_the_page_says_what_each_risk_is(tmp_path: Path) -> None:
    found = page(
        tmp_path, closed("scope", "failed", "no answer"), closed("isolate", "leaky", "allow-web"), ended("partial")
    )
    shown = paint(handover_lines(found), colour=False)
    assert re.findall(r"^[A-Z][a-z ]+$", shown, re.MULTILINE) == [
        "Do first", "Not contained", "Did not work", "The evidence", "Waiting for approval", "Who did what", "Take back",
        "Next",
    ]  # fmt: skip


def test_who_did_what_and_how_to_take_it_back(tmp_path: Path) -> None:
    note = r.Note(request="x" * 8, who=WHO.model_copy(update={"operator": "bo"}), text="saw a miner")
    found = page(tmp_path, *wrote("label"), note)
    assert any("ada (identity unproven) began r1, playbook book" in text for text in found.deeds)
    assert any("bo (identity unproven) noted: saw a miner" in text for text in found.deeds)
    assert f"irkit --state 'x y' resume {CASE}" in found.following


def test_an_effect_in_doubt_names_its_step_and_what_it_is_about(tmp_path: Path) -> None:
    found = page(tmp_path, *wrote("label")[:1])
    (text,) = told(found, "doubt")
    assert text == "r1 label: nobody knows whether this took effect: patch pods shop/web-1; a resume looks"


def test_children_that_are_open_for_one_reason_are_one_risk_with_its_targets(tmp_path: Path) -> None:
    case, view = case_file(tmp_path, BOOK)
    keys = tuple(f"isolate[u-{number}]" for number in range(5))
    view.run.items.update(
        {key: {"kind": "Pod", "namespace": "shop", "name": f"w-{index}"} for index, key in enumerate(keys)}
    )
    view.run.children["isolate"] = keys
    case.hear(records([closed(key, "leaky", "allow-web") for key in keys], start=2))
    case._playbooks[view.run.checked] = None  # as where the blob is gone: the steps of the journal are what there is
    (one,) = [risk for risk in build_handover(case, NOW).risks if "allow-web" in risk.why]
    assert (one.step, one.target, one.why) == ("isolate", "5 pods of shop: w-0, w-1, w-2, +2", "leaky: allow-web")


# -- taking back -----------------------------------------------------------------------------------------


def test_a_step_without_an_undo_has_no_command_and_says_why(tmp_path: Path) -> None:
    case = real(tmp_path, {"label": "kube.label_pod", "isolate": "kube.isolate_pod", "kill": "kube.delete_pod"})
    found = build_handover(case, NOW)
    assert found.undo == (f"irkit undo {CASE}", f"irkit undo {CASE} --step label", f"irkit undo {CASE} --step isolate")
    undo = told(found, "undo")
    assert undo[0] == "isolate: pod shop/web-1 (uid 5b1c0000): its undo lets the target go again"
    assert undo[1].startswith("kill: cannot be taken back: ")
    assert len(undo) == 2


def test_children_are_taken_back_by_their_step_and_every_command_can_be_pasted(tmp_path: Path) -> None:
    case = real(tmp_path, {"isolate[u-1]": "kube.isolate_pod"})
    found = build_handover(case, NOW)
    assert [shlex.split(command)[-1] for command in found.undo] == [CASE, "isolate"]
    page_of_asked = page(tmp_path / "b", asked("kill[u-1]"))
    assert shlex.split(page_of_asked.approvals[0][1])[-1] == "kill[u-1]"
    assert "'kill[u-1]'" in page_of_asked.approvals[0][1]


def test_what_was_begun_and_never_ended_can_be_taken_back_as_well(tmp_path: Path) -> None:
    found = build_handover(real(tmp_path, {"label": "kube.label_pod"}, finished=False), NOW)
    assert found.undo == (f"irkit undo {CASE}", f"irkit undo {CASE} --step label")


# -- what comes from outside -----------------------------------------------------------------------------


def test_it_fits_and_nothing_in_it_steers_a_terminal(tmp_path: Path) -> None:
    found = page(tmp_path, closed("isolate", "leaky", EVIL), r.Note(request="x" * 8, who=WHO, text=EVIL))
    text = paint(handover_lines(found), colour=False)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(cells(line) for line in text.splitlines()) <= 80
    assert json.loads(handover_json(found))["case"] == CASE


def outside_code(text: str) -> str:
    """Markdown without its code spans and blocks, by CommonMark §6.1 and §4.4."""
    lines = [line for line in text.split("\n") if not line.startswith("      ")]
    return re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", "\n".join(lines))


def test_markdown_from_outside_is_text(tmp_path: Path) -> None:
    text = handover_markdown(page(tmp_path, closed("isolate", "leaky", EVIL), operator="@here www.evil.test"))
    assert not re.search(r"[\[<@]|www|http", outside_code(text))
    assert "\x1b" not in text
    assert "## Who did what" in text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.text(
        st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("`@[]<>\n|\\ #")), min_size=1, max_size=40
    )
)
def test_no_name_leaves_its_code_span(tmp_path: Path, evil: str) -> None:
    bodies: list[r.AnyBody] = [closed("isolate", "leaky", evil), r.Note(request="x" * 8, who=WHO, text=evil)]
    calm = handover_markdown(
        page(tmp_path, closed("isolate", "leaky", "x"), r.Note(request="x" * 8, who=WHO, text="x"))
    )
    text = handover_markdown(page(tmp_path, *bodies))
    assert outside_code(text) == outside_code(calm)


def test_long_sections_are_cut_and_say_so(tmp_path: Path) -> None:
    notes = [r.Note(request=f"request{number:02}", who=WHO, text="x") for number in range(MOST + 5)]
    found = page(tmp_path, *notes)
    assert "and " in paint(handover_lines(found), colour=False).partition("Who did what")[2]
