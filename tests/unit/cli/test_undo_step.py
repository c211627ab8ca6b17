"""`irkit undo --step`: what it may name, and what it says of anything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from irkit.cli.program import run
from irkit.cli.undoing import undo_lines
from irkit.errors import UsageError
from irkit.journal.state import effect_key
from irkit.model.base import Json
from irkit.views.casefile import CaseFile
from irkit.views.figures import change
from irkit.views.risks import risks
from irkit.views.terminal import paint
from tests.support.screens import CASE as MADE
from tests.unit.cli.shells import CASE, open_case, own_world
from tests.unit.views.test_handover import real

ACCOUNT: Json = {"kind": "ServiceAccount", "namespace": "shop", "name": "web"}


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_world(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["NOPE", "labl", "label[7]"])
def test_a_step_that_is_not_there_is_said_so_and_those_that_are_are_named(name: str, tmp_path: Path) -> None:
    case = real(tmp_path, {"label": "kube.label_pod", "isolate": "kube.isolate_pod"})
    with pytest.raises(UsageError, match=f"{MADE} has no step") as caught:
        undo_lines(case, name)
    assert "steps that can be undone: label, isolate" in caught.value.hint
    assert caught.value.did == "nothing was changed"


def test_the_nearest_name_is_the_one_to_type(tmp_path: Path) -> None:
    case = real(tmp_path, {"label": "kube.label_pod", "isolate": "kube.isolate_pod"})
    with pytest.raises(UsageError) as caught:
        undo_lines(case, "isolte")
    assert caught.value.hint.endswith(f"irkit undo {MADE} --step isolate")


def test_a_step_without_an_undo_says_why(tmp_path: Path) -> None:
    case = real(tmp_path, {"label": "kube.label_pod", "kill": "kube.delete_pod"})
    with pytest.raises(UsageError, match=r"what step kill of .* did cannot be taken back: ") as caught:
        undo_lines(case, "kill")
    assert "steps that can be undone: label;" in caught.value.hint


def test_a_for_each_is_taken_back_whole_by_its_name_or_by_one_child(tmp_path: Path) -> None:
    case = real(tmp_path, {"label[u-1]": "kube.label_pod"})
    for name in ("label", "label[u-1]"):
        assert "pod shop/web-1" in paint(undo_lines(case, name), colour=False)


@pytest.mark.parametrize(
    ("now", "then", "told"),
    [
        (None, "x", "(none) → x"),
        ({"uid": "u-1", "ours": []}, {"uid": "u-1", "ours": [{"at": 0, "subject": ACCOUNT}]},
         "ours (none) → at 0 subject ServiceAccount shop/web"),
        ({"a": {"kind": "Role", "name": "r"}, "b": 1}, {"b": [2, "x"]}, "a Role r → (none), b 1 → 2, x"),
        ({"a": 1}, "x", '{"a":1} → x'),
    ],
)  # fmt: skip
def test_what_an_undo_sets_again_is_told_in_words(now: Json, then: Json, told: str) -> None:
    assert told == change(now, then)


def tools(folder: Path, *, deleted: str) -> CaseFile:
    """A run that cut connections: a pod of irkit's tools was made, and its deletion ended like this."""
    case = real(folder, {"isolate": "kube.isolate_pod", "cut": "kube.cut_connections"})
    made = next(one for one in case.state.effects.values() if one.step == "cut")
    case.state.touches[made.mark].clear()
    assert isinstance(made.call, dict)
    made.key = effect_key(made.mark, case.state.generation(made.mark), "apply", made.name)
    made.call = {**made.call, "verb": "create", "object": "irkit-k7f2-cut"}
    if deleted:
        call = {**made.call, "verb": "delete"}
        case.state.effects.add(replace(made, key="gone", name="gone", call=call, status=deleted))  # type: ignore[arg-type]
    return case


@pytest.mark.parametrize(("deleted", "stands"), [("done", False), ("failed", True), ("in_doubt", True), ("", True)])
def test_a_tool_pod_that_irkit_deleted_itself_is_not_taken_back_again(
    deleted: str, stands: bool, tmp_path: Path
) -> None:
    case = tools(tmp_path, deleted=deleted)
    shown = " ".join(paint(undo_lines(case, ""), colour=False).split())
    assert ("delete what irkit made: pods shop/irkit-k7f2-cut" in shown) is stands
    assert ("will not be contained any more by kube.cut_connections" in shown) is stands
    assert "will not be contained any more by kube.isolate_pod" in shown
    risky = [one.step for one in risks(case) if one.kind == "undo" and "go again" in one.why]
    assert risky == (["isolate", "cut"] if stands else ["isolate"])


def test_the_command_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_case(tmp_path / "state" / "irkit", CASE)
    assert run(["undo", CASE, "--step", "NOPE"]) == 2
    assert f"irkit: {CASE} has no step NOPE\n" in capsys.readouterr().err
