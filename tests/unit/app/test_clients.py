"""Clients by cluster: each looked at once, and none in the way of another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from irkit.app.clients import Clients
from irkit.errors import Unreachable
from irkit.model.refs import ClusterRef

A, B = ClusterRef(id="context:a"), ClusterRef(id="context:b")


class Cluster:
    """Says what it is; `before` is done first."""

    def __init__(self, uid: str = "u", before: Callable[[], object] = lambda: None) -> None:
        self.uid = uid
        self.asked = 0
        self._before = before

    def identity(self) -> str:
        self.asked += 1
        self._before()
        return self.uid


def clients(a: Cluster, b: Cluster, pins: dict[str, str]) -> Clients:
    def connect(cluster: ClusterRef) -> Any:
        return a if cluster == A else b

    return Clients(connect, pins)


def test_one_that_hangs_holds_up_no_other() -> None:
    gate, begun = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        gate.wait(30)

    found = clients(Cluster("a", hang), Cluster("b"), {A.id: "a", B.id: "b"})
    with ThreadPoolExecutor(2) as pool:
        try:
            pool.submit(found.get, A)
            assert begun.wait(5)
            assert pool.submit(found.get, B).result(5) is not None
        finally:
            gate.set()


def test_who_asks_meanwhile_waits_for_the_same_look() -> None:
    gate = threading.Event()
    cluster = Cluster("a", lambda: gate.wait(30))
    found = clients(cluster, Cluster(), {A.id: "a"})
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(found.get, A) for _ in range(4)]
        gate.set()
        assert {id(one.result(5)) for one in asked} == {id(cluster)}
    assert cluster.asked == 1


def test_a_look_that_failed_is_made_again() -> None:
    answers = iter([Unreachable("out of reach"), None])

    def fail_once() -> None:
        error = next(answers)
        if error is not None:
            raise error

    found = clients(Cluster("a", fail_once), Cluster(), {A.id: "a"})
    with pytest.raises(Unreachable, match="out of reach"):
        found.get(A)
    assert found.get(A) is not None


@pytest.mark.parametrize(
    ("pins", "other"),
    [({A.id: "a", B.id: "b"}, "c"), ({A.id: "a", B.id: ""}, "a")],
    ids=["another", "the first one"],
)
def test_one_that_answers_as_another_is_out_of_reach(pins: dict[str, str], other: str) -> None:
    found = clients(Cluster("a"), Cluster(other), pins)
    assert found.get(A) is not None
    with pytest.raises(Unreachable, match="answers as another cluster"):
        found.get(B)


def test_one_cluster_alone_is_not_asked() -> None:
    cluster = Cluster("a")
    assert clients(cluster, Cluster(), {}).get(A) is not None
    assert cluster.asked == 0
