from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.lab import process
from tests.e2e.plays import make_probeable
from tests.e2e.stage import Stage
from tests.e2e.two import US, Two
from tests.support.shop import shop


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.LabInfo]:
    folder = tmp_path_factory.mktemp("e2e") / "lab"
    info = process.up(folder, shop())
    try:
        yield info
    finally:
        process.down(folder)


@pytest.fixture
def stage(lab: process.LabInfo, tmp_path: Path) -> Iterator[Stage]:
    """The lab as it was seeded, and a state folder of this test's own."""
    with lab.control() as control:
        control.reset()
        control.clear_audit()
        control.clear_faults()
        yield Stage(lab, control, tmp_path / "state")
        assert [] == control.unserved()


@pytest.fixture(scope="session")
def other_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.LabInfo]:
    folder = tmp_path_factory.mktemp("there") / "lab"
    info = process.up(folder, shop(cluster=US, seed=2))
    try:
        yield info
    finally:
        process.down(folder)


@pytest.fixture
def two(stage: Stage, other_lab: process.LabInfo, tmp_path: Path) -> Iterator[Two]:
    with other_lab.control() as control:
        control.reset()
        control.clear_audit()
        control.clear_faults()
        there = Stage(other_lab, control, tmp_path / "state")
        for one in (stage, there):
            make_probeable(one)
        yield Two(stage, there, {})
        assert [] == control.unserved()
