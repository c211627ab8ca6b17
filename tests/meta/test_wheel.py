"""What an installed user gets: everything that irkit needs to run, and nothing that tests need."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's contents, as in site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("irkit-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def irkit(site: Path, *arguments: str) -> str:
    """What the installed irkit prints, far from any checkout."""
    program = f"import sys; sys.path.insert(0, {str(site)!r}); from irkit.cli import main; sys.exit(main())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("IRKIT_", "PYTHONPATH"))}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments],
        cwd=site.parent,
        env=environment | {"IRKIT_STATE": str(site.parent / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_package_data_file_is_in_it(installed: Path) -> None:
    data = {
        path.relative_to(ROOT)
        for path in (ROOT / "irkit").rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"} and "cases" not in path.parts
    }
    assert data
    assert [str(name) for name in data if not (installed / name).is_file()] == []
    assert (installed / "irkit" / "_runbooks" / "compromised-pod.md").is_file()


def test_no_tests_are_in_it(installed: Path) -> None:
    folders = {path.name for path in installed.rglob("*") if path.is_dir()}
    assert folders & {"tests", "cases", "bench", "scripts", "__pycache__"} == set()
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == {"irkit"}


def test_the_shipped_playbooks_are_found_without_a_checkout(installed: Path) -> None:
    assert "compromised-pod" in irkit(installed, "playbook", "list")
    assert irkit(installed, "playbook", "lint", "compromised-pod")


def test_the_shipped_drill_is_found_without_a_checkout(installed: Path) -> None:
    assert "compromised-pod" in irkit(installed, "drill", "list")
