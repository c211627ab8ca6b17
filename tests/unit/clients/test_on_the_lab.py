"""The client against the lab, over TLS with the lab's own CA: the same calls that a run makes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from irkit.clients.kube import KubeClient, connect
from irkit.clients.snapshot import CROWD, SnapshotReader
from irkit.errors import (
    BadResponse,
    Conflict,
    CredentialsExpired,
    Denied,
    InDoubt,
    Invalid,
    NotFound,
    ServerFault,
    Throttled,
    Unreachable,
)
from irkit.lab import builder, scenario
from irkit.lab.faults import Fault, FaultKind
from irkit.lab.server import LabServer
from irkit.model.base import Json
from irkit.model.effects import Access, KubeCall
from irkit.model.kube import CASE_LABEL, NETWORK_POLICIES, NODES, PODS, RESOURCES, pointer
from irkit.model.refs import ClusterRef
from tests.support.wire import write_kubeconfig

SCENARIO = b"""
apiVersion: irkit.dev/v1alpha1
kind: Scenario
metadata: {name: clients}
world:
  nodes: [{nodegroup: ng-1, count: 2}]
  namespaces:
    shop:
      pods:
        web: {image: "lab.invalid/web:1", labels: {app: web}}
        db: {image: "lab.invalid/db:1", labels: {app: db}}
