"""The requirement files: exact versions, a hash each, no address, and what pyproject.toml asks for."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+?))?(?: \\|$)")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def pins(name: str) -> dict[str, str]:
    """Package to version. Fails on any line that is neither a pin nor a hash, and on a pin without a hash."""
    found: dict[str, str] = {}
    hashes = 1
    for number, line in enumerate((ROOT / "requirements" / name).read_text().splitlines(), 1):
        if HASH.match(line):
            hashes += 1
            continue
        match = PIN.match(line)
        assert match, f"{name}:{number}: neither a pinned version nor its hash: {line!r}"
        assert hashes, f"{name}:{number - 1}: a version without a hash"
        hashes = 0
        found[canonicalize_name(match["name"])] = match["version"]
    assert hashes
    return found


def wanted(*, dev: bool) -> list[Requirement]:
    """What pyproject.toml asks for."""
    project = PROJECT["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["lab"], *PROJECT["dependency-groups"]["build"]]
    if dev:
        lines += PROJECT["dependency-groups"]["dev"]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(("name", "dev"), [("run.txt", False), ("dev.txt", True)])
def test_what_pyproject_asks_for_is_pinned_within_its_range(name: str, dev: bool) -> None:
    have = pins(name)
    outside = [
        f"{need} is {have.get(canonicalize_name(need.name), 'absent')}: make lock"
        for need in wanted(dev=dev)
        if have.get(canonicalize_name(need.name), "") not in need.specifier or canonicalize_name(need.name) not in have
    ]
    assert outside == []


def test_the_drill_runs_what_the_tests_tested() -> None:
    dev = pins("dev.txt")
    assert {name: dev.get(name) for name in pins("run.txt")} == pins("run.txt")


def test_test_tools_are_not_in_the_drill_s_environment() -> None:
    tools = {"boto3", "hypothesis", "import-linter", "moto", "mypy", "pytest", "ruff", "uv"}
    assert tools <= set(pins("dev.txt"))
    assert tools & set(pins("run.txt")) == set()


def test_the_build_backend_is_pinned_too() -> None:
    have = pins("run.txt")
    assert all(canonicalize_name(Requirement(line).name) in have for line in PROJECT["build-system"]["requires"])


def test_the_kubernetes_release_that_cannot_be_resolved_beside_botocore_stays_out() -> None:
    assert pins("dev.txt")["kubernetes"] == "37.0.1"
    assert "37.0.2" not in next(need for need in wanted(dev=False) if need.name == "kubernetes").specifier


def imported(folder: Path) -> set[str]:
    """Distributions that a folder's files import themselves, anywhere in them."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(str(node.module).partition(".")[0])
    known = packages_distributions()
    own = {path.name for path in ROOT.iterdir() if path.is_dir()}
    return {canonicalize_name(known.get(name, [name])[0]) for name in names - sys.stdlib_module_names - own}


def declared(lines: list[str]) -> set[str]:
    """Names of requirements."""
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_what_irkit_imports_it_declares() -> None:
    """A dependency's dependency may go away with its next release."""
    runtime = declared(PROJECT["project"]["dependencies"])
    lab = declared(PROJECT["project"]["optional-dependencies"]["lab"])
    undeclared = {path.name: imported(path) - runtime for path in (ROOT / "irkit").iterdir() if path.is_dir()}
    assert undeclared.pop("lab") <= lab
    assert undeclared.pop("cli") <= lab  # it looks whether the lab can start
    assert {name: found for name, found in undeclared.items() if found} == {}


def test_what_the_tests_import_they_declare() -> None:
    known = declared([str(need) for need in wanted(dev=True)])
    assert set().union(*(imported(ROOT / name) for name in ("tests", "bench", "scripts"))) - known == set()


def test_what_is_declared_is_used() -> None:
    assert declared(PROJECT["project"]["dependencies"]) - imported(ROOT / "irkit") == set()
