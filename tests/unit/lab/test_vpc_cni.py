"""The model of the Amazon VPC CNI's node agents does what their source says (domain.md §1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from irkit.lab import builder, scenario
from irkit.lab.behaviour import Behaviour
from irkit.lab.control import ControlPlane
from irkit.lab.server import LabServer

Doc = dict[str, Any]
SCENARIO = b"""
apiVersion: irkit.dev/v1alpha1
kind: Scenario
metadata: {name: vpc-cni}
world:
  nodes: [{nodegroup: ng-1, count: 2}]
  behaviour: {enforcement: vpc-cni}
  namespaces:
    shop:
      pods:
        web-abc-1: {node: 0, ports: [80], labels: {app: web}}
        client: {node: 1, ports: [80], labels: {app: client}}
"""
ALLOW = {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}], "policyTypes": ["Ingress"]}
DENY = {"podSelector": {"matchLabels": {"held": "yes"}}, "policyTypes": ["Ingress", "Egress"]}


@pytest.fixture(scope="module")
def lab() -> Iterator[LabServer]:
    with LabServer(builder.build(scenario.parse(scenario.read(SCENARIO, "vpc-cni"), "vpc-cni"))) as server:
        yield server


@pytest.fixture
def net(lab: LabServer) -> ControlPlane:
    lab.control.reset()
    return lab.control


def nodes(net: ControlPlane) -> list[str]:
    return sorted(doc["metadata"]["name"] for doc in net.dump() if doc["kind"] == "Node")


def begin(net: ControlPlane, name: str, node: int, **labels: str) -> None:
    container = {"name": "main", "image": "web:1", "ports": [{"containerPort": 80}]}
    meta = {"name": name, "namespace": "shop", "labels": labels}
    spec = {"nodeName": nodes(net)[node], "containers": [container]}
    net.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": running(name)})


def running(name: str) -> Doc:
    ip = f"10.9.0.{sum(name.encode()) % 250}"
    return {
        "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [{"type": "Ready", "status": "True"}],
    }  # fmt: skip


def policy(net: ControlPlane, name: str, spec: Doc) -> None:
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    net.put({**kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec})


def isolate(net: ControlPlane) -> None:
    """As responders do it: deny all by a label of the case, and take the app's label away."""
    policy(net, "quarantine", DENY)
    net.merge("pods", "web-abc-1", {"metadata": {"labels": {"held": "yes", "app": None}}}, "shop")


def reaches(net: ControlPlane, source: str, target: str) -> bool:
    found = net.get("pods", target, "shop")
    assert found is not None
    return net.connect(f"shop/{source}", found["status"]["podIP"], 80) == "open"


def test_alone_a_stripped_and_denied_pod_is_denied(net: ControlPlane) -> None:
    policy(net, "allow", ALLOW)
    isolate(net)

    assert not reaches(net, "client", "web-abc-1")
    assert not reaches(net, "web-abc-1", "client")


def test_a_sibling_on_the_node_keeps_what_it_is_allowed_open(net: ControlPlane) -> None:
    begin(net, "web-abc-2", 0, app="web")
    policy(net, "allow", ALLOW)
    isolate(net)

    assert reaches(net, "client", "web-abc-1")
    assert not reaches(net, "web-abc-2", "client")  # and feels the denial of what nothing allows: a bystander


def test_siblings_elsewhere_open_it_again_once_the_quarantine_is_processed_anew(net: ControlPlane) -> None:
    begin(net, "web-abc-2", 1, app="web")
    policy(net, "allow", ALLOW)
    isolate(net)
    assert not reaches(net, "client", "web-abc-1")

    net.restart_agent(nodes(net)[1])
    assert not reaches(net, "client", "web-abc-1")
    net.restart_agent(nodes(net)[0])
    assert reaches(net, "client", "web-abc-1")


def test_a_pod_of_another_prefix_shares_nothing(net: ControlPlane) -> None:
    begin(net, "web-def-1", 0, app="web")
    policy(net, "allow", ALLOW)
    isolate(net)
    net.restart_agent(nodes(net)[0])

    assert not reaches(net, "client", "web-abc-1")
    assert reaches(net, "client", "web-def-1")
    assert reaches(net, "web-def-1", "client")


def test_the_first_new_pod_elsewhere_inherits_the_quarantine(net: ControlPlane) -> None:
    isolate(net)
    begin(net, "web-abc-9", 1, app="web")
    begin(net, "web-xyz-9", 1, app="web")

    assert not reaches(net, "client", "web-abc-9")
    assert reaches(net, "client", "web-xyz-9")  # of a new ReplicaSet


def test_what_is_taken_away_is_open_again(net: ControlPlane) -> None:
    isolate(net)
    net.delete("networkpolicies", "quarantine", "shop")

    assert reaches(net, "client", "web-abc-1")
    assert reaches(net, "web-abc-1", "client")


@pytest.mark.parametrize("policed", [True, False])
def test_a_connection_lives_on_where_a_policy_was_there_before(net: ControlPlane, *, policed: bool) -> None:
    if policed:
        policy(net, "allow", ALLOW)
    found = net.get("pods", "web-abc-1", "shop")
    assert found is not None
    flow = net.hold("shop/client", found["status"]["podIP"], 80)

    isolate(net)

    assert not reaches(net, "client", "web-abc-1")
    assert ("alive" if policed else "reset") == net.alive(flow)


def test_a_snapshot_holds_the_books_too(net: ControlPlane) -> None:
    begin(net, "web-abc-2", 1, app="web")
    policy(net, "allow", ALLOW)
    isolate(net)
    net.snapshot("denied")
    net.restart_agent(nodes(net)[0])
    assert reaches(net, "client", "web-abc-1")

    net.reset("denied")

    assert not reaches(net, "client", "web-abc-1")


def test_other_clusters_have_no_such_agent(net: ControlPlane) -> None:
    begin(net, "web-abc-2", 0, app="web")
    policy(net, "allow", ALLOW)
    isolate(net)
    net.behave(Behaviour())

    assert not reaches(net, "client", "web-abc-1")
    assert reaches(net, "client", "web-abc-2")
    with pytest.raises(LookupError, match="no such agent"):
        net.restart_agent(nodes(net)[0])
