from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.lab import process
from tests.e2e.plays import make_probeable
from tests.e2e.stage import Stage
from tests.e2e.two import US, Two
from tests.support.labs import lab_of
from tests.support.shop import shop


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.LabInfo]:
    with lab_of(shop(), tmp_path_factory) as info:
        yield info


@pytest.fixture
def stage(lab: process.LabInfo, tmp_path: Path) -> Iterator[Stage]:
    """The lab as it was seeded, and a state folder of this test's own."""
    with Stage.of(lab, tmp_path / "state") as found:
        yield found


@pytest.fixture(scope="session")
def other_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.LabInfo]:
    with lab_of(shop(cluster=US, seed=2), tmp_path_factory) as info:
        yield info


@pytest.fixture
def two(stage: Stage, other_lab: process.LabInfo, tmp_path: Path) -> Iterator[Two]:
    with Stage.of(other_lab, tmp_path / "state") as there:
        for one in (stage, there):
            make_probeable(one)
        yield Two(stage, there, {})
