"""Advancing a run from a terminal: signals, progress, sleeping, the last screen."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from irkit.app.clock import now
from irkit.app.runs import Ticket
from irkit.cli.context import INTERRUPTED, Context, colourful
from irkit.engine.perform import Closed, Parked
from irkit.journal.reading import read_journal
from irkit.model.records import Record, RunOpened
from irkit.model.times import milliseconds
from irkit.views.casefile import CaseFile
from irkit.views.final import final_screen
from irkit.views.outcome import exit_status
from irkit.views.progress import before_lines, choose


def drive(context: Context, ticket: Ticket, *, following: bool = True) -> int:
    """Advance until the run closes or only people or credentials help; gives the exit status.

    `following`: whether the last screen says what to type next.
    """
    app = context.app
    folder = app.cases.folder(ticket.case)
    case = CaseFile(folder, app.parts.catalog)
    stop = threading.Event()
    irkit = context.command
    if not context.json:  # records are for programs: they get them all, as the journal has them
        case.hear(read_journal(folder))
        context.show(before_lines(case, ticket.run), lab=case.state.lab)
    progress = choose(case, ticket.run, as_json=context.json, colour=colourful(sys.stdout), irkit=irkit)
    seen = case.records[-1].seq if case.records else -1
    begun = ticket.new_case or not context.json

    def heard(records: Sequence[Record]) -> None:
        """Each record once; what the case did before this run, and this run before now, is folded and not shown."""
        nonlocal seen, begun
        fresh = [record for record in records if record.seq > seen]
        if not fresh:
            return
        seen = fresh[-1].seq
        if not begun:
            first = next((index for index, one in enumerate(fresh) if _opens(one, ticket.run)), len(fresh))
            begun = first < len(fresh)
            case.hear(fresh[:first])
            fresh = fresh[first:]
        progress.heard(fresh)

    with _interruptible(stop, ticket, irkit), progress:
        while True:
            end = app.advance(ticket, stop, heard, max_targets=context.max_targets)
            if isinstance(end, Closed) or end.on != "waiting" or stop.is_set():
                break
            stop.wait(min(max(milliseconds(now(), end.until), 0) / 1000, 60.0) if end.until else 1.0)
    parked = end.on if isinstance(end, Parked) else ""
    until = end.until if isinstance(end, Parked) else ""
    whole = CaseFile.read(folder, app.parts.catalog)
    view = whole.view(whole.state.runs[ticket.run])
    if not context.json:
        screen = final_screen(whole, view, parked=parked, until=until, irkit=irkit, following=following)
        context.show(screen, lab=whole.state.lab)
    return exit_status(whole.state, view, parked)


def _opens(record: Record, run: str) -> bool:
    return isinstance(record.body, RunOpened) and record.body.run == run


@contextmanager
def _interruptible(stop: threading.Event, ticket: Ticket, irkit: str = "irkit") -> Iterator[None]:
    """Ctrl-C once stops in order, twice leaves now. SIGTERM is a first Ctrl-C."""

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            if sys.stdout.isatty():
                os.write(1, b"\x1b[?25h\n")  # the live screen hid the cursor
            os._exit(INTERRUPTED)
        stop.set()
        name = signal.Signals(number).name
        os.write(
            2,
            f"\nirkit: {name}: nothing new is started; what is in flight has up to 10 s\n"
            f"       once more: leaves at once; what is in flight may still take effect\n"
            f"       go on:     {irkit} resume {ticket.case}\n"
            f"       take back: {irkit} undo {ticket.case}\n".encode(),
        )

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
