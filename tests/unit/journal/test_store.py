from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from irkit.errors import CaseBusy, JournalCorrupt, JournalError
from irkit.journal.durable import failure, write_all, write_file
from irkit.journal.store import FileJournal, read_journal
from irkit.journal.verify import verify
from irkit.model.ports import JournalStore
from irkit.model.records import AnyBody, JournalRecovered, Record
from tests.support.journals import bodies, lines, note, opened, ticking
from tests.support.records import CASE, case_opened

OTHER_CASE = "IR-20261121-zzzz"


class Counting(FileJournal):
    """Counts what reaches the disk, and can fail there."""

    segments: list[tuple[str, list[str]]]
    before_sync: Callable[[], None] = staticmethod(lambda: None)
    partly: int = -1

    def _write(self, fd: int, data: bytes, records: Sequence[Record]) -> None:
        self.__dict__.setdefault("segments", []).append(("write", [record.kind for record in records]))
        if self.partly >= 0:
            write_all(fd, data[: self.partly])
            raise OSError(errno.ENOSPC, "No space left on device")
        super()._write(fd, data, records)

    def _sync(self, fd: int, records: Sequence[Record]) -> None:
        self.segments.append(("sync", [record.kind for record in records]))
        self.before_sync()
        super()._sync(fd, records)


def counting(root: Path) -> Counting:
    return Counting.open(root / CASE, CASE, ticking())


def test_the_file_journal_is_the_port(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        port: JournalStore = journal
        assert () == port.append([])
        assert [] == port.records


def test_a_new_case_has_its_folders_readable_by_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with opened(tmp_path / "state" / "cases") as journal:
            journal.append([case_opened(), note("é" * 2000)])
    finally:
        os.umask(before)
    modes = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    case = f"state/cases/{CASE}"
    for folder in (
        "state",
        "state/cases",
        case,
        *(f"{case}/{name}" for name in ("blobs", "heads", "artefacts", "inbox")),
    ):
        assert 0o700 == modes.pop(folder)
    assert {"journal.jsonl", "lock"} <= {Path(name).name for name in modes}
    assert 3 == len(modes)
    assert {0o600} == set(modes.values())


def test_a_segment_is_one_write_and_one_sync(tmp_path: Path) -> None:
    with counting(tmp_path) as journal:
        some = bodies(100)
        records = journal.append(some)
        kinds = [body.kind for body in some]
        assert [("write", kinds), ("sync", kinds)] == journal.segments
        assert tuple(journal.records) == records
        assert list(range(100)) == [record.seq for record in records]
        assert 1 == len({record.time for record in records})


def test_what_comes_back_from_append_is_what_is_read_from_disk(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        for body in bodies(9):
            journal.append([body])
        assert read_journal(journal.folder) == tuple(journal.records)
        writer = journal.records[0].writer
    with opened(tmp_path) as again:
        assert 9 == len(again.records)
        again.append([note("later")])
        assert writer != again.records[-1].writer
        assert read_journal(again.folder) == tuple(again.records)


def test_appends_that_wait_for_a_sync_share_the_next_one(tmp_path: Path) -> None:
    with counting(tmp_path) as journal:
        journal.append([case_opened()])
        began, go = threading.Event(), threading.Event()

        def hold() -> None:
            began.set()
            assert go.wait(5)

        journal.before_sync = hold
        got: dict[int, tuple[Record, ...]] = {}

        def work(number: int) -> None:
            got[number] = journal.append([note(f"{number} a"), note(f"{number} b")])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(9)]
        threads[0].start()
        assert began.wait(5)
        for thread in threads[1:]:
            thread.start()
        while len(journal._queue) < 8:
            threading.Event().wait(0.005)
        go.set()
        for thread in threads:
            thread.join()
        assert [1, 2, 16] == [len(kinds) for what, kinds in journal.segments if what == "sync"]
        for number, records in got.items():
            assert [note(f"{number} a"), note(f"{number} b")] == [record.body for record in records]
            assert records[0].seq + 1 == records[1].seq
        assert read_journal(journal.folder) == tuple(journal.records)


def test_when_a_shared_sync_fails_every_waiting_append_fails(tmp_path: Path) -> None:
    with counting(tmp_path) as journal:
        journal.append([case_opened()])
        began, go = threading.Event(), threading.Event()

        def hold() -> None:
            began.set()
            assert go.wait(5)
            raise OSError(errno.EIO, "Input/output error")

        journal.before_sync = hold
        failures: list[JournalError] = []

        def work() -> None:
            try:
                journal.append([note("x")])
            except JournalError as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(5)]
        threads[0].start()
        assert began.wait(5)
        for thread in threads[1:]:
            thread.start()
        while len(journal._queue) < 4:
            threading.Event().wait(0.005)
        go.set()
        for thread in threads:
            thread.join()
        assert 5 == len(failures)
        assert all("the disk reports an error" in error.message for error in failures)
        assert 1 == len(journal.records)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission is denied"),
        (errno.EDQUOT, "quota"),
        (errno.EBADF, "Bad file descriptor"),
    ],
)
def test_a_failed_write_is_told_in_words_and_nothing_more_is_accepted(tmp_path: Path, number: int, says: str) -> None:
    with counting(tmp_path) as journal:
        journal.append([case_opened()])

        def fail() -> None:
            raise OSError(number, "x")

        journal.before_sync = fail
        with pytest.raises(JournalError, match=rf"{CASE} cannot be written: .*{says}"):
            journal.append([note("lost")])
        journal.before_sync = lambda: None
        for again in (lambda: journal.append([note("more")]), lambda: journal.put_blob(b"more")):
            with pytest.raises(JournalError, match=rf"accepts nothing more: .*{says}"):
                again()
        assert ["case.opened"] == [record.kind for record in journal.records]


