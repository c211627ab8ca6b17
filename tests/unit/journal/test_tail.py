from __future__ import annotations

from pathlib import Path

import pytest

from irkit.errors import JournalCorrupt, JournalError
from irkit.journal.store import Tail, read_journal
from tests.support.journals import bodies, lines, note, opened
from tests.support.records import CASE, case_opened


def test_a_tail_gives_each_record_once(tmp_path: Path) -> None:
    tail = Tail(tmp_path / CASE)
    assert () == tail.poll()  # nobody has opened the case yet
    with opened(tmp_path) as journal:
        assert () == tail.poll()
        first = journal.append(bodies(3))
        assert first == tail.poll()
        assert () == tail.poll()
        second = journal.append([note("a" * 1000 + "é" * 900), note("x" * 2000), note("é" * 2000)])
        assert second == tail.poll()
        assert tuple(journal.records) == Tail(journal.folder).poll()


def test_a_line_that_is_being_written_is_left_for_the_next_look(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append(bodies(4))
        records = tuple(journal.records)
    path = tmp_path / CASE / "journal.jsonl"
    data = path.read_bytes()
    path.write_bytes(b"")
    tail = Tail(path.parent)
    seen: list[object] = []
    for cut in range(0, len(data) + 1, 7):
        path.write_bytes(data[:cut])
        assert records[: data[:cut].count(b"\n")] == read_journal(path.parent)
        seen += tail.poll()
        assert records[: data[:cut].count(b"\n")] == tuple(seen)
    path.write_bytes(data)
    seen += tail.poll()
    assert records == tuple(seen)


def test_a_cut_tail_that_a_new_writer_recovers_goes_on_in_the_same_tail(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append([case_opened()])
    path = tmp_path / CASE / "journal.jsonl"
    tail = Tail(path.parent)
    assert 1 == len(tail.poll())
    with path.open("ab") as file:
        file.write(b'{"body":{"after":0,"blob"' * 50)
    assert () == tail.poll()
    with opened(tmp_path) as journal:
        journal.append([note("on")])
        assert tuple(journal.records[1:]) == tail.poll()


@pytest.mark.parametrize("how", ["shorter", "gone"])
def test_a_journal_that_lost_records_is_corrupt(tmp_path: Path, how: str) -> None:
    with opened(tmp_path) as journal:
        journal.append(bodies(3))
    path = tmp_path / CASE / "journal.jsonl"
    tail = Tail(path.parent)
    tail.poll()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(b"".join(lines(path.parent)[:2]))
    with pytest.raises(JournalCorrupt, match=r"shortened: 3 records were read"):
        tail.poll()


def test_what_does_not_go_on_from_the_last_look_is_corrupt(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append(bodies(3))
        stored = lines(journal.folder)
        tail = Tail(journal.folder)
        tail.poll()
    with (tmp_path / CASE / "journal.jsonl").open("ab") as file:
        file.write(stored[2])
    with pytest.raises(JournalCorrupt, match=r"record 3 .* record 2 stands in its place"):
        tail.poll()


def test_a_journal_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal in"):
        read_journal(tmp_path / "nothing")
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(JournalError, match=r"cannot be read"):
        read_journal(tmp_path)


def test_reading_needs_neither_the_lock_nor_the_cases_folder_name(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append(bodies(3))
        assert tuple(journal.records) == read_journal(journal.folder)
    (tmp_path / CASE).rename(tmp_path / "copy for counsel")
    assert 3 == len(read_journal(tmp_path / "copy for counsel"))
