from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from irkit.engine.decide import Turn, Unit, decide
from irkit.engine.inbox import Inbox, Request, ingest, new_id
from irkit.model import records as r
from irkit.model.base import Json, digest
from irkit.model.playbooks import Playbook, Step
from irkit.model.times import after
from tests.support.records import OTHER, START, WHO, Log, case_opened, run_opened

ENVELOPE: Json = {"step": "kill"}
DIGEST = digest(ENVELOPE)


def asked() -> Log:
    return Log().add(
        case_opened(), run_opened(),
        r.ApprovalAsked(run="r1", step="kill", turn=1, digest=DIGEST, envelope=ENVELOPE, reason="it destroys"),
    )  # fmt: skip


def request(wants: Any, who: r.Who = OTHER, **more: Any) -> Request:
    return Request(id=new_id(START), wants=wants, who=who, **more)


def answer(wants: Any, who: r.Who = OTHER, digest: str = DIGEST, step: str = "kill") -> list[r.AnyBody]:
    return ingest(asked().state, request(wants, who, run="r1", step=step, digest=digest, text="no"))


def test_a_second_person_approves_what_was_shown() -> None:
    (body,) = answer("approve")
    assert isinstance(body, r.ApprovalGiven)
    log = asked().add(body)
    assert "new" == log.state.runs["r1"].steps["kill"].phase


def test_the_time_that_a_person_takes_is_not_the_steps() -> None:
    """Approved while other steps keep the run going: it has all its time still before it."""
    kill = Step(id="kill", uses="kube.delete_pod", arguments={}, timeout=60)
    (given,) = answer("approve")
    run = asked().add(given, at=after(START, 600)).state.runs["r1"]
    playbook = Playbook(name="p", title="P", inputs=(), steps=(kill,))
    assert decide(playbook, run, after(START, 601)) == [Turn(Unit("kill", kill))]


def test_who_asked_cannot_approve() -> None:
    (body,) = answer("approve", WHO)
    assert isinstance(body, r.Note)
    assert "second person" in body.text


def test_an_approval_of_another_plan_is_not_taken() -> None:
    (body,) = answer("approve", digest="f" * 64)
    assert isinstance(body, r.Note)
    assert "not the one that was shown" in body.text


def test_an_approval_of_a_step_that_waits_for_none_is_not_taken() -> None:
    (body,) = answer("approve", step="other")
    assert isinstance(body, r.Note)


def test_a_denial_refuses_the_step() -> None:
    denied, closed = answer("deny")
    assert isinstance(denied, r.ApprovalDenied)
    assert isinstance(closed, r.StepClosed)
    assert "refused" == closed.verdict.status
    assert "bo" in closed.reason


def test_a_request_is_taken_once() -> None:
    log = asked()
    note = request("note", text="saw a shell")
    bodies = ingest(log.state, note)
    log.add(*bodies)
    assert 1 == len(bodies)
    assert [] == ingest(log.state, note)


def test_closing_a_case_is_a_request_like_any_other() -> None:
    log = Log().add(case_opened())
    log.add(*ingest(log.state, request("close", text="all clear " * 199)))
    assert log.state.closed


def test_a_case_with_an_open_run_is_not_closed() -> None:
    log = asked()
    (body,) = ingest(log.state, request("close", text="all clear"))
    log.add(body)
    assert isinstance(body, r.Note)
    assert "r1 is open" in body.text
    assert not log.state.closed


@pytest.mark.parametrize("wants", ["approve", "deny", "abort", "note", "close"])
def test_no_request_is_too_long_for_its_record(wants: Any) -> None:
    assert ingest(asked().state, request(wants, run="r1", step="kill", digest=DIGEST, text="x" * 2000))
    assert ingest(Log().add(case_opened()).state, request(wants, text="x" * 2000))


def test_requests_come_whole_in_order_and_are_kept(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    assert [] == inbox.waiting()
    for number in (2, 1):
        inbox.post(Request(id=f"2026-{number:04d}", wants="note", who=OTHER, text=str(number)))
    (tmp_path / "inbox" / ".half.tmp").write_bytes(b"{")
    texts = []
    for path in inbox.waiting():
        found = inbox.read(path)
        assert found is not None
        texts.append(found.text)
        inbox.taken(path)
    assert ["1", "2"] == texts
    assert [] == inbox.waiting()
    assert 2 == len(list((tmp_path / "inbox" / "taken").iterdir()))


def test_what_is_no_request_is_never_acted_on(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "a.json").write_bytes(b"\xff\x00 not json")
    (folder / "b.json").write_bytes(b'{"id":"12345678","wants":"rm -rf","who":{}}')
    (folder / "c.json").write_bytes(b"[" * 100_000)
    inbox = Inbox(folder)
    assert [None, None, None] == [inbox.read(path) for path in inbox.waiting()]
