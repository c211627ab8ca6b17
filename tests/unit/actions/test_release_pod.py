"""What releasing a pod reads: who selects it, by which of its labels, and who would take it back."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.actions.kube.release_pod.facts import Facts
from irkit.engine.guard import DeclaredReader
from irkit.model.effects import Resource
from irkit.model.kube import (
    CASE_LABEL,
    DAEMON_SETS,
    ENDPOINT_SLICES,
    JOBS,
    NETWORK_POLICIES,
    PDBS,
    PODS,
    REPLICA_SETS,
    SERVICES,
    STATEFUL_SETS,
)
from tests.support.action_cases import CASE
from tests.support.action_shop import POD, mark_for, meta, shop
from tests.support.memory import MemoryKube, MemoryReader

ACTION = Catalog.builtin().need("kube.release_pod")
World = dict[Resource, list[Any]]


def world(**labels: str) -> World:
    """The shop, with a selector on the pod's ReplicaSet."""
    found: World = dict(shop())
    found[PODS][0]["metadata"]["labels"] = {"app": "web", "pod-template-hash": "6c9", "tier": "x", **labels}
    found[REPLICA_SETS][1]["spec"] = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web", "pod-template-hash": "6c9"}},
    }
    for other in (0, 2):
        found[REPLICA_SETS][other]["spec"] = {"replicas": 1, "selector": {"matchLabels": {"app": "none"}}}
    return found


def facts(found: World) -> Facts:
    params, mark = mark_for(ACTION, pod=POD)
    seen = ACTION.observe(params, mark, DeclaredReader(MemoryReader(MemoryKube(found)), ACTION.spec))
    assert isinstance(seen, Facts)
    return seen


def test_the_labels_of_its_selectors_go_and_the_others_stay() -> None:
    seen = facts(world())

    assert seen.strip == ("app", "pod-template-hash")
    assert dict(seen.fields.values) == {
        'metadata.labels["app"]': "web",
        'metadata.labels["pod-template-hash"]': "6c9",
        'metadata.labels["tier"]': "x",
    }
    assert (seen.services, seen.freed, seen.budgets) == (("web",), ("allow-web",), ("web",))
    assert seen.owner is not None
    assert (seen.owner.kind, seen.owner.name, seen.owner.there, seen.owner.holds) == (
        "ReplicaSet", "web-new", True, False,
    )  # fmt: skip
    assert seen.room is None


