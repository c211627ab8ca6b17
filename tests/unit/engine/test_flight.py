"""Work on threads: what ended is heard once, what was given up is not, and a broken store stops the run."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from irkit.engine.decide import Unit
from irkit.engine.flight import Flight
from irkit.engine.turns import Job
from irkit.errors import JournalError
from irkit.model.plans import Change
from irkit.model.playbooks import Step
from tests.support.records import mark


class Task:
    """Of a task only the mark matters here: it says which cluster the work is in."""

    def __init__(self, cluster: str) -> None:
        self.mark = mark().model_copy(update={"within": cluster})


def job(key: str, cluster: str = "context:a") -> Job:
    nothing: Any = None
    task: Any = Task(cluster)
    return Job(Unit(key, Step(id=key, uses="kube.label_pod", arguments={}, needs=())), nothing, task)


def said(value: str) -> Any:
    return value


def test_what_ended_lands_once() -> None:
    with Flight(2) as flight:
        jobs = [job(f"s{number}") for number in range(50)]
        for one in jobs:
            flight.submit(one, lambda key=one.unit.key: said(key))  # type: ignore[misc]
        landed: list[tuple[Any, Job]] = []
        while flight:
            landed += flight.land(5.0)
        assert {one.unit.key for one in jobs} == {result for result, _ in landed}
        assert all(result == one.unit.key for result, one in landed)
        assert len(jobs) == len(landed)
        assert [] == flight.land(0.0)


def test_a_look_that_was_given_up_is_not_heard_and_not_waited_for() -> None:
    gate, ran = threading.Event(), threading.Event()
    hangs, other = job("hangs"), job("other")

    def hang() -> Any:
        ran.set()
        gate.wait(30)

    try:
        with Flight(2) as flight:
            flight.submit(hangs, hang)
            assert ran.wait(5)
            flight.submit(other, lambda: said("done"))
            assert [other] == [one for _, one in flight.land(5.0)]
            flight.give_up([hangs])
            assert not flight
            assert [] == flight.land(0.0)
    finally:
        gate.set()  # the context ended while it hung


def test_a_write_in_flight_is_waited_for_whatever_was_given_up() -> None:
    """Else its case's lock would be free while it may still take effect, and another process would send it again."""
    gate, begun, ended = threading.Event(), threading.Event(), threading.Event()
    hangs, writes = job("hangs"), job("writes")
    writes.change = Change((), "x")

    def write() -> Any:
        begun.set()
        gate.wait(0.3)
        ended.set()

    hanging = threading.Event()
    try:
        with Flight(2) as flight:
            flight.submit(hangs, lambda: said(str(hanging.wait(30))))
            flight.submit(writes, write)
            assert begun.wait(5)
            flight.give_up([hangs])
        assert ended.is_set()
    finally:
        hanging.set()


def test_what_waits_behind_looks_that_were_given_up_gets_a_thread() -> None:
    """As many may hang as there are threads: what else contains would wait for the client's own time limits."""
    gate, begun = threading.Event(), threading.Semaphore(0)
    hanging, never, waits = [job("a"), job("b")], job("never"), job("waits")

    def hang() -> Any:
        begun.release()
        gate.wait(30)

    try:
        with Flight(2) as flight:
            for one in (*hanging, never):
                flight.submit(one, hang)
            flight.submit(waits, lambda: said("seen"))
            assert all(begun.acquire(timeout=5) for _ in hanging)
            flight.give_up([*hanging, never])
            later = job("later")
            flight.submit(later, lambda: said("seen"))
            landed: list[Job] = []
            while flight:
                found = flight.land(5.0)
                assert found
                landed += [one for _, one in found]
            assert {one.unit.key for one in landed} == {"waits", "later"}
            assert not begun.acquire(blocking=False)  # what was given up before it began never begins
    finally:
        gate.set()


def test_what_no_thread_has_begun_is_not_sent_after_the_end() -> None:
    """The run has said that it pauses, or its journal cannot be written: what was intended only is looked for later."""
    begun, gate, sent = threading.Event(), threading.Event(), threading.Event()
    first, second = job("first"), job("second")
    first.change = second.change = Change((), "x")

    def write() -> Any:
        begun.set()
        gate.wait(0.3)

    def late() -> Any:
        sent.set()

    with Flight(1) as flight:
        flight.submit(first, write)
        flight.submit(second, late)
        assert begun.wait(5)
    assert not sent.is_set()


def test_a_write_waits_for_no_look_that_hangs() -> None:
    gate, writes = threading.Event(), job("writes")
    writes.change = Change((), "x")
    with Flight(1) as flight:
        flight.submit(job("hangs"), lambda: said(str(gate.wait(30))))
        flight.submit(writes, lambda: said("sent"))
        try:
            assert [writes] == [one for _, one in flight.land(5.0)]
        finally:
            gate.set()


def test_a_cluster_that_hangs_holds_up_no_other() -> None:
    gate, other = threading.Event(), job("other", "context:b")
    with Flight(1) as flight:
        flight.submit(job("hangs"), lambda: said(str(gate.wait(30))))
        flight.submit(other, lambda: said("seen"))
        try:
            assert [other] == [one for _, one in flight.land(5.0)]
        finally:
            gate.set()


def test_what_a_job_raises_is_raised_to_whoever_takes_it_in() -> None:
    def fail() -> Any:
        msg = "the evidence folder is full"
        raise JournalError(msg)

    with Flight(1) as flight:
        flight.submit(job("a"), fail)
        with pytest.raises(JournalError, match="full"):
            flight.land(5.0)


def test_many_at_once_come_back_in_their_order() -> None:
    with Flight(3) as flight:
        assert list(range(20)) == flight.each([lambda number=number: number for number in range(20)])  # type: ignore[misc]
