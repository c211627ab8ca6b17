from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.engine.decide import Unit
from irkit.engine.look import Blocked, Broken, Looked
from irkit.engine.sweep import contained_ms, sweep_record, tally, worth_sweeping
from irkit.model.plans import Change, Refuse, Settled, Verdict, Wait
from irkit.model.playbooks import Step
from irkit.model.times import after
from tests.support.records import START, Log, case_opened, closed, run_opened

UNIT = Unit("isolate", Step(id="isolate", uses="kube.isolate_pod", arguments={}))
ANY: Any = None


def ended(status: Any = "proven", **more: Any) -> Any:
    log = Log().add(case_opened(), run_opened(**more), closed("isolate", Verdict(status=status, why="seen")))
    return log.state.runs["r1"]


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Looked(ANY, Settled("x", Verdict.leaky("allow-web"))), "leaky"),
        (Looked(ANY, Change((), "the label is gone")), "leaky"),
        (Looked(ANY, Refuse("it is another pod")), "leaky"),
        (Looked(ANY, Wait(1, "settling")), "unproven"),
        (Blocked(ANY, "credentials", "expired"), "unproven"),
        (Broken(ANY, "irkit itself failed"), "unproven"),
    ],
)
def test_what_the_last_look_finds_otherwise_is_said(result: Any, status: str) -> None:
    record = sweep_record(ended(), UNIT, result)
    assert record is not None
    assert (status, True) == (record.verdict.status, record.sweep)


def test_what_still_is_so_is_not_said_again() -> None:
    assert sweep_record(ended(), UNIT, Looked(ANY, Settled("x", Verdict(status="proven", why="seen")))) is None


@pytest.mark.parametrize(
    ("status", "worth"), [("proven", True), ("leaky", True), ("unproven", True), ("failed", False), ("skipped", False)]
)
def test_only_what_said_something_is_looked_at_again(status: Any, worth: bool) -> None:
    assert worth == worth_sweeping(ended(status).steps["isolate"], "contain")
    assert not worth_sweeping(None, "contain")


def test_what_was_only_read_is_not_read_again() -> None:
    """A scope is right even if its pod was deleted afterwards."""
    assert not worth_sweeping(ended("proven").steps["isolate"], "read")


def test_the_tally_counts_units_by_verdict() -> None:
    assert {"proven": 1} == tally([UNIT], ended())


def test_contained_counts_from_the_command_to_the_last_contain_step() -> None:
    run = ended(asked=after(START, -3))
    assert 5000 == contained_ms([UNIT], run, Catalog.builtin())


def test_nothing_is_contained_where_a_contain_step_failed_or_in_an_undo() -> None:
    assert -1 == contained_ms([UNIT], ended("failed"), Catalog.builtin())
    assert -1 == contained_ms([UNIT], ended(mode="undo"), Catalog.builtin())
