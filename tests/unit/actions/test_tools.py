"""Tool pods as the API shows them, what their reports say, and under which circumstances a proof counts."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from irkit.actions.catalog import Catalog
from irkit.actions.kube.engines import standing
from irkit.actions.kube.pods import addresses, endpoints, may_forge, serving
from irkit.actions.kube.proofs import circumstances, cut_base, judge, kept_reports, probe_base, read_report
from irkit.actions.kube.tools import PATIENCE, TOOL_LABEL, Run, find_runs, tool_name
from irkit.engine.guard import DeclaredReader
from irkit.errors import Denied, Malformed, Refused
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall, Mark, Resource
from irkit.model.kube import (
    CALICO_POLICIES,
    CALICO_STORED_POLICIES,
    CASE_LABEL,
    CILIUM_CLUSTER_POLICIES,
    CILIUM_POLICIES,
    CLUSTER_NETWORK_POLICIES,
    MARK_LABEL,
    NETWORK_POLICIES,
    PODS,
    SERVICES,
)
from irkit.model.plans import Change, Receipts, Settled, Verdict
from irkit.model.ports import Artefact
from irkit.model.refs import ClusterRef, PodRef
from tests.support.action_cases import CASE
from tests.support.action_shop import POD, mark_for, meta, shop
from tests.support.memory import MemoryKube, MemoryReader

CATALOG = Catalog.builtin()
IMAGE = "irkit-tools:1"
SIBLING = PodRef(cluster=POD.cluster, namespace="shop", name="web-2", uid="p-2")
READY = [{"type": "Ready", "status": "True"}]


def mark() -> Mark:
    return mark_for(CATALOG.need("kube.probe_pod"), pod=POD, image=IMAGE)[1]


def tool(purpose: str, status: dict[str, Any], *, age: int = 1, name: str = "") -> dict[str, Any]:
    created = f"2026-11-21T02:59:{60 - age:02}Z" if age < 60 else "2026-11-21T02:00:00Z"
    labels = {MARK_LABEL: mark().short, TOOL_LABEL: purpose}
    metadata = meta(name or tool_name(mark(), purpose), f"u-{purpose}", labels=labels, creationTimestamp=created)
    return {"metadata": metadata, "spec": {}, "status": status}


def terminated(phase: str, message: str) -> dict[str, Any]:
    ended = {"name": "tool", "state": {"terminated": {"message": message, "exitCode": 0}}}
    return {"phase": phase, "containerStatuses": [{"name": "other", "state": {}}, ended]}


def waiting(reason: str) -> dict[str, Any]:
    return {"phase": "Pending", "containerStatuses": [{"name": "tool", "state": {"waiting": {"reason": reason}}}]}


@pytest.mark.parametrize(
    ("status", "age", "run"),
    [
        (terminated("Succeeded", "a open\nb refused\n"), 1, Run("done", "", "", ("a open", "b refused"))),
        (terminated("Failed", "error no such pod\n"), 1, Run("failed", "", "", ("error no such pod",), "no such pod")),
        (terminated("Failed", ""), 1, Run("failed", "", "", (), "it ended with an error and said nothing")),
        (waiting("ImagePullBackOff"), 1, Run("failed", "", "", (), "it cannot start: ImagePullBackOff")),
        (waiting("ContainerCreating"), 1, Run("running")),
        ({"phase": "Pending"}, 1, Run("running")),
        ({}, 1, Run("running")),
        (waiting("ErrImagePull"), 50, Run("failed", "", "", (), f"it did not end within {PATIENCE} s: ErrImagePull")),
        ({"phase": "Running"}, 90, Run("failed", "", "", (), f"it did not end within {PATIENCE} s")),
    ],
)
def test_a_tool_pod_is_read_from_its_status(status: dict[str, Any], age: int, run: Run) -> None:
    kube = MemoryKube({PODS: [tool("probe-in", status, age=age)]})

    runs = find_runs(kube, "shop", mark(), "probe-in")

    found = runs["probe-in"]
    assert (run.state, run.lines, run.why) == (found.state, found.lines, found.why)
    assert ("u-probe-in", tool_name(mark(), "probe-in")) == (found.uid, found.name)


def test_a_pod_that_only_bears_the_mark_is_no_tool_pod() -> None:
    """Labels are anybody's to set; irkit deletes only what bears its own name too."""
    kube = MemoryKube({PODS: [tool("probe-in", {}, name="innocent")]})

    assert {} == find_runs(kube, "shop", mark(), "probe-in")


