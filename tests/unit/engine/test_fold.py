from __future__ import annotations

import inspect

from irkit.journal import state as folding
from irkit.journal.state import effect_key
from irkit.model import records as r
from irkit.model.plans import Original, Verdict
from tests.support.records import (
    OTHER,
    POD,
    Log,
    case_opened,
    closed,
    done,
    failed,
    intended,
    mark,
    planned,
    run_opened,
)

TOUCH = r.Touch(target=POD.key, field="label", value="ours")


def kept(value: str, run: str = "r1") -> r.OriginalKept:
    return r.OriginalKept(
        run=run, step="a", mark=mark().id, original=Original(target=POD.key, field="label", value=value)
    )


def test_every_kind_of_record_has_a_meaning() -> None:
    assert set(r.KINDS) == set(folding._FOLD)


def test_the_fold_reads_no_clock() -> None:
    assert "datetime" not in inspect.getsource(folding)


def test_originals_are_written_once() -> None:
    log = Log().add(case_opened(), run_opened(), kept("first"), planned("a", (TOUCH,)))
    log.add(run_opened("r2"), kept("the quarantine", "r2"))
    assert {(POD.key, "label"): "first"} == log.state.originals_for(mark().id)


def test_an_undo_ends_a_generation_of_originals() -> None:
    log = Log().add(case_opened(), run_opened(), kept("first"), planned("a", (TOUCH,)), closed("a", mark=mark().id))
    log.add(run_opened("r2", "undo"), closed("undo-a", run="r2", mark=mark().id))
    assert {(POD.key, "label"): "first"} == log.state.originals_for(mark().id)
    log.add(r.RunClosed(run="r2", outcome="complete", verdicts={}, swept=1))
    assert {} == log.state.originals_for(mark().id)
    assert 1 == log.state.generation(mark().id)
    log.add(run_opened("r3"), kept("second", "r3"), planned("a", (TOUCH,), "r3"))
    assert {(POD.key, "label"): "second"} == log.state.originals_for(mark().id)


def test_an_undo_that_was_refused_ends_nothing() -> None:
    log = Log().add(case_opened(), run_opened(), kept("first"), planned("a", (TOUCH,)))
    refused = Verdict(status="refused", why="drift")
    log.add(run_opened("r2", "undo"), closed("undo-a", refused, run="r2", mark=mark().id))
    log.add(r.RunClosed(run="r2", outcome="partial", verdicts={}, swept=0))
    assert {(POD.key, "label"): "first"} == log.state.originals_for(mark().id)


def test_receipts_follow_each_record_whoever_asked_before() -> None:
    """They are worked out once for many looks: what was sent since must be in them."""
    key = effect_key(mark().id, 0, "apply", "label")
    log = Log().add(case_opened(), run_opened())
    seen = [log.state.receipts(mark().id, POD.key).ended]
    for body in (intended("s", key), failed("s", key), intended("s", key, attempt=2), done("s", key)):
        log.add(body)
        seen.append(log.state.receipts(mark().id, POD.key).ended)
    assert [[one.status for one in ended] for ended in seen] == [[], ["in_doubt"], ["failed"], ["in_doubt"], ["done"]]


def test_receipts_are_those_of_the_mark_in_its_generation() -> None:
    key = effect_key(mark().id, 0, "apply", "label")
    undo = effect_key(mark().id, 0, "undo", "unlabel")
    log = Log().add(case_opened(), run_opened(), intended("a", key), done("a", key), intended("a", undo))
    assert [("label", "done")] == [(x.effect, x.status) for x in log.state.receipts(mark().id, POD.key).ended]
    assert not log.state.receipts(mark(scope="another").id, POD.key)


def test_a_mark_may_serve_others_too() -> None:
    log = Log().add(case_opened(), run_opened())
    for target in ("one", "two"):
        log.add(closed("a", Verdict.proven("x"), mark=mark().id, target=target))
    assert {"two"} == log.state.receipts(mark().id, "one").others


def test_an_intent_without_an_end_counts_as_in_doubt() -> None:
    key = effect_key(mark().id, 0, "apply", "label")
    log = Log().add(case_opened(), run_opened(), intended("a", key))
    assert ["in_doubt"] == [x.status for x in log.state.receipts(mark().id, POD.key).ended]
    assert [key] == [effect.key for effect in log.state.effects.doubtful("r1", "a")]
    log.add(failed("a", key))
    assert [] == log.state.effects.doubtful("r1", "a")


def test_failures_in_a_row_are_counted_and_a_success_forgets_them() -> None:
    log = Log().add(case_opened(), run_opened(), intended("a"), failed("a"), intended("a"), failed("a"))
    assert 2 == log.state.runs["r1"].steps["a"].failures
    log.add(intended("a"), done("a"))
    assert 0 == log.state.runs["r1"].steps["a"].failures


def test_a_sweep_changes_the_verdict_and_keeps_the_outputs() -> None:
    log = Log().add(case_opened(), run_opened(), closed("a", outputs={"n": 1}))
    log.add(closed("a", Verdict.leaky("edited"), sweep=True))
    step = log.state.runs["r1"].steps["a"]
    assert ("leaky", True, {"n": 1}) == (step.verdict and step.verdict.status, step.swept, step.outputs)


def test_a_case_closes_once_somebody_says_so() -> None:
    log = Log().add(case_opened(), run_opened())
    assert "" == log.state.closed
    log.add(r.CaseClosed(who=OTHER, why="done"))
    assert log.state.closed


def test_a_mark_that_serves_two_targets_is_over_when_it_was_undone_for_both() -> None:
    other = r.Touch(target="other", field="label", value="ours")
    log = Log().add(case_opened(), run_opened(), planned("a", (TOUCH,)), closed("a", mark=mark().id))
    log.add(planned("b", (other,)).model_copy(update={"target": "other"}))
    log.add(closed("b", mark=mark().id, target="other"))
    log.add(run_opened("r2", "undo"), closed("undo-a", run="r2", mark=mark().id))
    log.add(r.RunClosed(run="r2", outcome="complete", verdicts={}, swept=1))
    assert 0 == log.state.generation(mark().id)
    assert {("other", "label")} == set(log.state.touches[mark().id])
    log.add(run_opened("r3", "undo"), closed("undo-b", run="r3", mark=mark().id, target="other"))
    log.add(r.RunClosed(run="r3", outcome="complete", verdicts={}, swept=1))
    assert 1 == log.state.generation(mark().id)


def test_deaths_of_processes_are_no_failures_of_a_step() -> None:
    doubt = r.EffectDoubted(run="r1", step="a", key="k", name="label", mark=mark().id, why="the process is gone")
    log = Log().add(case_opened(), run_opened())
    for _ in range(6):
        log.add(intended("a"), doubt, r.RunResumed(run="r1", who=OTHER, tool="0"))
    assert 0 == log.state.runs["r1"].steps["a"].failures
