"""Twenty responders at once: nothing happens twice, and all of them see the same."""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from pathlib import Path

import pytest

from irkit.app.runs import Ask
from irkit.journal.store import read_journal
from irkit.journal.verify import verify
from irkit.model import records as r
from tests.crash.harness import Scene, writes_of
from tests.crash.points import Points

pytestmark = [pytest.mark.timeout(300), pytest.mark.e2e]
MANY = 20


def respond(scene: Scene, number: int, ready: int, gate: int, report: int) -> None:
    """One responder: finds its target, waits for the others, then does the main job."""
    app = scene.app(Points())
    pod = app.resolve(scene.target.model_copy(update={"uid": ""}))
    os.write(ready, b"x")
    os.read(gate, 1)
    ask = Ask(pod, scene.playbook, "test.yaml", {"pod": pod.dump()}, scene.asked)
    ticket = app.open_run(ask)
    heard: list[r.Record] = []
    end = app.advance(ticket, threading.Event(), heard.extend)
    verdicts = {key: str(step.verdict) for key, step in sorted(end.run.steps.items())}
    kinds = [record.kind for record in heard]
    told = {"case": ticket.case, "run": ticket.run, "outcome": end.run.outcome, "verdicts": verdicts}
    assert kinds.count("run.closed") == 1, f"responder {number} heard {kinds}"
    os.write(report, json.dumps(told, sort_keys=True).encode() + b"\n")


def test_twenty_processes_are_one_responder(two: Scene, tmp_path: Path) -> None:
    two.reset(tmp_path / "state")
    ready, was_ready = os.pipe()
    gate, opener = os.pipe()
    reads, report = os.pipe()
    children = []
    for number in range(MANY):
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                os.close(opener)
                respond(two, number, was_ready, gate, report)
                status = 0
            except BaseException:  # noqa: BLE001 -- a child must never run the rest of the test suite
                os.write(was_ready, b"!")  # or the parent would wait for it for ever
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(status)
        children.append(pid)
    for end in (was_ready, gate, report):
        os.close(end)
    with os.fdopen(ready, "rb", buffering=0) as pipe:
        assert MANY == sum(pipe.read(1) == b"x" for _ in range(MANY))  # all have resolved the target
    os.close(opener)
    with os.fdopen(reads) as pipe:
        told = pipe.read().splitlines()
    assert [0] * MANY == [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert MANY == len(told)
    assert 1 == len(set(told))  # one case, one run, equal verdicts
    assert ["create networkpolicies", "patch pods"] == [" ".join(one.split()[:2]) for one in writes_of(two.control)]
    assert ["run.opened"] == [record.kind for record in read_journal(two.folder) if record.kind == "run.opened"]
    assert "broken" != verify(two.folder).status
