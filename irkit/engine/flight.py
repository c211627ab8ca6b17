"""Looks and sends on worker threads, for the one thread that submits them and takes in what they came to."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

from irkit.engine.look import Blocked, Broken, Looked
from irkit.engine.receipts import Sent
from irkit.engine.turns import Job

Result = Looked | Blocked | Broken | Sent
Work = Callable[[], Result]
T = TypeVar("T")
CROWD = 16
"""In flight; fewer are few records."""
LINGER = 0.02
"""Seconds."""


class Flight:
    """What is in flight, in a bounded number of threads a cluster. As a context, it ends its threads.

    What no thread has begun by then is not begun any more. A write is always waited for; looks are, where none was
    given up.

    Each cluster has threads of its own: one that hangs would soon have all of them, and the others none. So have its
    writes: they contain, and wait for no look that hangs.
    Results come through a queue: asking 500 futures which of them ended costs more than most of their work.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pools: dict[tuple[str, bool], ThreadPoolExecutor] = {}
        self._landed: SimpleQueue[Future[Result]] = SimpleQueue()
        self._jobs: dict[Future[Result], Job] = {}
        self._works: dict[Future[Result], tuple[Work, ThreadPoolExecutor]] = {}
        self._retired: list[ThreadPoolExecutor] = []  # their threads hang
        self._given_up = False

    def __bool__(self) -> bool:
        return bool(self._jobs)

    @property
    def jobs(self) -> list[Job]:
        """The jobs in flight, oldest first."""
        return list(self._jobs.values())

    def submit(self, job: Job, work: Work) -> None:
        """Begin a job's work as soon as a thread is free."""
        pool = self._pool(job.task.mark.within, writes=job.change is not None)
        future = pool.submit(work)
        self._jobs[future], self._works[future] = job, (work, pool)
        future.add_done_callback(self._landed.put)

    def land(self, timeout: float) -> list[tuple[Result, Job]]:
        """What ended since the last call; waits for the first, at most so many seconds. Raises what a job raised.

        Of a crowd it waits for some more: they become one segment of the journal, and so one fdatasync.
        """
        found: list[tuple[Result, Job]] = []
        try:
            ended = self._landed.get(timeout=timeout)
            if len(self._jobs) > CROWD:
                time.sleep(LINGER)
            while True:
                job, _ = self._jobs.pop(ended, None), self._works.pop(ended, None)
                if job is not None:
                    found.append((ended.result(), job))
                ended = self._landed.get_nowait()
        except Empty:
            return found

    def give_up(self, jobs: Collection[Job]) -> None:
        """Wait no longer for these looks. Their threads end with the client's own time limits; nobody hears them.

        What waits behind them for a thread gets another one: looks that hang may be as many as there are threads.
        """
        hanging: list[ThreadPoolExecutor] = []
        given_up = {id(job) for job in jobs}
        for future in [future for future, one in self._jobs.items() if id(one) in given_up]:
            _, pool = self._works.pop(future)
            del self._jobs[future]
            if not future.cancel():
                hanging.append(pool)
        self._given_up = self._given_up or bool(hanging)
        for key, pool in [(key, pool) for key, pool in self._pools.items() if pool in hanging]:
            self._retired.append(self._pools.pop(key))
            for future in [future for future, (_, its) in self._works.items() if its is pool and future.cancel()]:
                self.submit(self._jobs.pop(future), self._works.pop(future)[0])

    def settle(self) -> None:
        """Wait until all that is in flight has ended."""
        wait(self._jobs)

    def each(self, works: list[Callable[[], T]]) -> list[T]:
        """Do all of these and wait for them, beside what is in flight. In their order.

        A thread does every so manieth of them: a thousand tasks cost more than most of their work.
        """
        shares = [works[first :: self._workers] for first in range(min(self._workers, len(works)))]
        done = list(self._pool("").map(lambda share: [work() for work in share], shares))
        return [done[at % self._workers][at // self._workers] for at in range(len(works))]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        begun = [(future, job) for future, job in self._jobs.items() if not future.cancel()]
        wait([future for future, job in begun if job.change is not None])
        for pool in (*self._pools.values(), *self._retired):
            pool.shutdown(wait=not self._given_up)

    def _pool(self, cluster: str, *, writes: bool = False) -> ThreadPoolExecutor:
        key = cluster, writes
        if key not in self._pools:  # threads are made when there is work for them
            self._pools[key] = ThreadPoolExecutor(self._workers, thread_name_prefix="irkit")
        return self._pools[key]
