"""Isolation that is proven: irkit's verdict and the lab's network agree, whatever enforces policies, or nothing."""

from __future__ import annotations

from typing import Literal

import pytest

from irkit.actions.kube import tools
from irkit.engine.perform import Closed
from irkit.journal.blobs import Blobs
from irkit.lab.behaviour import TOOLS, Behaviour
from irkit.model import records as r
from irkit.model.playbooks import Playbook
from irkit.model.refs import PodRef
from tests.crash.harness import world_of
from tests.e2e.stage import ISOLATE, LABEL, Stage, book, verdicts

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]

SCOPE = '    - {id: scope, uses: kube.scope_pod, with: {pod: "${inputs.pod}"}}\n'
CUT = f"""\
    - id: cut
      uses: kube.cut_connections
      needs: [isolate]
      with: {{pod: "${{inputs.pod}}", image: "{TOOLS}"}}
"""
PROBE = f"""\
    - id: probe
      uses: kube.probe_pod
      needs: [scope, NEEDS]
      with: {{pod: "${{inputs.pod}}", image: "{TOOLS}", controls: "${{steps.scope.siblings}}"}}
"""
RELEASE = '    - {id: release, uses: kube.release_pod, needs: [isolate], with: {pod: "${inputs.pod}"}}\n'

Refusal = Literal["reject", "drop"]


def address(stage: Stage, pod: PodRef) -> str:
    found = stage.control.get("pods", pod.name, pod.namespace)
    assert found is not None
    return str(found["status"]["podIP"])


def passes(stage: Stage, source: PodRef, target: PodRef) -> bool:
    """What the lab's network says, which no client of the API can touch."""
    return stage.control.connect(source.path, address(stage, target), 8080) == "open"


def enforced(stage: Stage, mode: Literal["keep", "cut", "none"], refuse: Refusal) -> None:
    stage.control.behave(stage.control.behaviour().model_copy(update={"enforcement": mode, "refuse": refuse}))


@pytest.mark.parametrize("refuse", ["reject", "drop"])
@pytest.mark.parametrize("mode", ["keep", "cut"])
def test_where_policies_are_enforced_it_is_proven_and_nothing_passes(
    stage: Stage, mode: Literal["keep", "cut"], refuse: Refusal
) -> None:
    enforced(stage, mode, refuse)
    stage.control.delete("networkpolicies", "allow-web", "shop")
    target, sibling = stage.pods[:2]
    flow = stage.control.hold(sibling.path, address(stage, target), 8080)

    _, end = stage.run(book(SCOPE + LABEL + ISOLATE + CUT + PROBE.replace("NEEDS", "cut")))

    assert isinstance(end, Closed)
    wanted = {"scope": "proven", "label": "proven", "isolate": "proven", "cut": "proven", "probe": "proven"}
    assert wanted == verdicts(end.run)
    assert not passes(stage, sibling, target)
    assert not passes(stage, target, sibling)
    assert stage.control.alive(flow) != "alive"
    assert passes(stage, sibling, stage.pods[2])  # who is not contained feels nothing


@pytest.mark.parametrize("refuse", ["reject", "drop"])
def test_connections_from_before_are_seen_where_nobody_cut_them(stage: Stage, refuse: Refusal) -> None:
    enforced(stage, "keep", refuse)
    stage.control.delete("networkpolicies", "allow-web", "shop")
    target, sibling = stage.pods[:2]
    flow = stage.control.hold(sibling.path, address(stage, target), 8080)

    _, end = stage.run(book(SCOPE + LABEL + ISOLATE + PROBE.replace("NEEDS", "isolate")))

    assert {"isolate": "unproven", "probe": "unproven"}.items() <= verdicts(end.run).items()
    assert stage.control.alive(flow) == "alive"


def test_a_second_run_takes_nothing_for_true_that_an_earlier_one_proved(stage: Stage) -> None:
    """In between the pod was open, and what was opened then lives on; the policies are the same again."""
    enforced(stage, "keep", "reject")
    stage.control.delete("networkpolicies", "allow-web", "shop")
    target, sibling = stage.pods[:2]
    steps = book(SCOPE + LABEL + ISOLATE + CUT + PROBE.replace("NEEDS", "cut"))
    ticket, first = stage.run(steps)
    labels = {"metadata": {"labels": {"irkit.dev/case": None}}}
    stage.control.merge("pods", target.name, labels, "shop")
    flow = stage.control.hold(sibling.path, address(stage, target), 8080)
    stage.control.merge("pods", target.name, {"metadata": {"labels": {"irkit.dev/case": ticket.case}}}, "shop")
    assert stage.control.alive(flow) == "alive"

    again, second = stage.run(steps)

    assert (again.case, "r2") == (ticket.case, again.run)
    assert verdicts(first.run) == verdicts(second.run)
    assert stage.control.alive(flow) != "alive"
    bodies = [one.body for one in stage.records(ticket.case)]
    stored = [(one.run, one.location.partition("/")[0]) for one in bodies if isinstance(one, r.ArtefactStored)]
    assert [("r1", "cuts"), ("r1", "probes"), ("r2", "cuts"), ("r2", "probes")] == stored


