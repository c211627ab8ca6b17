"""How much one cluster is asked: never more at a time, never more a second, and what has no room was not sent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.clients.kube import Budget
from irkit.errors import Throttled
from irkit.model.kube import PODS
from tests.support.kube_objects import pod
from tests.support.wire import say
from tests.unit.clients.conftest import Start


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def budget(time: Time, per_second: float) -> Budget:
    return Budget(8, per_second, clock=time.clock, sleep=time.sleep)


@given(
    per_second=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=120),
)
def test_no_second_sees_more_than_two_seconds_worth(per_second: int, pauses: list[float]) -> None:
    """One that was saved up, and one that passes; never more, however the requests come."""
    time = Time()
    limit, sent = budget(time, per_second), list[float]()
    for pause in pauses:
        time.sleep(pause)
        with limit.spend(1e9):
            sent.append(time.now)
    for at in sent:
        assert sum(at <= other < at + 1 for other in sent) <= 2 * per_second + 1


def test_after_a_pause_a_seconds_worth_goes_at_once_and_the_rest_in_turn() -> None:
    time = Time()
    limit, sent = budget(time, 10), list[float]()
    for _ in range(21):
        with limit.spend(60):
            sent.append(round(time.now - 1000, 3))
    assert sent[:11] == [0.0] * 11
    assert sent[11:14] == [0.1, 0.2, 0.3]
    assert sent[-1] == 1.0


def test_where_there_is_no_turn_in_time_nothing_is_sent_and_the_wait_is_said() -> None:
    time = Time()
    limit = budget(time, 1)
    for _ in range(2):
        with limit.spend(1):
            pass
    with pytest.raises(Throttled, match="1 requests a second") as told, limit.spend(0.5):
        pass
    assert told.value.retry_after >= 1
    time.sleep(1)
    with limit.spend(0.5) as left:  # the one that was turned away took no turn
        assert left == 0.5


def test_no_rate_is_no_limit() -> None:
    time = Time()
    limit = budget(time, 0)
    for _ in range(1000):
        with limit.spend(1):
            pass
    assert time.now == 1000.0


def test_so_many_at_a_time_and_the_others_wait() -> None:
    limit, go, guard = Budget(3), threading.Event(), threading.Lock()
    now, most = [0], [0]

    def ask() -> None:
        with limit.spend(30):
            with guard:
                now[0] += 1
                most[0] = max(most[0], now[0])
            go.wait(30)
            with guard:
                now[0] -= 1

    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(ask) for _ in range(12)]
        while now[0] < 3:
            pass
        with pytest.raises(Throttled, match="3 requests are under way"), limit.spend(0.05):
            pass
        go.set()
        assert [one.result() for one in asked] == [None] * 12
    assert most == [3]


def test_room_is_given_back_where_a_request_fails() -> None:
    limit = Budget(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="lost"), limit.spend(0.05):
            raise ValueError("lost")  # noqa: EM101 -- a request's error


def test_a_client_asks_no_more_than_its_budget(start: Start) -> None:
    """What has no room is said to be throttled, which is tried again, and was not sent."""
    server, kube = start([say(200, pod())] * 2, budget=Budget(per_second=1), read_seconds=0.5)
    for _ in range(2):
        kube.reader.get(PODS, "web", "shop")
    with pytest.raises(Throttled, match="1 requests a second") as told:
        kube.reader.get(PODS, "web", "shop")
    assert told.value.retry_after >= 1
    assert "requests_per_second" in told.value.hint
    assert len(server.heard) == 2
