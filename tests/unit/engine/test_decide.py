from __future__ import annotations

from typing import Any

import pytest

from irkit.engine.decide import MAX_FAILURES, End, Expand, Finish, Turn, Unit, crowd, decide, outputs, units
from irkit.journal.state import CaseState
from irkit.model import records as r
from irkit.model.plans import Verdict
from irkit.model.playbooks import Expr, Playbook, Step
from irkit.model.times import after
from tests.support.records import OTHER, START, Log, case_opened, closed, failed, intended, planned, run_opened


def step(step_id: str, *needs: str, **more: Any) -> Step:
    return Step(id=step_id, uses="kube.label_pod", arguments={}, needs=needs, **more)


def book(*steps: Step) -> Playbook:
    return Playbook(name="p", title="P", inputs=(), steps=steps)


def begun(*bodies: Any) -> CaseState:
    return Log().add(case_opened(), run_opened(), *bodies).state


def names(commands: list[Any]) -> list[str]:
    return [type(c).__name__ + ":" + (c.unit.key if hasattr(c, "unit") else getattr(c, "step", c).id) for c in commands]


def test_steps_without_needs_between_them_begin_together() -> None:
    state = begun()
    playbook = book(step("capture"), step("contain"), step("later", "capture"))
    assert ["Turn:capture", "Turn:contain"] == names(decide(playbook, state.runs["r1"], START))


def test_a_step_begins_when_all_it_needs_has_ended() -> None:
    playbook = book(step("a"), step("b"), step("c", "a", "b"))
    half = begun(closed("a"))
    assert ["Turn:b"] == names(decide(playbook, half.runs["r1"], START))
    both = begun(closed("a"), closed("b"))
    assert ["Turn:c"] == names(decide(playbook, both.runs["r1"], START))


@pytest.mark.parametrize("status", ["failed", "refused", "skipped"])
def test_a_failed_step_stops_its_dependants_and_nobody_else(status: Any) -> None:
    playbook = book(step("a"), step("b", "a"), step("other"))
    state = begun(closed("a", Verdict(status=status, why="x")))
    first, second = decide(playbook, state.runs["r1"], START)
    assert isinstance(first, End)
    assert ("b", "skipped") == (first.unit.key, first.verdict.status)
    assert "`a`" in first.verdict.why
    assert isinstance(second, Turn)
    assert "other" == second.unit.key


@pytest.mark.parametrize("status", ["proven", "leaky", "unproven"])
def test_what_is_not_proven_does_not_stop_its_dependants(status: Any) -> None:
    state = begun(closed("a", Verdict(status=status, why="x")))
    assert ["Turn:b"] == names(decide(book(step("a"), step("b", "a")), state.runs["r1"], START))


def test_on_failure_continue_lets_dependants_go_on() -> None:
    playbook = book(step("a", on_failure="continue"), step("b", "a"))
    state = begun(closed("a", Verdict(status="failed", why="x")))
    assert ["Turn:b"] == names(decide(playbook, state.runs["r1"], START))


def test_finally_steps_run_last_and_always() -> None:
    playbook = book(step("a"), step("b", "a"), step("z", always=True))
    assert ["Turn:a"] == names(decide(playbook, begun().runs["r1"], START))
    state = begun(closed("a", Verdict(status="failed", why="x")), closed("b", Verdict(status="skipped", why="x")))
    assert ["Turn:z"] == names(decide(playbook, state.runs["r1"], START))


def test_the_run_finishes_only_when_every_step_has_ended_and_nothing_is_busy() -> None:
    playbook = book(step("a"))
    state = begun(closed("a"))
    assert [Finish()] == decide(playbook, state.runs["r1"], START)
    assert [] == decide(playbook, state.runs["r1"], START, busy={"x"})


def test_a_busy_unit_is_left_alone() -> None:
    assert ["Turn:b"] == names(decide(book(step("a"), step("b")), begun().runs["r1"], START, busy={"a"}))


def test_a_waiting_step_is_looked_at_when_its_time_has_come() -> None:
    until = after(START, 60)
    waiting = r.StepWaiting(run="r1", step="a", turn=1, until=until, why="settling")
    run = begun(waiting).runs["r1"]
    assert [] == decide(book(step("a")), run, after(START, 59))
    assert ["Turn:a"] == names(decide(book(step("a")), run, until))


