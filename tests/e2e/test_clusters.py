"""One case in two clusters: side by side, each for itself; one that hangs or answers as another parks alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from irkit.app import clock
from irkit.app.check import check
from irkit.clients.kube import Budget
from irkit.engine.perform import Closed, Parked
from irkit.errors import Refused, UsageError
from irkit.journal.state import RunState
from irkit.lab.auth import DEFAULT, Identity
from irkit.lab.faults import Fault
from irkit.model import records as r
from irkit.views.casefile import CaseFile
from irkit.views.final import final_screen
from irkit.views.outcome import exit_status
from irkit.views.terminal import paint
from tests.e2e.plays import by_step
from tests.e2e.stage import verdicts
from tests.e2e.two import US, Two, Where
from tests.support.moments import held

pytestmark = [pytest.mark.timeout(180), pytest.mark.e2e]


def where(run: RunState, place: Where) -> dict[str, set[str]]:
    """The verdicts of one cluster's steps, by the names that the playbook gives them."""
    end = "-prod-us"
    return {
        step.removesuffix(end): found
        for step, found in by_step(run).items()
        if step.endswith(end) == (place == "there")
    }


STEPS = {"scope", "baseline", "label", "protect", "isolate", "cordon", "mark-node", "release", "cut", "probe"}
CONTAINED = {step: {"proven"} for step in STEPS} | {"replace": {"skipped"}}


def test_one_run_contains_in_both_clusters_and_takes_it_back_in_both(two: Two) -> None:
    before = two.worlds()

    ticket = two.open()
    end = two.advance(ticket)

    assert isinstance(end, Closed)
    assert where(end.run, "here") == where(end.run, "there") == CONTAINED
    assert end.run.outcome == "complete"
    for stage in (two.here, two.there):
        agents = {one["user_agent"] for one in stage.control.audit() if one["verb"] == "patch"}
        assert all(ticket.case in agent for agent in agents)
        assert len([one for one in stage.writes() if one == "create networkpolicies"]) == 1

    assert two.undo(ticket.case).outcome == "complete"
    assert two.worlds() == before


def test_the_journal_says_what_the_other_cluster_is_and_who_irkit_is_there(two: Two) -> None:
    ticket = two.open()

    state = two.app().cases.load(ticket.case)

    assert state.cluster is not None
    assert state.cluster.id == two.here.lab.cluster
    there = two.there.control.get("namespaces", "kube-system")
    assert there is not None
    assert state.clusters[US].uid == there["metadata"]["uid"]
    assert state.clusters[US].kubernetes == DEFAULT["responder"].user


def test_the_same_command_joins_the_same_run(two: Two) -> None:
    first = two.open()
    again = two.open()
    assert (again.case, again.run, again.joined) == (first.case, first.run, True)


@pytest.mark.parametrize("how", ["drops", "hangs"])
def test_a_cluster_out_of_reach_parks_alone_and_goes_on_when_it_is_back(two: Two, how: str) -> None:
    ticket = two.open()
    if how == "drops":
        two.there.control.fault(Fault(kind="drop_before", count=0))
        end = two.advance(ticket)
        two.there.control.clear_faults()
    else:
        with two.hanging():
            end = two.advance(ticket)

    assert isinstance(end, Parked)
    assert end.on == "parked"
    assert where(end.run, "here")["release"] == where(end.run, "here")["probe"] == {"proven"}
    assert where(end.run, "there") == {}
    parked = {key for key, step in end.run.steps.items() if step.phase == "parked"}
    assert parked == {"scope-prod-us", "baseline-prod-us"}
    assert two.there.writes() == []

    end = two.advance(ticket)

    assert isinstance(end, Closed)
    assert where(end.run, "here") == where(end.run, "there") == CONTAINED


def test_the_screen_says_which_cluster_and_the_status_is_that_of_a_parked_run(two: Two) -> None:
    ticket = two.open()
    two.there.control.fault(Fault(kind="drop_before", count=0))
    two.advance(ticket)

    case = CaseFile.read(two.here.state / "cases" / ticket.case, two.app().parts.catalog)
    view = case.view(case.state.runs[ticket.run])
    screen = paint(final_screen(case, view, parked="parked"), colour=False)

    assert exit_status(case.state, view, "parked") == 75
    assert "scope-prod-us" in screen
    assert "prod-us" in screen


def test_work_that_was_begun_there_waits_and_is_not_done_twice(two: Two) -> None:
    """It goes away between two of its writes."""
    ticket = two.open()
    two.there.control.fault(Fault(kind="drop_after", verb="create", resource="networkpolicies"))
    two.there.control.fault(Fault(kind="drop_before", resource="networkpolicies", verb="list", skip=3, count=0))
    end = two.advance(ticket)
    assert isinstance(end, Parked), verdicts(end.run)
    assert where(end.run, "here")["probe"] == {"proven"}
    assert where(end.run, "there")["label"] == {"proven"}  # nobody could look again, so nothing is taken back

    two.there.control.clear_faults()
    end = two.advance(ticket)

    assert isinstance(end, Closed)
    assert where(end.run, "there") == CONTAINED
    made = [
        one for one in two.there.control.audit() if one["resource"] == "networkpolicies" and one["verb"] == "create"
    ]
    assert len([one for one in made if one["applied"]]) == 1


