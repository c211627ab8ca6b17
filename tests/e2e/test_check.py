"""Looking again at a case: what holds, what somebody undid, what came since; and nothing is written by looking."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.app import clock
from irkit.app.check import Checkup, _status, check
from irkit.engine.look import Looked
from irkit.lab.faults import Fault
from irkit.model.kube import CASE_LABEL
from irkit.model.plans import Settled, Verdict
from irkit.views.check import check_status, lead
from tests.e2e.stage import ISOLATE, LABEL, Stage, book
from tests.e2e.test_engine import EACH, SCOPE

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]


def statuses(found: Checkup) -> dict[str, str]:
    return {one.step: one.status for one in found.steps}


def isolated(stage: Stage, pod: int = 0) -> str:
    """A case that isolated one of the pods; the audit log begins anew behind it."""
    ticket, _ = stage.run(book(SCOPE + LABEL + ISOLATE), pod)
    stage.control.clear_audit()
    return ticket.case


def policy(stage: Stage) -> dict[str, Any]:
    """The policy that irkit made."""
    (found,) = [
        doc for doc in stage.control.dump() if doc["kind"] == "NetworkPolicy" and "irkit" in doc["metadata"]["name"]
    ]
    return dict(found)


def test_looking_again_writes_nothing_and_tells_the_case_to_the_audit_log(stage: Stage) -> None:
    case = isolated(stage, pod=-1)
    before = stage.records(case)
    files = sorted(path.name for path in stage.app().cases.folder(case).rglob("*"))
    found = check(stage.app(), case)
    assert statuses(found)["label"] == "holds"
    assert "drifted" not in statuses(found).values()
    assert stage.writes() == []
    assert stage.records(case) == before
    assert sorted(path.name for path in stage.app().cases.folder(case).rglob("*")) == files
    assert any(case in entry["user_agent"] for entry in stage.control.audit())


def test_a_label_that_somebody_removed_is_drift(stage: Stage) -> None:
    case = isolated(stage)
    pod = stage.pods[0]
    stage.control.merge("pods", pod.name, {"metadata": {"labels": {CASE_LABEL: None}}}, "shop")
    found = check(stage.app(), case)
    assert statuses(found) == {"label": "drifted", "isolate": "drifted"}
    assert "is not selected by it" in next(one.why for one in found.steps if one.step == "isolate")
    assert (check_status(found), lead(found)[0]) == (4, "NOT CONTAINED")


def test_a_policy_that_somebody_deleted_or_opened_is_drift(stage: Stage) -> None:
    case = isolated(stage)
    ours = policy(stage)["metadata"]["name"]
    stage.control.merge("networkpolicies", ours, {"spec": {"ingress": [{}]}}, "shop")
    assert statuses(check(stage.app(), case)) == {"label": "holds", "isolate": "drifted"}
    stage.control.delete("networkpolicies", ours, "shop")
    found = check(stage.app(), case)
    assert statuses(found)["isolate"] == "drifted"
    again = stage.run(book(SCOPE + LABEL + ISOLATE))[0]
    assert again.case == case
    assert "drifted" not in statuses(check(stage.app(), case)).values()


def test_another_opening_since_is_drift_and_an_old_one_is_leaky() -> None:
    before = Verdict.leaky("allow-web lets web in")
    task: Any = None
    same = Looked(task, Settled("x", before))
    assert _status(same, before) == ("leaky", "allow-web lets web in", "")
    more = Looked(task, Settled("x", Verdict.leaky("allow-web lets web in; let-me-out lets it out")))
    assert _status(more, before)[0] == "drifted"
    assert _status(more, Verdict.proven("x"))[0] == "drifted"


def young(name: str, image: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2999-01-01T00:00:00Z", **more},
        "spec": {"containers": [{"name": "c", "image": image}]},
        "status": {"phase": "Running"},
    }  # fmt: skip


def test_new_pods_of_the_same_owner_are_told(stage: Stage) -> None:
    case = isolated(stage, pod=0)
    known = {pod.name for pod in stage.pods}
    stage.control.delete("pods", stage.pods[1].name, "shop")  # its ReplicaSet starts another
    started = {pod.name for pod in stage.pods} - known
    assert started
    found = check(stage.app(), case)
    assert {one.pod.name for one in found.newcomers if one.expected} & started
    assert all(one.expected for one in found.newcomers)


def test_new_pods_of_the_same_image_are_a_warning(stage: Stage) -> None:
    case = isolated(stage, pod=-1)
    stage.control.put(young("stranger", "busybox:1"))
    stage.control.put(young("other", "another:1"))
    found = check(stage.app(), case)
    assert [(one.pod.name, one.expected) for one in found.newcomers] == [("stranger", False)]
    assert check_status(found) == 4


def test_a_target_that_lost_its_owner_still_has_its_family(stage: Stage) -> None:
    ticket, _ = stage.run(book(SCOPE + LABEL + ISOLATE), 0)
    known = {pod.name for pod in stage.pods}
    off = {"metadata": {"labels": {"app": None, "pod-template-hash": None}, "ownerReferences": None}}
    stage.control.merge("pods", stage.pods[0].name, off, "shop")
    started = {pod.name for pod in stage.pods} - known
    assert started
    found = check(stage.app(), ticket.case)
    assert {one.pod.name for one in found.newcomers if one.expected} & started


def test_what_was_taken_back_is_not_missed_and_is_not_called_contained(stage: Stage) -> None:
    case = isolated(stage, pod=-1)
    app = stage.app()
    app.advance(app.open_undo(case, clock.now()), stage.stop, lambda _records: None)
    found = check(app, case)
    assert (found.steps, found.undone) == ((), 2)
    assert lead(found)[0] == "NOT CONTAINED: everything was taken back"
    assert check_status(found) == 4


def test_what_had_nothing_to_take_back_goes_with_its_run(stage: Stage) -> None:
    """A pod of no owner has nothing to be released from, and where there are no tools nothing is cut."""
    stage.control.merge(
        "pods", stage.pods[-1].name, {"metadata": {"ownerReferences": None, "labels": {"app": None}}}, "shop"
    )
    release = '    - {id: release, uses: kube.release_pod, needs: [isolate], with: {pod: "${inputs.pod}"}}\n'
    ticket, _ = stage.run(book(LABEL + ISOLATE + release), -1)
    app = stage.app()
    stage.advance(app.open_undo(ticket.case, clock.now()), app)
    found = check(stage.app(), ticket.case)
    assert ((), "NOT CONTAINED: everything was taken back") == (found.steps, lead(found)[0])


def test_where_the_isolation_alone_was_taken_back_what_is_left_contains_nothing(stage: Stage) -> None:
    cordon = '    - {id: cordon, uses: kube.cordon_node, needs: [scope], with: {node: "${steps.scope.node}"}}\n'
    ticket, _ = stage.run(book(SCOPE + LABEL + ISOLATE + cordon))
    app = stage.app()
    stage.advance(app.open_undo(ticket.case, clock.now(), "isolate"), app)
    found = check(stage.app(), ticket.case)
    assert ({"label": "holds", "cordon": "holds"}, ("isolate",)) == (statuses(found), found.opened)
    assert ("NOT CONTAINED: taken back in part", 4) == (lead(found)[0], check_status(found))


def test_taking_one_step_back_hides_nothing_of_the_rest(stage: Stage) -> None:
    stage.control.fault(Fault(kind="status", code=403, verb="create", resource="networkpolicies", count=0))
    weak = ISOLATE.replace("needs:", "on_failure: continue, needs:")
    ticket, _ = stage.run(book(LABEL + weak))
    before = statuses(check(stage.app(), ticket.case))
    assert before["isolate"] == "never"

    app = stage.app()
    stage.advance(app.open_undo(ticket.case, clock.now(), "label"), app)

    assert statuses(check(stage.app(), ticket.case))["isolate"] == "never"


def test_a_step_that_never_was_done_is_told(stage: Stage) -> None:
    stage.control.fault(Fault(kind="status", code=403, verb="create", resource="networkpolicies", count=0))
    ticket, _ = stage.run(book(SCOPE + LABEL + ISOLATE), -1)
    stage.control.clear_faults()
    found = check(stage.app(), ticket.case)
    assert statuses(found) == {"label": "holds", "isolate": "never"}
    assert check_status(found) == 4


def test_what_cannot_be_looked_at_is_unknown(stage: Stage) -> None:
    case = isolated(stage, pod=-1)
    stage.control.fault(Fault(kind="status", code=403, verb="list", resource="networkpolicies", count=0))
    found = check(stage.app(), case)
    assert statuses(found) == {"label": "holds", "isolate": "unknown"}
    assert check_status(found) == 75
    assert lead(found)[0] == "CONTAINMENT UNPROVEN"


def test_many_targets_are_a_few_lists(stage: Stage) -> None:
    ticket, _ = stage.run(book(SCOPE + EACH))
    stage.control.clear_audit()
    found = check(stage.app(), ticket.case)
    assert len(found.steps) == 4
    assert stage.writes() == []
