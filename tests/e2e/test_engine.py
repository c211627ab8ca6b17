"""The engine over the wire: faults, parking, approvals, fleets, and people who change their mind."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from irkit.app import clock
from irkit.engine import perform
from irkit.engine.guard import Limits
from irkit.engine.locks import Held, Locks
from irkit.engine.perform import Closed, Parked
from irkit.errors import Refused, ServerFault
from irkit.journal.verify import verify
from irkit.lab.faults import Fault
from irkit.model import records as r
from irkit.playbook import shipped
from tests.crash.harness import world_of
from tests.e2e.stage import DELETE, ISOLATE, LABEL, Stage, book, verdicts
from tests.support.moments import during, held

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]

EACH = """\
    - id: label
      uses: kube.label_pod
      for_each: ${steps.scope.siblings}
      needs: [scope]
      with: {pod: "${item}"}
    - id: isolate
      uses: kube.isolate_pod
      for_each: ${steps.scope.siblings}
      needs: [label]
      with: {pod: "${item}"}
"""
SCOPE = '    - {id: scope, uses: kube.scope_pod, with: {pod: "${inputs.pod}"}}\n'


def test_a_write_whose_answer_was_lost_is_looked_for_and_adopted(stage: Stage) -> None:
    stage.control.fault(Fault(kind="drop_after", verb="patch", resource="pods"))
    ticket, end = stage.run(book(LABEL))
    assert isinstance(end, Closed)
    assert {"label": "proven"} == verdicts(end.run)
    assert ["patch pods"] == stage.writes()
    (done,) = [one.body for one in stage.records(ticket.case) if isinstance(one.body, r.EffectDone)]
    assert done.adopted
    assert 1 == sum(isinstance(one.body, r.EffectDoubted) for one in stage.records(ticket.case))


def test_a_write_that_never_arrived_is_made_again_after_a_look(stage: Stage) -> None:
    stage.control.fault(Fault(kind="drop_before", verb="patch", resource="pods"))
    ticket, end = stage.run(book(LABEL))
    assert isinstance(end, Closed)
    assert {"label": "proven"} == verdicts(end.run)
    intents = [one.body for one in stage.records(ticket.case) if isinstance(one.body, r.EffectIntended)]
    assert [1, 2] == [one.attempt for one in intents]
    assert 1 == sum(isinstance(one.body, r.EffectDone) for one in stage.records(ticket.case))


@pytest.mark.parametrize("kind", ["garbage", "truncate"])
def test_an_answer_that_cannot_be_read_is_no_success(stage: Stage, kind: Any) -> None:
    stage.control.fault(Fault(kind=kind, verb="create", resource="networkpolicies"))
    ticket, end = stage.run(book(LABEL + ISOLATE))
    assert isinstance(end, Closed)
    assert "leaky" == verdicts(end.run)["isolate"]
    assert 1 == stage.writes().count("create networkpolicies")
    assert "broken" != verify(stage.state / "cases" / ticket.case).status


def test_throttling_is_waited_out(stage: Stage) -> None:
    stage.control.fault(Fault(kind="status", code=429, retry_after=1, verb="patch", resource="pods", count=2))
    _, end = stage.run(book(LABEL))
    assert isinstance(end, Closed)
    assert {"label": "proven"} == verdicts(end.run)
    assert 3 == len(stage.writes())


def test_a_missing_permission_parks_and_a_resume_goes_on(stage: Stage) -> None:
    number = stage.control.fault(Fault(kind="status", code=403, verb="patch", resource="pods", count=0))
    assert number >= 0
    ticket, end = stage.run(book(LABEL))
    assert isinstance(end, Parked)
    assert ("parked", "parked") == (end.on, end.run.steps["label"].phase)
    assert "denied" in end.run.steps["label"].why
    stage.control.clear_faults()
    again = stage.advance(ticket)
    assert isinstance(again, Closed)
    assert {"label": "proven"} == verdicts(again.run)


def test_containment_does_not_wait_for_an_export_that_is_denied(stage: Stage) -> None:
    stage.control.fault(Fault(kind="status", code=403, verb="list", resource="events", count=0))
    _, end = stage.run(shipped.load("compromised-pod")[0].decode())
    assert isinstance(end, Closed)
    assert ("failed", "proven", "unproven") == tuple(verdicts(end.run)[one] for one in ("baseline", "label", "isolate"))


def test_containment_does_not_wait_for_an_export_that_the_api_cannot_answer(stage: Stage) -> None:
    """A list that times out in a large cluster does so again after every resume."""
    stage.control.fault(Fault(kind="status", code=504, verb="list", resource="events", count=0))
    _, end = stage.run(shipped.load("compromised-pod")[0].decode())
    assert isinstance(end, Closed)
    assert ("failed", "proven", "unproven") == tuple(verdicts(end.run)[one] for one in ("baseline", "label", "isolate"))


def test_what_must_not_fail_still_parks_where_the_api_cannot_answer(stage: Stage) -> None:
    stage.control.fault(Fault(kind="status", code=504, verb="get", resource="pods", count=0))
    _, end = stage.run(book(LABEL))
    assert isinstance(end, Parked)
    assert "parked" == end.on


def test_an_expired_token_parks_only_what_needs_it(stage: Stage) -> None:
    stage.control.fault(Fault(kind="expire_token", verb="patch", resource="pods"))
    ticket, end = stage.run(book(LABEL))
    assert isinstance(end, Parked)
    assert "credentials" in end.run.steps["label"].why
    assert [] == [entry for entry in stage.control.audit() if entry["applied"] and entry["verb"] == "patch"]
    stage.control.reset()  # also revives the token
    assert isinstance(stage.advance(ticket), Closed)


def test_a_dangerous_step_waits_for_a_second_person(stage: Stage) -> None:
    ticket, end = stage.run(book(DELETE), pod=-1)
    assert isinstance(end, Parked)
    assert "approval" == end.on
    assert [] == stage.writes()
    step = end.run.steps["kill"]
    asked = {"run": ticket.run, "step": "kill", "digest": step.asked}
    stage.request(ticket, "approve", operator="ana", **asked)  # who asked for it
    stage.request(ticket, "approve", operator="bo", run=ticket.run, step="kill", digest="0" * 64)  # not what was shown
    assert isinstance(stage.advance(ticket), Parked)
    assert [] == stage.writes()
    stage.request(ticket, "approve", operator="bo", **asked)
    done = stage.advance(ticket)
    assert isinstance(done, Closed)
    assert {"kill": "proven"} == verdicts(done.run)
    assert ["delete pods"] == stage.writes()
    notes = [one.body.text for one in stage.records(ticket.case) if isinstance(one.body, r.Note)]
    assert ["second person" in text for text in notes] == [True, False]


def test_what_cannot_be_looked_at_before_a_pause_stays_as_it_was_told(stage: Stage) -> None:
    ticket = stage.open(book(LABEL + DELETE), pod=-1)

    def away(records: Sequence[r.Record]) -> None:
        if any(isinstance(one.body, r.ApprovalAsked) for one in records):
            stage.control.fault(Fault(kind="drop_before", count=0))

    end = stage.app().advance(ticket, stage.stop, away)
    assert isinstance(end, Parked)
    assert "approval" == end.on
    assert "proven" == verdicts(end.run)["label"]


def test_a_denial_ends_the_step_and_changes_nothing(stage: Stage) -> None:
    ticket, end = stage.run(book(DELETE), pod=-1)
    stage.request(
        ticket, "deny", run=ticket.run, step="kill", digest=end.run.steps["kill"].asked, text="evidence first"
    )
    done = stage.advance(ticket)
    assert isinstance(done, Closed)
    assert {"kill": "refused"} == verdicts(done.run)
    assert "evidence first" in done.run.steps["kill"].reason
    assert [] == stage.writes()


def test_many_pods_share_one_policy_and_get_one_patch_each(stage: Stage) -> None:
    ticket, end = stage.run(book(SCOPE + EACH))
    assert isinstance(end, Closed), end.run.steps
    assert 1 == stage.writes().count("create networkpolicies")
    assert 2 == stage.writes().count("patch pods")  # two siblings
    assert {"proven", "leaky"} == set(verdicts(end.run).values())
    assert "broken" != verify(stage.state / "cases" / ticket.case).status


def test_more_targets_than_allowed_are_refused_before_anything_is_written(stage: Stage) -> None:
    stage.limits = Limits(max_targets=1)
    _, end = stage.run(book(SCOPE + EACH))
    assert isinstance(end, Closed)
    assert ("refused", "skipped") == (verdicts(end.run)["label"], verdicts(end.run)["isolate"])
    assert [] == stage.writes()


def test_a_protected_namespace_is_only_read(stage: Stage) -> None:
    stage.limits = Limits(protected_namespaces=frozenset({"shop"}))
    _, end = stage.run(book(SCOPE + LABEL))
    assert {"scope": "proven", "label": "refused"} == verdicts(end.run)
    assert [] == stage.writes()


def test_an_abort_ends_the_run_and_says_what_was_not_done(stage: Stage) -> None:
    ticket = stage.open(book(LABEL + ISOLATE))
    with during(stage.control, lambda: stage.request(ticket, "abort", text="wrong pod"), verb="patch", resource="pods"):
        end = stage.advance(ticket)
    assert isinstance(end, Closed)
    assert "aborted" == end.run.outcome
    assert "skipped" == verdicts(end.run)["isolate"]
    assert "create networkpolicies" not in stage.writes()


def test_an_abort_during_a_look_is_not_followed_by_a_write(stage: Stage) -> None:
    ticket = stage.open(book(LABEL))
    with during(stage.control, lambda: stage.request(ticket, "abort", text="wrong pod"), verb="get", resource="pods"):
        end = stage.advance(ticket)
    assert isinstance(end, Closed)
    assert ("aborted", {"label": "skipped"}) == (end.run.outcome, verdicts(end.run))
    assert [] == stage.writes()


def test_a_lock_of_another_process_is_waited_for_within_the_steps_timeout(stage: Stage) -> None:
    label = LABEL.replace("uses:", "timeout: 2s, uses:")
    ticket = stage.open(book(label))
    held = Locks(stage.state / "locks").take([stage.pods[0].key])
    assert held is not None
    with held:
        end = stage.advance(ticket)
    assert isinstance(end, Closed)
    assert {"label": "failed"} == verdicts(end.run)
    assert "another process holds a lock" in end.run.steps["label"].reason
    assert [] == stage.writes()


def test_a_colleagues_cordon_is_not_taken_back(stage: Stage) -> None:
    """Our patch was lost before the server; a colleague cordoned the node in the meantime."""
    cordon = '    - {id: cordon, uses: kube.cordon_node, needs: [scope], with: {node: "${steps.scope.node}"}}\n'
    ticket = stage.open(book(SCOPE + cordon))
    node = (stage.control.get("pods", stage.pods[0].name, "shop") or {})["spec"]["nodeName"]

    def colleague() -> None:
        stage.control.merge("nodes", node, {"spec": {"unschedulable": True}})

    with during(stage.control, colleague, verb="patch", resource="nodes"):
        stage.control.fault(Fault(kind="drop_before", verb="patch", resource="nodes"))
        end = stage.advance(ticket)
    assert {"scope": "proven", "cordon": "proven"} == verdicts(end.run)
    app = stage.app()
    app.advance(app.open_undo(ticket.case, clock.now()), stage.stop, lambda _: None)
    assert (stage.control.get("nodes", node) or {})["spec"]["unschedulable"] is True


def test_undoing_many_pods_leaves_nothing_behind(stage: Stage) -> None:
    before = world_of(stage.control)
    ticket, _ = stage.run(book(SCOPE + EACH))
    app = stage.app()
    end = app.advance(app.open_undo(ticket.case, clock.now()), stage.stop, lambda _: None)
    assert isinstance(end, Closed)
    assert "complete" == end.run.outcome
    assert before == world_of(stage.control)


def test_undoing_one_pod_of_two_leaves_the_other_for_later(stage: Stage) -> None:
    before = world_of(stage.control)
    ticket, end = stage.run(book(SCOPE + EACH))
    first = next(key for key in end.run.steps if key.startswith("isolate["))
    app = stage.app()
    app.advance(app.open_undo(ticket.case, clock.now(), first), stage.stop, lambda _: None)
    app.advance(app.open_undo(ticket.case, clock.now()), stage.stop, lambda _: None)
    assert before == world_of(stage.control)


def test_a_second_respond_goes_on_where_the_first_was_interrupted(stage: Stage) -> None:
    stage.stop.set()
    assert isinstance(stage.advance(stage.open(book(LABEL))), Parked)
    stage.stop.clear()
    again = stage.open(book(LABEL))
    assert again.joined
    assert isinstance(stage.advance(again), Closed)


def test_an_interrupt_lets_the_effect_in_flight_end_and_a_resume_finishes(stage: Stage) -> None:
    ticket = stage.open(book(LABEL + ISOLATE))
    with during(stage.control, stage.stop.set, verb="patch", resource="pods"):
        end = stage.advance(ticket)
    assert isinstance(end, Parked)
    assert "interrupted" == end.on
    done = [one.body for one in stage.records(ticket.case) if isinstance(one.body, r.EffectDone)]
    assert 1 == len(done)
    stage.stop.clear()
    again = stage.advance(ticket)
    assert isinstance(again, Closed)
    assert ["patch pods", "create networkpolicies"] == stage.writes()


def test_an_objects_lock_is_held_until_what_was_sent_has_ended(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the write takes longer than an interrupted run waits for it: another case would write beside it."""
    monkeypatch.setattr(perform, "GRACE", 0.1)
    sent: list[list[str]] = []
    release = Held.release

    def released(held: Held) -> None:
        sent.append(stage.writes())
        release(held)

    monkeypatch.setattr(Held, "release", released)
    ticket = stage.open(book(LABEL))

    def interrupt() -> None:
        stage.stop.set()
        time.sleep(10 * perform.GRACE)  # on the wire for longer than anybody waits for it

    with during(stage.control, interrupt, verb="patch", resource="pods"):
        assert isinstance(stage.advance(ticket), Parked)
    assert [] not in sent


