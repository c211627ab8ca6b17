"""Many pods in one run: few reads, one policy, one patch a pod, and what fails fails for itself alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from irkit.app import clock
from irkit.app.check import check
from irkit.app.preview import preview
from irkit.app.runs import Ask, Heard, Ticket
from irkit.engine.guard import Limits
from irkit.engine.perform import Closed, Parked
from irkit.journal.verify import verify
from irkit.lab import process
from irkit.lab.faults import Fault
from irkit.model import records as r
from irkit.model.kube import CASE_LABEL
from irkit.model.refs import ClusterRef, NamespaceRef
from tests.e2e.stage import Stage, verdicts
from tests.support.fleet import fleet as book_of_fleet
from tests.support.labs import lab_of
from tests.support.moments import held
from tests.support.shop import shop

pytestmark = [pytest.mark.timeout(180), pytest.mark.e2e]

MANY = 60
STOPS, GOES_ON = book_of_fleet(), book_of_fleet(", on_failure: continue")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.LabInfo]:
    """The shop with as many pods; one of them is nobody's."""
    with lab_of(shop(replicas=MANY - 1), tmp_path_factory) as info:
        yield info


@pytest.fixture
def fleet(lab: process.LabInfo, tmp_path: Path) -> Iterator[Stage]:
    with Stage.of(lab, tmp_path / "state", Limits(max_targets=MANY)) as found:
        yield found


def ask(stage: Stage, playbook: str = STOPS) -> Ask:
    (found,) = [
        one["metadata"]
        for one in stage.control.dump()
        if one["kind"] == "Namespace" and one["metadata"]["name"] == "shop"
    ]
    target = NamespaceRef(cluster=ClusterRef(id=stage.lab.cluster), name="shop", uid=found["uid"])
    return Ask(target, playbook.encode(), "fleet.yaml", {"namespace": target.dump()}, clock.now())


def begin(stage: Stage, playbook: str = STOPS) -> Ticket:
    return stage.app().open_run(ask(stage, playbook))


def done(stage: Stage, playbook: str = STOPS, heard: Heard = lambda _records: None) -> tuple[Ticket, Closed]:
    ticket = begin(stage, playbook)
    stage.control.clear_audit()  # of what the preflight asked
    end = stage.advance(ticket, heard=heard)
    assert isinstance(end, Closed), end
    return ticket, end


def counted(stage: Stage) -> Counter[str]:
    """Requests by verb and resource, reviews left out."""
    return Counter(
        f"{one['verb']} {one['resource']}" for one in stage.control.audit() if "review" not in one["resource"]
    )


def marked(stage: Stage, case: str) -> list[str]:
    found = [one["metadata"] for one in stage.control.dump() if one["kind"] == "Pod"]
    return sorted(one["name"] for one in found if one.get("labels", {}).get(CASE_LABEL) == case)


def test_a_fleet_looks_in_waves_and_writes_once_a_pod(fleet: Stage) -> None:
    # Writes end at different times: who does not wait for the others of its step looks in a wave of its own.
    fleet.control.fault(Fault(kind="latency", ms=100, verb="patch", resource="pods", count=0))
    ticket, end = done(fleet)
    asked = counted(fleet)
    patched = Counter(one["name"] for one in fleet.control.audit() if one["verb"] == "patch")
    assert set(patched.values()) == {1}
    assert len(patched) == MANY
    assert asked["create networkpolicies"] == 1
    assert asked["get pods"] == 1  # the policy's maker looks alone, before there is a crowd
    # One LIST a wave: scope, label before and after, isolate's first, isolate, the last look; one more where a
    # wave was cut in two.
    assert asked["list pods"] <= 8
    assert marked(fleet, ticket.case) == sorted(one.name for one in fleet.pods)
    assert Counter(verdicts(end.run).values()) == {"proven": 1 + MANY, "leaky": MANY - 1, "unproven": 1}


def test_records_grow_with_the_pods_and_not_with_their_square(fleet: Stage) -> None:
    ticket, _ = done(fleet)
    records = fleet.records(ticket.case)
    of_pods = [one for one in records if "[" in getattr(one.body, "step", "")]
    # planned, original, intended, done and closed of a label; closed of an isolation; the policy's own
    assert len(of_pods) <= 6 * MANY + 3
    longest = max(len(json.dumps(one.body.dump())) for one in of_pods)
    assert longest < 8_000  # nobody's record names all the others
    assert verify(fleet.state / "cases" / ticket.case).status != "broken"


