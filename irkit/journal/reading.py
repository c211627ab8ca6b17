"""Reading a journal that another process may be writing: whole, chained lines only, without its lock."""

from __future__ import annotations

import os
import re
from pathlib import Path

from irkit.errors import JournalCorrupt, JournalError
from irkit.journal.blobs import Blobs
from irkit.journal.durable import failure
from irkit.journal.lines import chained, genesis
from irkit.model.records import Record

JOURNAL = "journal.jsonl"
_CASE = re.compile(r"IR-[0-9]{8}-[a-z2-9]{4}", re.ASCII)


def case_of(folder: Path) -> str:
    """The case whose folder this is, by its name; "" where the name is no case id."""
    return folder.name if _CASE.fullmatch(folder.name) else ""


class Tail:
    """What was appended since the last look. Cheap where nothing was: one stat.

    A folder without a journal yet has no records. A line that is being written is left for the next look.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL
        self._blob = Blobs(folder).get
        self._offset = 0
        self._seq = 0
        self._prev = genesis(case_of(folder)) if case_of(folder) else ""

    def poll(self) -> tuple[Record, ...]:
        """The new records, in order.

        Raises:
            JournalCorrupt: the journal was shortened, or names the first record that does not verify.
            JournalError: the file cannot be read, or a record is of a newer irkit.
        """
        try:
            size = self._path.stat().st_size
            if size == self._offset:
                return ()
            data = self._read(size)
        except FileNotFoundError as error:
            if self._offset == 0:
                return ()
            raise self._shortened() from error
        except OSError as error:
            raise failure(error, f"{self._path} cannot be read") from error
        if size < self._offset:
            raise self._shortened()
        data = data[: data.rfind(b"\n") + 1]
        records = tuple(chained(data, self._seq, self._prev, self._blob))
        if records:
            self._offset += len(data)
            self._seq += len(records)
            self._prev = records[-1].hash
        return records

    def _read(self, size: int) -> bytes:
        fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            file.seek(self._offset)
            return file.read(max(size - self._offset, 0))

    def _shortened(self) -> JournalCorrupt:
        return JournalCorrupt(
            f"the journal was shortened: {self._seq} records were read from it before",
            did="nothing was written or repaired",
            hint="keep the folder as it is; irkit verify --head FILE says what is missing",
        )


def read_journal(folder: Path) -> tuple[Record, ...]:
    """All records of whole lines so far.

    Raises:
        JournalError: no journal there, it cannot be read, or a record is of a newer irkit.
        JournalCorrupt: names the first record that does not verify.
    """
    if not (folder / JOURNAL).exists():
        msg = f"there is no journal in {folder}"
        raise JournalError(msg, hint="irkit status lists the cases")
    return Tail(folder).poll()
