"""The simulated network: what policies let through, what listens, and what becomes of connections that are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from irkit.lab import builder, scenario
from irkit.lab.behaviour import Behaviour, Enforcement, Refusal
from irkit.lab.control import ControlPlane
from irkit.lab.remote import LabControl
from irkit.lab.server import LabServer

Doc = dict[str, Any]
SCENARIO = b"""
apiVersion: irkit.dev/v1alpha1
kind: Scenario
metadata: {name: network}
world:
  nodes: [{nodegroup: ng-1, count: 2}]
  namespaces:
    shop:
      labels: {team: shop}
      deployments: {web: {replicas: 1, ports: [8080], node: 0}}
      pods:
        client: {node: 1}
        near: {node: 0}
        host: {node: 1, hostNetwork: true, ports: [9100]}
      services: {web: {selector: {app: web}, port: 8080}}
    other:
      pods: {client: {node: 1, labels: {role: caller}}}
"""
OUTSIDE = "198.51.100.7"


@pytest.fixture(scope="module")
def lab() -> Iterator[LabServer]:
    with LabServer(builder.build(scenario.parse(scenario.read(SCENARIO, "network"), "network"))) as server:
        yield server


@pytest.fixture
def net(lab: LabServer) -> ControlPlane:
    lab.control.reset()
    return lab.control


def web(net: ControlPlane) -> Doc:
    (found,) = [doc for doc in net.dump() if doc["kind"] == "Pod" and doc["metadata"]["name"].startswith("web-")]
    return found


def ip(net: ControlPlane) -> str:
    address: str = web(net)["status"]["podIP"]
    return address


def policy(net: ControlPlane, name: str = "it", namespace: str = "shop", **spec: Any) -> None:
    spec.setdefault("podSelector", {"matchLabels": {"app": "web"}})
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    net.put({**kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec})


def test_without_policies_what_is_declared_answers(net: ControlPlane) -> None:
    assert net.connect("other/client", ip(net), 8080) == "open"
    assert net.connect("other/client", ip(net), 8081) == "refused"
    assert net.connect("other/client", ip(net), 8080, "UDP") == "refused"
    assert net.connect(OUTSIDE, ip(net), 8080) == "open"
    net.listen(f"shop/{web(net)['metadata']['name']}", 4444)
    assert net.connect("other/client", ip(net), 4444) == "open"


def test_addresses_that_nobody_has(net: ControlPlane) -> None:
    assert net.connect("shop/client", "10.99.0.1", 80) == "timeout"
    assert net.connect("shop/client", OUTSIDE, 443) == "open"
    net.behave(Behaviour(outside=("203.0.113.9:443",)))
    assert net.connect("shop/client", OUTSIDE, 443) == "timeout"
    assert net.connect("shop/client", "203.0.113.9", 443) == "open"
    assert net.connect("shop/client", "203.0.113.9", 80) == "timeout"


def test_a_service_leads_to_its_ready_pods(net: ControlPlane) -> None:
    service = net.get("services", "web", "shop")
    assert service is not None
    address = service["spec"]["clusterIP"]
    assert net.connect("other/client", address, 8080) == "open"
    assert net.connect("other/client", address, 81) == "refused"
    policy(net, policyTypes=["Ingress"])
    net.behave(Behaviour(refuse="drop"))
    assert net.connect("other/client", address, 8080) == "timeout"
    net.delete("networkpolicies", "it", "shop")
    net.merge("deployments", "web", {"spec": {"replicas": 0}}, "shop")
    net.settle()
    assert net.connect("other/client", address, 8080) == "refused"


@pytest.mark.parametrize(("refuse", "answer"), [("reject", "refused"), ("drop", "timeout")])
def test_the_denied_are_refused_or_left_waiting(net: ControlPlane, refuse: Refusal, answer: str) -> None:
    net.behave(Behaviour(refuse=refuse))
    policy(net, policyTypes=["Ingress", "Egress"])
    name = f"shop/{web(net)['metadata']['name']}"
    assert net.connect("other/client", ip(net), 8080) == answer
    assert net.connect(name, OUTSIDE, 443) == answer
    assert net.connect("shop/client", OUTSIDE, 443) == "open"
    net.behave(Behaviour(enforcement="none", refuse=refuse))
    assert net.connect("other/client", ip(net), 8080) == "open"


def test_what_no_agent_stops(net: ControlPlane) -> None:
    policy(net, policyTypes=["Ingress", "Egress"])
    pod = web(net)
    name, node = f"shop/{pod['metadata']['name']}", pod["spec"]["nodeName"]
    assert net.connect(name, ip(net), 8080) == "open"  # itself
    assert net.connect(node, ip(net), 8080) == "open"  # its own node
    host = net.get("pods", "host", "shop")
    assert host is not None
    assert net.connect("shop/host", ip(net), 8080) == "refused"  # another node
    policy(net, "all", podSelector={}, policyTypes=["Ingress"])
    assert net.connect("other/client", host["status"]["hostIP"], 9100) == "open"  # no policy is about a node's network


ANY: Doc = {}


@pytest.mark.parametrize(
    ("peer", "callers"),
    [
        ({"podSelector": {}}, {"shop/client", "shop/near"}),
        ({"podSelector": {"matchLabels": {"app": "near"}}}, {"shop/near"}),
        ({"namespaceSelector": {}}, {"shop/client", "shop/near", "other/client"}),
        ({"namespaceSelector": {"matchLabels": {"team": "shop"}}}, {"shop/client", "shop/near"}),
        ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"role": "caller"}}}, {"other/client"}),
        ({"ipBlock": {"cidr": "198.51.100.0/24"}}, {OUTSIDE}),
        ({"ipBlock": {"cidr": "198.51.100.0/24", "except": ["198.51.100.7/32"]}}, set()),
        ({"ipBlock": {"cidr": "0.0.0.0/0"}}, {"shop/client", "shop/near", "other/client", OUTSIDE}),
    ],
)
def test_who_a_peer_is(net: ControlPlane, peer: Doc, callers: set[str]) -> None:
    policy(net, policyTypes=["Ingress"], ingress=[{"from": [peer]}])
    everybody = ("shop/client", "shop/near", "other/client", OUTSIDE)
    assert {who for who in everybody if net.connect(who, ip(net), 8080) == "open"} == callers


@pytest.mark.parametrize(
    ("ports", "open_"),
    [
        ([{"port": 8080}], True),
        ([{"port": 8080, "protocol": "UDP"}], False),
        ([{"port": 8000, "endPort": 8100}], True),
        ([{"port": 8081, "endPort": 8100}], False),
        ([{"port": "http"}], True),
        ([{"port": "metrics"}], False),
        ([{"protocol": "TCP"}], True),
        ([], True),
    ],
)
def test_which_ports_a_rule_is_about(net: ControlPlane, ports: list[Doc], open_: bool) -> None:
    pod = web(net)
    containers = pod["spec"]["containers"]
    containers[0]["ports"][0]["name"] = "http"
    net.merge("pods", pod["metadata"]["name"], {"spec": {"containers": containers}}, "shop")
    policy(net, policyTypes=["Ingress"], ingress=[{"ports": ports}])
    assert (net.connect("other/client", ip(net), 8080) == "open") is open_
    net.delete("networkpolicies", "it", "shop")
    policy(net, namespace="other", podSelector={}, policyTypes=["Egress"], egress=[{"ports": ports}])
    assert (net.connect("other/client", ip(net), 8080) == "open") is open_


def test_one_rule_that_lets_through_is_enough(net: ControlPlane) -> None:
    policy(net, "none", policyTypes=["Ingress"])
    assert net.connect("shop/client", ip(net), 8080) == "refused"
    policy(net, "some", policyTypes=["Ingress"], ingress=[{}])
    assert net.connect("shop/client", ip(net), 8080) == "open"


def test_types_are_as_the_api_fills_them_in(net: ControlPlane) -> None:
    name = f"shop/{web(net)['metadata']['name']}"
    policy(net)
    assert net.connect("shop/client", ip(net), 8080) == "refused"
    assert net.connect(name, OUTSIDE, 443) == "open"
    policy(net, egress=[{"ports": [{"port": 53}]}])
    assert net.connect(name, OUTSIDE, 443) == "refused"


@pytest.mark.parametrize(
    ("enforcement", "refuse", "during", "after"),
    [
        ("keep", "reject", "alive", "alive"),
        ("keep", "drop", "alive", "alive"),
        ("cut", "reject", "reset", "reset"),
        ("cut", "drop", "silent", "alive"),
        ("none", "reject", "alive", "alive"),
    ],
)
def test_what_a_policy_does_to_a_connection_that_is_there(
    net: ControlPlane, enforcement: Enforcement, refuse: Refusal, during: str, after: str
) -> None:
    net.behave(Behaviour(enforcement=enforcement, refuse=refuse))
    flow = net.hold("other/client", ip(net), 8080)
    assert net.alive(flow) == "alive"
    policy(net, policyTypes=["Ingress", "Egress"])
    assert net.alive(flow) == during
    net.delete("networkpolicies", "it", "shop")
    assert net.alive(flow) == after


def test_a_connection_ends_with_its_pod(net: ControlPlane) -> None:
    flow, other = net.hold("other/client", ip(net), 8080), net.hold("shop/client", OUTSIDE, 443)
    net.delete("pods", web(net)["metadata"]["name"], "shop")
    assert net.alive(flow) == "closed"
    assert net.alive(other) == "alive"


def test_what_is_denied_or_not_there_cannot_be_held(net: ControlPlane) -> None:
    policy(net, policyTypes=["Ingress"])
    with pytest.raises(ValueError, match="refused"):
        net.hold("other/client", ip(net), 8080)
    with pytest.raises(LookupError):
        net.hold("shop/nobody", ip(net), 8080)
    with pytest.raises(LookupError):
        net.connect("nowhere", ip(net), 8080)
    with pytest.raises(LookupError):
        net.alive(99)


def test_forgotten_connections_meet_the_policy(lab: LabServer, net: ControlPlane) -> None:
    flow = net.hold("other/client", ip(net), 8080)
    node = web(net)["spec"]["nodeName"]
    assert lab.api.network.forget(ip(net), node) == 1
    assert net.alive(flow) == "alive"  # nothing denies it: the next packet makes a new entry
    net.behave(Behaviour(refuse="drop"))
    policy(net, policyTypes=["Ingress"])
    assert lab.api.network.forget(ip(net), "another node") == 0
    assert net.alive(flow) == "alive"
    assert lab.api.network.forget(ip(net), node) == 1
    assert net.alive(flow) == "silent"
    net.delete("networkpolicies", "it", "shop")
    assert net.alive(flow) == "alive"


def test_a_reset_takes_connections_back(net: ControlPlane) -> None:
    net.snapshot("then")
    flow = net.hold("other/client", ip(net), 8080)
    net.reset("then")
    with pytest.raises(LookupError):
        net.alive(flow)


def test_it_is_the_same_from_another_process(lab: LabServer, net: ControlPlane) -> None:
    with LabControl(lab.control_url, lab.control_token) as remote:
        remote.behave(Behaviour(enforcement="cut", refuse="drop"))
        assert remote.behaviour() == net.behaviour()
        flow = remote.hold("other/client", ip(net), 8080)
        policy(net, policyTypes=["Ingress"])
        assert (remote.connect("other/client", ip(net), 8080), remote.alive(flow)) == ("timeout", "silent")
        with pytest.raises(ValueError, match="timeout"):
            remote.hold("other/client", ip(net), 8080)
        remote.settle()
