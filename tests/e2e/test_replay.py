"""Going on with a run: what was shown once is not shown again, whoever goes on and however."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from irkit.cli.program import run
from tests.e2e.stage import LABEL, Stage, book

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]
Typed = Callable[..., tuple[int, str]]
ASKS = (
    '    - {id: kill, uses: kube.delete_pod, needs: [label], accept_loss: "a test", '
    'with: {pod: "${inputs.pod}", grace_seconds: 1}}\n'
)
LAST = '    - {id: look, uses: kube.scope_pod, with: {pod: "${inputs.pod}"}}\n'


@pytest.fixture
def typed(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("IRKIT_CONFIG", str(Path(stage.lab.folder) / "irkit.yaml"))
    monkeypatch.setenv("IRKIT_STATE", str(stage.state))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.yaml").write_text(book(LABEL + LAST + ASKS))

    def type_(*words: str) -> tuple[int, str]:
        status = run(list(words))
        return status, capsys.readouterr().out

    return type_


@pytest.fixture
def case(typed: Typed, stage: Stage) -> str:
    """A run of which two steps are done, and one waits for a second person."""
    status, shown = typed("contain", "pod", f"shop/{stage.pods[-1].name}", "--playbook", "book.yaml", "--yes")
    assert status == 6
    assert "✓ label" in shown
    assert "before" not in shown
    (found,) = stage.app().cases.all()
    return found


@pytest.mark.parametrize("verb", ["resume", "takeover"])
def test_who_goes_on_is_shown_what_is_new(verb: str, typed: Typed, case: str) -> None:
    assert typed("--operator", "bo", "approve", case, "kill", "--yes")[0] == 0
    shown = typed("--operator", "cy", verb, case)[1]
    assert "2 steps done before\n" in shown
    assert "✓ kill" in shown
    assert "patch pods" not in shown
    assert all("last look" in line for line in shown.splitlines() if " label " in line)


def test_what_was_not_approved_is_no_success(typed: Typed, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`irkit approve CASE STEP && irkit resume CASE` must not go on."""
    status, shown = typed("--operator", "bo", "approve", case, "kill")
    assert (3, True) == (status, "Shown only" in shown)
    monkeypatch.setattr("irkit.cli.after.interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    status, shown = typed("--operator", "bo", "approve", case, "kill")
    assert (3, True) == (status, "Nothing was approved" in shown)


def test_who_asked_for_it_is_told_before_the_question(
    typed: Typed, case: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("irkit.cli.after.interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("it was asked"))
    before = len(stage.records(case))
    status, shown = typed("approve", case, "kill")
    assert status == 3
    assert "Approve it?" not in shown
    assert before == len(stage.records(case))


def test_who_joins_sees_what_is_new_as_well(typed: Typed, case: str, stage: Stage) -> None:
    shown = typed("contain", "pod", f"shop/{stage.pods[-1].name}", "--playbook", "book.yaml", "--yes")[1]
    assert shown.count("2 steps done before") == 1
    assert "✓ label" not in shown
    assert case in shown


def test_programs_still_get_every_record_of_the_run(typed: Typed, case: str) -> None:
    out = typed("--json", "resume", case)[1]
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert kinds[0] == "run.opened"
    assert kinds.count("step.closed") == 2
