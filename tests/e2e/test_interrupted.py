"""Ctrl-C before anything is written: a server that hangs keeps nobody at the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from irkit.lab.faults import HOLD
from tests.e2e.stage import ISOLATE, LABEL, Stage, book
from tests.support.moments import held, until

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "hangs"),
    [
        (["plan"], "selfsubjectaccessreviews"),
        (["contain", "pod"], "selfsubjectaccessreviews"),
        (["check"], "pods"),
        (["contain", "pod"], "selfsubjectreviews"),
    ],
    ids=["plan", "contain", "check", "whoami"],
)
def test_it_ends_at_once_and_says_so(stage: Stage, tmp_path: Path, words: list[str], hangs: str) -> None:
    (tmp_path / "book.yaml").write_text(book(LABEL + ISOLATE))
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "USER": "ana"}
    env["IRKIT_CONFIG"] = str(Path(stage.lab.folder) / "irkit.yaml")
    name, file = f"shop/{stage.pods[-1].name}", str(tmp_path / "book.yaml")
    pod = [file, "--input", f"pod={name}"] if words == ["plan"] else [name, "--playbook", file, "--yes"]
    typed = [sys.executable, "-m", "irkit", "--state", str(stage.state)]
    if words == ["check"]:
        contain = [*typed, "contain", "pod", *pod]
        done = subprocess.run(contain, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert 4 == done.returncode, done.stderr  # no probe: unproven
        (case,) = (one.name for one in (stage.state / "cases").iterdir())
        pod = [case]
    before = stage.control.dump()
    with (
        held(stage.control, count=0, resource=hangs) as request,
        subprocess.Popen([*typed, *words, *pod], env=env, text=True, stderr=subprocess.PIPE) as process,
    ):
        try:
            until("a request that hangs", lambda: request.arrived() or process.poll() is not None)
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
            spent = time.monotonic() - begun
        finally:
            process.kill()

    assert 130 == process.returncode, said
    assert "irkit: interrupted" in said
    assert spent < HOLD / 5
    assert before == stage.control.dump()
    assert words == ["check"] or not list(stage.state.glob("cases/*/journal.jsonl"))