def test_a_cluster_that_answers_as_another_is_not_touched(two: Two) -> None:
    ticket = two.open()
    meta = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}}
    two.there.control.delete("namespaces", "kube-system")
    two.there.control.put(meta)

    end = two.advance(ticket)

    assert isinstance(end, Parked)
    assert "answers as another cluster" in end.run.steps["scope-prod-us"].why
    assert two.there.writes() == []
    assert where(end.run, "here")["release"] == {"proven"}
    with pytest.raises(Refused, match="is now another cluster"):
        two.app().open_run(
            replace(two.ask("suspicious-exec", "pod", two.pod("here"), two.pod("there")), asked=clock.now())
        )


def test_an_image_is_blocked_in_both_and_one_that_hangs_from_the_start_is_done_later(two: Two) -> None:
    ask = two.ask("malicious-image", "image", two.image("here"), two.image("there"))
    with two.hanging():
        ticket = two.app().open_run(ask)
        end = two.advance(ticket)
    assert isinstance(end, Parked)
    assert {key for key, step in end.run.steps.items() if step.phase == "parked"} == {"scope-prod-us", "block-prod-us"}
    assert len([one for one in verdicts(end.run) if one.startswith("isolate[")]) == 3

    end = two.advance(ticket)

    assert isinstance(end, Closed)
    assert len([one for one in verdicts(end.run) if one.startswith("isolate-prod-us[")]) == 3
    assert by_step(end.run)["isolate"] == by_step(end.run)["isolate-prod-us"] == {"proven"}


def test_each_cluster_has_a_budget_of_its_own(two: Two) -> None:
    """What is asked of one at a time does not depend on how slow the other is."""
    two.budgets = {two.here.lab.cluster: Budget(2), US: Budget(1)}
    ticket = two.open("malicious-image", "image")
    done: set[str] = set()
    with held(two.there.control, verb="create", resource="networkpolicies") as policy:

        def heard(records: Sequence[r.Record]) -> None:
            done.update(one.body.step for one in records if isinstance(one.body, r.StepClosed))
            if len([key for key in done if key.startswith("isolate[")]) == 3:
                policy.let_go()

        end = two.advance(ticket, heard)

    assert isinstance(end, Closed)
    assert by_step(end.run)["isolate"] == by_step(end.run)["isolate-prod-us"] == {"proven"}
    ends = {key: step.ended for key, step in end.run.steps.items() if key.startswith("isolate")}
    assert max(at for key, at in ends.items() if "-prod-us" not in key) < min(
        at for key, at in ends.items() if "-prod-us" in key
    )


def test_an_undo_waits_in_one_cluster_for_nothing_of_the_other(two: Two) -> None:
    """Not for what serves several pods either, which goes last."""
    before = two.worlds()
    ticket = two.open("malicious-image", "image")
    assert isinstance(two.advance(ticket), Closed)
    two.there.control.fault(Fault(kind="drop_before", count=0))

    undo = two.app().open_undo(ticket.case, clock.now(), preflight=False)
    end = two.advance(undo)

    assert isinstance(end, Parked)
    assert two.worlds()[0] == before[0]

    two.there.control.clear_faults()
    assert isinstance(two.advance(undo), Closed)
    assert two.worlds() == before


def test_check_looks_in_both_and_says_what_it_could_not_see(two: Two) -> None:
    ticket = two.open()
    two.advance(ticket)
    assert {one.status for one in check(two.app(), ticket.case).steps} == {"holds"}

    two.there.control.fault(Fault(kind="drop_before", count=0))
    found = {one.step: one.status for one in check(two.app(), ticket.case).steps}

    assert {status for step, status in found.items() if step.endswith("-prod-us")} == {"unknown"}
    assert {status for step, status in found.items() if not step.endswith("-prod-us")} == {"holds"}


def test_a_case_has_each_cluster_once(two: Two) -> None:
    ask = two.ask("compromised-pod", "pod", two.pod("here"), two.pod("here", 1))
    with pytest.raises(UsageError, match="each cluster once"):
        two.app().open_run(ask)


def test_two_names_of_one_cluster_are_refused_before_anything_is_changed(two: Two) -> None:
    """The other would be told as contained, and never be touched."""
    ask = two.ask("malicious-image", "image", two.image("here"), two.image("there"))
    two.there.lab = replace(two.here.lab, cluster=US)
    with pytest.raises(Refused, match="are the same cluster"):
        two.app().open_run(ask)
    assert two.here.writes() == []


def test_a_cluster_that_never_said_what_it_is_must_not_answer_as_the_other(two: Two) -> None:
    ask = two.ask("malicious-image", "image", two.image("here"), two.image("there"))
    with two.hanging():
        ticket = two.app().open_run(ask)
    two.there.lab = replace(two.here.lab, cluster=US)

    end = two.advance(ticket)

    assert isinstance(end, Parked)
    assert {key for key, step in end.run.steps.items() if step.phase == "parked"} == {"scope-prod-us", "block-prod-us"}
    assert all("answers as another cluster" in end.run.steps[key].why for key in ("scope-prod-us", "block-prod-us"))


def test_what_the_other_cluster_would_not_allow_is_said_before_anything_is_changed(two: Two) -> None:
    two.there.control.add_token("responder", without_policies())
    try:
        with pytest.raises(Refused, match=r"prod-us.*would not let this identity"):
            two.open()
    finally:
        two.there.control.add_token("responder", DEFAULT["responder"])
    assert two.here.writes() == two.there.writes() == []
    assert not list((two.here.state / "cases").glob("*/journal.jsonl"))


def without_policies() -> Identity:
    usual = DEFAULT["responder"]
    return usual.model_copy(
        update={"rules": tuple(one for one in usual.rules if "networkpolicies" not in one.resources)}
    )