def test_a_look_that_hangs_ends_with_its_step_and_holds_up_nobody(stage: Stage) -> None:
    """A baseline may take a second here: what must wait for it waits no longer, whatever the client's own limit."""
    base = (
        "    - {id: baseline, uses: kube.export_objects, timeout: 1s, on_failure: continue, "
        'with: {pod: "${inputs.pod}"}}\n'
    )
    ticket = stage.open(book(base + LABEL.replace("uses:", "needs: [baseline], uses:")))
    with held(stage.control, verb="list", resource="events"):
        end = stage.advance(ticket, stage.app(read_seconds=60))
    assert isinstance(end, Closed)
    assert {"baseline": "failed", "label": "proven"} == verdicts(end.run)
    assert "not done within 1 s: no answer yet" in str(end.run.steps["baseline"].verdict)


def test_a_write_is_waited_for_longer_than_its_step_may_take(stage: Stage) -> None:
    """What became of it must be known: nobody says that it failed while it still may take effect."""
    ticket = stage.open(book(LABEL.replace("uses:", "timeout: 4s, uses:")))
    stage.control.fault(Fault(kind="latency", ms=5_500, verb="patch", resource="pods"))
    assert isinstance(stage.advance(ticket), Closed)
    kinds = [one.kind for one in stage.records(ticket.case)]
    assert kinds.index("effect.intended") < kinds.index("effect.done") < kinds.index("step.closed")


