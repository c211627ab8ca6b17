"""What `make` says on a machine that lacks something, and that it changes nothing there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing but the Makefile and what its first target needs."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("run.txt", "dev.txt"):
        (tmp_path / "requirements" / name).touch()
    (tmp_path / "irkit").mkdir()
    (tmp_path / "irkit" / "__init__.py").touch()
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make there, as if this were not itself run by make."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "-C", str(checkout), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def make(checkout: Path, python: str, target: str = "drill") -> subprocess.CompletedProcess[str]:
    """Run a target with a Python that is this shell script."""
    fake = checkout / "python"
    fake.write_text(f"#!/bin/sh\n{python}\n")
    fake.chmod(0o755)
    return run(checkout, f"PYTHON={fake}", target)


def test_an_old_python_is_named_with_the_remedy(checkout: Path) -> None:
    done = make(checkout, 'case "$1" in -V) echo Python 3.9.2;; *) exit 1;; esac')
    assert done.returncode != 0
    assert "irkit needs Python 3.11 or newer" in done.stdout
    assert "is Python 3.9.2" in done.stdout
    assert "make PYTHON=" in done.stdout
    assert not (checkout / ".venv").exists()


def test_a_python_without_venv_is_named_with_the_remedy(checkout: Path) -> None:
    done = make(checkout, 'case "$2" in *ensurepip*) exit 1;; esac')
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stdout
    assert not (checkout / ".venv").exists()


def test_an_install_that_fails_is_no_environment(checkout: Path) -> None:
    """The next `make` begins again in place of using half of one."""
    venv = 'mkdir -p .venv/bin; printf "#!/bin/sh\\nexit 1\\n" > .venv/bin/python; chmod +x .venv/bin/python'
    done = make(checkout, f'case "$2" in venv) {venv};; esac')
    assert done.returncode != 0
    assert not list((checkout / ".venv").glob(".[a-z]*"))


def test_the_drill_needs_no_test_tools(checkout: Path) -> None:
    tools = run(checkout, "-n", "drill").stdout
    assert "requirements/run.txt" in tools
    assert "requirements/dev.txt" not in tools


def test_alone_it_lists_every_target_for_people(checkout: Path) -> None:
    listed = run(checkout).stdout
    phony = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    assert sorted(line.split()[1] for line in listed.splitlines() if line.startswith("  make ")) == sorted(
        phony.removeprefix(".PHONY: ").split()
    )