def test_results_of_any_other_form_are_left_out() -> None:
    said = {
        "probe-in": {"lines": ["10.0.0.1:80 refused", "10.0.0.1:81 owned", "<b> open", "[fd00::1]:80 open", "x 12"]},
        "cut": {"lines": ["left 0", "left-to 10.0.0.1:80", "before -1", "before 9999999999"], "error": "it broke"},
    }
    report = read_report(json.dumps({"said": said, "facts": {"helper": True}}).encode(), "k")

    assert {"10.0.0.1:80": "refused", "10.0.0.1:81": "failed", "[fd00::1]:80": "open"} == report.ends["probe-in"]
    assert {"probe-in.x": 12, "cut.left": 0} == report.counts
    assert {"cut": "it broke"} == report.errors


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"said": 1}', b'{"said": {"x": {"lines": "y"}}}'])
def test_a_report_that_is_none_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        read_report(data, "k")


# -- circumstances -----------------------------------------------------------------------------------------


def policies(*more: dict[str, Any]) -> list[Doc]:
    first = {"metadata": meta("a", "np-1", generation=1), "spec": {"podSelector": {"matchLabels": {"app": "web"}}}}
    return [Doc(one, "policy") for one in (first, *more)]


def test_a_proof_counts_for_the_policies_and_labels_that_it_was_made_under() -> None:
    labels = {"app": "web"}
    other = {"metadata": meta("b", "np-2", generation=1), "spec": {"podSelector": {"matchLabels": {"app": "cart"}}}}
    now = circumstances(policies(), labels)

    changed = policies()
    changed[0].raw["metadata"]["generation"] = 2
    again = policies()
    again[0].raw["metadata"]["uid"] = "np-7"

    assert now == circumstances(policies(other), labels)  # it selects somebody else
    assert now == circumstances(policies(), dict(labels))
    assert now not in {
        circumstances(changed, labels), circumstances(again, labels), circumstances([], labels),
        circumstances(policies(), {**labels, CASE_LABEL: CASE}),
    }  # fmt: skip
    everyone = {"metadata": meta("c", "np-3", generation=1), "spec": {"podSelector": {}}}
    assert now != circumstances(policies(everyone), labels)


CILIUM = {"metadata": meta("deny", "c-1"), "spec": {"endpointSelector": {}, "egressDeny": [{"toEntities": ["all"]}]}}
CALICO = {"metadata": {"name": "default.x", "uid": "g-1"}, "spec": {"order": 0.5, "egress": [{"action": "Deny"}]}}
KINDS: list[tuple[Resource, dict[str, Any]]] = [
    (CILIUM_POLICIES, CILIUM),
    (CILIUM_CLUSTER_POLICIES, {**CALICO, "specs": [{"egressDeny": []}]}),
    (CALICO_POLICIES, CALICO),
    (CALICO_STORED_POLICIES, CALICO),
    (CLUSTER_NETWORK_POLICIES, CALICO),
]


@pytest.mark.parametrize(("kind", "found"), KINDS, ids=[str(kind) for kind, _ in KINDS])
def test_a_proof_ends_where_an_engines_own_policy_comes_changes_or_goes(kind: Resource, found: dict[str, Any]) -> None:
    """No generation is needed: not every server of custom resources counts one."""
    labels = {"app": "web"}

    def now(*objects: dict[str, Any]) -> str:
        return circumstances(policies(), labels, standing(MemoryKube({kind: objects}), "shop"))

    edited, again, status = (copy.deepcopy(found) for _ in range(3))
    edited["spec"]["more"] = True
    again["metadata"]["uid"] = "u-9"
    status["status"] = {"derivative": 1}
    status["metadata"]["resourceVersion"] = "99"
    elsewhere = {**found, "metadata": {**found["metadata"], "namespace": "cart"}}

    assert len({now(), now(found), now(edited), now(again), now(found, again)}) == 5
    assert now(found) == now(status)
    assert now(found, again) == now(again, found)
    assert now() == circumstances(policies(), labels)  # a cluster that has the kind and none of it
    if kind.namespaced:
        assert now(elsewhere) == now()


def test_what_may_not_be_listed_is_another_circumstance_than_what_is_not_there() -> None:
    class Hidden(MemoryKube):
        def list(self, resource: Resource, namespace: str = "", labels: Any = None) -> Any:
            if resource == CALICO_POLICIES:
                msg = "forbidden"
                raise Denied(msg)
            return super().list(resource, namespace, labels)

    assert standing(Hidden({}), "shop") == (f"{CALICO_POLICIES} unseen",)
    assert standing(MemoryKube({}), "shop") == ()


