from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.intake import read_finding
from irkit.lab import process
from irkit.lab.behaviour import TOOLS
from irkit.lab.drills import load
from irkit.playbook import shipped
from tests.crash.harness import TWO, Scene
from tests.support.labs import lab_of
from tests.support.shop import shop


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.LabInfo]:
    """A lab in a process of its own: it must survive what happens to irkit."""
    with lab_of(shop(), tmp_path_factory) as info:
        yield info


@pytest.fixture
def two(lab: process.LabInfo, tmp_path: Path) -> Iterator[Scene]:
    """Label and isolate: the two actions that everything else is like."""
    with lab.control() as control:
        yield Scene(lab, control, tmp_path / "state", TWO)


@pytest.fixture
def whole(lab: process.LabInfo, tmp_path: Path) -> Iterator[Scene]:
    """The shipped playbook, begun by a finding."""
    with lab.control() as control:
        raw = load("compromised-pod").finding.read_bytes()
        finding = read_finding(raw, source_name="finding.json")
        playbook = shipped.load("compromised-pod")[0]
        yield Scene(lab, control, tmp_path / "state", playbook, finding=finding, raw=raw, inputs={"tools_image": TOOLS})
