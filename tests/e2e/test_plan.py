"""The plan at a terminal, before the question: many targets on one screen, any step in full, and nothing written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irkit.cli.program import run
from irkit.views.terminal import cells
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]
Answered = Callable[..., tuple[int, str]]


@pytest.fixture
def answered(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Answered:
    """Somebody at a terminal, who answers these questions one by one."""
    monkeypatch.setenv("IRKIT_CONFIG", str(Path(stage.lab.folder) / "irkit.yaml"))
    monkeypatch.setenv("IRKIT_STATE", str(stage.state))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("irkit.cli.incident.interactive", lambda: True)

    def type_(answers: list[str], *words: str) -> tuple[int, str]:
        waiting: Iterator[str] = iter(answers)

        def ask(question: str) -> str:
            print(question)
            return next(waiting)

        monkeypatch.setattr("builtins.input", ask)
        status = run(list(words))
        assert next(waiting, None) is None, "a question was not asked"
        return status, capsys.readouterr().out

    return type_


def test_the_steps_are_shown_before_anything_is_answered(answered: Answered, stage: Stage) -> None:
    status, shown = answered(["s", "", "s", "label", "s", "1", "s", "bogus", "n"], "contain", "image", "web:1")
    screen, everything, label, first, wrong, _ = shown.split("Run it? [y]es, [s]teps…, [d]iff, [N]o")
    assert status == 3
    assert stage.writes() == []
    names = [pod.name for pod in stage.pods if pod.name.startswith("web")]
    assert "3 pods of shop" in screen
    assert screen.count("patch pods shop/") == 0
    assert [everything.count(f"patch pods shop/{name}") for name in names] == [2, 2, 2]  # label, and isolate the same
    assert [label.count(f"patch pods shop/{name}") for name in names] == [1, 1, 1]
    assert "kube.scope_image" in first
    assert "patch" not in first
    assert "There is no such step. There are: scope, block, baseline" in wrong


def test_a_plan_over_several_pods_fits_a_screen_and_the_rest_is_an_option(answered: Answered) -> None:
    brief = answered([], "plan", "malicious-image", "-i", "image=web:1")[1]
    whole = answered([], "plan", "malicious-image", "-i", "image=web:1", "--steps")[1]
    assert whole.startswith(brief[: brief.index("Digest")])
    assert len(brief.splitlines()) <= 48
    assert max(cells(line) for line in brief.splitlines() if "@sha256:" not in line) <= 80
    assert "kube.isolate_pod: contain" in whole
    assert "kube.isolate_pod" not in brief


def test_a_pods_plan_names_whom_it_acts_as(answered: Answered, stage: Stage) -> None:
    shown = " ".join(answered([], "plan", "compromised-pod", "-i", f"pod=shop/{stage.pods[0].name}")[1].split())
    assert "Running 6 d on ip-" in shown
    assert (
        "Identity service account shop/default · no AWS role · also used by 2 pods of Deployment shop/web, pod shop/xtra"
        in shown
    )
