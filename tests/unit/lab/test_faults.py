"""Each fault does to a request what it says, as often as it says, and to no other."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from irkit.lab.faults import Fault
from irkit.lab.server import LabServer
from tests.support.moments import during
from tests.support.worlds import Answer, World

PATH = "/metadata/labels/note"


@pytest.fixture
def hit(lab: LabServer, world: World) -> Iterator[Any]:
    """Set a fault for patches of the pod bare, then patch it."""

    def set_and_patch(**fault: Any) -> Answer:
        number = lab.control.fault(Fault.parse({"verb": "patch", "resource": "pods", "name": "bare", **fault}))
        try:
            return patch(world)
        finally:
            assert lab.control.faults()[number] == 1
            assert lab.control.audit()[-1]["fault"] == fault["kind"]

    yield set_and_patch
    assert lab.control.unserved() == []


def patch(world: World, value: str = "x") -> Answer:
    return world.patch(f"{world.pods}/bare", {"op": "add", "path": PATH, "value": value})


def labelled(lab: LabServer) -> bool:
    pod = lab.control.get("pods", "bare", "shop")
    assert pod is not None
    return "note" in pod["metadata"]["labels"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (409, "Conflict"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
    ],
)
def test_a_status_is_answered_and_nothing_applied(lab: LabServer, hit: Any, code: int, reason: str) -> None:
    answer = hit(kind="status", code=code, retry_after=3)
    assert (answer.code, answer.doc["reason"], answer.headers["Retry-After"]) == (code, reason, "3")
    assert answer.doc["kind"] == "Status"
    assert not labelled(lab)
    assert not lab.control.audit()[-1]["applied"]


def test_dropped_before_is_not_applied(lab: LabServer, hit: Any) -> None:
    with pytest.raises(urllib3.exceptions.HTTPError):
        hit(kind="drop_before")
    assert not labelled(lab)
    (entry,) = lab.control.audit()
    assert (entry["code"], entry["applied"]) == (0, False)
    assert entry["body"] == [{"op": "add", "path": PATH, "value": "x"}]


def test_dropped_after_is_applied(lab: LabServer, hit: Any) -> None:
    with pytest.raises(urllib3.exceptions.HTTPError):
        hit(kind="drop_after")
    assert labelled(lab)
    assert [(each["code"], each["applied"]) for each in lab.control.audit()] == [(0, True)]


def test_truncated_is_applied_and_half_answered(lab: LabServer, hit: Any) -> None:
    with pytest.raises(urllib3.exceptions.HTTPError):
        hit(kind="truncate")
    assert labelled(lab)


def test_latency_is_time_before_the_call(lab: LabServer, hit: Any) -> None:
    start = time.monotonic()
    assert hit(kind="latency", ms=60).code == 200
    assert time.monotonic() - start >= 0.06
    assert labelled(lab)


def test_a_held_request_waits_until_its_fault_is_taken_away(lab: LabServer, world: World) -> None:
    seen: list[tuple[bool, int]] = []
    with during(lab.control, lambda: seen.append((labelled(lab), len(lab.control.audit()))), verb="patch"):
        assert patch(world).code == 200
    assert seen == [(False, 0)]
    assert labelled(lab)
    assert lab.control.faults() == {}
    assert lab.control.audit()[0]["fault"] == "hold"


def test_taking_all_faults_away_lets_go_what_they_hold(lab: LabServer, world: World) -> None:
    with during(lab.control, lab.control.clear_faults, verb="patch"):
        assert patch(world).code == 200
    assert labelled(lab)
    with pytest.raises(LookupError, match="no fault 1"):
        lab.control.lift_fault(1)


def test_a_token_can_expire_in_the_middle(lab: LabServer, world: World) -> None:
    lab.control.fault(Fault(kind="expire_token", verb="patch"))
    assert world.get(world.pods, token="responder").code == 200
    answer = world.patch(f"{world.pods}/bare", {"op": "add", "path": PATH, "value": "x"}, token="responder")
    assert answer.code == 401
    assert not labelled(lab)
    assert world.get(world.pods, token="responder").code == 401
    assert world.get(world.pods, token="viewer").code == 200


def test_garbage_is_no_json(lab: LabServer, world: World) -> None:
    lab.control.fault(Fault(kind="garbage", resource="pods"))
    answer = world.http.request(
        "GET", f"{world.url}{world.pods}/bare", headers={"Authorization": f"Bearer {lab.tokens['admin']}"}
    )
    assert answer.status == 200
    with pytest.raises(ValueError, match=re.compile("Expecting|codec|UTF", re.IGNORECASE)):
        answer.json()


def test_huge_is_as_large_as_it_says(lab: LabServer, world: World) -> None:
    lab.control.fault(Fault(kind="huge", resource="pods", size=300_000))
    answer = world.get(f"{world.pods}/bare")
    assert len(answer.doc["padding"]) == 300_000


@pytest.mark.parametrize(
    ("fault", "path", "wanted"),
    [
        ({"at": "/metadata/labels", "value": 5}, ("metadata", "labels"), 5),
        ({"at": "/spec/containers/0/name", "value": ["x"]}, ("spec", "containers", 0, "name"), ["x"]),
        ({"at": "/metadata/annotations/a~1b", "value": "c"}, (), None),
        ({"at": "/nothing/here", "value": 1}, (), None),
        ({"at": "", "value": []}, None, []),
    ],
)
def test_a_field_is_rewritten_in_the_answer_only(
    lab: LabServer, world: World, fault: dict[str, Any], path: tuple[Any, ...] | None, wanted: Any
) -> None:
    before = lab.control.get("pods", "bare", "shop")
    lab.control.fault(Fault.parse({"kind": "rewrite", **fault}))
    doc = world.get(f"{world.pods}/bare").doc
    if path is None:
        assert doc == wanted
    elif path:
        for key in path:
            doc = doc[key]
        assert doc == wanted
    else:
        assert doc == before
    assert lab.control.get("pods", "bare", "shop") == before


def test_a_field_can_go_from_an_item_of_a_list(lab: LabServer, world: World) -> None:
    lab.control.fault(Fault(kind="rewrite", verb="list", at="/items/0/metadata/uid", remove=True))
    first, second, *_ = world.get(world.pods).doc["items"]
    assert "uid" not in first["metadata"]
    assert "uid" in second["metadata"]


def test_the_nth_request_is_hit_and_so_many_after_it(lab: LabServer, world: World) -> None:
    number = lab.control.fault(Fault(kind="status", code=503, verb="patch", skip=1, count=2))
    codes = [patch(world, str(value)).code for value in range(5)]
    assert codes == [200, 503, 503, 200, 200]
    assert lab.control.faults() == {number: 2}


def test_a_fault_without_a_count_goes_on_until_it_is_cleared(lab: LabServer, world: World) -> None:
    lab.control.fault(Fault(kind="status", code=503, count=0))
    assert [world.get(world.pods).code for _ in range(3)] == [503] * 3
    lab.control.clear_faults()
    assert world.get(world.pods).code == 200


def test_only_what_matches_is_hit(lab: LabServer, world: World) -> None:
    everywhere = {"kind": "status", "code": 503, "count": 0}
    for other in (
        {"verb": "list"},
        {"resource": "nodes"},
        {"resource": "pods/eviction"},
        {"namespace": "other"},
        {"name": "bar"},
        {"name": "are"},
        {"user": "viewer"},
    ):
        lab.control.fault(Fault.parse({**everywhere, **other}))
    assert world.get(f"{world.pods}/bare").code == 200
    assert set(lab.control.faults().values()) == {0}
    lab.control.fault(Fault.parse({**everywhere, "name": "ba.*", "user": "kubernetes-admin", "namespace": "shop"}))
    assert world.get(f"{world.pods}/bare").code == 503


def test_a_reset_takes_all_faults_away(lab: LabServer, world: World) -> None:
    lab.control.fault(Fault(kind="status", count=0))
    lab.control.reset()
    assert lab.control.faults() == {}
    assert world.get(world.pods).code == 200