def test_a_label_that_only_a_policys_expression_names_goes_too() -> None:
    found = world()
    found[NETWORK_POLICIES].append(
        {
            "metadata": meta("tiers", "np-9"),
            "spec": {"podSelector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}},
        }
    )

    assert facts(found).strip == ("app", "pod-template-hash", "tier")


def test_labels_of_selectors_that_do_not_match_stay() -> None:
    found = world()
    found[SERVICES].append({"metadata": meta("y", "s-9"), "spec": {"selector": {"tier": "y"}}})

    assert "tier" not in facts(found).strip


def test_irkits_own_labels_stay_whoever_selects_by_them() -> None:
    found = world(**{CASE_LABEL: CASE})
    found[NETWORK_POLICIES].append(
        {
            "metadata": meta("irkit-k7f2", "np-9"),
            "spec": {"podSelector": {"matchLabels": {CASE_LABEL: CASE}}, "policyTypes": ["Ingress", "Egress"]},
        }
    )

    seen = facts(found)

    assert CASE_LABEL not in seen.strip
    assert "irkit-k7f2" not in seen.freed
    assert seen.opened == ()  # the case's own policy still polices both directions


def test_what_was_denied_by_a_label_is_open_without_it() -> None:
    found = world()
    found[NETWORK_POLICIES] = [
        {
            "metadata": meta("deny", "np-9"),
            "spec": {"podSelector": {"matchLabels": {"tier": "x"}}, "policyTypes": ["Egress", "Ingress"]},
        },
        {"metadata": meta("all", "np-8"), "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}},
        {
            "metadata": meta("untiered", "np-7"),
            "spec": {"podSelector": {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}},
        },
    ]

    seen = facts(found)

    assert (seen.freed, seen.gained, seen.opened) == (("deny",), ("untiered",), ("egress",))


def test_a_service_has_let_go_when_no_slice_of_it_has_the_pod() -> None:
    found = world()
    mine = {"addresses": ["10.0.3.40"], "targetRef": {"kind": "Pod", "name": "web-1", "uid": "p-1"}}
    other = {"addresses": ["10.0.3.41"], "targetRef": {"kind": "Pod", "name": "web-1", "uid": "p-77"}}
    for name, endpoint in (("web", mine), ("api", other), ("bare", {"addresses": ["192.0.2.1"]})):
        slice_ = {"metadata": meta(f"{name}-x", f"es-{name}", labels={"kubernetes.io/service-name": name})}
        found.setdefault(ENDPOINT_SLICES, []).append(slice_ | {"endpoints": [endpoint]})

    assert facts(found).listed == ("web",)


@pytest.mark.parametrize(
    ("owner", "there"),
    [
        (("ReplicaSet", "web-new", "rs-77"), False),  # made anew under the name
        (("ReplicaSet", "no-such", "rs-2"), False),
        (("Workflow", "web-new", "rs-2"), False),
    ],
)
def test_a_controller_that_is_not_there_or_not_known_is_said(owner: tuple[str, str, str], there: bool) -> None:
    found = world()
    found[PODS][0]["metadata"]["ownerReferences"] = meta("", "", owner)["ownerReferences"]

    seen = facts(found)

    assert seen.owner is not None
    assert (seen.owner.kind, seen.owner.there) == (owner[0], there)


def test_a_controller_that_selects_by_what_is_missing_holds_the_pod() -> None:
    found = world()
    expression = {"key": "canary", "operator": "DoesNotExist"}
    found[REPLICA_SETS][1]["spec"]["selector"] = {"matchExpressions": [expression]}

    seen = facts(found)

    assert seen.owner is not None
    assert seen.owner.holds


def test_who_would_take_it_back_is_read_once_nobody_controls_it() -> None:
    found = world()
    pods = found[PODS]
    del pods[0]["metadata"]["ownerReferences"]
    pods[0]["metadata"]["labels"] = {CASE_LABEL: CASE}
    pods[0]["status"]["conditions"] = [
        {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-21T02:00:00Z"}
    ]
    pods[1]["metadata"]["annotations"] = {"controller.kubernetes.io/pod-deletion-cost": "-7"}
    pods[1]["status"]["containerStatuses"] = [{"restartCount": 2}, {"restartCount": 5}]
    pods.append({"metadata": meta("dying", "p-8", deletionTimestamp="2026-11-21T02:00:00Z"), "spec": {}})
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    selector = {"selector": {"matchLabels": {"job": "j"}}}
    found[JOBS] = [
        {"metadata": meta("over", "j-1"), "spec": selector, "status": done},
        {"metadata": meta("runs", "j-2"), "spec": {**selector, "parallelism": 4}},
    ]
    found[STATEFUL_SETS] = [
        {
            "metadata": meta("db", "ss-1"),
            "spec": {**selector, "replicas": 3, "ordinals": {"start": 5}},
            "status": {"updateRevision": "db-2b"},
        }
    ]
    found[DAEMON_SETS] = [{"metadata": meta("log", "ds-1", deletionTimestamp="2026-11-21T02:00:00Z"), "spec": selector}]

    room = facts(found).room

    assert room is not None
    assert (room.ours.name, room.ours.evidence, room.ours.owner, room.ours.ready_age) == ("web-1", True, "", 3600.0)
    assert [(one.kind, one.name, one.wanted, one.top, one.family) for one in room.seats] == [
        ("Job", "runs", 4, "job/runs", "j-2"),
        ("ReplicaSet", "cart", 1, "deployment/cart", "d-9"),
        ("ReplicaSet", "web-new", 2, "deployment/web", "d-1"),
        ("ReplicaSet", "web-old", 1, "deployment/web", "d-1"),
        ("StatefulSet", "db", 3, "statefulset/db", "ss-1"),
    ]
    assert (room.seats[-1].first, room.seats[-1].revision) == (5, "db-2b")
    assert [(one.name, one.owner, one.cost, one.restarts) for one in room.pods] == [
        ("web-2", "rs-1", -7, 5),
        ("cart-1", "", 0, 0),
    ]


def test_budgets_that_cover_it_for_another_reason_stay() -> None:
    found = world()
    found[PDBS].append({"metadata": meta("tier", "b-9"), "spec": {"selector": {"matchLabels": {"tier": "x"}}}})

    assert facts(found).budgets == ("web",)