def test_an_interrupt_between_write_and_sync_ends_the_journals_use(tmp_path: Path) -> None:
    with counting(tmp_path) as journal:
        journal.append([case_opened()])

        def interrupt() -> None:
            raise KeyboardInterrupt

        journal.before_sync = interrupt
        with pytest.raises(KeyboardInterrupt):
            journal.append([note("half")])
        with pytest.raises(JournalError, match="a segment was interrupted"):
            journal.append([note("more")])
    with opened(tmp_path) as again:
        assert note("half") == again.records[-1].body


def test_a_clock_of_another_form_stops_the_journal_before_it_writes(tmp_path: Path) -> None:
    with FileJournal.open(tmp_path / CASE, CASE, lambda: "yesterday") as journal:
        with pytest.raises(JournalError, match="clock"):
            journal.append([case_opened()])
        assert b"" == (journal.folder / "journal.jsonl").read_bytes()


def test_the_whole_lines_of_a_full_disks_last_segment_are_recovered(tmp_path: Path) -> None:
    first, second, third = note("first"), note("second"), note("third")
    torn = b'{"body":{"request":"q1","text'
    with counting(tmp_path) as journal:
        journal.append([case_opened()])
        journal.append([first])
        journal.partly = len(lines(journal.folder)[1]) + 1 + len(torn)  # "second" is one letter longer than "first"
        with pytest.raises(JournalError, match="the disk is full"):
            journal.append([second, third])
    with opened(tmp_path) as again:
        cut = JournalRecovered(size=len(torn), blob=hashlib.sha256(torn).hexdigest(), after=2)
        assert [first, second, cut] == [record.body for record in again.records[1:]]
        assert torn == again.get_blob(cut.blob)


def test_a_closed_journal_takes_nothing_and_closes_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append([case_opened()])
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="it was closed"):
        journal.append([note("late")])


