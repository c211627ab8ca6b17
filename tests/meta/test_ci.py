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


TARGETS = ["lint", "drill", "test", "cluster-up", "test-cluster", "cluster-down"]
HALF = TARGETS.index("test-cluster")
GOOD = "=== 12 passed in 1.00s ==="


def run(
    ci: Path, closing: str = GOOD, *, fails: str = "-", cluster: str = GOOD, apart: str = GOOD, context: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it with a `make` whose tests print closing lines, and whose target `fails` fails; `apart` is the second half.

    Each call is noted with its further words.
    """
    make = ci / "bin" / "make"
    make.write_text(
        "#!/bin/sh\n"
        'echo "target: $2"\n'
        f'echo "$*" >> {ci}/calls\n'
        "cat > /dev/null\n"  # hangs on a terminal: CI has no standard input
        f'test "$2" = test && echo "{closing}"\n'
        f'case "$2 $3" in "test-cluster APART=yes") echo "{apart}";; test-cluster*) echo "{cluster}";; esac\n'
        f'case "$2 $3" in "{fails}"|"{fails} "*) exit 1;; esac\n'
    )
    make.chmod(0o755)
    return subprocess.run(
        ["bash", str(ci / "checkout" / ".ci" / "run")],
        env={**os.environ, "PATH": f"{ci / 'bin'}:{os.environ['PATH']}", "IRKIT_TEST_CONTEXT": context},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def called(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.removeprefix("target: ") for line in done.stdout.splitlines() if line.startswith("target:")]


def test_it_calls_the_makefile_and_passes(ci: Path) -> None:
    done = run(ci)
    assert done.returncode == 0, done.stderr
    assert called(done) == [*TARGETS[:HALF], "test-cluster", *TARGETS[HALF:]]  # in two halves
    assert GOOD in done.stdout


def test_every_test_of_the_cluster_is_in_one_of_the_halves(ci: Path) -> None:
    run(ci)
    calls = [line.split(maxsplit=2)[2] for line in (ci / "calls").read_text().splitlines() if "test-cluster" in line]
    (first,) = [re.findall(r"tests/\S+", one) for one in calls if "APART" not in one]
    (ignored,) = [re.findall(r"--ignore=(\S+)", one) for one in calls if "APART" in one]
    assert first == ignored
    assert all((ROOT / one).is_file() for one in first)
    assert len(set(first)) == len(first) > 0
    assert not [one for one in calls if "APART" in one and "CLUSTER_TESTS" in one]  # all others


@pytest.mark.parametrize("target", [*TARGETS, "test-cluster APART=yes"])
def test_a_target_that_fails_fails_it(ci: Path, target: str) -> None:
    assert run(ci, fails=target).returncode != 0


@pytest.mark.parametrize("target", ["cluster-up", "test-cluster"])
def test_the_cluster_is_stopped_whatever_happens(ci: Path, target: str) -> None:
    """One that does not come up leaves parts that run."""
    assert called(run(ci, fails=target))[-1] == "cluster-down"


def test_a_cluster_that_was_never_asked_for_is_not_stopped(ci: Path) -> None:
    assert called(run(ci, fails="test")) == ["lint", "drill", "test"]


def test_on_a_cluster_of_the_user_s_nothing_is_started_or_stopped(ci: Path) -> None:
    done = run(ci, cluster="=== 3 passed, 40 skipped in 1.00s ===", context="mine")
    assert done.returncode == 0, done.stderr
    assert called(done) == ["lint", "drill", "test", "test-cluster"]


def test_a_cluster_that_ran_no_test_or_skipped_one_fails_it(ci: Path) -> None:
    assert run(ci, cluster="=== no tests ran in 1.00s ===").returncode == 1
    assert run(ci, cluster="=== 12 passed, 1 skipped in 1.00s ===").returncode == 1
    assert run(ci, apart="=== no tests ran in 1.00s ===").returncode == 1
    assert run(ci, apart="=== 12 passed, 1 skipped in 1.00s ===").returncode == 1


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
