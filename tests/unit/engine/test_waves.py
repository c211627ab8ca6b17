"""Who waits for whom before looking: as long as it helps, and never for long."""

from __future__ import annotations

from typing import Any

from irkit.engine.decide import Unit
from irkit.engine.turns import Job
from irkit.engine.waves import PATIENCE, Waves
from irkit.model.playbooks import Expr, Step
from irkit.model.times import after
from tests.support.records import START, mark

LABEL = Step(id="label", uses="kube.label_pod", arguments={}, needs=(), for_each=Expr(expr=("steps", "scope", "pods")))
ONE = Step(id="one", uses="kube.label_pod", arguments={}, needs=())


class Task:
    """Of a task only the mark matters here."""

    def __init__(self, scope: str) -> None:
        self.mark = mark(scope=scope)


class Desk:
    """Jobs, a clock, and the waves over both."""

    def __init__(self) -> None:
        self.now = START
        self.jobs: dict[str, Job] = {}
        self.waves = Waves(lambda: self.now, self.jobs)

    def job(self, key: str, step: Step = LABEL, *, sending: bool = False, effect: str = "", scope: str = "s") -> Job:
        task: Any = Task(scope)
        held: Any = None
        change: Any = object() if sending else None
        self.jobs[key] = Job(Unit(key, step), held, task, change=change, key=effect)
        return self.jobs[key]

    def end(self, key: str) -> None:
        self.waves.ended(self.jobs[key])
        self.waves.dropped(self.jobs.pop(key))


def test_children_that_were_sent_look_again_together() -> None:
    desk = Desk()
    for key in ("label[a]", "label[b]", "label[c]"):
        desk.job(key, sending=True)
    desk.end("label[a]")
    assert {"label[a]"} == desk.waves.waiting()
    desk.end("label[b]")
    assert {"label[a]", "label[b]"} == desk.waves.waiting()
    desk.end("label[c]")
    assert set() == desk.waves.waiting()


def test_one_slow_write_holds_the_others_up_for_seconds_only() -> None:
    desk = Desk()
    desk.job("label[a]", sending=True)
    desk.job("label[slow]", sending=True)
    desk.end("label[a]")
    desk.now = after(START, PATIENCE - 0.1)
    assert {"label[a]"} == desk.waves.waiting()
    desk.now = after(START, PATIENCE)
    assert set() == desk.waves.waiting()


def test_looks_in_flight_and_other_steps_hold_nobody_up() -> None:
    desk = Desk()
    desk.job("label[a]", sending=True)
    desk.job("label[b]")  # looks
    desk.job("one", ONE, sending=True)
    desk.end("label[a]")
    assert set() == desk.waves.waiting()
    desk.end("one")
    assert set() == desk.waves.waiting()


def test_who_is_behind_an_effect_waits_for_its_end() -> None:
    desk = Desk()
    desk.job("one", ONE, sending=True, effect="k1")
    desk.waves.behind("other", "k1")
    desk.waves.behind("third", "k2")
    assert {"other", "third"} == desk.waves.waiting()
    desk.end("one")
    assert {"third"} == desk.waves.waiting()


def test_of_many_with_one_mark_the_first_looks_first_and_once() -> None:
    desk = Desk()
    shared = mark(scope="s").id
    assert not desk.waves.follows("isolate[a]", shared, desk.now)
    desk.job("isolate[a]")
    assert desk.waves.follows("isolate[b]", shared, desk.now)
    assert not desk.waves.follows("isolate[a]", shared, desk.now)
    assert not desk.waves.follows("isolate[c]", mark(scope="another").id, desk.now)
    desk.waves.dropped(desk.jobs.pop("isolate[a]"))
    assert not desk.waves.follows("isolate[b]", shared, desk.now)
    desk.job("isolate[a]")  # looks again, beside all others
    assert not desk.waves.follows("isolate[b]", shared, desk.now)


def test_a_first_that_hangs_is_not_waited_for() -> None:
    desk = Desk()
    shared = mark(scope="s").id
    desk.waves.follows("isolate[a]", shared, desk.now)
    desk.job("isolate[a]")
    desk.now = after(START, PATIENCE)
    assert not desk.waves.follows("isolate[b]", shared, desk.now)