def test_a_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    with opened(tmp_path):
        with pytest.raises(CaseBusy, match=f"process {os.getpid()} of this machine writes the journal of {CASE}"):
            opened(tmp_path)
        (tmp_path / CASE / "lock").write_text("\x1b[31m evil")
        with pytest.raises(CaseBusy, match=r"^another process writes"):
            opened(tmp_path)
    opened(tmp_path).close()


@pytest.mark.parametrize("writer", ["", "a b", 'a"b', "é"])
def test_a_writers_name_is_plain(tmp_path: Path, writer: str) -> None:
    if not writer:
        with opened(tmp_path) as journal:
            assert 16 == len(journal.writer)
        return
    with pytest.raises(JournalError, match="letters, digits"):
        opened(tmp_path, writer=writer)
    opened(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / CASE).write_text("in the way")
    with pytest.raises(JournalError, match=f"the journal of {CASE} cannot be opened"):
        opened(tmp_path)


def test_a_journal_behind_a_link_is_not_followed(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / CASE / "journal.jsonl").unlink()
    (tmp_path / CASE / "journal.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalError, match="symbolic link"):
        opened(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


# -- recovery and refusal ----------------------------------------------------------------------------


def segments() -> list[list[AnyBody]]:
    return [[case_opened()], [note("é"), note("b")], [note("c")]]


@pytest.mark.timeout(60)
def test_from_every_byte_cut_all_acknowledged_records_come_back_and_the_journal_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fsync", "fdatasync"):  # thousands of them; what counts here is which bytes are there, not how durably
        monkeypatch.setattr(os, name, lambda _fd: None)
    path = tmp_path / CASE / "journal.jsonl"
    ends = []
    with opened(tmp_path) as journal:
        for segment in segments():
            journal.append(segment)
            ends.append((path.stat().st_size, len(journal.records)))
        bodies_written = [record.body for record in journal.records]
    data = path.read_bytes()
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        acknowledged = max((count for end, count in ends if end <= cut), default=0)
        whole, torn = data[:cut].count(b"\n"), data[:cut].rpartition(b"\n")[2]
        assert whole >= acknowledged
        with opened(tmp_path) as journal:
            found = [record.body for record in journal.records]
            assert bodies_written[:whole] == found[:whole]
            if torn:
                kept = hashlib.sha256(torn).hexdigest()
                assert [JournalRecovered(size=len(torn), blob=kept, after=whole - 1)] == found[whole:]
                assert torn == journal.get_blob(kept)
            else:
                assert [] == found[whole:]
            journal.append([note("on")])
        assert read_journal(tmp_path / CASE)[-1].body == note("on")
        if whole:
            assert 0 == verify(tmp_path / CASE).fault_count


def test_a_cut_is_journaled_even_if_its_record_was_lost(tmp_path: Path) -> None:
    path = tmp_path / CASE / "journal.jsonl"
    with opened(tmp_path) as journal:
        journal.append([case_opened()])
    path.write_bytes(path.read_bytes() + b"torn away")

    class Dying(FileJournal):
        def _write(self, fd: int, data: bytes, records: Sequence[Record]) -> None:
            write_all(fd, data[:20])
            raise OSError(errno.EIO, "x")

    with pytest.raises(JournalError, match="the disk reports an error"):
        Dying.open(path.parent, CASE, ticking())
    with opened(tmp_path) as journal:
        cuts = {record.body for record in journal.records[1:]}
        expected = {
            JournalRecovered(size=len(torn), blob=hashlib.sha256(torn).hexdigest(), after=0)
            for torn in (b"torn away", b'{"body":{"after":0,"')
        }
        assert expected == cuts
    with opened(tmp_path) as journal:
        assert 3 == len(journal.records)
    assert 0 == verify(path.parent).fault_count
    assert [] == [each.name for each in path.parent.iterdir() if each.name.startswith("torn-")]


def test_a_recovery_that_was_journaled_is_not_journaled_again(tmp_path: Path) -> None:
    path = tmp_path / CASE / "journal.jsonl"
    with opened(tmp_path) as journal:
        journal.append([case_opened()])
    path.write_bytes(path.read_bytes() + b"x")
    with opened(tmp_path) as journal:
        cut: Any = journal.records[-1].body
    (path.parent / f"torn-1-1-{cut.blob}").touch()  # as if the process had died before it removed this
    (path.parent / "torn-by-somebody").touch()
    with opened(tmp_path) as journal:
        assert 2 == len(journal.records)
    assert ["torn-by-somebody"] == [each.name for each in path.parent.iterdir() if each.name.startswith("torn-")]


@pytest.mark.parametrize("bad", range(5))
def test_a_changed_record_is_named_and_nothing_is_repaired(tmp_path: Path, bad: int) -> None:
    path = tmp_path / CASE / "journal.jsonl"
    with opened(tmp_path) as journal:
        journal.append(bodies(6))
    stored = lines(path.parent)
    stored[bad] = stored[bad].replace(b'"2026', b'"2027')
    path.write_bytes(b"".join(stored) + b"torn")
    before = path.read_bytes()
    with pytest.raises(JournalCorrupt, match=f"record {bad + 1} ") as caught:
        opened(tmp_path)
    assert 7 == caught.value.exit_status
    assert before == path.read_bytes()
    with pytest.raises(JournalCorrupt, match=f"record {bad + 1} "):
        read_journal(path.parent)
    path.write_bytes(b"".join(lines(path.parent)[:0]))
    opened(tmp_path).close()  # the lock was let go


def test_another_cases_journal_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append([case_opened()])
    (tmp_path / CASE).rename(tmp_path / OTHER_CASE)
    with pytest.raises(JournalCorrupt, match=r"record 0 .* begins another case"):
        opened(tmp_path, OTHER_CASE)
    with pytest.raises(JournalCorrupt, match=r"record 0 .* begins another case"):
        read_journal(tmp_path / OTHER_CASE)


# -- blobs -------------------------------------------------------------------------------------------


def test_a_blob_is_named_by_its_bytes_and_stored_once(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        name = journal.put_blob(b"evidence")
        assert hashlib.sha256(b"evidence").hexdigest() == name
        assert name == journal.put_blob(b"evidence")
        assert b"evidence" == journal.get_blob(name)
        assert [name] == [path.name for path in (journal.folder / "blobs").iterdir()]


def test_an_altered_or_missing_blob_is_corrupt(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        name = journal.put_blob(b"evidence")
        (journal.folder / "blobs" / name).write_bytes(b"evidencf")
        for again in (lambda: journal.get_blob(name), lambda: journal.put_blob(b"evidence")):
            with pytest.raises(JournalCorrupt, match=f"blob {name[:12]} does not have the digest"):
                again()
        (journal.folder / "blobs" / name).unlink()
        with pytest.raises(JournalCorrupt, match="is missing"):
            journal.get_blob(name)
        with pytest.raises(JournalCorrupt, match="not named by"):
            journal.get_blob("../journal.jsonl")


def test_what_a_dead_writer_left_unfinished_is_swept(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        name = journal.put_blob(b"whole")
        (journal.folder / "blobs" / ".tmp-1-abc").write_bytes(b"half")
    with opened(tmp_path) as journal:
        assert [name] == [path.name for path in (journal.folder / "blobs").iterdir()]


def test_a_failed_blob_leaves_nothing_behind(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        (journal.folder / "blobs").rename(journal.folder / "gone")
        with pytest.raises(JournalError, match=r"blob .* cannot be written"):
            journal.put_blob(b"x")
        assert [] == list((journal.folder / "gone").iterdir())


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "name" / "full").mkdir(parents=True)
    with pytest.raises(OSError):
        write_file(tmp_path / "name", b"x")
    assert ["name"] == [path.name for path in tmp_path.iterdir()]


def test_an_unknown_system_error_is_told_in_the_systems_words() -> None:
    assert "x: Interrupted system call" == failure(OSError(errno.EINTR, ""), "x").message
