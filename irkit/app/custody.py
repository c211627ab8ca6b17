"""Who works on a case: moving it from one process to another, on this machine or one that shares its state folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from irkit.errors import CaseBusy, Refused, UsageError
from irkit.journal.store import FileJournal
from irkit.model.records import Record, RequestTaken, RunResumed, Who
from irkit.model.times import milliseconds

if TYPE_CHECKING:
    from irkit.app.asks import Parts, Ticket
    from irkit.app.runs import App

GIVEN = 10_000
"""Milliseconds for which a case is left to whoever asked to take it over; after that anybody may go on with it."""


def take_over(app: App, case: str, asked: str, why: str = "") -> Ticket:
    """Ask for the case; its writer ends after what is in flight. Gives the newest open run, to be advanced here.

    A writer that died holds no lock: then the request is taken in here.

    Raises:
        UsageError: no run of the case is open.
        Refused: its writer lives and does not answer.
    """
    from irkit.app.asks import Ticket  # noqa: PLC0415 -- `asks` is made of what this module is used by
    from irkit.engine.inbox import Request, new_id  # noqa: PLC0415 -- as above

    before = app.cases.load(case)
    if not before.open_runs:
        msg = f"no run of {case} is open, so there is nothing to take over"
        raise UsageError(msg, did="nothing was changed", hint=f"irkit status {case}")
    request = Request(id=new_id(asked), wants="takeover", who=app.who, text=why)
    state = app.ask_case(case, request)
    if request.id not in state.requests:
        holder = writer(app.cases.folder(case))
        by = f"process {holder} of this machine" if holder else "another process"
        msg = f"{by} writes {case} and does not answer"
        end = f"end it (kill {holder}), then the same command" if holder else "end it where it runs"
        raise Refused(msg, did="the request waits in its inbox; nothing else was changed", hint=end)
    if not state.open_runs:
        msg = f"the last open run of {case} has ended meanwhile"
        raise UsageError(msg, did="nothing was changed", hint=f"irkit status {case}")
    return Ticket(case, state.open_runs[-1].id)


def open_unless_taken(parts: Parts, folder: Path, case: str, who: Who) -> FileJournal:
    """The case opened for write. Raises CaseBusy also where it is being handed to somebody else."""
    journal = parts.open_journal(folder, case, parts.clock)
    taker = handed_to(journal.records, parts.clock())
    if taker is None or (taker.host, taker.pid) == (who.host, who.pid):
        return journal
    journal.close()
    msg = f"{case} is being handed over to {taker.operator} on {taker.host}"
    raise CaseBusy(msg, did="nothing was changed", hint=f"irkit status {case}")


def handed_to(records: Sequence[Record], now: str) -> Who | None:
    """Who asked for the case a moment ago and has not begun."""
    for record in reversed(records):
        if isinstance(record.body, RunResumed):
            return None
        if isinstance(record.body, RequestTaken) and record.body.wants == "takeover":
            return record.body.who if milliseconds(record.time, now) < GIVEN else None
    return None


def writer(folder: Path) -> str:
    """The process id that the case's lock file names, or ""; a dead one's name may still stand there."""
    try:
        with (folder / "lock").open("rb") as file:
            named = file.read(40).split(b" ")[0]
    except OSError:
        return ""
    return named.decode() if named.isdigit() else ""
