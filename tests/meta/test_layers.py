"""The import contracts name every package, and really refuse what they forbid."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "irkit"
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
LAYERS = [name.strip() for layer in CONTRACTS[0]["layers"] for name in layer.split("|")]


def packages() -> list[str]:
    """Top-level packages and modules of irkit."""
    return sorted(
        path.stem
        for path in PACKAGE.iterdir()
        if (path / "__init__.py").is_file()
        or (path.suffix == ".py" and path.name not in {"__init__.py", "__main__.py"})
    )


def docstring(path: Path) -> str:
    """A module's docstring."""
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def test_every_package_is_in_the_layers_and_only_absent_ones_are_optional() -> None:
    assert sorted(name for name in LAYERS if not name.startswith("(")) == packages()


def test_the_layers_are_those_that_the_package_s_docstring_tells() -> None:
    told = docstring(PACKAGE / "__init__.py").partition(":")[2]
    assert all(name.strip("()") in told for name in LAYERS)


@pytest.mark.parametrize("name", [name for name in packages() if (PACKAGE / name).is_dir()])
def test_a_package_says_what_may_live_there_and_what_may_not(name: str) -> None:
    told = docstring(PACKAGE / name / "__init__.py")
    assert "May live here:" in told
    assert "May not:" in told


def test_inner_packages_say_what_they_are() -> None:
    silent = [str(path) for path in PACKAGE.rglob("__init__.py") if not docstring(path)]
    assert silent == []


def test_no_module_is_called_utils() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [str(path) for path in PACKAGE.rglob("*.py") if {path.stem, path.parent.name} & vague] == []


def test_handlers_may_not_import_the_lab_once_there_are_handlers() -> None:
    forbidden = [
        contract
        for contract in CONTRACTS
        if contract["type"] == "forbidden"
        and contract["source_modules"] == ["irkit.handlers"]
        and "irkit.lab" in contract["forbidden_modules"]
    ]
    assert bool(forbidden) == (PACKAGE / "handlers").is_dir()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its contracts, to break."""
    folder = tmp_path_factory.mktemp("layers")
    shutil.copytree(PACKAGE, folder / "irkit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter's verdict on a folder."""
    program = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as go; go()"
    command = [sys.executable, "-c", program, "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_tree_as_it_is_keeps_the_contracts(copied: Path) -> None:
    done = linted(copied)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("where", "statement", "told"),
    [
        ("model/wrong.py", "import irkit.engine.decide", "irkit.model is not allowed to import irkit.engine"),
        ("clients/wrong.py", "from irkit.engine import decide", "irkit.clients is not allowed to import irkit.engine"),
        (
            "actions/wrong.py",
            "def late():\n    import irkit.clients",
            "irkit.actions is not allowed to import irkit.clients",
        ),
        ("engine/wrong.py", "import kubernetes.client", "irkit is not allowed to import kubernetes"),
        ("views/wrong.py", "def late():\n    import botocore", "irkit is not allowed to import botocore"),
        ("wrong.py", "x = 1", "irkit.wrong"),
    ],
)
def test_a_wrong_import_is_refused(copied: Path, where: str, statement: str, told: str) -> None:
    path = copied / "irkit" / where
    path.write_text(statement + "\n")
    try:
        done = linted(copied)
    finally:
        path.unlink()
    assert done.returncode == 1
    assert told in done.stdout


@pytest.mark.parametrize("where", ["clients/right.py", "lab/right.py"])
def test_clients_and_lab_may_know_an_sdk(copied: Path, where: str) -> None:
    path = copied / "irkit" / where
    path.write_text("import kubernetes\n")
    try:
        done = linted(copied)
    finally:
        path.unlink()
    assert done.returncode == 0, done.stdout
