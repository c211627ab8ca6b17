"""Real journals in real folders, for tests of the store and of verification."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from irkit.journal.store import FileJournal
from irkit.model import records as r
from irkit.model.times import after
from tests.support.records import CASE, START, case_opened, closed, done, intended


def ticking(start: str = START) -> Callable[[], str]:
    """A clock that is a second later at each look."""
    count = 0

    def clock() -> str:
        nonlocal count
        count += 1
        return after(start, count)

    return clock


def opened(root: Path, case: str = CASE, **more: Any) -> FileJournal:
    """The case's journal below `root`, open for write."""
    return FileJournal.open(root / case, case, ticking(), **more)


def note(text: str, request: str = "q1") -> r.Note:
    return r.Note(request=request, who=case_opened().who, text=text)


def bodies(count: int) -> list[Any]:
    """So many bodies as a case has them, the first of which opens it."""
    some: list[Any] = [case_opened()]
    for number in range(1, count):
        key = f"k{number}"
        some.append(
            (intended("isolate", key), done("isolate", key), closed("isolate"), note(f"saw {number} é"))[number % 4]
        )
    return some[:count]


def lines(folder: Path) -> list[bytes]:
    """The stored lines, newlines included."""
    return (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