def test_what_was_released_before_is_proven_again(stage: Stage) -> None:
    enforced(stage, "keep", "reject")
    target, sibling = stage.pods[:2]
    steps = book(
        SCOPE + LABEL + ISOLATE + RELEASE + CUT.replace("[isolate]", "[release]") + PROBE.replace("NEEDS", "cut")
    )
    found = [verdicts(stage.run(steps)[1].run) for _ in range(2)]
    assert found[0] == found[1]
    assert "proven" == found[1]["probe"]
    assert not passes(stage, sibling, target)


def test_where_nothing_enforces_policies_it_is_leaky(stage: Stage) -> None:
    enforced(stage, "none", "reject")
    stage.control.delete("networkpolicies", "allow-web", "shop")
    target, sibling = stage.pods[:2]

    _, end = stage.run(book(SCOPE + LABEL + ISOLATE + PROBE.replace("NEEDS", "isolate")))

    assert {"isolate": "leaky", "probe": "leaky"}.items() <= verdicts(end.run).items()
    assert passes(stage, sibling, target)


@pytest.mark.parametrize(("engine", "released"), [("another", "proven"), ("vpc-cni", "unproven")])
def test_where_another_policy_allows_it_is_leaky_until_the_pod_is_released_from_it(
    stage: Stage, engine: str, released: str
) -> None:
    """VPC CNI lets pods of one ReplicaSet on a node share their state: its siblings there may open it again."""
    enforced(stage, "keep", "reject")
    if engine == "another":
        stage.control.delete("daemonsets", "aws-node", "kube-system")
    target, sibling = stage.pods[:2]

    _, end = stage.run(book(SCOPE + LABEL + ISOLATE + PROBE.replace("NEEDS", "isolate")))

    assert "leaky" == verdicts(end.run)["isolate"]
    why = end.run.steps["isolate"].verdict
    assert why is not None
    assert "allow-web" in why.why or address(stage, target) in why.why
    assert passes(stage, sibling, target)

    _, end = stage.run(book(SCOPE + LABEL + ISOLATE + RELEASE + PROBE.replace("NEEDS", "release")))

    assert {"isolate": released, "release": "proven", "probe": "proven"}.items() <= verdicts(end.run).items()
    assert not passes(stage, sibling, target)


def test_no_tool_pod_is_left_and_undo_brings_the_world_back(stage: Stage) -> None:
    before = world_of(stage.control)
    ticket, _ = stage.run(book(SCOPE + LABEL + ISOLATE + CUT + PROBE.replace("NEEDS", "cut")))

    assert not [name for name in world_of(stage.control) if "irkit-" in name and name.startswith("Pod ")]
    app = stage.app()
    stage.advance(app.open_undo(ticket.case, end_of_time()), app)
    assert before == world_of(stage.control)


def test_what_might_fail_may_fail_in_its_undo_too(stage: Stage) -> None:
    """A tool pod that cannot be removed must not keep the network from coming back."""
    weak = PROBE.replace("NEEDS", "isolate").replace(
        "      uses: kube.probe_pod", "      on_failure: continue\n      uses: kube.probe_pod"
    )
    ticket, _ = stage.run(book(SCOPE + LABEL + ISOLATE + weak))
    app = stage.app()
    undo = stage.advance(app.open_undo(ticket.case, end_of_time()), app)
    data = Blobs(app.cases.folder(ticket.case)).get(undo.run.checked)
    steps = {one.id: one.on_failure for one in Playbook.model_validate_json(data).steps}
    assert {"undo-probe": "continue", "undo-isolate": "stop", "undo-label": "stop"} == steps


def end_of_time() -> str:
    return "2099-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("broken", ["unpullable", "another image"])
def test_tools_that_cannot_run_leave_it_unproven(stage: Stage, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "PATIENCE", 4)  # of three tries each
    stage.control.delete("networkpolicies", "allow-web", "shop")
    image = TOOLS if broken == "unpullable" else "somebody/elses:1"
    if broken == "unpullable":
        stage.control.behave(Behaviour(unpullable=(TOOLS,), tools=()))
    steps = PROBE.replace("NEEDS", "isolate").replace(TOOLS, image)

    _, end = stage.run(book(SCOPE + LABEL + ISOLATE + steps))

    assert "unproven" == verdicts(end.run)["isolate"]
    assert verdicts(end.run)["probe"] in {"unproven", "failed"}
    assert not [name for name in world_of(stage.control) if name.startswith("Pod shop/irkit-")]


def test_a_released_pod_is_given_back_after_its_network_is(stage: Stage) -> None:
    before = world_of(stage.control)
    ticket, _ = stage.run(book(SCOPE + LABEL + ISOLATE + RELEASE))
    assert len(stage.pods) == 5  # another was started

    app = stage.app()
    undo = stage.advance(app.open_undo(ticket.case, end_of_time()), app)

    assert isinstance(undo, Closed)
    assert {"undo-isolate": "proven", "undo-label": "proven", "undo-release": "proven"} == verdicts(undo.run)
    closed = [
        one.body.step for one in stage.records(ticket.case)
        if isinstance(one.body, r.StepClosed) and one.body.run == undo.run.id
    ]  # fmt: skip
    assert closed.index("undo-isolate") < closed.index("undo-release")
    assert before == world_of(stage.control)
