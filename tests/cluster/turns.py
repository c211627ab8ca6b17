"""Several test runs on one cluster: a test that changes the whole of it waits until no other one is under way."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.layout import Layout


class Turns:
    """A lock file beside the cluster's state, shared by tests and held alone by what concerns them all.

    One object for each process: what this process shares never stands in its own way.
    """

    def __init__(self) -> None:
        self._file: int | None = None
        self._sharing = 0
        self._alone = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """For the time of one test: nobody else changes how the cluster as a whole behaves."""
        self._sharing += 1
        self._hold()
        try:
            yield
        finally:
            self._sharing -= 1
            self._hold()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For a change of the whole cluster: waits until every other test is done. Until then, others may change it."""
        self._alone += 1
        self._hold()
        try:
            yield
        finally:
            self._alone -= 1
            self._hold()

    def _hold(self) -> None:
        if self._file is None:
            path = Layout().cache / f"{Layout().state.name}.turns"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX if self._alone else fcntl.LOCK_SH if self._sharing else fcntl.LOCK_UN)
        if not self._alone and not self._sharing:
            os.close(self._file)
            self._file = None


TURNS = Turns()
