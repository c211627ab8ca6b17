"""Threads that only read, beside the one that waits for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType


class Aside(ThreadPoolExecutor):
    """As a context, it ends its threads; where it is left by an interrupt, nobody waits for a server that hangs."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        self.shutdown(wait=not interrupted, cancel_futures=interrupted)
