"""Bytes between observing and storing: private, of this process, gone with it."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from irkit.clients.objects import Spool
from irkit.errors import JournalError


def remaining(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_bytes_come_back_as_they_were_with_digest_and_size(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    data = os.urandom(3_000_000)

    kept = spool.keep("export", [data[:10], data[10:]])

    assert (kept.size, kept.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert kept.name.startswith("export-")
    assert b"".join(spool.chunks(kept.name)) == data
    assert b"".join(spool.chunks(kept.name)) == data  # an effect in doubt is stored again
    spool.close()


def test_a_late_take_of_the_same_name_replaces_nothing(tmp_path: Path) -> None:
    """A look that was given up may end between another's plan and its effect."""
    spool = Spool(tmp_path / "spool")
    planned = spool.keep("x", [b"first"])
    late = spool.keep("x", [b"second"])

    assert b"".join(spool.chunks(planned.name)) == b"first"
    assert b"".join(spool.chunks(late.name)) == b"second"
    spool.keep("x", [b"second"])
    assert len(remaining(tmp_path)) == 2
    spool.close()


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/b", "", "\0", "é" * 500, "\udcff"])
def test_any_name_is_a_good_one(tmp_path: Path, name: str) -> None:
    spool = Spool(tmp_path / "spool")
    kept = spool.keep(name, [b"x"])

    assert b"".join(spool.chunks(kept.name)) == b"x"
    assert all(path.is_relative_to(tmp_path / "spool") for path in remaining(tmp_path))
    spool.close()


def test_what_another_process_spooled_is_gone(tmp_path: Path) -> None:
    mine, other = Spool(tmp_path / "spool"), Spool(tmp_path / "spool")
    kept = mine.keep("x", [b"x"])

    with pytest.raises(JournalError, match="gone"):
        list(other.chunks(kept.name))

    assert b"".join(mine.chunks(kept.name)) == b"x"  # and opening another took nothing away
    mine.close()
    other.close()


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    old = os.umask(0)
    spool = Spool(tmp_path / "spool")
    try:
        spool.keep("x", [b"x"])
    finally:
        os.umask(old)

    for path in (tmp_path / "spool", *(tmp_path / "spool").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    spool.close()


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.keep("x", [b"x"])
    spool.close()

    assert list((tmp_path / "spool").iterdir()) == []
    spool.close()


def test_a_closed_spool_begins_anew(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    gone = spool.keep("x", [b"x"])
    spool.close()

    with pytest.raises(JournalError):
        list(spool.chunks(gone.name))
    kept = spool.keep("x", [b"y"])
    assert b"".join(spool.chunks(kept.name)) == b"y"
    spool.close()


def test_a_forgotten_spool_cleans_up(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.keep("x", [b"x"])
    del spool

    assert remaining(tmp_path) == []


@pytest.mark.timeout(20)
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib; from irkit.clients.spool import Spool;"
        "s = Spool(pathlib.Path(sys.argv[1])); s.keep('x', [b'left']); print('ready', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "spool")], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    spool = Spool(tmp_path / "spool")
    spool.keep("y", [b"y"])
    assert len(remaining(tmp_path)) == 2  # it lives: its bytes stay
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    other = Spool(tmp_path / "spool")
    other.keep("z", [b"z"])

    assert len(remaining(tmp_path)) == 2  # y and z
    spool.close()
    other.close()


def test_a_folder_that_cannot_be_made_is_a_journal_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(JournalError, match="cannot be kept"):
        Spool(tmp_path / "file" / "spool").keep("x", [b"x"])
