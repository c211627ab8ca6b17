"""The policy agent enforces what Kubernetes documents, seen on the wire: it is what irkit's evaluator is judged by.

Source: Kubernetes documentation, "Network Policies", and the API reference of networking.k8s.io/v1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.live import Cluster
from tests.cluster.pods import container, pod

Json = dict[str, Any]
PORTS = {"http": 8080, "admin": 8081, "extra": 8090}
EVERY = frozenset(PORTS.values())
NONE: frozenset[int] = frozenset()
LISTEN = "mkdir /tmp/w; httpd -p 8080 -h /tmp/w; httpd -p 8081 -h /tmp/w; exec httpd -f -p 8090 -h /tmp/w"


@dataclass(frozen=True)
class Town:
    """One server that policies select, and those around it: two in its namespace, two in another one."""

    cluster: Cluster
    home: str
    away: str
    pods: dict[str, Json]

    def address(self, name: str) -> str:
        return str(self.pods[name]["status"]["podIP"])

    def reached(self, client: str, server: str) -> frozenset[int]:
        """The ports of one pod that another can open. Silence is tried again: a busy machine loses a first packet."""
        ends = [(self.address(server), port) for port in sorted(EVERY)]
        answers = self.cluster.connect_all_from(self.pods[client], ends)
        if "timeout" in answers:
            answers = self.cluster.connect_all_from(self.pods[client], ends)
        return frozenset(port for (_, port), answer in zip(ends, answers, strict=True) if answer == "open")

    def inward(self) -> dict[str, frozenset[int]]:
        return {name: self.reached(name, "server") for name in self.pods if name != "server"}

    def outward(self) -> dict[str, frozenset[int]]:
        return {name: self.reached("server", name) for name in self.pods if name != "server"}


def serving(name: str, role: str, node: int) -> Json:
    named = [{"name": port, "containerPort": number} for port, number in PORTS.items()]
    if name == "stranger":  # calls another port by the same name
        named = [{"name": "admin", "containerPort": 8090}]
    probe = {"tcpSocket": {"port": 8090}, "periodSeconds": 1}
    serves = container(["sh", "-c", LISTEN], ports=named, readinessProbe=probe)
    return pod(name, {"role": role, "town": "yes"}, containers=[serves], nodeName=f"node-{node}")


@pytest.fixture(scope="module")
def town(harness: Cluster) -> Iterator[Town]:
    with harness.namespace("home") as home, harness.namespace("away") as away:
        harness.patch("Namespace", away, {"metadata": {"labels": {"team": "away"}}})
        # The server and the guest are on one node, the friends on the other: both paths are taken.
        local = [serving("server", "server", 1), serving("friend", "friend", 2), serving("stranger", "stranger", 1)]
        harness.apply(*local, namespace=home)
        harness.apply(serving("away-friend", "friend", 2), serving("guest", "guest", 1), namespace=away)
        ready = harness.ready(home, 3, town="yes") + harness.ready(away, 2, town="yes")
        yield Town(harness, home, away, {one["metadata"]["name"]: one for one in ready})


FRIEND = {"podSelector": {"matchLabels": {"role": "friend"}}}
AWAY = {"namespaceSelector": {"matchLabels": {"team": "away"}}}
ALL_OPEN = {"friend": EVERY, "stranger": EVERY, "away-friend": EVERY, "guest": EVERY}
ALL_SHUT = dict.fromkeys(ALL_OPEN, NONE)


def only(**reached: frozenset[int] | set[int]) -> dict[str, frozenset[int]]:
    return ALL_SHUT | {name.replace("_", "-"): frozenset(ports) for name, ports in reached.items()}


def tcp(port: int | str, end: int | None = None) -> Json:
    return {"protocol": "TCP", "port": port} | ({"endPort": end} if end is not None else {})


# spec without podSelector, who reaches the server, whom the server reaches
CASES: dict[str, tuple[Json, dict[str, frozenset[int]], dict[str, frozenset[int]]]] = {
    "no rules and no types deny ingress only": ({}, ALL_SHUT, ALL_OPEN),
    "egress rules without types isolate both": ({"egress": [{}]}, ALL_SHUT, ALL_OPEN),
    "types say egress, ingress is not isolated": ({"policyTypes": ["Egress"]}, ALL_OPEN, ALL_SHUT),
    "an empty rule allows all": ({"ingress": [{}]}, ALL_OPEN, ALL_OPEN),
    "an empty list of peers is anyone": ({"ingress": [{"from": []}]}, ALL_OPEN, ALL_OPEN),
    "a pod selector stays in the namespace": ({"ingress": [{"from": [FRIEND]}]}, only(friend=EVERY), ALL_OPEN),
    "an empty pod selector is the namespace": (
        {"ingress": [{"from": [{"podSelector": {}}]}]},
        only(friend=EVERY, stranger=EVERY),
        ALL_OPEN,
    ),
    "a namespace selector is all its pods": (
        {"ingress": [{"from": [AWAY]}]},
        only(away_friend=EVERY, guest=EVERY),
        ALL_OPEN,
    ),
    "an empty namespace selector is every pod": (
        {"ingress": [{"from": [{"namespaceSelector": {}}]}]},
        ALL_OPEN,
        ALL_OPEN,
    ),
    "both selectors in one peer must match": (
        {"ingress": [{"from": [AWAY | FRIEND]}]},
        only(away_friend=EVERY),
        ALL_OPEN,
    ),
    "two peers are either": (
        {"ingress": [{"from": [AWAY, FRIEND]}]},
        only(friend=EVERY, away_friend=EVERY, guest=EVERY),
        ALL_OPEN,
    ),
    "a block without its exceptions": (
        {"ingress": [{"from": [{"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.1.0/24"]}}]}]},
        only(stranger=EVERY, guest=EVERY),
        ALL_OPEN,
    ),
    "everywhere but one half": (
        {"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.244.0.0/24"]}}]}]},
        only(friend=EVERY, away_friend=EVERY),
        ALL_OPEN,
    ),
    "one port": ({"ingress": [{"ports": [tcp(8080)]}]}, dict.fromkeys(ALL_OPEN, frozenset({8080})), ALL_OPEN),
    "a range of ports has both ends": (
        {"ingress": [{"ports": [tcp(8080, 8081)]}]},
        dict.fromkeys(ALL_OPEN, frozenset({8080, 8081})),
        ALL_OPEN,
    ),
    "a named port is the selected pod's": (
        {"ingress": [{"ports": [tcp("admin")]}]},
        dict.fromkeys(ALL_OPEN, frozenset({8081})),
        ALL_OPEN,
    ),
    "a named port is each peer's on the way out": (
        {"egress": [{"ports": [tcp("admin")]}], "policyTypes": ["Egress"]},
        ALL_OPEN,
        dict.fromkeys(ALL_OPEN, frozenset({8081})) | {"stranger": frozenset({8090})},
    ),
    "a named port nobody has is no port": ({"ingress": [{"ports": [tcp("nobody")]}]}, ALL_SHUT, ALL_OPEN),
    "a port of another protocol": ({"ingress": [{"ports": [{"protocol": "UDP", "port": 8080}]}]}, ALL_SHUT, ALL_OPEN),
    "a protocol without a port": ({"ingress": [{"ports": [{"protocol": "TCP"}]}]}, ALL_OPEN, ALL_OPEN),
    "ports and peers of one rule must both match": (
        {"ingress": [{"from": [FRIEND], "ports": [tcp(8080)]}, {"from": [AWAY], "ports": [tcp(8090)]}]},
        only(friend={8080}, away_friend={8090}, guest={8090}),
        ALL_OPEN,
    ),
    "expressions": (
        {"ingress": [{"from": [{"podSelector": {"matchExpressions": [{"key": "role", "operator": "NotIn", "values": ["friend"]}]}}]}]},
        only(stranger=EVERY),
        ALL_OPEN,
    ),
    "egress to a peer's port": (
        {"egress": [{"to": [AWAY | FRIEND], "ports": [tcp(8081, 8090)]}], "policyTypes": ["Egress"]},
        ALL_OPEN,
        only(away_friend={8081, 8090}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_policy_lets_through_what_it_says(town: Town, case: str) -> None:
    spec, inward, outward = CASES[case]
    with applied(town, {"policy": spec}):
        assert (town.inward(), town.outward()) == (inward, outward)


def test_policies_add_up(town: Town) -> None:
    """Whatever any of them allows is allowed: a policy that denies takes nothing from another one."""
    policies: dict[str, Json] = {
        "deny": {"policyTypes": ["Ingress", "Egress"]},
        "one": {"ingress": [{"from": [FRIEND]}]},
        "two": {"ingress": [{"from": [AWAY | FRIEND], "ports": [tcp(8080)]}]},
    }
    with applied(town, policies):
        assert (town.inward(), town.outward()) == (only(friend=EVERY, away_friend={8080}), ALL_SHUT)


def test_both_ends_must_allow_it(town: Town) -> None:
    """What the server may send still has to be let in by who is selected there."""
    allow_out: Json = {"egress": [{}], "ingress": [{}], "policyTypes": ["Ingress", "Egress"]}
    with applied(town, {"server": allow_out}), applied(town, {"friend": {}}, role="friend"):
        assert (town.inward(), town.outward()) == (ALL_OPEN, ALL_OPEN | {"friend": NONE})


def test_a_label_that_changes_moves_a_pod_in_and_out(town: Town) -> None:
    cluster, home = town.cluster, town.home
    with applied(town, {"policy": {"ingress": [{"from": [FRIEND]}]}}):
        assert town.reached("stranger", "server") == NONE
        cluster.patch("Pod", "stranger", {"metadata": {"labels": {"role": "friend"}}}, home)
        cluster.settle()
        assert town.reached("stranger", "server") == EVERY
        cluster.patch("Pod", "stranger", {"metadata": {"labels": {"role": "stranger"}}}, home)
        cluster.settle()
        assert town.reached("stranger", "server") == NONE


def test_a_namespace_that_changes_its_labels_moves_its_pods(town: Town) -> None:
    cluster, away = town.cluster, town.away
    with applied(town, {"policy": {"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"on": "duty"}}}]}]}}):
        assert town.inward() == ALL_SHUT
        cluster.patch("Namespace", away, {"metadata": {"labels": {"on": "duty"}}})
        cluster.settle()
        assert town.inward() == only(away_friend=EVERY, guest=EVERY)
        cluster.patch("Namespace", away, {"metadata": {"labels": {"on": None}}})


def test_an_agent_that_starts_again_takes_the_rules_over_and_takes_them_away(town: Town) -> None:
    cluster = town.cluster
    with applied(town, {"policy": {}}):
        with cluster.enforcement("cut", "drop"):
            cluster.settle()
            assert town.inward() == ALL_SHUT
        cluster.settle()
        assert town.inward() == ALL_SHUT
    assert town.inward() == ALL_OPEN


class applied:  # noqa: N801 - a context manager, read as a verb
    """Policies that select one role of the server's namespace, in force on both nodes and then gone again."""

    def __init__(self, town: Town, specs: dict[str, Json], role: str = "server") -> None:
        self._town, self._role = town, role
        self._specs = specs

    def __enter__(self) -> None:
        for name, spec in self._specs.items():
            document = json.loads(json.dumps(spec)) | {"podSelector": {"matchLabels": {"role": self._role}}}
            head = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}}
            self._town.cluster.apply(head | {"spec": document}, namespace=self._town.home)
        self._town.cluster.settle()

    def __exit__(self, *_: object) -> None:
        for name in self._specs:
            self._town.cluster.delete("NetworkPolicy", name, self._town.home)
        self._town.cluster.settle()
