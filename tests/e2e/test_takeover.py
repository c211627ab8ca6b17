"""Moving a case between processes: the writer ends after what is in flight, the taker begins the next epoch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from irkit.app import clock
from irkit.app.cases import Cases
from irkit.app.custody import take_over
from irkit.engine.perform import Closed
from irkit.errors import Refused, UsageError
from irkit.journal.verify import verify
from irkit.model import records as r
from tests.e2e.stage import ISOLATE, LABEL, Stage, book, verdicts
from tests.support.moments import held, until

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]
ROOT = Path(__file__).parents[2]


@contextmanager
def other(stage: Stage, folder: Path, goes_on: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another process that works on the same case; its patch is on its way until it ends, or notes a record."""
    (folder / "book.yaml").write_text(book(LABEL + ISOLATE))
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "USER": "ana"}
    env["IRKIT_CONFIG"] = str(Path(stage.lab.folder) / "irkit.yaml")
    pod = f"shop/{stage.pods[-1].name}"
    words = ["--state", str(stage.state), "contain", "pod", pod, "--yes", "--playbook", str(folder / "book.yaml")]
    with ThreadPoolExecutor(1) as pool, held(stage.control, verb="patch", resource="pods") as patch:

        def lets_go() -> None:
            until(goes_on, lambda: goes_on in kinds(stage))
            patch.let_go()

        with subprocess.Popen(
            [sys.executable, "-m", "irkit", *words],
            env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            try:
                until("the other's patch", patch.arrived)
                noted = pool.submit(lets_go) if goes_on else None
                yield process
                if noted is not None:
                    noted.result()
            finally:
                process.kill()
                patch.let_go()
                until("the end of the patch", lambda: "patch pods" in stage.writes())  # in this test's world


def case_of(stage: Stage) -> str:
    return next(iter(Cases(stage.state).all()), "")


def kinds(stage: Stage) -> list[str]:
    case = case_of(stage)
    return [record.kind for record in stage.records(case)] if case else []


def test_a_living_writer_hands_over_after_what_is_in_flight(stage: Stage, tmp_path: Path) -> None:
    with other(stage, tmp_path, goes_on="request.taken") as writer:
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