def test_a_look_that_was_given_up_holds_no_lock(stage: Stage) -> None:
    first = LABEL.replace("id: label, uses", "id: first, timeout: 1s, on_failure: continue, uses")
    ticket = stage.open(book(first + LABEL.replace("uses:", "needs: [first], timeout: 20s, uses:")))
    with held(stage.control, verb="get", resource="pods"):
        end = stage.advance(ticket, stage.app(read_seconds=60))
    assert isinstance(end, Closed)
    assert {"first": "failed", "label": "proven"} == verdicts(end.run)


def test_an_attacker_who_edits_back_is_found_by_the_last_look(stage: Stage) -> None:
    """GitOps and attackers revert in minutes: the step's own look was right, the last one is not."""
    slow = '    - {id: slow, uses: kube.scope_pod, needs: [label], with: {pod: "${inputs.pod}"}}\n'
    ticket = stage.open(book(LABEL + slow))

    def revert() -> None:
        stage.control.merge("pods", stage.pods[0].name, {"metadata": {"labels": {"irkit.dev/case": None}}}, "shop")

    with during(stage.control, revert, verb="list", resource="services"):
        end = stage.advance(ticket)
    assert isinstance(end, Closed)
    assert "leaky" == verdicts(end.run)["label"]
    assert end.run.steps["label"].swept