@pytest.mark.parametrize("action_id", ["kube.probe_pod", "kube.cut_connections"])
def test_what_tools_found_counts_for_the_engines_policies_that_they_were_run_under(action_id: str) -> None:
    action = CATALOG.need(action_id)
    params, own = mark_for(action, pod=POD, image=IMAGE)
    objects = world()

    def key() -> Any:
        return action.observe(params, own, DeclaredReader(MemoryReader(MemoryKube(objects)), action.spec)).key

    before = key()
    objects[CILIUM_POLICIES] = [CILIUM]

    assert before != key()


# -- what a pod says of its network ------------------------------------------------------------------------


def pod(**spec: Any) -> Doc:
    container = {
        "name": "web",
        "ports": [{"containerPort": 8080, "name": "http"}, {"containerPort": 53, "protocol": "UDP"}],
    }
    ips = [{"ip": "10.0.3.40"}, {"ip": "fd00::40"}, {"ip": "$(reboot)"}]
    status = {"podIPs": ips, "conditions": READY}
    return Doc({"spec": {"containers": [{**container, **spec}]}, "status": status}, "pod")


def test_endpoints_are_addresses_with_tcp_ports() -> None:
    assert ("10.0.3.40", "fd00::40") == addresses(pod())
    assert ("10.0.3.40:22", "10.0.3.40:8080", "[fd00::40]:22", "[fd00::40]:8080") == endpoints(pod(), [22])


