"""A case that another process writes: waited for, said, and given up with a next step."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from irkit.app.clock import now, who
from irkit.app.runs import App, Parts
from irkit.app.waiting import Patience
from irkit.engine.inbox import Request, new_id
from irkit.errors import CaseBusy, Unreachable, UsageError
from irkit.journal.store import FileJournal
from irkit.model import records as r
from irkit.model.base import canonical
from irkit.model.ports import Kube
from irkit.model.refs import ClusterRef
from tests.support.records import CASE, START, WHO, case_opened
from tests.support.screens import playbook


def nowhere(cluster: ClusterRef, agent: str) -> Kube:
    msg = f"{cluster} does not answer {agent}"
    raise Unreachable(msg)


def opened(journal: FileJournal, run: str, name: str = "book") -> r.RunOpened:
    book = playbook(("label", "protect")).model_copy(update={"name": name})
    checked = journal.put_blob(canonical(book.dump()))
    return r.RunOpened(
        run=run, mode="apply", name=name, playbook=checked, checked=checked, inputs={}, actions={}, who=WHO, tool="0",
        asked=START,
    )  # fmt: skip


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def app(tmp_path: Path, told: list[str]) -> App:
    app = App(tmp_path, "bo", Parts(connect=nowhere, told=told.append, patience=0.3, answer=0.3), lab=True)
    with FileJournal.open(app.cases.folder(CASE), CASE, now) as journal:
        journal.append([case_opened(), opened(journal, "r1"), opened(journal, "r2", "other")])
    return app


def test_an_undo_does_not_wait_without_end_for_another_writer(app: App, told: list[str]) -> None:
    with FileJournal.open(app.cases.folder(CASE), CASE, now), pytest.raises(CaseBusy) as caught:
        app.open_undo(CASE, START)
    assert f"another process has been writing {CASE}" in caught.value.message
    assert f"irkit abort {CASE}" in caught.value.hint
    assert caught.value.did == "nothing was changed"
    assert len(told) == 1
    assert f"another process writes {CASE}: waiting" in told[0]


def test_a_writer_that_ends_in_time_is_waited_for(app: App) -> None:
    app.parts.patience = 30.0
    held = FileJournal.open(app.cases.folder(CASE), CASE, now)
    app.parts.told = lambda _: held.close()  # who waits says so first
    with pytest.raises(UsageError, match="nothing to undo"):  # so it came to look
        app.open_undo(CASE, START)


def test_a_request_that_nobody_takes_in_stays_in_the_inbox_and_is_said_so(app: App, told: list[str]) -> None:
    request = Request(id=new_id(now()), wants="note", who=who("bo"), text="seen it", run="", step="", digest="")
    with FileJournal.open(app.cases.folder(CASE), CASE, now):
        state = app.ask_case(CASE, request)
    assert request.id not in state.requests
    assert len(told) == 1
    assert list((app.cases.folder(CASE) / "inbox").glob("*"))


def test_the_newest_open_run_is_resumed(app: App) -> None:
    assert app.latest(CASE).run == "r2"


def test_patience_says_it_once_and_ends() -> None:
    heard: list[str] = []
    patience = Patience(CASE, 0.4, heard.append)
    begun = time.monotonic()
    while patience.wait():
        pass
    assert time.monotonic() - begun >= 0.4
    assert [f"another process writes {CASE}: waiting, 0 s at most"] == heard


def test_a_short_wait_is_not_worth_a_line() -> None:
    heard: list[str] = []
    assert Patience(CASE, 60.0, heard.append).wait()
    assert heard == []
