"""A step's condition: asked once its needs have ended, answered from the journal alone, and what its answer means."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.engine.decide import End, Expand, Finish, Turn, decide, units, verdicts
from irkit.engine.sweep import contained_ms, fell_short, tally
from irkit.journal.state import CaseState
from irkit.model import records as r
from irkit.model.plans import Verdict
from irkit.model.playbooks import Expr, Playbook, Step, When
from tests.support.records import START, WHO, Log, case_opened, closed, run_opened

PROVEN = When(text='steps.a_1.verdict == "proven"', names=(("steps", "a-1", "verdict"),))
MANY = When(text="steps.a_1.outputs.size > 2", names=(("steps", "a-1", "outputs", "size"),))
SKIPPED = Verdict(status="skipped", why="not needed")


def step(step_id: str, *needs: str, **more: Any) -> Step:
    return Step(id=step_id, uses="kube.label_pod", arguments={}, needs=needs, **more)


def book(*steps: Step) -> Playbook:
    return Playbook(name="p", title="P", inputs=(), steps=steps)


def begun(*bodies: Any) -> CaseState:
    return Log().add(case_opened(), run_opened(inputs={"flag": True}), *bodies).state


def decided(playbook: Playbook, *bodies: Any) -> list[Any]:
    return decide(playbook, begun(*bodies).runs["r1"], START)


def test_a_condition_waits_for_what_the_step_needs() -> None:
    assert [type(one) for one in decided(book(step("a-1"), step("b", "a-1", when=PROVEN)))] == [Turn]


def test_a_true_condition_lets_the_step_begin() -> None:
    (turn,) = decided(book(step("a-1"), step("b", "a-1", when=PROVEN)), closed("a-1"))
    assert isinstance(turn, Turn)
    assert turn.unit.key == "b"


def test_a_false_condition_ends_the_step_unlooked_at_and_names_itself() -> None:
    leaky = closed("a-1", Verdict.leaky("x"))
    (end,) = decided(book(step("a-1"), step("b", "a-1", when=PROVEN)), leaky)
    assert isinstance(end, End)
    assert (end.unit.key, end.verdict.status, end.condition) == ("b", "skipped", PROVEN.text)
    assert end.verdict.why == 'not needed: `when: steps.a_1.verdict == "proven"` is false'


def test_an_input_alone_decides_at_once() -> None:
    flag = When(text="!inputs.flag", names=(("inputs", "flag"),))
    (end,) = decided(book(step("b", when=flag)))
    assert isinstance(end, End)


def test_who_needs_a_step_that_was_not_needed_goes_on() -> None:
    playbook = book(step("a-1"), step("b", "a-1", when=PROVEN), step("c", "b"))
    unneeded = closed("b", SKIPPED, condition=PROVEN.text)
    (turn,) = decided(playbook, closed("a-1"), unneeded)
    assert isinstance(turn, Turn)
    assert turn.unit.key == "c"
    (end,) = decided(playbook, closed("a-1"), closed("b", SKIPPED))  # skipped for any other reason
    assert isinstance(end, End)
    assert end.unit.key == "c"


def test_what_needs_a_failed_step_is_skipped_before_its_condition_is_asked() -> None:
    failed = When(text='steps.a_1.verdict == "failed"', names=PROVEN.names)
    broken = closed("a-1", Verdict(status="failed", why="x"))
    (end,) = decided(book(step("a-1"), step("b", "a-1", when=failed)), broken)
    assert (end.verdict.why, end.condition) == ("it needs `a-1`, which was failed", "")
    (turn,) = decided(book(step("a-1", on_failure="continue"), step("b", "a-1", when=failed)), broken)
    assert isinstance(turn, Turn)


def test_what_nobody_can_say_is_a_failure_and_never_a_quiet_no() -> None:
    (end,) = decided(book(step("a-1"), step("b", "a-1", when=MANY)), closed("a-1"))
    assert (end.verdict.status, end.condition) == ("failed", "")
    assert "a step that it asks about gave no outputs" in end.verdict.why
    (turn,) = decided(book(step("a-1"), step("b", "a-1", when=MANY)), closed("a-1", outputs={"size": 3}))
    assert isinstance(turn, Turn)


def test_a_for_each_is_asked_once_before_it_is_expanded() -> None:
    each = step("b", "a-1", for_each=Expr(expr=("steps", "a-1", "list")), when=PROVEN)
    assert [type(one) for one in decided(book(step("a-1"), each), closed("a-1"))] == [Expand]
    (end,) = decided(book(step("a-1"), each), closed("a-1", Verdict.leaky("x")))
    assert (end.unit.key, end.condition) == ("b", PROVEN.text)
    unneeded = closed("b", SKIPPED, condition=PROVEN.text)
    assert decided(book(step("a-1"), each), closed("a-1", Verdict.leaky("x")), unneeded) == [Finish()]


def test_a_step_that_has_begun_is_not_asked_again() -> None:
    waiting = r.StepWaiting(run="r1", step="b", turn=1, until=START, why="x")
    (turn,) = decided(book(step("a-1"), step("b", "a-1", when=MANY)), closed("a-1", outputs={"size": 3}), waiting)
    assert isinstance(turn, Turn)


def test_verdicts_are_those_of_ended_steps_and_lists_for_children() -> None:
    each = step("b", for_each=Expr(expr=("steps", "a-1", "list")))
    playbook = book(step("a-1"), each, step("c"))
    expanded = r.StepExpanded(run="r1", step="b", items=("x", "y"), children=("b[x]", "b[y]"))
    half = begun(closed("a-1"), expanded, closed("b[x]"))
    assert verdicts(playbook, half.runs["r1"]) == {"a-1": "proven"}
    whole = begun(closed("a-1"), expanded, closed("b[x]"), closed("b[y]", Verdict.leaky("z")))
    assert verdicts(playbook, whole.runs["r1"]) == {"a-1": "proven", "b": ["proven", "leaky"]}
    none = begun(closed("a-1"), r.StepExpanded(run="r1", step="b", items=(), children=()))
    assert verdicts(playbook, none.runs["r1"]) == {"a-1": "proven", "b": []}
    skipped = begun(closed("a-1"), closed("b", SKIPPED))
    assert verdicts(playbook, skipped.runs["r1"]) == {"a-1": "proven", "b": ["skipped"]}


def test_a_run_with_an_unneeded_step_is_complete_and_contained() -> None:
    playbook = book(step("a-1"), step("b", "a-1", when=PROVEN))
    run = begun(closed("a-1"), closed("b", SKIPPED, condition=PROVEN.text)).runs["r1"]
    assert not fell_short(run)
    assert tally(units(playbook, run), run) == {"proven": 1, "skipped": 1}
    assert fell_short(begun(closed("a-1"), closed("b", SKIPPED)).runs["r1"])
    assert fell_short(begun(closed("a-1", Verdict(status="refused", why="x"))).runs["r1"])


def test_contained_in_does_not_wait_for_a_step_that_was_not_needed() -> None:
    isolate = Step(id="isolate", uses="kube.isolate_pod", arguments={})
    other = Step(id="other", uses="kube.isolate_pod", arguments={}, when=PROVEN)
    playbook = book(isolate, other)
    run = begun(closed("isolate"), closed("other", SKIPPED, condition=PROVEN.text)).runs["r1"]
    assert contained_ms(units(playbook, run), run, Catalog.builtin()) >= 0
    skipped = begun(closed("isolate"), closed("other", SKIPPED)).runs["r1"]
    assert contained_ms(units(playbook, skipped), skipped, Catalog.builtin()) == -1


@pytest.mark.parametrize("found", [Verdict.leaky("changed"), Verdict(status="failed", why="EVIDENCE LOST")], ids=str)
@pytest.mark.parametrize("when", [PROVEN, None], ids=["when", "needs"])
def test_what_is_found_before_a_pause_ends_no_step_that_has_begun(found: Verdict, when: When | None) -> None:
    """What it wrote would be told as skipped."""
    playbook = book(step("a-1"), step("b", "a-1", when=when))
    parked = r.StepParked(run="r1", step="b", turn=1, why="denied", detail="403")
    swept = r.StepClosed(run="r1", step="a-1", verdict=found, reason="x", sweep=True)
    resumed = r.RunResumed(run="r1", who=WHO, tool="0")
    (turn,) = decided(playbook, closed("a-1"), parked, swept, resumed)
    assert isinstance(turn, Turn)
    assert turn.unit.key == "b"


def test_what_is_found_before_a_pause_ends_no_crowd_that_has_begun() -> None:
    each = Expr(expr=("steps", "a-1", "outputs", "pods"))
    playbook = book(step("a-1"), step("b", "a-1", for_each=each))
    expanded = r.StepExpanded(run="r1", step="b", items=("x",), children=("b[x]",))
    swept = r.StepClosed(run="r1", step="a-1", verdict=Verdict(status="failed", why="x"), reason="x", sweep=True)
    (turn,) = decided(playbook, closed("a-1"), expanded, swept)
    assert isinstance(turn, Turn)
    assert turn.unit.key == "b[x]"


def test_what_is_found_before_a_pause_keeps_no_step_from_beginning() -> None:
    """A container that was started again is evidence lost, and no reason to leave its pod connected."""
    swept = r.StepClosed(run="r1", step="a-1", verdict=Verdict(status="failed", why="x"), reason="x", sweep=True)
    (turn,) = decided(book(step("a-1"), step("b", "a-1")), closed("a-1"), swept)
    assert isinstance(turn, Turn)
    assert turn.unit.key == "b"
