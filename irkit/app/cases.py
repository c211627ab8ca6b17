"""Where cases are, and which one a target belongs to.

The index keeps, per cluster and target uid, one file a generation: midnight, equal ids and repeated findings
neither split nor merge cases. Names of folders come from digests or from validated case ids only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from irkit.errors import JournalError, UsageError
from irkit.journal.state import CaseState
from irkit.journal.store import read_journal
from irkit.model.refs import TargetRef

_CASE = re.compile(r"^IR-[0-9]{8}-[a-z2-9]{4}$", re.ASCII)
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike


@dataclass(frozen=True, slots=True)
class Allocation:
    """The case that a target belongs to now."""

    case: str
    generation: int


class Cases:
    """The state folder's cases and their index."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def folder(self, case: str) -> Path:
        """The case's folder. Raises UsageError for what is no case id."""
        if not _CASE.fullmatch(case):
            msg = f"{case!r} is not a case id"
            raise UsageError(msg, hint="case ids look like IR-20261120-k7f2; list them with `irkit status`")
        return self.state / "cases" / case

    def all(self) -> list[str]:
        """Every case that has a journal, oldest id first."""
        try:
            names = [path.name for path in (self.state / "cases").iterdir() if _CASE.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if (self.folder(name) / "journal.jsonl").exists())

    def load(self, case: str) -> CaseState:
        """The case as its journal tells it, read without the lock. Raises UsageError where there is none."""
        folder = self.folder(case)
        if not (folder / "journal.jsonl").exists():
            msg = f"there is no case {case} under {self.state}"
            raise UsageError(msg, hint="list cases with `irkit status`; IRKIT_CONFIG selects the lab's")
        return CaseState().fold(read_journal(folder))

    def find(self, target: TargetRef) -> Allocation | None:
        """The target's open case, or None."""
        entry = self._entry(target)
        generations = self._generations(entry)
        if not generations:
            return None
        latest = generations[-1]
        case = (entry / f"{latest:04d}").read_text("ascii")
        return None if self._closed(case) else Allocation(case, latest)

    def allocate(self, target: TargetRef, now: str, letters: Callable[[], str] | None = None) -> Allocation:
        """The target's open case, or a new one. Safe among any number of processes. Raises JournalError."""
        entry = self._entry(target)
        try:
            entry.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _locked(entry / "lock"):
                found = self.find(target)
                if found is not None:
                    return found
                generation = (self._generations(entry) or [0])[-1] + 1
                case = self._make(now, letters or _four)
                _write(entry / f"{generation:04d}", case)
                return Allocation(case, generation)
        except OSError as error:
            msg = f"the case index under {self.state} cannot be written: {error.strerror}"
            raise JournalError(msg, did="nothing was changed") from error

    def _make(self, now: str, letters: Callable[[], str]) -> str:
        """A case id that nobody has; its folder is the claim."""
        for _ in range(1000):
            case = f"IR-{now[:10].replace('-', '')}-{letters()}"
            try:
                self.folder(case).mkdir(parents=True, mode=0o700)
            except FileExistsError:
                continue
            return case
        msg = "no free case id was found for today"
        raise JournalError(msg, did="nothing was changed")

    def _entry(self, target: TargetRef) -> Path:
        return self.state / "index" / hashlib.sha256(target.key.encode()).hexdigest()[:40]

    @staticmethod
    def _generations(entry: Path) -> list[int]:
        try:
            return sorted(int(path.name) for path in entry.iterdir() if path.name.isdigit())
        except FileNotFoundError:
            return []

    def _closed(self, case: str) -> bool:
        """A case whose journal does not exist yet is open: its opener is about to write, or died before."""
        if not (self.folder(case) / "journal.jsonl").exists():
            return False
        return bool(self.load(case).closed)


def _four() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(4))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and durable."""
    temporary = path.with_suffix(".tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
