"""The journal: append against a bare write and fdatasync of the same bytes, verify against sha256 of each line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.records import CASE, NOW, bodies, clock, opening
from bench.table import Row
from irkit.journal.durable import sync_data
from irkit.journal.lines import body_bytes, frame, genesis, line_hash
from irkit.journal.store import FileJournal

ROUNDS = 25
SINGLES = 40  # a round
HUNDRED = 100
MANY = 1_000_000
FEW = 10_000


def measure(folder: Path) -> list[Row]:
    """Four rows: append of one, append of a hundred, verify of a million, its memory."""
    return [*_append(folder), *_verify(folder)]


def _append(folder: Path) -> list[Row]:
    """Rounds take turns, so that whatever else the machine does falls on both."""
    some = bodies(HUNDRED)
    ones: list[float] = []
    segments: list[float] = []
    bare: list[float] = []
    with FileJournal.open(folder / CASE, CASE, clock) as journal:
        journal.append([opening()])
        path = journal.folder / "journal.jsonl"
        fd = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        for number in range(ROUNDS + 1):
            start = path.stat().st_size
            took = [_timed(lambda body=some[at]: journal.append([body])) for at in range(SINGLES)]  # type: ignore[misc]
            with path.open("rb") as file:
                file.seek(start)
                stored = file.readlines()
            took_bare = [_timed(lambda line=line: _bare(fd, line)) for line in stored]  # type: ignore[misc]
            took_segment = _timed(lambda: journal.append(some))
            if number:  # the first round is for warming up
                ones += took
                bare += took_bare
                segments.append(took_segment)
        os.close(fd)
    base, one, hundred = median(bare), median(ones), median(segments) / HUNDRED
    size = round(sum(map(len, stored)) / len(stored))
    baseline = f"bare write+fdatasync {_micro(base)}, {size} B"
    return [
        Row("append of 1, fsync", f"{_micro(one)} a record", baseline, base / one, 0.70),
        Row("append of 100, one fsync", f"{_micro(hundred)} a record", baseline, base / hundred, 10),
    ]


def _verify(folder: Path) -> list[Row]:
    """In processes of their own: one that verifies a million records, one that verifies ten thousand."""
    many, few = _write(folder / "many" / CASE, MANY), _write(folder / "few" / CASE, FEW)
    large, small = _child(many), _child(few)
    size = many.joinpath("journal.jsonl").stat().st_size / MANY
    ratio = large["sha256_s"] / large["verify_s"]
    baseline = f"sha256 a line {_micro(large['sha256_s'] / MANY)}, {size:.0f} B"
    peak = large["peak_mib"], small["peak_mib"]
    return [
        Row(f"verify of {MANY:,}", f"{_micro(large['verify_s'] / MANY)} CPU a record", baseline, ratio, 0.30),
        Row(
            f"memory to verify {MANY:,}", f"{peak[0]:.1f} MiB at most", f"{FEW:,} records {peak[1]:.1f} MiB",
            peak[0] / peak[1], 1.1, at_most=True,
        ),
    ]  # fmt: skip


def _write(folder: Path, count: int) -> Path:
    """A journal of so many records, without waiting for the disk."""
    folder.mkdir(parents=True)
    contents = [(body.kind, body.version, body_bytes(body)) for body in bodies(4)]
    first = opening()
    prev = genesis(CASE)
    with (folder / "journal.jsonl").open("wb") as file:
        for seq in range(count):
            kind, version, data = contents[seq % 4] if seq else (first.kind, first.version, body_bytes(first))
            line = frame(kind, version, data, seq, NOW, prev, "0123456789abcdef")
            prev = line_hash(line)
            file.write(line)
    return folder


def _child(folder: Path) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-m", "bench.verifying", folder], check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _bare(fd: int, line: bytes) -> None:
    os.write(fd, line)
    sync_data(fd)


def _timed(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:.3g} µs"
