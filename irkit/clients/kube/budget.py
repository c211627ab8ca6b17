"""How much one cluster is asked at a time, by all clients of this process together.

An API server has its own limits (Kubernetes documentation, "API Priority and Fairness"); these are the responder's: an
incident is no time to take what the cluster's own controllers need, and a cluster that answers slowly must not use up
what another one needs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from irkit.errors import Throttled

CONNECTIONS = 64
"""Requests at a time where nothing else is configured."""


class Budget:
    """So many requests at a time, and on average so many a second; 0 is as many as there are.

    A second's worth may go at once after a pause. Safe for threads.
    """

    def __init__(
        self, connections: int = CONNECTIONS, per_second: float = 0.0, *,
        clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.connections = connections
        self.per_second = per_second
        self._slots = threading.BoundedSemaphore(connections)
        self._clock = clock
        self._sleep = sleep
        self._guard = threading.Lock()
        self._next = 0.0  # when the next request may leave, had all before it left one by one

    @contextmanager
    def spend(self, seconds: float) -> Iterator[float]:
        """Room for one request; gives what is left of its time. Raises Throttled where there is none in time."""
        begun = self._clock()
        if not self._slots.acquire(timeout=seconds):
            msg = f"{self.connections} requests are under way, which is all that this cluster is asked at a time"
            raise _full(msg)
        try:
            pause = self._turn(seconds - (self._clock() - begun))
            if pause > 0:
                self._sleep(pause)
            yield seconds - (self._clock() - begun)
        finally:
            self._slots.release()

    def _turn(self, left: float) -> float:
        """Take the next place in the row; gives the seconds until it comes."""
        if not self.per_second:
            return 0.0
        with self._guard:
            now = self._clock()
            at = max(self._next, now - 1.0)
            pause = at - now
            if pause > left:
                most = f"{self.per_second:g} requests a second"
                msg = f"{most} are all that this cluster is asked, and others were first"
                raise _full(msg, max(pause, 1.0))
            self._next = at + 1.0 / self.per_second
            return pause


def _full(message: str, seconds: float = 1.0) -> Throttled:
    error = Throttled(message, hint="the cluster's `connections` and `requests_per_second` in irkit.yaml say so")
    error.retry_after = seconds
    return error