def test_another_case_holds_the_pod(stage: Stage) -> None:
    label = {"metadata": {"labels": {"irkit.dev/case": "IR-20260101-abcd"}}}
    stage.control.merge("pods", stage.pods[0].name, label, "shop")
    _, end = stage.run(book(LABEL))
    assert {"label": "refused"} == verdicts(end.run)
    assert "IR-20260101-abcd" in end.run.steps["label"].reason


def test_a_pod_that_took_the_old_name_is_never_touched(stage: Stage) -> None:
    """Hardest test 22: a StatefulSet gives the new pod the old name."""
    ticket = stage.open(book(LABEL))
    old = stage.control.get("pods", stage.pods[0].name, "shop")
    assert old is not None
    old["metadata"]["uid"] = "00000000-0000-4000-8000-00000000beef"
    stage.control.delete("pods", old["metadata"]["name"], "shop")
    stage.control.put(old)
    end = stage.advance(ticket)
    assert {"label": "refused"} == verdicts(end.run)
    assert [] == stage.writes()


def test_the_same_context_with_another_cluster_behind_it_is_refused(stage: Stage) -> None:
    ticket, _ = stage.run(book(LABEL))
    system = stage.control.get("namespaces", "kube-system")
    assert system is not None
    system["metadata"]["uid"] = "00000000-0000-4000-8000-00000000cafe"
    stage.control.delete("namespaces", "kube-system")
    stage.control.put(system)
    before = len(stage.writes())
    with pytest.raises(Refused, match="another cluster"):
        stage.open(book(LABEL + ISOLATE))
    with pytest.raises(Refused, match="another cluster"):
        stage.app().advance(stage.app().open_undo(ticket.case, clock.now()), stage.stop, lambda _: None)
    assert before == len(stage.writes())


