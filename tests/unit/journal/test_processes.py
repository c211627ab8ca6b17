"""What only real processes show: death in mid-write, a lock's end, descriptors that must not be inherited."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from irkit.errors import JournalError
from irkit.journal.store import Tail, read_journal
from irkit.journal.verify import verify
from irkit.model.records import Record
from tests.support.journals import note, opened
from tests.support.records import CASE

pytestmark = pytest.mark.timeout(90)
ROOT = Path(__file__).parents[3]

WRITES = """
import sys
from pathlib import Path
from tests.support.journals import note, opened
from tests.support.records import case_opened
with opened(Path(sys.argv[1])) as journal:
    if not journal.records:
        journal.append([case_opened()])
    print("ready", flush=True)
    for segment in range(int(sys.argv[2])):
        journal.append([note(f"{segment} {number} " + "x" * 300) for number in range(int(sys.argv[3]))])
        print(len(journal.records), flush=True)
"""


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_killed_while_appending_megabytes_every_acknowledged_record_comes_back(tmp_path: Path) -> None:
    path = tmp_path / CASE / "journal.jsonl"
    acknowledged = 1
    for segments in (1, 2, 1, 3, 1, 2):
        writer = child(WRITES, tmp_path, 1_000, 2_500)  # segments of about a megabyte
        assert writer.stdout is not None
        assert "ready\n" == writer.stdout.readline()
        for _ in range(segments - 1):
            writer.stdout.readline()
        size = path.stat().st_size
        while path.stat().st_size == size:
            pass
        writer.kill()  # a segment is under way, or just synced
        said = writer.communicate()[0].split()
        assert -signal.SIGKILL == writer.returncode
        acknowledged = max([acknowledged, *map(int, said)])
        with opened(tmp_path) as journal:
            assert len(journal.records) >= acknowledged
            assert [record.seq for record in journal.records] == list(range(len(journal.records)))
            journal.append([note("on")])
            acknowledged = len(journal.records)
        assert 0 == verify(path.parent).fault_count


def test_a_killed_writers_lock_is_free(tmp_path: Path) -> None:
    writer = child(WRITES + "    import signal\n    signal.alarm(60)\n    signal.pause()\n", tmp_path, 1, 1)
    assert writer.stdout is not None
    assert "ready\n" == writer.stdout.readline()
    with pytest.raises(JournalError, match=f"process {writer.pid} of this machine"):
        opened(tmp_path)
    writer.kill()
    writer.communicate()
    with opened(tmp_path) as journal:
        assert 1 <= len(journal.records)


def test_a_full_disk_in_mid_segment_leaves_whole_lines_and_a_clear_error(tmp_path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from irkit.errors import JournalError
from tests.support.journals import note, opened
from tests.support.records import case_opened
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with opened(Path(sys.argv[1])) as journal:
    journal.append([case_opened()])
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        journal.append([note(f"{number} " + "x" * 300) for number in range(100)])
    except JournalError as error:
        print(error.message)
    try:
        journal.append([note("more")])
    except JournalError as error:
        print(error.message)
"""
    writer = child(script, tmp_path)
    said = writer.communicate()[0].splitlines()
    assert [f"the journal of {CASE} cannot be written: File too large",
            f"the journal of {CASE} accepts nothing more: the journal of {CASE} cannot be written: File too large"] == said  # fmt: skip
    whole = (tmp_path / CASE / "journal.jsonl").read_bytes().count(b"\n")
    assert 20 < whole < 60
    with opened(tmp_path) as journal:
        expected = [note(f"{number} " + "x" * 300) for number in range(whole - 1)]
        assert expected == [record.body for record in journal.records[1:whole]]
        assert ["journal.recovered"] == [record.kind for record in journal.records[whole:]]


def test_neither_a_fork_nor_a_subprocess_keeps_the_lock(tmp_path: Path) -> None:
    script = """
import os, subprocess, sys
from pathlib import Path
from irkit.errors import JournalError
from tests.support.journals import note, opened
from tests.support.records import case_opened
root = Path(sys.argv[1])
journal = opened(root)
journal.append([case_opened()])
hold, let_go = os.pipe()
told, tell = os.pipe()
if os.fork() == 0:
    os.close(let_go)
    try:
        journal.append([note("from the child")])
        said = b"appended"
    except JournalError as error:
        said = error.message.encode()
    os.write(tell, said)
    os.read(hold, 1)
    os._exit(0)
sleeper = subprocess.Popen(["sleep", "60"], close_fds=False)
print(os.read(told, 1000).decode())
journal.append([note("from the parent")])
journal.close()
with opened(root) as again:
    print(len(again.records), flush=True)
sleeper.kill()
sleeper.wait()
os.close(let_go)
os.wait()
"""
    process = child(script, tmp_path)
    said = process.communicate()[0].splitlines()
    assert 0 == process.returncode
    assert "forked from" in said[0]
    assert "2" == said[1]


def test_a_reader_follows_a_writer_without_its_lock(tmp_path: Path) -> None:
    writer = child(WRITES, tmp_path, 60, 50)
    tail = Tail(tmp_path / CASE)
    seen: list[Record] = []
    end = time.monotonic() + 60
    while len(seen) < 1 + 60 * 50 and time.monotonic() < end:
        seen += tail.poll()
    writer.communicate()
    assert 0 == writer.returncode
    assert read_journal(tmp_path / CASE) == tuple(seen)
    assert [record.seq for record in seen] == list(range(1 + 60 * 50))


def test_twenty_processes_make_one_key(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from irkit.journal.keys import local_signer
start, go = os.pipe()
for _ in range(20):
    if os.fork() == 0:
        os.close(go)
        os.read(start, 1)
        os.write(1, local_signer(Path(sys.argv[1])).key_id.encode() + b"\\n")
        os._exit(0)
os.close(go)
assert [os.wait()[1] for _ in range(20)] == [0] * 20
"""
    process = child(script, tmp_path / "keys")
    said = process.communicate()[0].split()
    assert 0 == process.returncode
    assert 20 == len(said)
    assert 1 == len(set(said))
    assert {"ed25519.pem", f"{said[0]}.pub.pem", "lock"} == {path.name for path in (tmp_path / "keys").iterdir()}


def test_a_case_opened_by_two_processes_at_once_has_one_writer(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from irkit.errors import CaseBusy
from tests.support.journals import opened
start, go = os.pipe()
done, finish = os.pipe()
for _ in range(20):
    if os.fork() == 0:
        os.close(go)
        os.close(finish)
        os.read(start, 1)
        try:
            journal = opened(Path(sys.argv[1]))
            os.write(1, b"writer\\n")
        except CaseBusy:
            os.write(1, b"busy\\n")
        os.read(done, 1)
        os._exit(0)
os.close(go)
import time
time.sleep(1.0)
os.close(finish)
assert [os.wait()[1] for _ in range(20)] == [0] * 20
"""
    process = child(script, tmp_path)
    said = process.communicate()[0].split()
    assert 0 == process.returncode
    assert ["busy"] * 19 + ["writer"] == sorted(said)
