"""Containers that were started again since irkit marked their pod (domain.md §2, hardest test 20)."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.kube.lives import Life, counting, endangered, lives, lost, without
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall
from irkit.model.plans import Receipt, Receipts, Verdict

UID = "5b1c9c1e-0000-4000-8000-0000000000e2"


def status(name: str = "main", restarts: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "restartCount": restarts,
        "state": {"running": {"startedAt": "2026-11-21T03:00:00Z"}},
        **more,
    }


def pod(*statuses: dict[str, Any], **container: Any) -> Doc:
    spec = {"containers": [{"name": "main", **container}]}
    return Doc({"spec": spec, "status": {"containerStatuses": list(statuses)}}, "pod shop/web-1")


def kept(effect: str = "label", *, running: bool = True, **counts: int) -> Receipts:
    """What the journal keeps of a patch's reply."""
    reply: dict[str, Any] = {}
    for index, (name, count) in enumerate(counts.items()):
        at = f"/status/containerStatuses/{index}"
        reply |= {f"{at}/name": name, f"{at}/restartCount": count}
        if running:
            reply[f"{at}/state/running/startedAt"] = "2026-11-21T03:00:00Z"
    return Receipts((Receipt(effect=effect, status="done", reply=reply),))


def test_a_status_is_read_by_container() -> None:
    ended = {"terminated": {"finishedAt": "2026-11-21T03:01:00Z", "exitCode": 137}}
    found = lives(pod(status("side"), status(restarts=2, lastState=ended), livenessProbe={"periodSeconds": 5}))

    assert found == (
        Life("main", restarts=2, ended="2026-11-21T03:01:00Z", code=137, patience=16),
        Life("side"),
    )


@pytest.mark.parametrize("broken", [{"restartCount": "many"}, {"name": 7}, {"lastState": {"terminated": []}}])
def test_a_status_that_cannot_be_read_holds_nothing_up(broken: dict[str, Any]) -> None:
    assert () == lives(pod({**status(), **broken}))


def test_what_a_patch_keeps_is_what_is_compared_later() -> None:
    resource = {"group": "", "version": "v1", "plural": "pods", "kind": "Pod"}
    call = KubeCall.parse({"name": "label", "cluster": "c", "verb": "patch", "resource": resource, "object": "web-1"})

    found = counting(call, lives(pod(status())))

    reply = dict.fromkeys(found.keep[len(call.keep) :], "x")
    assert reply.keys() == kept(main=0).ended[0].reply.keys()
    assert found.model_copy(update={"keep": call.keep}) == call


def test_the_same_containers_are_no_loss() -> None:
    assert "" == lost((Life("main", restarts=3),), kept(main=3), "label")


def test_a_container_that_was_started_again_is_evidence_lost() -> None:
    now = (Life("main", restarts=4, ended="2026-11-21T03:01:00Z", code=137), Life("side"))

    assert lost(now, kept(main=3, side=0), "label") == (
        "EVIDENCE LOST: container main was started again since irkit marked the pod "
        "(it ended at 2026-11-21T03:01:00Z, exit code 137): its memory and its own files are gone"
    )
    assert "was started again 4 times" in lost(now, kept(main=0), "label")


def test_a_container_that_ended_and_was_not_started_yet_is_lost_too() -> None:
    now = (Life("main", running=False),)

    assert "container main has ended since" in lost(now, kept(main=0), "label")
    assert "" == lost(now, kept(main=0, running=False), "label")  # it had ended before


def test_the_first_count_is_the_one_that_counts() -> None:
    again = Receipts((*kept(main=0).ended, *kept(main=2).ended))

    assert "2 times" in lost((Life("main", restarts=2),), again, "label")


def test_counts_of_other_pods_under_the_same_mark_say_nothing() -> None:
    assert "" == lost((Life("main", restarts=2),), kept("label-of-another", main=0), "label")
    assert "" == lost((Life("main", restarts=2),), Receipts(), "label")


def test_who_would_be_started_again_is_named_before_anything_is_cut_off() -> None:
    (warned,) = endangered((Life("main", patience=31), Life("side")))

    assert (warned.who, warned.warn) == ("container main", True)
    assert "within 31 s" in warned.what


def test_lost_evidence_is_no_success_and_hides_no_leak() -> None:
    proven, leaky = Verdict.proven("2 of 2 refused"), Verdict.leaky("allow-web")

    assert without("", proven) == proven
    assert without("LOST", proven) == Verdict.unproven("LOST; the rest: proven: 2 of 2 refused")
    assert without("LOST", leaky) == Verdict.leaky("LOST; the rest: leaky: allow-web")
