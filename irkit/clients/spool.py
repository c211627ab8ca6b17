"""Bytes that were read in a turn and wait for the `Store` effect of that turn."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from irkit.clients.files import copy, new_part, open_file, reported
from irkit.errors import JournalError
from irkit.model.ports import Spooled

_CHUNK = 1024 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


class Spool:
    """Implements the `Spool` port: files of this process alone, gone when it ends.

    Each instance has a locked folder of its own; what a killed process left is removed by the next one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._mine: Path | None = None
        self._end: Callable[[], object] | None = None

    def keep(self, name: str, chunks: Iterable[bytes]) -> Spooled:
        """Take the bytes, hashed while written; the name that they get holds their digest.

        A look that was given up may end while another's bytes are about to be stored: it must not replace them.

        Raises:
            JournalError: they cannot be written.
        """
        with reported("the bytes that were read cannot be kept"):
            folder = self._own_folder()
            part, file = new_part(folder)
            with file:
                sha256, size = copy(chunks, file)
            own = f"{name}-{sha256[:16]}"
            part.replace(folder / _file_name(own))
        return Spooled(own, sha256, size)

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes back. Raises JournalError where this process has none of that name."""
        with reported("the bytes that were read cannot be read back"):
            try:
                file = open_file(self._own_folder() / _file_name(name))
            except FileNotFoundError:
                msg = "the bytes to store are gone: another process read them"
                raise JournalError(msg, did="nothing was stored", hint="irkit resume reads them anew") from None
            with file:
                while chunk := file.read(_CHUNK):
                    yield chunk

    def close(self) -> None:
        """Remove the files."""
        with self._guard:
            if self._end is not None:
                self._end()
            self._mine = self._end = None

    def _own_folder(self) -> Path:
        with self._guard:
            if self._mine is None:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _remove_dead(self._folder)
                mine, lock = _claim(self._folder)
                self._end = weakref.finalize(self, _remove, mine, lock, os.getpid())
                self._mine = mine
            return self._mine


def _file_name(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()  # any name is a good one


def _claim(folder: Path) -> tuple[Path, int]:
    """A new folder, locked. Another process may take it for a dead one's before it is locked: then again."""
    while True:
        mine = folder / secrets.token_hex(8)
        mine.mkdir(mode=0o700)
        try:
            lock = os.open(mine, _FOLDER)
        except FileNotFoundError:
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mine.is_dir():
            return mine, lock
        os.close(lock)


def _remove(folder: Path, lock: int, pid: int) -> None:
    if pid == os.getpid():  # a forked child must not take its parent's files
        shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def _remove_dead(folder: Path) -> None:
    """Remove the folders that no living process has locked."""
    for old in folder.iterdir():
        try:
            lock = os.open(old, _FOLDER)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old, ignore_errors=True)
        except BlockingIOError:
            pass  # its process lives
        finally:
            os.close(lock)
