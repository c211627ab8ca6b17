"""Moving a case between processes: the writer ends after what is in flight, the taker begins the next epoch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from irkit.app import clock
from irkit.app.cases import Cases
from irkit.app.custody import take_over
from irkit.engine.perform import Closed
from irkit.errors import Refused, UsageError
from irkit.journal.verify import verify
from irkit.lab.faults import Fault
from irkit.model import records as r
from tests.e2e.stage import ISOLATE, LABEL, Stage, book, verdicts

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]
ROOT = Path(__file__).parents[2]


@contextmanager
def other(stage: Stage, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on the same case, and is in the middle of a slow patch."""
    stage.control.fault(Fault(kind="latency", ms=3000, verb="patch", resource="pods"))
    (folder / "book.yaml").write_text(book(LABEL + ISOLATE))
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "USER": "ana"}
    env["IRKIT_CONFIG"] = str(Path(stage.lab.folder) / "irkit.yaml")
    pod = f"shop/{stage.pods[-1].name}"
    words = ["--state", str(stage.state), "contain", "pod", pod, "--yes", "--playbook", str(folder / "book.yaml")]
    with subprocess.Popen(
        [sys.executable, "-m", "irkit", *words], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            until(lambda: "effect.intended" in kinds(stage))
            yield process
        finally:
            process.kill()
            landed(stage)


def landed(stage: Stage) -> None:
    """The slow patch is in the lab's hands: without this it would reach the next test's world."""
    end = time.monotonic() + 5
    while "patch pods" not in stage.writes() and time.monotonic() < end:
        time.sleep(0.05)


def until(found: Any) -> None:
    end = time.monotonic() + 60
    while not found():
        assert time.monotonic() < end
        time.sleep(0.02)


def case_of(stage: Stage) -> str:
    return next(iter(Cases(stage.state).all()), "")


def kinds(stage: Stage) -> list[str]:
    case = case_of(stage)
    return [record.kind for record in stage.records(case)] if case else []


def test_a_living_writer_hands_over_after_what_is_in_flight(stage: Stage, tmp_path: Path) -> None:
    with other(stage, tmp_path) as writer:
        bo = stage.app("bo")
        ticket = take_over(bo, case_of(stage), clock.now(), "my shift")
        end = bo.advance(ticket, threading.Event(), lambda _records: None)
        out, _ = writer.communicate(timeout=60)
    assert isinstance(end, Closed)
    assert verdicts(end.run)["label"] == "proven"
    assert writer.returncode == 75, out
    assert "another process goes on with this run" in out
    assert stage.writes() == ["patch pods", "create networkpolicies"]
    seen = [record.kind for record in stage.records(ticket.case)]
    taken, paused = seen.index("request.taken"), seen.index("run.paused")
    assert taken < seen.index("effect.done") < paused < seen.index("run.resumed", paused)
    bodies = [record.body for record in stage.records(ticket.case)]
    assert [one.why for one in bodies if isinstance(one, r.RunPaused)] == ["taken"]
    assert [one.who.operator for one in bodies if isinstance(one, r.RunResumed)] == ["ana", "bo"]
    assert verify(stage.state / "cases" / ticket.case).status != "broken"


def test_a_dead_writer_is_told_by_its_lock(stage: Stage, tmp_path: Path) -> None:
    with other(stage, tmp_path) as writer:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    bo = stage.app("bo")
    ticket = take_over(bo, case_of(stage), clock.now())
    end = bo.advance(ticket, threading.Event(), lambda _records: None)
    assert isinstance(end, Closed)
    assert verdicts(end.run)["label"] == "proven"
    assert stage.writes().count("patch pods") == 1


def test_a_writer_that_does_not_answer_keeps_its_lock(stage: Stage, tmp_path: Path) -> None:
    with other(stage, tmp_path) as writer:
        writer.send_signal(signal.SIGSTOP)
        try:
            bo = stage.app("bo")
            with pytest.raises(Refused, match=f"process {writer.pid} of this machine") as refused:
                take_over(bo, case_of(stage), clock.now())
            assert f"kill {writer.pid}" in str(refused.value.hint)
        finally:
            writer.send_signal(signal.SIGCONT)
        assert "effect.intended" in kinds(stage)


def test_there_is_nothing_to_take_over_where_no_run_is_open(stage: Stage) -> None:
    ticket, _ = stage.run(book(LABEL))
    with pytest.raises(UsageError, match="nothing to take over"):
        take_over(stage.app("bo"), ticket.case, clock.now())
