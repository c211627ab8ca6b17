from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.place import file_system
from bench.records import bodies, opening
from bench.table import Row, table
from irkit.journal.lines import LIMIT, body_bytes

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("ratio", "at_most", "ok"), [(0.7, False, True), (0.69, False, False), (8, True, True), (9, True, False)]
)
def test_a_goal_is_the_least_or_the_most(ratio: float, at_most: bool, ok: bool) -> None:
    row = Row("x", "1 s", "1 s", ratio, 8 if at_most else 0.7, at_most=at_most)
    assert ok == row.ok
    assert ok != ("missed" in table([row]))


def test_a_table_is_aligned() -> None:
    shown = table(
        [Row("append", "150 µs", "bare 120 µs", 0.8, 0.7), Row("--help, no SDK", "70 ms", "11 ms", 12.34, 8, True)]
    )
    assert shown == (
        "figure          measured  baseline     ratio  goal\n"
        "append          150 µs    bare 120 µs   0.80  ≥ 0.7  ok\n"
        "--help, no SDK  70 ms     11 ms        12.34  ≤ 8    missed\n"
    )


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="Linux only: it reads proc(5)")
def test_the_file_system_is_that_of_the_folder() -> None:
    assert file_system(Path("/proc/self")) == "proc"
    assert file_system(ROOT) not in {"proc", "unknown"}


def test_what_is_measured_are_records_as_they_are() -> None:
    sizes = [len(body_bytes(body)) for body in (opening(), *bodies(8))]
    assert max(sizes) < LIMIT - 300
    assert len({body.kind for body in bodies(8)}) == 4


@pytest.mark.timeout(30)
@pytest.mark.parametrize("arguments", [["no-such-group"], ["journal", "--folder", "/dev/shm"]])
def test_what_cannot_be_measured_is_told(arguments: list[str]) -> None:
    if "/dev/shm" in arguments and file_system(Path("/dev/shm")) != "tmpfs":
        pytest.skip("/dev/shm is no tmpfs here")
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "there are" in done.stderr or "in memory" in done.stderr
    assert not list(Path("/dev/shm").glob("bench-*"))