def test_a_port_that_the_kubelet_asks_while_the_pod_is_ready_answers() -> None:
    assert {8080} == serving(pod(readinessProbe={"httpGet": {"port": "http"}}))
    assert {81} == serving(pod(readinessProbe={"tcpSocket": {"port": 81}}))
    assert set() == serving(pod(readinessProbe={"exec": {}}))
    unready = copy.deepcopy(pod(readinessProbe={"tcpSocket": {"port": 81}}).raw)
    unready["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    assert set() == serving(Doc(unready, "pod"))


@pytest.mark.parametrize(
    ("security", "may"),
    [
        ({}, False),
        ({"privileged": True}, True),
        ({"capabilities": {"add": ["NET_ADMIN"]}}, True),
        ({"capabilities": {"add": ["CAP_NET_ADMIN"]}}, True),
        ({"capabilities": {"add": ["CHOWN"], "drop": ["NET_ADMIN"]}}, False),
    ],
)
def test_who_may_administer_the_network_could_fake_what_is_seen(security: dict[str, Any], may: bool) -> None:
    assert may == may_forge(pod(securityContext=security))


# -- the probe's own look ------------------------------------------------------------------------------------


def world() -> dict[Any, list[dict[str, Any]]]:
    objects: dict[Any, list[dict[str, Any]]] = shop()
    for number, one in enumerate(objects[PODS][:2]):
        one["spec"]["containers"] = [{"name": "web", "ports": [{"containerPort": 8080}, {"containerPort": 9 + number}]}]
        one["status"] = {"phase": "Running", "podIP": f"10.0.3.4{number}", "conditions": READY}
    service = {"metadata": {**meta("kubernetes", "s-0"), "namespace": "default"}}
    objects[SERVICES].append(service | {"spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 443}]}})
    return objects


def look(objects: dict[Any, list[dict[str, Any]]], reader: MemoryReader | None = None, **more: Any) -> Any:
    action = CATALOG.need("kube.probe_pod")
    params, own = mark_for(action, pod=POD, image=IMAGE, **more)
    return action.observe(params, own, reader or MemoryReader(MemoryKube(objects)))


def test_controls_are_ready_siblings_on_the_same_ports_and_the_api_server() -> None:
    facts = look(world(), controls=(SIBLING,))

    assert ("10.0.3.40:9", "10.0.3.40:8080") == facts.targets
    assert ("10.0.3.41:8080", "10.0.3.41:9", "10.96.0.1:443") == facts.controls


@pytest.mark.parametrize("change", ["unready", "contained", "other"])
def test_a_sibling_that_may_not_answer_is_no_control(change: str) -> None:
    objects = world()
    sibling = objects[PODS][1]
    if change == "unready":
        sibling["status"]["conditions"] = []
    elif change == "contained":
        sibling["metadata"]["labels"][CASE_LABEL] = CASE
    else:
        sibling["metadata"]["uid"] = "p-77"
        sibling["spec"]["containers"][0]["image"] = "lab.invalid/other:1"

    assert ("10.96.0.1:443",) == look(objects, controls=(SIBLING,)).controls


def test_where_nobody_names_siblings_those_that_run_the_same_are_the_controls() -> None:
    """A pod that was released has no controller any more, and a second run must be able to prove as the first did."""
    objects = world()
    del objects[PODS][0]["metadata"]["ownerReferences"]
    objects[PODS][1]["metadata"]["uid"] = "p-77"  # another than was there before
    assert ("10.0.3.41:8080", "10.0.3.41:9", "10.96.0.1:443") == look(objects).controls
    assert look(objects).controls == look(objects, controls=(SIBLING,)).controls
    objects[PODS][0]["spec"]["containers"][0]["image"] = "lab.invalid/other:1"
    assert ("10.96.0.1:443",) == look(objects).controls


def test_the_report_is_spooled_once_all_tools_have_ended_and_read_back_once_it_is_kept() -> None:
    objects = world()
    running = tool("probe-out", {"phase": "Running"})
    objects[PODS] += [
        tool("probe-in", terminated("Succeeded", "10.0.3.40:8080 timeout\n10.96.0.1:443 open\n")),
        running,
    ]
    assert look(objects).spooled is None
    running["status"] = terminated("Succeeded", "10.96.0.1:443 timeout\nestablished 0\n")

    reader = MemoryReader(MemoryKube(objects))
    facts = look(objects, reader)
    assert facts.spooled is not None
    (data,) = reader.spooled.values()
    kept = MemoryReader(
        MemoryKube(objects),
        [Artefact(facts.key, facts.spooled.sha256, len(data), "", complete=True)],
        {facts.key: data},
    )
    again = look(objects, kept)

    assert again.spooled is None
    assert again.report is not None
    assert "proven" == judge(again.report).verdict.status


def test_a_torn_report_is_stored_again() -> None:
    objects = world()
    objects[PODS] += [tool("probe-in", {"phase": "Failed"}), tool("probe-out", {"phase": "Failed"})]
    torn = Artefact(look(objects).key, "0" * 64, 1, "", complete=False)

    facts = look(objects, MemoryReader(MemoryKube(objects), [torn]))

    assert facts.report is None
    assert facts.spooled is not None


def test_another_policy_needs_another_proof() -> None:
    objects = world()
    before = look(objects).key
    objects[NETWORK_POLICIES].append({"metadata": meta("deny", "np-9", generation=1), "spec": {"podSelector": {}}})

    assert before != look(objects).key


# -- what an isolation's verdict takes from it -------------------------------------------------------------


def isolated(reports: dict[str, dict[str, Any]], then: Any = (), since: Any = ()) -> Verdict:
    """The verdict of isolating the shop's pod when it is isolated and these reports were kept.

    They were made under Cilium's policies `then`, and `since` are those that there are now.
    """
    action = CATALOG.need("kube.isolate_pod")
    params, own = mark_for(action, pod=POD)
    objects = world()
    objects[NETWORK_POLICIES] = []
    plan = action.plan(params, own, action.observe(params, own, MemoryReader(MemoryKube(objects))), Receipts())
    assert isinstance(plan, Change)
    policy = copy.deepcopy(cast("KubeCall", plan.effects[0]).body)
    policy["metadata"] |= {"uid": "np-1", "generation": 1}  # type: ignore[index, operator, call-overload] # JSON
    objects[NETWORK_POLICIES] = [cast("dict[str, Any]", policy)]
    labels = objects[PODS][0]["metadata"]["labels"]
    labels[CASE_LABEL] = CASE
    now = circumstances([Doc(policy, "policy")], labels, standing(MemoryKube({CILIUM_POLICIES: then}), "shop"))
    objects[CILIUM_POLICIES] = list(since)
    data = {key.format(now=now): json.dumps(value).encode() for key, value in reports.items()}
    kept = [Artefact(key, "", len(value), "", complete=True) for key, value in data.items()]
    facts = action.observe(params, own, MemoryReader(MemoryKube(objects), kept, data))
    settled = action.plan(params, own, facts, Receipts())
    assert isinstance(settled, Settled)
    return settled.verdict


def report(into: str, out: str, established: int) -> dict[str, Any]:
    facts = {"targets": ["10.0.3.40:8080"], "controls": ["10.96.0.1:443"], "helper": True, "free": True}
    said = {
        "probe-in": {"lines": [f"10.0.3.40:8080 {into}", "10.96.0.1:443 open"]},
        "probe-out": {"lines": [f"10.96.0.1:443 {out}", f"established {established}"]},
    }
    return {"facts": facts, "said": said}


PROBE, CUT = probe_base(POD, "{now}") + ".json", cut_base(POD, "{now}") + ".json"
OTHERS = POD.model_copy(update={"uid": "p-2"})
ELSEWHERE = POD.model_copy(update={"cluster": ClusterRef(id="context:elsewhere")})


@pytest.mark.parametrize(
    ("reports", "verdict"),
    [
        ({PROBE: report("timeout", "timeout", 0)}, "proven"),
        ({PROBE: report("timeout", "timeout", 1)}, "unproven"),
        ({PROBE: report("timeout", "timeout", 1), CUT: {"said": {"cut": {"lines": ["left 0"]}}}}, "unproven"),
        ({PROBE: report("timeout", "timeout", -1), CUT: {"said": {"cut": {"lines": ["left 0"]}}}}, "proven"),
        ({PROBE: report("timeout", "timeout", 1), CUT: {"said": {"cut": {"lines": ["left 1"]}}}}, "unproven"),
        ({PROBE: report("open", "timeout", 0)}, "leaky"),
        ({PROBE: report("timeout", "open", 0)}, "leaky"),
        ({PROBE: report("refused", "timeout", 0)}, "unproven"),  # nobody is known to listen
        ({PROBE.format(now="0123456789"): report("timeout", "timeout", 0)}, "unproven"),  # under other circumstances
        ({probe_base(OTHERS, "{now}") + ".json": report("timeout", "timeout", 0)}, "unproven"),  # of another pod
        ({probe_base(ELSEWHERE, "{now}") + ".json": report("timeout", "timeout", 0)}, "unproven"),
        ({PROBE: {"said": 7}}, "unproven"),  # damaged
    ],
)
def test_an_isolation_is_proven_by_a_probe_under_its_own_circumstances(
    reports: dict[str, dict[str, Any]], verdict: str
) -> None:
    assert verdict == isolated(reports).status


@pytest.mark.parametrize("base", [probe_base, cut_base])
def test_pods_of_equal_uid_in_two_clusters_have_a_key_each(base: Callable[[PodRef, str], str]) -> None:
    """A static pod's uid is made of its manifest and its node's name: two clusters may have the same."""
    assert base(POD, "0123456789") != base(ELSEWHERE, "0123456789")
    assert base(POD, "0123456789") == base(POD.model_copy(update={"name": "renamed"}), "0123456789")


# -- takes -------------------------------------------------------------------------------------------------


def kept(*artefacts: tuple[str, dict[str, Any] | None]) -> MemoryReader:
    """Artefacts with their report, or torn ones."""
    found = [Artefact(key, "", 1, "", complete=value is not None) for key, value in artefacts]
    data = {key: json.dumps(value).encode() for key, value in artefacts if value is not None}
    return MemoryReader(MemoryKube({}), found, data)


FAILED: dict[str, Any] = {"said": {"cut": {"lines": [], "error": "no image"}}, "facts": {"image": "a"}}


@pytest.mark.parametrize(
    ("artefacts", "following", "again"),
    [
        ((), "x.json", True),
        ((("x.json", FAILED),), "x-1.json", True),
        ((("x.json", None),), "x-1.json", True),  # torn: the next goes beside it
        ((("x.json", FAILED), ("x-1.json", None), ("x-2.json", FAILED)), "x-3.json", True),
        ((("x.json", FAILED), ("x-1.json", FAILED), ("x-2.json", FAILED)), "x-3.json", False),  # enough
    ],
)
def test_a_try_that_said_too_little_is_made_again_a_few_times(
    artefacts: tuple[tuple[str, dict[str, Any] | None], ...], following: str, again: bool
) -> None:
    found = kept_reports(kept(*artefacts), "x")

    assert following == found.next
    assert again == found.again({"image": "a"}, inconclusive=True)


def test_what_is_asked_for_otherwise_is_tried_anew() -> None:
    """Three tries with an image that cannot be pulled do not stand in the way of the right one."""
    found = kept_reports(kept(("x.json", FAILED), ("x-1.json", FAILED), ("x-2.json", FAILED)), "x")

    assert found.again({"image": "b"}, inconclusive=True)
    assert not found.again({"image": "a"}, inconclusive=False)


def test_a_proof_does_not_outlive_a_policy_of_the_engine_that_it_rested_on() -> None:
    reports = {PROBE: report("timeout", "timeout", 0)}

    assert isolated(reports, [CILIUM], [CILIUM]).status == "proven"
    gone = isolated(reports, [CILIUM], [])
    assert (gone.status, "nobody tried a connection" in gone.why) == ("unproven", True)
    assert isolated(reports, [], [CILIUM]).status == "unproven"


def test_where_no_name_is_left_for_another_proof_it_is_said() -> None:
    class Full:
        def find(self, key: str) -> Artefact:
            return Artefact(key, "", 1, "", complete=True, earlier=True)

    with pytest.raises(Refused, match="there is no name for another"):
        kept_reports(cast("Any", Full()), "probes/p")
