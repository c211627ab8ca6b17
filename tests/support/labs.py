"""A lab in a process of its own: it survives what happens to irkit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from irkit.lab import process
from irkit.lab.seed import Seed


@contextmanager
def lab_of(seed: Seed, folders: pytest.TempPathFactory) -> Iterator[process.LabInfo]:
    folder = folders.mktemp("lab") / "lab"
    info = process.up(folder, seed)
    try:
        yield info
    finally:
        process.down(folder)