"""
LABEL = pointer("metadata", "labels", CASE_LABEL)

Connect = Callable[..., KubeClient]


@pytest.fixture(scope="module")
def lab() -> Iterator[LabServer]:
    with LabServer(builder.build(scenario.parse(scenario.read(SCENARIO, "clients"), "clients"))) as server:
        yield server


@pytest.fixture
def client(lab: LabServer, tmp_path: Path) -> Iterator[Connect]:
    lab.control.reset()
    opened: list[KubeClient] = []

    def connected(who: str = "responder", **settings: Any) -> KubeClient:
        ca = base64.b64encode(lab.ca.encode()).decode()
        path = write_kubeconfig(tmp_path / who, lab.url, {"token": lab.tokens[who]}, certificate_authority_data=ca)
        settings.setdefault("sleep", lambda _: None)
        kube = connect(ClusterRef(id=lab.cluster), path, "it", user_agent="irkit/test (case IR-1)", **settings)
        opened.append(kube)
        return kube

    yield connected
    for kube in opened:
        kube.close()
    assert lab.control.unserved() == []


def uid_of(kube: KubeClient, name: str = "web") -> str:
    found = kube.reader.get(PODS, name, "shop")
    assert found is not None
    return found.text("metadata", "uid")


def label(lab: LabServer, uid: str, **changes: Any) -> KubeCall:
    body: Json = [{"op": "test", "path": "/metadata/uid", "value": uid}, {"op": "add", "path": LABEL, "value": "IR-1"}]
    call = KubeCall(
        name="label", cluster=lab.cluster, verb="patch", resource=PODS, namespace="shop", object="web", body=body
    )  # fmt: skip
    return call.model_copy(update=changes)


def policy(lab: LabServer) -> KubeCall:
    body: Json = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "irkit-1", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {CASE_LABEL: "IR-1"}}, "policyTypes": ["Ingress", "Egress"]},
    }
    return KubeCall(
        name="policy", cluster=lab.cluster, verb="create", resource=NETWORK_POLICIES, namespace="shop",
        object="irkit-1", body=body,
    )  # fmt: skip


def labels(lab: LabServer) -> dict[str, str]:
    found = lab.control.get("pods", "web", "shop")
    assert found is not None
    return dict(found["metadata"]["labels"])


def writes(lab: LabServer) -> list[dict[str, Any]]:
    return [entry for entry in lab.control.audit() if entry["verb"] in {"create", "patch", "delete"}]


def test_every_kind_that_irkit_knows_can_be_listed(client: Connect) -> None:
    kube = client("admin")

    for resource in RESOURCES:
        listing = kube.reader.list(resource, "shop" if resource.namespaced else "")
        assert listing.version
        assert listing.as_of


def test_pods_are_found_and_are_missed(client: Connect) -> None:
    kube = client()

    assert kube.reader.get(PODS, "web", "shop") is not None
    assert kube.reader.get(PODS, "gone", "shop") is None
    assert kube.reader.get(PODS, "web", "no-such-namespace") is None
    assert kube.reader.get(NODES, "gone") is None
    assert kube.reader.get(NETWORK_POLICIES, "gone", "shop") is None


def test_a_selector_is_evaluated_alike_here_and_there(client: Connect) -> None:
    kube = client()
    wave = SnapshotReader(kube.reader, CROWD)

    for wanted in ({"app": "web"}, {"app": "none"}, {}):
        there, here = kube.reader.list(PODS, "shop", wanted), wave.list(PODS, "shop", wanted)
        assert [one.raw for one in there.items] == [one.raw for one in here.items]


def test_who_asks_and_of_what(client: Connect, lab: LabServer) -> None:
    kube = client()

    assert kube.whoami()
    kube_system = lab.control.get("namespaces", "kube-system")
    assert kube_system is not None
    assert kube.identity() == kube_system["metadata"]["uid"]
    assert {entry["user_agent"] for entry in lab.control.audit()} == {"irkit/test (case IR-1)"}


def test_access_is_what_then_happens(client: Connect, lab: LabServer) -> None:
    wanted = Access(group="", resource="pods", verb="patch")

    assert client().reader.access(wanted, "shop")
    assert not client("viewer").reader.access(wanted, "shop")
    with pytest.raises(Denied) as caught:
        client("viewer").perform(label(lab, "any"), {}, 5)
    assert "cannot patch" in caught.value.message


def test_a_patch_happens_once_and_says_what_it_left(client: Connect, lab: LabServer) -> None:
    kube = client()
    uid = uid_of(kube)

    reply = kube.perform(label(lab, uid), {}, 5)

    assert labels(lab)[CASE_LABEL] == "IR-1"
    assert reply.fields["/metadata/uid"] == uid
    (entry,) = writes(lab)
    assert reply.request_id == entry["audit_id"]


def test_a_pod_of_the_same_name_is_not_the_pod(client: Connect, lab: LabServer) -> None:
    with pytest.raises(Invalid):
        client().perform(label(lab, "another-uid"), {}, 5)

    assert CASE_LABEL not in labels(lab)


def test_creating_twice_is_a_conflict_that_says_already_exists(client: Connect, lab: LabServer) -> None:
    kube = client()
    assert kube.perform(policy(lab), {}, 5).status == 201

    with pytest.raises(Conflict) as caught:
        kube.perform(policy(lab), {}, 5)

    assert caught.value.reason == "AlreadyExists"


def test_a_misspelt_field_is_refused_and_not_dropped(client: Connect, lab: LabServer) -> None:
    call = policy(lab)
    assert isinstance(call.body, dict)
    spec = {"podSelector": {}, "policyType": ["Egress"]}

    with pytest.raises(Invalid, match="policyType"):
        client().perform(call.model_copy(update={"body": {**call.body, "spec": spec}}), {}, 5)


def test_a_delete_of_another_uid_is_a_conflict_and_of_nothing_is_not_found(client: Connect, lab: LabServer) -> None:
    kube = client()
    kube.perform(policy(lab), {}, 5)

    def delete(name: str, uid: str) -> KubeCall:
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        return policy(lab).model_copy(update={"verb": "delete", "object": name, "body": body})

    with pytest.raises(Conflict):
        kube.perform(delete("irkit-1", "another"), {}, 5)
    with pytest.raises(NotFound):
        kube.perform(delete("irkit-2", "another"), {}, 5)
    found = kube.reader.get(NETWORK_POLICIES, "irkit-1", "shop")
    assert found is not None
    kube.perform(delete("irkit-1", found.text("metadata", "uid")), {}, 5)
    assert kube.reader.get(NETWORK_POLICIES, "irkit-1", "shop") is None


@pytest.mark.parametrize(
    ("kind", "applied"), [("drop_before", False), ("drop_after", True), ("truncate", True), ("garbage", True)]
)
def test_doubt_is_doubt_whether_it_was_done_or_not(
    client: Connect, lab: LabServer, kind: FaultKind, applied: bool
) -> None:
    kube = client()
    uid = uid_of(kube)
    lab.control.fault(Fault(kind=kind, verb="patch", resource="pods"))

    with pytest.raises(InDoubt):
        kube.perform(label(lab, uid), {}, 5)

    assert (labels(lab).get(CASE_LABEL) == "IR-1") == applied
    assert len(writes(lab)) == 1


def test_an_answer_about_something_else_is_doubt(client: Connect, lab: LabServer) -> None:
    kube = client()
    uid = uid_of(kube)
    lab.control.fault(Fault(kind="rewrite", verb="patch", resource="pods", at="/metadata/uid", value=[{}]))

    with pytest.raises(InDoubt):
        kube.perform(label(lab, uid), {}, 5)


def test_a_slow_write_is_doubt(client: Connect, lab: LabServer) -> None:
    kube = client()
    uid = uid_of(kube)
    lab.control.fault(Fault(kind="latency", verb="patch", resource="pods", ms=600))

    with pytest.raises(InDoubt, match="timed out"):
        kube.perform(label(lab, uid), {}, 0.2)


@pytest.mark.parametrize(
    ("code", "error"), [(429, Throttled), (500, InDoubt), (503, InDoubt), (403, Denied), (409, Conflict)]
)
def test_a_status_of_the_servers_choice(client: Connect, lab: LabServer, code: int, error: type[Exception]) -> None:
    kube = client()
    uid = uid_of(kube)
    lab.control.fault(Fault(kind="status", verb="patch", resource="pods", code=code, retry_after=7))

    with pytest.raises(error) as caught:
        kube.perform(label(lab, uid), {}, 5)

    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after == 7.0
    assert CASE_LABEL not in labels(lab)


def test_reads_outlast_two_faults_and_not_three(client: Connect, lab: LabServer) -> None:
    kube = client()
    kinds: tuple[FaultKind, ...] = ("drop_before", "truncate")
    for kind in kinds:
        lab.control.clear_faults()
        lab.control.fault(Fault(kind=kind, verb="get", resource="pods", count=2))
        assert kube.reader.get(PODS, "web", "shop") is not None
        lab.control.clear_faults()
        lab.control.fault(Fault(kind=kind, verb="get", resource="pods", count=3))
        with pytest.raises(Unreachable):
            kube.reader.get(PODS, "web", "shop")
    lab.control.clear_faults()
    lab.control.fault(Fault(kind="status", verb="get", resource="pods", code=500, count=0))
    with pytest.raises(ServerFault):
        kube.reader.get(PODS, "web", "shop")


def test_a_huge_list_is_refused(client: Connect, lab: LabServer) -> None:
    lab.control.fault(Fault(kind="huge", verb="list", resource="pods", size=3_000_000))

    with pytest.raises(BadResponse, match="more than"):
        client(max_bytes=1_000_000).reader.list(PODS)


def test_an_expired_token_parks_and_is_not_shown(client: Connect, lab: LabServer) -> None:
    kube = client()
    token = lab.tokens["responder"]
    lab.control.expire_token("responder")

    with pytest.raises(CredentialsExpired) as caught:
        kube.reader.get(PODS, "web", "shop")
    with pytest.raises(CredentialsExpired):
        kube.perform(label(lab, "any"), {}, 5)

    assert token not in f"{caught.value!r} {vars(caught.value)}"
    assert [entry for entry in writes(lab) if entry["applied"]] == []
