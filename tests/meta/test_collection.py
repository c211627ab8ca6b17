"""Every file that holds tests is collected: a test that never runs proves nothing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"


def holds_tests(path: Path) -> bool:
    """Whether a file defines a test function or class at its top level."""
    return any(
        (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"))
        or (isinstance(node, ast.ClassDef) and node.name.startswith("Test"))
        for node in ast.parse(path.read_text()).body
    )


def with_tests() -> set[str]:
    """Files that hold tests, from the repository's root."""
    return {str(path.relative_to(ROOT)) for path in TESTS.rglob("*.py") if holds_tests(path)}


@pytest.mark.timeout(120)
def test_every_file_with_tests_is_collected() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-m",
        "",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    collected = {line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line}
    skipped = set(re.findall(r"^SKIPPED \[\d+\] (tests/[^:]+):\d+: .+$", done.stdout, re.MULTILINE))  # CI counts these
    assert collected | skipped == with_tests()


def test_every_file_named_as_a_test_holds_one() -> None:
    named = {str(path.relative_to(ROOT)) for path in TESTS.rglob("test_*.py")}
    assert named == with_tests()


def test_no_test_lives_outside_the_tests_folder() -> None:
    folders = [ROOT / name for name in ("irkit", "scripts", "bench", "deploy")]
    assert [str(path) for folder in folders for path in folder.rglob("test_*.py")] == []
