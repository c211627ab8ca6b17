"""Locks by name across processes of one state folder, and across steps of one process."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from irkit.errors import JournalError

_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class Locks:
    """Takes all of several named locks or none, never waiting.

    A lock file is never deleted: deleting it would let two processes hold "the same" lock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: set[str] = set()
        self._guard = threading.Lock()

    def take(self, names: Sequence[str]) -> Held | None:
        """The locks, or None where somebody holds one of them. Raises JournalError where files cannot be made."""
        wanted = sorted(set(names))
        with self._guard:
            if self._held.intersection(wanted):
                return None
            self._held.update(wanted)
        taken: list[int] = []
        for name in wanted:
            handle = self._lock(name)
            if handle is None:
                self._release(wanted, taken)
                return None
            taken.append(handle)
        return Held(self, wanted, taken)

    def _lock(self, name: str) -> int | None:
        path = self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:40]}.lock"
        try:
            try:
                handle = os.open(path, _OPEN, 0o600)
            except FileNotFoundError:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                handle = os.open(path, _OPEN, 0o600)
        except OSError as error:
            msg = f"lock {path.name} cannot be opened: {error.strerror}"
            raise JournalError(msg, did="nothing was changed") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return None
        return handle

    def _release(self, names: Sequence[str], handles: Sequence[int]) -> None:
        for handle in handles:
            os.close(handle)
        with self._guard:
            self._held.difference_update(names)


class Held:
    """Locks that are held until released."""

    def __init__(self, locks: Locks, names: Sequence[str], handles: Sequence[int]) -> None:
        self._locks = locks
        self._names = names
        self._handles = handles

    def release(self) -> None:
        """Let go. Doing so twice is harmless."""
        handles, self._handles = self._handles, ()
        names, self._names = self._names, ()
        self._locks._release(names, handles)  # noqa: SLF001 -- the two classes are one mechanism

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self.release()
