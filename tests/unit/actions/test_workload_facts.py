"""What scaling, replacing and suspending read of a workload, its pods and whoever else sets its numbers."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.actions.kube.replace_workload.facts import REPLACED
from irkit.engine.guard import DeclaredReader
from irkit.model.effects import Resource
from irkit.model.kube import (
    CASE_LABEL,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    HPAS,
    NETWORK_POLICIES,
    PODS,
    STATEFUL_SETS,
)
from tests.support.action_cases import CASE
from tests.support.action_shop import CRON_JOB, WORKLOAD, mark_for, meta, shop
from tests.support.memory import MemoryKube, MemoryReader

CATALOG = Catalog.builtin()
World = dict[Resource, list[Any]]
DB = WORKLOAD.model_copy(update={"type": "StatefulSet", "name": "db", "uid": "ss-1"})
LOG = WORKLOAD.model_copy(update={"type": "DaemonSet", "name": "log", "uid": "ds-1"})


def look(action_id: str, world: World, **arguments: Any) -> Any:
    action = CATALOG.need(action_id)
    params, mark = mark_for(action, **arguments)
    return action.observe(params, mark, DeclaredReader(MemoryReader(MemoryKube(world)), action.spec))


def world(**deployment: Any) -> World:
    found: World = dict(shop())
    found[DEPLOYMENTS][0] = {"metadata": meta("web", "d-1", generation=3), **deployment}
    return found


# -- scale_workload --------------------------------------------------------------------------------------


def test_a_deployments_pods_are_those_of_all_its_replica_sets() -> None:
    found = world(spec={"replicas": 2}, status={"observedGeneration": 3})
    found[PODS][1]["metadata"]["labels"][CASE_LABEL] = CASE

    facts = look("kube.scale_workload", found, workload=WORKLOAD, replicas=0)

    assert (facts.replicas, facts.seen, facts.pods, facts.evidence) == (2, True, ("web-1", "web-2"), ("web-2",))
    assert (facts.parent, facts.scalers) == ("", ())


def test_pods_that_have_ended_are_no_pods_of_it() -> None:
    found = world()
    found[PODS][0]["status"]["phase"] = "Failed"

    assert look("kube.scale_workload", found, workload=WORKLOAD, replicas=0).pods == ("web-2",)


def test_a_number_that_is_not_said_is_one_and_a_spec_that_was_not_seen_is_not_done() -> None:
    facts = look("kube.scale_workload", world(status={"observedGeneration": 2}), workload=WORKLOAD, replicas=0)

    assert (facts.replicas, facts.seen) == (1, False)


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        ([("gitops", "Apply", "", "spec"), ("irkit", "Update", "scale", "spec")], True),
        ([("kubectl-create", "Update", "", "spec"), ("irkit", "Update", "scale", "spec")], False),
        ([("gitops", "Apply", "", "spec"), ("irkit", "Update", "", "metadata")], False),
        ([("gitops", "Apply", "", "spec")], False),
        ([], False),
    ],
)
def test_a_number_is_co_owned_where_irkit_is_named_beside_somebody_who_applies_it(
    entries: list[tuple[str, str, str, str]], *, wanted: bool
) -> None:
    found = world()
    found[DEPLOYMENTS][0]["metadata"]["managedFields"] = [
        {"manager": by, "operation": how, "subresource": part, "fieldsV1": {f"f:{top}": {"f:replicas": {}}}}
        for by, how, part, top in entries
    ]

    assert look("kube.scale_workload", found, workload=WORKLOAD, replicas=0).co_owned is wanted


def test_autoscalers_of_this_workload_are_found_and_no_others() -> None:
    found = world()
    found[HPAS] = [
        hpa("web", "Deployment", "web", minReplicas=2),
        hpa("keda", "Deployment", "web", labels={"scaledobject.keda.sh/name": "web"}),
        hpa("cart", "Deployment", "cart"),
        hpa("set", "StatefulSet", "web"),
    ]

    scalers = look("kube.scale_workload", found, workload=WORKLOAD, replicas=0).scalers

    assert [(one.name, one.least, one.most, one.keda) for one in scalers] == [
        ("keda", 1, 9, True),
        ("web", 2, 9, False),
    ]


def hpa(name: str, kind: str, target: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    spec |= {"maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": target}}
    return {"metadata": meta(name, f"h-{name}", labels=labels or {}), "spec": spec}


# -- replace_workload ------------------------------------------------------------------------------------


def replaced() -> World:
    """The first pod is new, ready and an endpoint; the second is old."""
    template = {"metadata": {"labels": {"app": "web"}, "annotations": {REPLACED: CASE}}}
    found = world(spec={"replicas": 2, "template": template}, status={"observedGeneration": 3})
    new = found[PODS][0]
    new["metadata"]["annotations"] = {REPLACED: CASE}
    new["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    found[ENDPOINT_SLICES] = [
        {
            "metadata": meta("web-x", "es-1", labels={"kubernetes.io/service-name": "web"}),
            "endpoints": [{"targetRef": {"uid": "p-1"}, "conditions": {"ready": True}}],
        }
    ]
    return found


def test_new_pods_are_told_from_old_ones_by_the_template_that_made_them() -> None:
    facts = look("kube.replace_workload", replaced(), workload=WORKLOAD)

    assert (facts.wanted, facts.seen, facts.old, facts.services) == (2, True, ("web-2",), ("web",))
    assert [(one.name, one.ready, one.unlisted, one.holes) for one in facts.new] == [("web-1", True, (), ())]
    assert dict(facts.fields.values) == {f"spec.template.metadata.annotations.{REPLACED}": CASE}


def test_an_older_annotation_is_no_new_pod() -> None:
    found = replaced()
    found[PODS][0]["metadata"]["annotations"] = {REPLACED: "IR-20261101-abcd"}

    facts = look("kube.replace_workload", found, workload=WORKLOAD)

    assert (facts.new, facts.old) == ((), ("web-1", "web-2"))


@pytest.mark.parametrize(
    ("endpoint", "unlisted"),
    [
        ({"targetRef": {"uid": "p-1"}}, ()),  # what is not said is ready
        ({"targetRef": {"uid": "p-1"}, "conditions": {"ready": False}}, ("web",)),
        ({"targetRef": {"uid": "p-2"}, "conditions": {"ready": True}}, ("web",)),
        ({"addresses": ["10.0.0.1"]}, ("web",)),
    ],
)
def test_a_new_pod_serves_when_each_of_its_services_has_it(endpoint: dict[str, Any], unlisted: tuple[str, ...]) -> None:
    found = replaced()
    found[ENDPOINT_SLICES][0]["endpoints"] = [endpoint]

    (new,) = look("kube.replace_workload", found, workload=WORKLOAD).new

    assert new.unlisted == unlisted


def test_a_new_pod_that_the_cases_own_policy_selects_is_in_a_hole() -> None:
    found = replaced()
    labels = {CASE_LABEL: CASE}
    found[NETWORK_POLICIES] += [
        {"metadata": meta("irkit-k7f2", "np-8", labels=labels), "spec": {"podSelector": {"matchLabels": labels}}},
        {"metadata": meta("irkit-wide", "np-9", labels=labels), "spec": {"podSelector": {}}},
    ]

    (new,) = look("kube.replace_workload", found, workload=WORKLOAD).new

    assert new.holes == ("irkit-wide",)


def test_a_new_pod_that_is_being_deleted_is_not_ready() -> None:
    found = replaced()
    found[PODS][0]["metadata"]["deletionTimestamp"] = "2026-11-21T02:00:00Z"

    assert not look("kube.replace_workload", found, workload=WORKLOAD).new[0].ready


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"updateStrategy": {"type": "OnDelete"}}, "OnDelete"),
        ({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}, "below ordinal 2"),
        ({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}, ""),
        ({}, ""),
    ],
)
def test_update_strategies_that_leave_pods_as_they_are(spec: dict[str, Any], why: str) -> None:
    found: World = dict(shop())
    found[STATEFUL_SETS] = [{"metadata": meta("db", "ss-1"), "spec": spec}]

    hindered = look("kube.replace_workload", found, workload=DB).hindered

    assert why in hindered
    assert bool(why) == bool(hindered)


def test_a_paused_deployment_makes_no_new_replica_set() -> None:
    facts = look("kube.replace_workload", world(spec={"paused": True}), workload=WORKLOAD)

    assert "paused" in facts.hindered


def test_a_daemon_set_wants_a_pod_on_each_node_that_it_selects() -> None:
    found: World = dict(shop())
    found[DAEMON_SETS] = [{"metadata": meta("log", "ds-1"), "status": {"desiredNumberScheduled": 7}}]

    assert look("kube.replace_workload", found, workload=LOG).wanted == 7


def test_whoever_bears_a_replicas_name_and_is_not_the_sets_own_is_in_its_way() -> None:
    found: World = dict(shop())
    found[STATEFUL_SETS] = [{"metadata": meta("db", "ss-1"), "spec": {"replicas": 3}}]
    found[PODS] += [
        {"metadata": meta("db-0", "p-10")},
        {"metadata": meta("db-1", "p-11", ("StatefulSet", "db", "ss-1"))},
        {"metadata": meta("db-x", "p-12")},
        {"metadata": meta("db-2", "p-13"), "status": {"phase": "Failed"}},
        {"metadata": meta("db-00-0", "p-14")},
    ]

    assert look("kube.replace_workload", found, workload=DB).squatters == ("db-0",)


@pytest.mark.parametrize(
    ("condition", "stuck"),
    [
        ({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}, "ProgressDeadlineExceeded"),
        ({"type": "Progressing", "status": "False", "reason": "<script>"}, "no reason given"),
        ({"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}, ""),
        ({"type": "Available", "status": "False"}, ""),
    ],
)
def test_a_controller_that_gave_up_says_so(condition: dict[str, str], stuck: str) -> None:
    facts = look("kube.replace_workload", world(status={"conditions": [condition]}), workload=WORKLOAD)

    assert facts.stuck == stuck


# -- suspend_cronjob -------------------------------------------------------------------------------------


def test_a_cron_jobs_running_jobs_are_named() -> None:
    found: World = dict(shop())
    found[CRON_JOBS][0]["status"] = {"active": [{"name": "nightly-2"}, {"name": "nightly-1"}, {}]}

    facts = look("kube.suspend_cronjob", found, cronjob=CRON_JOB)

    assert facts.running == ("nightly-1", "nightly-2")
    assert dict(facts.fields.values) == {'metadata.labels["irkit.dev/case"]': None, "spec.suspend": False}


@pytest.mark.parametrize("action_id", ["kube.scale_workload", "kube.replace_workload"])
def test_nothing_is_read_of_kinds_that_are_refused(action_id: str) -> None:
    kube = MemoryKube(shop())
    action = CATALOG.need(action_id)
    more = {"replicas": 0} if action_id == "kube.scale_workload" else {}
    params, mark = mark_for(action, workload=CRON_JOB, **more)

    action.observe(params, mark, DeclaredReader(MemoryReader(kube), action.spec))

    assert kube.asked == []
