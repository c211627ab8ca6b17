"""Threads that only read, beside the one that waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")
TURN = 0.2
"""Seconds."""


class Aside(ThreadPoolExecutor):
    """As a context, it ends its threads; where it is left by an interrupt, nobody waits for a server that hangs."""

    def each(self, work: Callable[[S], T], items: Iterable[S]) -> list[T]:
        """Do it with each of these, and wait for all, in their order. Raises what the first of them raised."""
        return [outcome(one) for one in [self.submit(work, item) for item in items]]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        self.shutdown(wait=not interrupted, cancel_futures=interrupted)


def outcome(future: Future[T]) -> T:
    """What it came to, waited for in short turns: a signal just before a thread begins to wait would not wake it."""
    while not wait([future], TURN).done:
        pass
    return future.result()