def test_what_fails_for_one_pod_is_told_of_it_alone(fleet: Stage) -> None:
    victim = fleet.pods[7]
    fleet.control.fault(Fault(kind="status", code=403, verb="patch", resource="pods", name=victim.name, count=0))
    ticket, end = done(fleet, GOES_ON)
    failed = {key for key, status in verdicts(end.run).items() if status == "failed"}
    assert failed == {f"label[{victim.uid}]", f"isolate[{victim.uid}]"}
    assert "the API denies it" in str(end.run.steps[f"label[{victim.uid}]"].verdict)
    assert len(marked(fleet, ticket.case)) == MANY - 1
    assert end.run.outcome == "partial"


def test_a_pod_that_is_denied_parks_alone_and_a_grant_lets_it_go_on(fleet: Stage) -> None:
    victim = fleet.pods[7]
    fleet.control.fault(Fault(kind="status", code=403, verb="patch", resource="pods", name=victim.name, count=0))
    ticket = begin(fleet)
    end = fleet.advance(ticket)
    assert isinstance(end, Parked)
    assert [key for key, one in end.run.steps.items() if one.phase == "parked"] == [f"label[{victim.uid}]"]
    assert len(marked(fleet, ticket.case)) == MANY - 1
    fleet.control.clear_faults()
    again = fleet.advance(ticket)
    assert isinstance(again, Closed)
    assert len(marked(fleet, ticket.case)) == MANY


def test_a_slow_write_holds_up_nobody_else(fleet: Stage) -> None:
    """The others are looked at again, and found labelled, while one write still hangs."""
    slow = fleet.pods[7]
    others: set[str] = set()
    with held(fleet.control, verb="patch", resource="pods", name=slow.name) as patch:

        def heard(records: Sequence[r.Record]) -> None:
            others.update(one.body.step for one in records if isinstance(one.body, r.StepClosed))
            if len([key for key in others if key.startswith("label[")]) >= MANY - 1:
                patch.let_go()

        ticket, _ = done(fleet, heard=heard)
    records = fleet.records(ticket.case)
    closed = {one.body.step: one.seq for one in records if isinstance(one.body, r.StepClosed) and not one.body.sweep}
    sent = next(
        one.seq for one in records if isinstance(one.body, r.EffectDone) and one.body.step == f"label[{slow.uid}]"
    )
    before = [key for key, seq in closed.items() if key.startswith("label[") and seq < sent]
    assert len(before) == MANY - 1


def test_undo_takes_each_label_out_once_and_the_policy_last(fleet: Stage) -> None:
    before = fleet.control.dump()
    ticket, _ = done(fleet)
    fleet.control.clear_audit()
    app = fleet.app()
    end = fleet.advance(app.open_undo(ticket.case, clock.now()), app)
    assert isinstance(end, Closed)
    asked = counted(fleet)
    assert asked["patch pods"] == MANY
    assert asked["delete networkpolicies"] == 1
    assert marked(fleet, ticket.case) == []
    assert len(fleet.control.dump()) == len(before)


def test_a_plan_and_a_check_of_many_are_a_few_reads(fleet: Stage) -> None:
    preview(fleet.app(), ask(fleet))
    planned = counted(fleet)
    assert planned["list pods"] == 1
    assert planned["get pods"] == 0
    assert sum(planned.values()) <= 14
    ticket, _ = done(fleet)
    fleet.control.clear_audit()
    found = check(fleet.app(), ticket.case)
    looked = counted(fleet)
    assert len([one for one in found.steps if one.status != "drifted"]) == 2 * MANY
    assert looked["list pods"] <= 2  # of the namespace; and whoever came since
    assert looked["get pods"] == 0
    assert sum(looked.values()) <= 16  # who shares state, what engines deny, who came since: once for all of them


def test_more_than_allowed_is_refused_before_anything_is_written(fleet: Stage) -> None:
    fleet.limits = Limits(max_targets=MANY - 1)
    _, end = done(fleet)
    assert f"{MANY} targets are more than the limit of {MANY - 1}" in str(end.run.steps["label"].verdict)
    assert fleet.writes() == []