def test_a_cluster_that_is_out_of_reach_before_the_run_leaves_no_case_behind(stage: Stage) -> None:
    stage.control.fault(Fault(kind="status", code=503, verb="create", resource="selfsubjectreviews", count=0))

    with pytest.raises(ServerFault):
        stage.open(book(LABEL))

    assert [] == list(stage.state.glob("cases/*"))
    stage.control.clear_faults()
    _, end = stage.run(book(LABEL))
    assert {"label": "proven"} == verdicts(end.run)


def test_the_audit_log_confirms_the_journal_by_the_case_in_the_user_agent(stage: Stage) -> None:
    ticket, _ = stage.run(book(LABEL))
    writes = [entry for entry in stage.control.audit() if entry["verb"] == "patch"]
    assert all(ticket.case in entry["user_agent"] for entry in writes)
    done = [one.body for one in stage.records(ticket.case) if isinstance(one.body, r.EffectDone)]
    assert [entry["audit_id"] for entry in writes] == [one.request_id for one in done]


WHEN = """\
    - {id: ours, uses: kube.label_pod, needs: [scope], when: 'steps.scope.outputs.pod.namespace == "%s"', with: {pod: "${inputs.pod}"}}
    - {id: theirs, uses: kube.isolate_pod, needs: [ours], when: '%s', with: {pod: "${inputs.pod}"}}
    - {id: after, uses: kube.cordon_node, needs: [theirs, scope], with: {node: "${steps.scope.node}"}}
"""  # fmt: skip


def test_a_step_that_is_not_needed_is_passed_over_and_the_run_is_complete(stage: Stage) -> None:
    ticket, end = stage.run(book(SCOPE + WHEN % ("shop", "size(steps.scope.outputs.services) > 99")))
    assert isinstance(end, Closed)
    assert verdicts(end.run) == {"scope": "proven", "ours": "proven", "theirs": "skipped", "after": "proven"}
    assert end.run.outcome == "complete"
    assert end.run.steps["theirs"].condition == "size(steps.scope.outputs.services) > 99"
    assert stage.writes() == ["patch pods", "patch nodes"]
    assert verify(stage.state / "cases" / ticket.case).status != "broken"


def test_one_pod_that_may_not_be_written_to_holds_up_no_other(stage: Stage) -> None:
    bad = stage.pods[1]
    stage.control.fault(Fault(kind="status", code=403, verb="patch", resource="pods", name=bad.name, count=0))
    _, end = stage.run(book(SCOPE + EACH.replace("needs: [scope]", "needs: [scope]\n      on_failure: continue")))
    seen = verdicts(end.run)
    assert seen[f"label[{bad.uid}]"] == "failed"
    other = stage.pods[2]
    assert seen[f"isolate[{other.uid}]"] in {"proven", "leaky", "unproven"}
    assert end.run.steps[f"isolate[{bad.uid}]"].phase == "parked"  # it alone waits for the grant
