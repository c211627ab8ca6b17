"""irkit's judgement of NetworkPolicies against an agent that enforces them and shares no code with it.

Policy sets are drawn from a seed; every connection between five pods of two namespaces is judged, and tried.
"""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from irkit.actions.kube.netpol import Pod, Policy, permits
from irkit.model.doc import Doc
from tests.cluster.live import Cluster
from tests.cluster.test_policies import PORTS, Town, town

__all__ = ["town"]
Json = dict[str, Any]
SETS = int(os.environ.get("IRKIT_POLICY_SETS", "300"))
ROLES = ["server", "friend", "stranger", "guest", "nobody"]
MARK = {"irkit.test/drawn": "yes"}


class Drawn:
    """Policies as people write them, and as nobody should: missing and empty fields mean different things."""

    def __init__(self, seed: int, town: Town) -> None:
        self._random = random.Random(seed)
        self._town = town

    def policies(self) -> list[Json]:
        return [self._policy(number) for number in range(self._random.randint(1, 4))]

    def _policy(self, number: int) -> Json:
        pick = self._random
        spec: Json = {"podSelector": self._selector()}
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            if pick.random() < 0.6:
                spec[direction] = [self._rule(peers) for _ in range(pick.randint(0, 3))]
        if pick.random() < 0.7:
            spec["policyTypes"] = pick.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"]])
        metadata = {
            "name": f"drawn-{number}",
            "namespace": pick.choice([self._town.home, self._town.away]),
            "labels": MARK,
        }
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}

    def _rule(self, peers: str) -> Json:
        pick, rule = self._random, {}
        if pick.random() < 0.75:
            rule[peers] = [self._peer() for _ in range(pick.randint(0, 2))]
        if pick.random() < 0.5:
            rule["ports"] = [self._port() for _ in range(pick.randint(0, 2))]
        return rule

    def _peer(self) -> Json:
        pick = self._random
        kind = pick.randrange(4)
        if kind == 3:
            return {"ipBlock": self._block()}
        peer: Json = {}
        if kind != 1:
            peer["podSelector"] = self._selector()
        if kind:
            choices: list[Json] = [{}, {"matchLabels": {"team": "away"}}, {"matchLabels": {"team": "none"}}]
            names = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [self._town.home]}
            peer["namespaceSelector"] = pick.choice([*choices, {"matchExpressions": [names]}])
        return peer

    def _block(self) -> Json:
        pick = self._random
        address = pick.choice(sorted(self._town.pods))
        mine = f"{self._town.address(address)}/32"
        if pick.random() < 0.4:
            return {"cidr": mine}
        other = f"{self._town.address(pick.choice(sorted(self._town.pods)))}/32"
        return {"cidr": "10.0.0.0/8"} | ({"except": sorted({mine, other})} if pick.random() < 0.7 else {})

    def _port(self) -> Json:
        pick = self._random
        kind = pick.randrange(5)
        if kind == 0:
            return {"port": pick.choice(sorted(PORTS))}  # by name: another number at every pod
        if kind == 1:
            low = pick.choice([8000, 8080, 8081])
            return {"port": low, "endPort": low + pick.choice([0, 1, 10, 90])}
        if kind == 2:
            return {"protocol": pick.choice(["TCP", "UDP"])}
        return {"protocol": "TCP", "port": pick.choice(sorted(PORTS.values()))}

    def _selector(self) -> Json:
        pick = self._random
        role, other = pick.choice(ROLES), pick.choice(ROLES)
        return pick.choice(
            [
                {},
                {"matchLabels": {"role": role}},
                {"matchLabels": {"role": role}},
                {"matchExpressions": [{"key": "role", "operator": "In", "values": sorted({role, other})}]},
                {"matchExpressions": [{"key": "role", "operator": "NotIn", "values": [role]}]},
                {"matchExpressions": [{"key": "role", "operator": "DoesNotExist"}]},
                {"matchLabels": {"town": "yes"}, "matchExpressions": [{"key": "role", "operator": "Exists"}]},
            ]
        )


def judged(town: Town, policies: list[Json], namespaces: dict[str, dict[str, str]]) -> set[tuple[str, str, int]]:
    """What irkit says may pass."""
    known = [Policy.read(Doc(one, "policy")) for one in policies]
    pods = {name: Pod.read(Doc(one, "pod")) for name, one in town.pods.items()}
    return {
        (source, target, port)
        for source in pods for target in pods if source != target
        for port in PORTS.values()
        if permits(pods[source], pods[target], port, "TCP", known, namespaces)
    }  # fmt: skip


def tried(town: Town) -> set[tuple[str, str, int]]:
    """What the network lets pass."""

    def out_of(source: str) -> set[tuple[str, str, int]]:
        ends = [(target, port) for target in town.pods if target != source for port in PORTS.values()]
        addresses = [(town.address(target), port) for target, port in ends]
        answers = town.cluster.connect_all_from(town.pods[source], addresses)
        return {(source, *end) for end, answer in zip(ends, answers, strict=True) if answer == "open"}

    with ThreadPoolExecutor(len(town.pods)) as pool:
        return set().union(*pool.map(out_of, town.pods))


def engines_differ(policies: list[Json]) -> bool:
    """A port by name towards a block of addresses: some engines look it up in the pods of the block, this agent does not.

    Kubernetes documents neither; irkit calls it open, which is the safe side.
    """
    return any(
        "ipBlock" in peer and isinstance(port.get("port"), str)
        for one in policies
        for rule in one["spec"].get("egress", ())
        for peer in rule.get("to", ())
        for port in rule.get("ports", ())
    )


@pytest.mark.timeout(1200)
def test_irkit_and_the_agent_agree_on_every_connection(town: Town, harness: Cluster) -> None:
    namespaces = {one["metadata"]["name"]: one["metadata"]["labels"] for one in harness.list_of("Namespace")}
    differ: list[tuple[int, list[Json], set[tuple[str, str, int]]]] = []
    counts = [0, 0]
    for seed in range(SETS):
        made = Drawn(seed, town).policies()
        stored = harness.apply(*made)
        try:
            harness.settle()
            expected, seen = judged(town, stored, namespaces), tried(town)
        finally:
            for one in made:
                harness.delete("NetworkPolicy", one["metadata"]["name"], one["metadata"]["namespace"], wait=False)
        counts[0] += len(seen)
        counts[1] += len(town.pods) * (len(town.pods) - 1) * len(PORTS)
        if not seen <= expected or (expected != seen and not engines_differ(made)):
            differ.append((seed, [one["spec"] for one in made], expected ^ seen))

    assert [] == differ
    assert 0.2 < counts[0] / counts[1] < 0.8  # the sets neither let everything pass nor nothing
