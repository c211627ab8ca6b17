"""`.ci/run` fails when it should. `make` is replaced by a program that prints what pytest would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ci(tmp_path: Path) -> Path:
    """A checkout with nothing but the CI script, and no findings beside it."""
    (tmp_path / "checkout" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / "checkout" / ".ci" / "run")
    (tmp_path / "bin").mkdir()
    return tmp_path


def run(ci: Path, closing: str, *, fails: str = "-", status: int = 1) -> subprocess.CompletedProcess[str]:
    """Run it with a `make` whose `test` prints a closing line, and whose target `fails` fails."""
    make = ci / "bin" / "make"
    make.write_text(
        "#!/bin/sh\n"
        'echo "target: $2"\n'
        "cat > /dev/null\n"  # hangs on a terminal: CI has no standard input
        f'test "$2" = test && echo "{closing}"\n'
        f'test "$2" != "{fails}" || exit {status}\n'
    )
    make.chmod(0o755)
    return subprocess.run(
        ["bash", str(ci / "checkout" / ".ci" / "run")],
        env={**os.environ, "PATH": f"{ci / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_calls_the_makefile_and_passes(ci: Path) -> None:
    done = run(ci, "=== 12 passed in 1.00s ===")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("target:")] == [
        "target: lint",
        "target: drill",
        "target: test",
    ]
    assert "=== 12 passed in 1.00s ===" in done.stdout


@pytest.mark.parametrize("target", ["lint", "drill", "test"])
def test_a_target_that_fails_fails_it(ci: Path, target: str) -> None:
    assert run(ci, "=== 12 passed in 1.00s ===", fails=target).returncode != 0


def test_a_test_run_without_tests_fails_it(ci: Path) -> None:
    assert run(ci, "=== no tests ran in 1.00s ===").returncode == 1


def test_more_skips_than_the_written_number_fail_it(ci: Path) -> None:
    done = run(ci, "=== 12 passed, 500 skipped, 1 xfailed in 1.00s ===")
    assert done.returncode == 1
    assert "500 tests were skipped" in done.stderr


def test_beside_the_findings_fewer_may_be_skipped(ci: Path) -> None:
    written = dict(re.findall(r"^readonly (ALLOWED_SKIPS\w*)=(\d+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    allowed = int(written["ALLOWED_SKIPS"]) + (int(written["ALLOWED_SKIPS_NOT_ROOT"]) if os.geteuid() else 0)
    more = int(written["ALLOWED_SKIPS_WITHOUT_FINDINGS"])
    closing = f"=== 12 passed, {allowed + more} skipped in 1.00s ==="
    assert more == 2
    assert run(ci, closing).returncode == 0
    (ci / "shared" / "findings").mkdir(parents=True)
    assert run(ci, closing).returncode == 1
