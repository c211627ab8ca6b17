"""The journal of one case as files on this machine, and the only code that appends to one.

The unit is a segment: all records of one `append` are one write and one fdatasync. Appends that arrive while a
segment is being synced go out together as the next one.

The case's lock is flock(2) on `lock`, so it ends with the process that holds it, however that ends. A flock is
shared across fork(2): a child that kept the descriptor would keep a dead writer's case locked. The descriptor is
closed on exec, and a forked child closes it at once; a journal that was open across a fork is of no use in the child.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from irkit.errors import CaseBusy, JournalError
from irkit.journal.blobs import Blobs
from irkit.journal.durable import failure, make_folder, sync_data, sync_folder, write_all
from irkit.journal.lines import body_bytes, chained, fits, frame, genesis, is_time, is_writer, line_hash, record
from irkit.journal.reading import JOURNAL, Tail, read_journal
from irkit.model.ports import Clock
from irkit.model.records import AnyBody, JournalRecovered, Record

__all__ = ["FileJournal", "Tail", "read_journal"]

_FOLDERS = ("blobs", "heads", "artefacts", "inbox")
_TORN = "torn-"
_MARK = re.compile(r"torn-(?P<count>\d{1,15})-(?P<size>\d{1,15})-(?P<blob>[0-9a-f]{64})", re.ASCII)


class FileJournal:
    """One case's journal, open for write. Implements `irkit.model.ports.JournalStore`.

    Threads may append side by side; they share segments. After a failed write or sync nothing more is accepted:
    what the disk holds then is known only after opening again.
    """

    def __init__(self, folder: Path, case: str, clock: Clock, writer: str, lock: int) -> None:
        """Use `open`. `lock` is a descriptor on which this process holds the flock."""
        self.folder = folder
        self.case = case
        self.writer = writer
        self._clock = clock
        self._blobs = Blobs(folder)
        self._fds = [lock]
        self._fd = -1
        self._records: list[Record] = []
        self._prev = genesis(case)
        self._stopped = ""
        self._timed = False
        self._queue: deque[_Pending] = deque()
        self._commit = threading.Lock()
        _OPEN.add(self)

    @classmethod
    def open(cls, folder: Path, case: str, clock: Clock, *, writer: str = "") -> Self:
        """Take the case's lock, read its records, and recover from a torn tail.

        The folder and what belongs in it are created where missing. A tail without its newline is cut, its bytes
        are kept as a blob, and the cut is journaled. Nothing else is ever repaired. `writer` names this opening
        in its records; it is random unless a test fixes it.

        Raises:
            CaseBusy: another process (or another journal of this one) writes this case.
            JournalCorrupt: names the first record that does not verify.
            JournalError: a folder or file cannot be written or read, or a record is of a newer irkit.
        """
        try:
            for path in (folder, *(folder / name for name in _FOLDERS)):
                make_folder(path)
            lock = _lock(folder, case)
        except OSError as error:
            raise failure(error, f"the journal of {case} cannot be opened in {folder}") from error
        journal = cls(folder, case, clock, writer or secrets.token_hex(8), lock)
        try:
            if not is_writer(journal.writer):
                msg = f"a writer of {case} must be named by letters, digits and dashes"
                raise JournalError(msg)
            journal._load()
        except OSError as error:
            journal.close()
            raise failure(error, f"the journal of {case} cannot be opened in {folder}") from error
        except BaseException:
            journal.close()
            raise
        return journal

    @property
    def records(self) -> Sequence[Record]:
        """All records so far, in order. The sequence grows with the journal."""
        return self._records

    def append(self, bodies: Sequence[AnyBody]) -> tuple[Record, ...]:
        """Journal these bodies as one segment, durable when it returns.

        Raises:
            JournalError: a body holds what no record may (nothing was written, the journal goes on), or the segment
                could not be made durable (nothing more is accepted).
        """
        self._accepting()
        if not bodies:
            return ()
        pending = _Pending([(body, self._encode(body)) for body in bodies])
        self._queue.append(pending)
        with self._commit:
            if not pending.records:  # else the thread that was here before took it along
                self._accepting()
                try:
                    self._segment([self._queue.popleft() for _ in range(len(self._queue))])
                except BaseException:  # an interrupt too: the chain in memory may no longer be that on disk
                    self._stopped = self._stopped or "a segment was interrupted"
                    raise
        return pending.records

    def put_blob(self, data: bytes) -> str:
        """Store bytes by content, durable when it returns; gives their hex SHA-256.

        Raises:
            JournalError: cannot be written; nothing more is accepted.
            JournalCorrupt: other bytes stand under this digest.
        """
        self._accepting()
        try:
            return self._blobs.put(data)
        except JournalError as error:
            self._stopped = error.message
            raise

    def get_blob(self, sha256: str) -> bytes:
        """The bytes, checked against their digest. Raises JournalCorrupt where they are gone or altered."""
        return self._blobs.get(sha256)

    def close(self) -> None:
        """Let go of the case's lock. Closing twice is no error."""
        with self._commit:
            self._let_go("it was closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what crash tests override ---------------------------------------------------------------

    def _write(self, fd: int, data: bytes, records: Sequence[Record]) -> None:  # noqa: ARG002 -- crash tests name their points by the records
        """The segment's bytes go out. `records` are those of the segment."""
        write_all(fd, data)

    def _sync(self, fd: int, records: Sequence[Record]) -> None:  # noqa: ARG002 -- as above
        """The segment becomes durable. `records` are those of the segment."""
        sync_data(fd)

    # -- the rest --------------------------------------------------------------------------------

    def _accepting(self) -> None:
        if self._stopped:
            msg = f"the journal of {self.case} accepts nothing more: {self._stopped}"
            raise JournalError(
                msg,
                did="nothing was written, and no effect follows",
                hint=f"irkit resume {self.case}",
            )

    def _encode(self, body: AnyBody) -> bytes:
        try:
            data = body_bytes(body)
        except ValueError as error:
            msg = f"a record of kind {body.kind} holds a value that records may not hold"
            raise JournalError(
                msg,
                did="nothing was written",
                hint="records hold JSON without floats, with ASCII keys and integers up to 2**53-1",
            ) from error
        return data if fits(data) else b'{"blob":"%b"}' % self.put_blob(data).encode()

    def _segment(self, batch: Sequence[_Pending]) -> None:
        """One write, one sync, for all that waited. Whatever interrupts this ends the journal's use."""
        now, writer, seq, prev = self._clock(), self.writer, len(self._records), self._prev
        if not (self._timed or is_time(now)):  # once an opening: a clock does not change its form
            msg = "the clock's time has not the form that records have"
            raise JournalError(msg, did="nothing was written")
        self._timed = True
        lines: list[bytes] = []
        records: list[Record] = []
        for pending in batch:
            first = len(records)
            for body, data in pending.bodies:
                line = frame(body.kind, body.version, data, seq, now, prev, writer)
                records.append(record(seq, now, prev, writer, body, hashed := line_hash(line)))
                lines.append(line)
                prev = hashed
                seq += 1
            pending.taken = (first, len(records))
        try:
            self._write(self._fd, b"".join(lines), records)
            self._sync(self._fd, records)
        except OSError as error:
            failed = failure(error, f"the journal of {self.case} cannot be written")
            self._stopped = failed.message
            raise failed from error
        self._records += records
        self._prev = prev
        for pending in batch:
            first, end = pending.taken
            pending.records = tuple(records[first:end])

    def _load(self) -> None:
        path = self.folder / JOURNAL
        flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags)
        except FileNotFoundError:
            self._fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
            sync_folder(self.folder)
        self._fds.append(self._fd)
        sync_data(self._fd)  # an older writer may have died before its own sync; nothing is built on that
        with os.fdopen(os.dup(self._fd), "rb") as file:
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._records.extend(chained(data[:whole], 0, self._prev, self._blobs.get))
        if self._records:
            self._prev = self._records[-1].hash
        self._blobs.sweep()
        self._recover(data[whole:], whole)

    def _recover(self, tail: bytes, whole: int) -> None:
        """Cut a torn tail. The mark outlives a crash between the cut and its record."""
        if tail:
            blob = self.put_blob(tail)
            mark = self.folder / f"{_TORN}{len(self._records)}-{len(tail)}-{blob}"
            os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            sync_folder(self.folder)
            os.ftruncate(self._fd, whole)
            os.fsync(self._fd)
        for mark in sorted(self.folder.glob(f"{_TORN}*")):
            found = _MARK.fullmatch(mark.name)
            if found is None:
                continue
            cut = JournalRecovered(size=int(found["size"]), blob=found["blob"], after=int(found["count"]) - 1)
            if not any(record.body == cut for record in self._records):
                self.append([cut])
            mark.unlink()

    def _let_go(self, why: str) -> None:
        self._stopped = self._stopped or why
        while self._fds:
            os.close(self._fds.pop())


class _Pending:
    """Bodies that wait for their segment."""

    __slots__ = ("bodies", "records", "taken")

    def __init__(self, bodies: list[tuple[AnyBody, bytes]]) -> None:
        self.bodies = bodies
        self.records: tuple[Record, ...] = ()
        self.taken = (0, 0)


def _lock(folder: Path, case: str) -> int:
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        write_all(fd, f"{os.getpid()} {socket.gethostname()}\n".encode())
    except BlockingIOError as error:
        holder = os.pread(fd, 300, 0).decode(errors="replace").partition(" ")[0]
        os.close(fd)
        by = f"process {holder} of this machine" if holder.isascii() and holder.isdigit() else "another process"
        msg = f"{by} writes the journal of {case}"
        raise CaseBusy(msg, did="nothing was changed", hint=f"irkit status {case} shows its run") from error
    except BaseException:
        os.close(fd)
        raise
    return fd


_OPEN: weakref.WeakSet[FileJournal] = weakref.WeakSet()


def _in_child() -> None:
    for journal in list(_OPEN):
        journal._let_go("it was opened by the process that this one was forked from")  # noqa: SLF001 -- this module's own class


os.register_at_fork(after_in_child=_in_child)
