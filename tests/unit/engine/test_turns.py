"""What a worker's result becomes, where a step may do without."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from irkit.actions.catalog import Catalog
from irkit.engine.decide import Unit
from irkit.engine.locks import Held
from irkit.engine.look import Blocked, Looked, Task, mark_of
from irkit.engine.receipts import Sent
from irkit.engine.turns import MAX_WRITES, Job, Turns
from irkit.errors import Denied
from irkit.model.effects import KubeCall
from irkit.model.kube import EXTENSIONS, NETWORK_POLICIES
from irkit.model.plans import Change, Receipts
from irkit.model.playbooks import Step
from irkit.model.ports import Clock, Reply
from irkit.model.records import StepClosed
from tests.support.records import POD, START, Log, case_opened, run_opened

CLOCK: Clock = lambda: START  # noqa: E731 -- a clock that stands
OPTIONAL = next(
    one for one in EXTENSIONS
    if any((one.group, one.plural, "create") == (access.group, access.resource, access.verb)
           for access in Catalog.builtin().need("kube.isolate_pod").spec.optional)
)  # fmt: skip


def job(on_failure: Literal["stop", "continue"] = "stop", effect: KubeCall | None = None) -> tuple[Any, Turns, Job]:
    state = Log().add(case_opened(), run_opened()).state
    action = Catalog.builtin().need("kube.isolate_pod")
    params = action.spec.params.parse({"pod": POD.dump()})
    unit = Unit("isolate", Step(id="isolate", uses=action.spec.id, arguments={}, on_failure=on_failure))
    mark = mark_of(action, params, state.case)
    task = Task(unit, action, params, POD, mark, Receipts(), {}, undo=False, seq=0)
    change = Change((effect,), "x") if effect else None
    held: Any = object.__new__(Held)
    return state.runs["r1"], Turns(state, CLOCK), Job(unit, held, task, change=change, key="k")


@pytest.mark.parametrize(
    ("resource", "kinds"),
    [(OPTIONAL, ["effect.failed"]), (NETWORK_POLICIES, ["effect.failed", "step.parked"])],
    ids=["optional", "required"],
)
def test_a_denied_write_that_the_action_does_without_parks_nothing(resource: Any, kinds: list[str]) -> None:
    call = KubeCall(name="deny", cluster=POD.cluster.id, verb="create", resource=resource, object="x")
    run, turns, one = job(effect=call)
    then = turns.sent(run, one, Sent(call, error=Denied("no", status=403)))
    assert kinds == [body.kind for body in then.bodies]


@pytest.mark.parametrize(
    ("on_failure", "answered", "kind"),
    [("continue", True, "step.waiting"), ("stop", True, "step.parked"), ("continue", False, "step.parked")],
)
def test_only_a_step_that_may_fail_tries_on_where_the_api_has_no_answer(
    on_failure: Literal["stop", "continue"], answered: bool, kind: str
) -> None:
    """An API out of reach parks everything; one that answers 504 to a single list does not."""
    run, turns, one = job(on_failure)
    (body,) = turns.looked(run, one, Blocked(one.task, "unreachable", "504", answered=answered)).bodies
    assert kind == body.kind
    assert getattr(body, "failed", True)  # it counts: the step is given up in the end


def test_what_never_stays_written_ends_the_step_and_is_said() -> None:
    """A mutating webhook, or a controller, that takes it back at once: writing on for ever helps nobody."""
    call = KubeCall(name="mend", cluster=POD.cluster.id, verb="patch", resource=NETWORK_POLICIES, object="x")
    run, turns, one = job(effect=call)
    change = Change((call,), "it was changed by somebody")
    for _ in range(MAX_WRITES):
        assert turns.looked(run, one, Looked(one.task, change)).act
        turns.sent(run, one, Sent(call, Reply({}, 200, "", "")))
    then = turns.looked(run, one, Looked(one.task, change))
    (closed,) = then.bodies
    assert not then.act
    assert isinstance(closed, StepClosed)
    assert "failed" == closed.verdict.status
    assert f"took it {MAX_WRITES} times" in closed.verdict.why
    assert "it was changed by somebody" in closed.verdict.why
    assert "mutatingwebhookconfigurations" in closed.hint
