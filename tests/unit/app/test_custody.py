"""Whose case it is while it is being handed over."""

from __future__ import annotations

from typing import Any

from irkit.app.custody import GIVEN, handed_to, writer
from irkit.engine.inbox import Request, ingest
from irkit.model import records as r
from irkit.model.times import after
from tests.support.records import START, WHO, Log, case_opened, run_opened

BO = WHO.model_copy(update={"operator": "bo", "pid": 77})


def taken() -> r.RequestTaken:
    (body,) = ingest(Log().add(case_opened(), run_opened()).state, Request(id="request-1", wants="takeover", who=BO))
    assert isinstance(body, r.RequestTaken)
    return body


def test_a_takeover_becomes_a_record_and_names_the_taker_until_the_run_is_taken_up() -> None:
    log = Log().add(case_opened(), run_opened(), taken())
    assert log.state.taker == BO
    assert ingest(log.state, Request(id="request-1", wants="takeover", who=BO)) == []
    log.add(r.RunResumed(run="r1", who=BO, tool="0"))
    assert log.state.taker is None


def test_the_case_is_left_to_the_taker_for_a_while_and_not_for_ever() -> None:
    log = Log().add(case_opened(), run_opened(), taken())
    asked = log.records[-1].time
    assert handed_to(log.records, asked) == BO
    assert handed_to(log.records, after(asked, GIVEN / 1000 + 1)) is None
    log.add(r.RunResumed(run="r1", who=BO, tool="0"))
    assert handed_to(log.records, asked) is None
    assert handed_to((), START) is None


def test_the_lock_file_names_a_process_or_nobody(tmp_path: Any) -> None:
    assert writer(tmp_path) == ""
    for text, named in ((b"123 host\n", "123"), (b"", ""), (b"x; rm -rf / \n", "")):
        (tmp_path / "lock").write_bytes(text)
        assert writer(tmp_path) == named
