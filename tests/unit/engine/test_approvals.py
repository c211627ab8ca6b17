from __future__ import annotations

import pytest

from irkit.engine import approvals
from irkit.journal.state import StepState
from irkit.model.base import Json, digest
from irkit.model.effects import KubeCall
from irkit.model.kube import PODS
from irkit.model.plans import Change, Impact
from irkit.model.playbooks import Step
from tests.support.records import CLUSTER, OTHER, WHO
from tests.support.specs import spec


def call(name: str = "delete", uid: str = "u1") -> KubeCall:
    body: Json = {"preconditions": {"uid": uid}}
    return KubeCall(
        name=name, cluster=CLUSTER.id, verb="delete", resource=PODS, namespace="shop", object="web", body=body
    )


def envelope(*calls: KubeCall, hurt: int = 1, target: str = "pod", action: str = "kube.delete_pod") -> dict[str, Json]:
    change = Change(effects=calls or (call(),), why="x", impact=(Impact(who="p", what="w", count=hurt),))
    step = Step(id="kill", uses=action, arguments={})
    return approvals.envelope(step, spec(action, risk="destructive"), target, change, ())


def approved(given: dict[str, Json]) -> StepState:
    state = StepState("kill")
    state.envelope = given
    state.approved.add(digest(given))
    return state


def test_what_was_shown_is_covered() -> None:
    assert approvals.covered(approved(envelope()), envelope())


def test_fewer_calls_and_less_impact_are_covered() -> None:
    both = envelope(call("a"), call("b"), hurt=3)
    assert approvals.covered(approved(both), envelope(call("b"), hurt=2))


@pytest.mark.parametrize(
    "wanted",
    [
        envelope(call(uid="another")), envelope(call(), call("more")), envelope(hurt=2),
        envelope(target="another pod"), envelope(action="kube.label_pod"),
    ],
)  # fmt: skip
def test_a_new_call_another_target_or_more_impact_is_not(wanted: dict[str, Json]) -> None:
    assert not approvals.covered(approved(envelope()), wanted)


def test_an_approval_of_another_digest_covers_nothing() -> None:
    state = approved(envelope())
    state.approved = {"0" * 64}
    assert not approvals.covered(state, envelope())


@pytest.mark.parametrize(
    ("approval", "risk", "needed"),
    [
        ("default", "destructive", True), ("default", "reversible", False), ("required", "none", True),
        ("never", "destructive", False),
    ],
)  # fmt: skip
def test_who_must_be_asked(approval: str, risk: str, needed: bool) -> None:
    step = Step.parse({"id": "a", "uses": "x", "arguments": {}, "approval": approval})
    assert needed == approvals.needed(step, spec("kube.x", risk=risk))


def test_the_requester_is_no_second_person() -> None:
    assert approvals.objection(WHO, WHO)
    assert not approvals.objection(WHO, OTHER)