def test_a_parked_step_waits_for_a_resume() -> None:
    parked = r.StepParked(run="r1", step="a", turn=1, why="credentials", detail="expired")
    playbook = book(step("a"), step("b"))
    assert ["Turn:b"] == names(decide(playbook, begun(parked).runs["r1"], after(START, 9999)))
    resumed = begun(parked, r.RunResumed(run="r1", who=OTHER, tool="0"))
    assert ["Turn:a", "Turn:b"] == names(decide(playbook, resumed.runs["r1"], START))


def test_a_step_is_given_up_after_so_many_failures_in_a_row() -> None:
    tries = [body for _ in range(MAX_FAILURES) for body in (intended("a"), failed("a"))]
    run = begun(planned("a"), *tries[:-1]).runs["r1"]
    assert ["Turn:a"] == names(decide(book(step("a")), run, START))
    (command,) = decide(book(step("a")), begun(planned("a"), *tries).runs["r1"], START)
    assert isinstance(command, End)
    assert "failed" == command.verdict.status


def test_a_timeout_counts_from_the_present_stretch_of_work() -> None:
    playbook = book(step("a", timeout=60))
    late = after(START, 3600)
    (command,) = decide(playbook, begun(planned("a")).runs["r1"], late)
    assert isinstance(command, End)
    assert "60 s" in command.verdict.why
    resumed = begun(planned("a"), r.RunResumed(run="r1", who=OTHER, tool="0"))
    assert ["Turn:a"] == names(decide(playbook, resumed.runs["r1"], late))


def test_an_abort_lets_what_is_in_flight_look_again_and_starts_nothing_new() -> None:
    abort = r.RequestTaken(request="abort-0001", wants="abort", who=OTHER)
    run = begun(planned("a"), intended("a"), abort).runs["r1"]
    first, second, third = decide(book(step("a"), step("b"), step("c", "b")), run, START)
    assert isinstance(first, Turn)
    assert isinstance(second, End)
    assert isinstance(third, End)
    assert {"skipped"} == {second.verdict.status, third.verdict.status}


def test_for_each_is_frozen_once_and_then_worked_on_by_uid() -> None:
    each = step("mark", for_each=Expr(expr=("inputs", "pods")))
    playbook = book(each, step("after", "mark"))
    run = begun().runs["r1"]
    assert [Expand(each)] == decide(playbook, run, START)
    expanded = r.StepExpanded(
        run="r1", step="mark", items=({"uid": "u1"}, {"uid": "u2"}), children=("mark[u1]", "mark[u2]")
    )
    state = begun(expanded)
    assert ["Turn:mark[u1]", "Turn:mark[u2]"] == names(decide(playbook, state.runs["r1"], START))
    assert [{"uid": "u1"}, {"uid": "u2"}] == [unit.item for unit in units(playbook, state.runs["r1"])][:2]
    state = begun(expanded, closed("mark[u1]", outputs={"n": 1}), closed("mark[u2]", outputs={"n": 2}))
    assert ["Turn:after"] == names(decide(playbook, state.runs["r1"], START))
    assert {"n": [1, 2]} == outputs(playbook, state.runs["r1"])["mark"]


def test_one_failed_child_stops_the_dependants_of_the_whole() -> None:
    each = step("mark", for_each=Expr(expr=("inputs", "pods")))
    expanded = r.StepExpanded(run="r1", step="mark", items=(1, 2), children=("mark[u1]", "mark[u2]"))
    run = begun(expanded, closed("mark[u1]"), closed("mark[u2]", Verdict(status="failed", why="x"))).runs["r1"]
    (command,) = decide(book(each, step("after", "mark")), run, START)
    assert isinstance(command, End)


def test_an_empty_for_each_has_ended() -> None:
    each = step("mark", for_each=Expr(expr=("inputs", "pods")))
    run = begun(r.StepExpanded(run="r1", step="mark", items=(), children=())).runs["r1"]
    assert ["Turn:after"] == names(decide(book(each, step("after", "mark")), run, START))


def test_a_crowd_are_children_of_one_step() -> None:
    """Nine steps that look at nine things are no crowd: they would LIST what they may only GET."""
    one, other = step("a"), step("b")
    assert 0 == crowd([])
    assert 1 == crowd([Unit("a", one), Unit("b", other)])
    assert 2 == crowd([Unit("a[1]", one), Unit("b", other), Unit("a[2]", one)])
