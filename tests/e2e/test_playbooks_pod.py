"""compromised-pod: what keeps the pod alive comes in time and holds nothing up; what ends its siblings waits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from irkit.engine.perform import Closed, Parked
from irkit.lab.faults import Fault
from irkit.model import records as r
from irkit.model.refs import WorkloadRef
from tests.crash.harness import world_of
from tests.e2e.plays import Play, by_step, cluster, make_probeable, passes, proven, why
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.timeout(180), pytest.mark.e2e]
ALWAYS = (
    "scope", "baseline", "label", "protect", "isolate", "cordon", "mark-node", "release", "cut", "probe",
)  # fmt: skip
POLICIES = "validatingadmissionpolicies"


@pytest.fixture(autouse=True)
def _a_world_that_can_be_probed(stage: Stage) -> None:
    make_probeable(stage)


def suspect(stage: Stage) -> Play:
    return Play(stage, "compromised-pod", "pod", stage.pods[0])


def web(stage: Stage) -> WorkloadRef:
    """The suspect's Deployment, pinned as commands pin it."""
    named = WorkloadRef(cluster=cluster(stage), namespace="shop", name="web", type="Deployment")
    found = stage.app().resolve(named)
    assert isinstance(found, WorkloadRef)
    return found


def effects(stage: Stage, case: str) -> list[str]:
    """The steps of the effects that were done, in this order."""
    return [one.body.step for one in stage.records(case) if isinstance(one.body, r.EffectDone)]


def test_the_pod_is_protected_isolated_released_and_probed_in_this_order(stage: Stage) -> None:
    ticket, end = suspect(stage).run()

    assert isinstance(end, Closed)
    assert by_step(end.run) == proven(*ALWAYS) | {"replace": {"skipped"}}
    assert end.run.outcome == "complete"
    done = effects(stage, ticket.case)
    order = [done.index(step) for step in ("label", "protect", "isolate", "release", "probe")]
    assert order == sorted(order)
    assert len(done) - 1 - done[::-1].index("protect") < done.index("isolate")


def test_undo_brings_everything_back(stage: Stage) -> None:
    before, play = world_of(stage.control), suspect(stage)
    ticket, _ = play.run()

    undone = play.undo(ticket.case)

    assert undone.outcome == "complete"
    assert world_of(stage.control) == before


@pytest.mark.parametrize("code", [403, 504])
def test_isolation_does_not_wait_for_a_protection_that_cannot_be_had(code: int, stage: Stage) -> None:
    stage.control.fault(Fault(kind="status", code=code, verb="create", resource=POLICIES, count=0))

    ticket, end = suspect(stage).run()

    assert isinstance(end, Closed)
    found = by_step(end.run)
    assert found.pop("protect") == {"failed"}
    assert found == proven(*(one for one in ALWAYS if one != "protect")) | {"replace": {"skipped"}}
    assert end.run.contained_ms > 0
    assert "protect" not in effects(stage, ticket.case)


def test_isolation_does_not_wait_for_a_protection_that_parks(stage: Stage) -> None:
    """Where its policies are out of reach, the run stays open for it; the pod has no network by then."""
    stage.control.fault(Fault(kind="drop_before", verb="get", resource=POLICIES, count=0))

    ticket, end = suspect(stage).run()

    assert isinstance(end, Parked)
    assert end.run.steps["protect"].phase == "parked"
    assert by_step(end.run).keys() == {"scope", "baseline", "label", "isolate", "cordon", "mark-node"}
    assert not passes(stage, stage.pods[1], stage.pods[0])

    stage.control.clear_faults()
    end = stage.advance(ticket)

    assert isinstance(end, Closed)
    assert by_step(end.run) == proven(*ALWAYS) | {"replace": {"skipped"}}


def test_siblings_live_on_unless_somebody_names_their_workload(stage: Stage) -> None:
    """Each of them may have been entered too."""
    siblings = {one.uid for one in stage.pods[1:]}

    _, end = suspect(stage).run()

    assert isinstance(end, Closed)
    assert siblings <= {one.uid for one in stage.pods}
    assert "not needed" in why(end.run, "replace")
    assert "patch deployments" not in stage.writes()


def test_replacing_waits_for_a_second_person_behind_containment(stage: Stage) -> None:
    before, play, pods = world_of(stage.control), suspect(stage), stage.pods
    evidence, siblings = pods[0], {one.uid for one in pods[1:3]}

    ticket, end = play.run(replace=web(stage).dump())

    assert isinstance(end, Parked)
    assert end.on == "approval"
    assert by_step(end.run) == proven(*ALWAYS)  # what the probe proves of the isolation is said before the wait
    assert not passes(stage, pods[1], evidence)
    assert siblings <= {one.uid for one in stage.pods}
    stage.request(ticket, "approve", run=ticket.run, step="replace", digest=end.run.steps["replace"].asked)

    end = stage.advance(ticket)

    assert isinstance(end, Closed)
    assert by_step(end.run) == proven(*ALWAYS, "replace")
    assert "they are ready; endpoints of web" in why(end.run, "replace")
    now = {one.uid for one in stage.pods}
    assert evidence.uid in now
    assert not siblings & now

    assert play.undo(ticket.case).outcome == "complete"
    after = world_of(stage.control)
    assert after["Deployment shop/web"]["spec"] == before["Deployment shop/web"]["spec"]
    assert after[f"Pod shop/{evidence.name}"] == before[f"Pod shop/{evidence.name}"]
    assert len(stage.pods) == len(pods)  # its controller has it back, and ended another


def test_what_somebody_undid_is_seen_before_a_long_wait(stage: Stage) -> None:
    def undone(_records: object) -> None:
        stage.control.merge("pods", pod.name, {"metadata": {"labels": {"irkit.dev/case": None}}}, "shop")

    play, pod = suspect(stage), stage.pods[0]
    app = stage.app()
    ticket = app.open_run(play.ask(replace=web(stage).dump()))
    told: list[str] = []

    def heard(records: Sequence[r.Record]) -> None:
        told.extend(one.kind for one in records)
        if "approval.asked" in told and "run.paused" not in told:
            undone(records)

    end = app.advance(ticket, stage.stop, heard)

    assert isinstance(end, Parked)
    assert by_step(end.run)["label"] == {"leaky"}
    assert "somebody changed it since" in why(end.run, "label")


def test_replacing_can_be_asked_for_later(stage: Stage) -> None:
    """Its controller has let go of the pod by then, and nothing about it says whose it was."""
    play, siblings = suspect(stage), {one.uid for one in stage.pods[1:3]}
    first, _ = play.run()

    ticket, end = play.run(replace=web(stage).dump())

    assert ticket.case == first.case
    assert isinstance(end, Parked)
    stage.request(ticket, "approve", run=ticket.run, step="replace", digest=end.run.steps["replace"].asked)
    end = stage.advance(ticket)

    assert isinstance(end, Closed)
    assert by_step(end.run) == proven(*ALWAYS, "replace")
    assert not siblings & {one.uid for one in stage.pods}


def test_what_was_not_released_is_not_replaced(stage: Stage) -> None:
    """A new template would end the evidence."""
    stage.control.fault(Fault(kind="status", code=403, verb="patch", resource="pods", skip=2))  # marked, protected
    pods = {one.uid for one in stage.pods}

    _, end = suspect(stage).run(replace=web(stage).dump())

    assert isinstance(end, Closed)
    assert by_step(end.run)["release"] == {"failed"}
    assert by_step(end.run)["replace"] == {"refused"}
    assert "which a case holds as evidence" in why(end.run, "replace")
    assert pods == {one.uid for one in stage.pods}
