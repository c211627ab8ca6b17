"""What NetworkPolicies say about one connection, as an agent on the nodes enforces it.

Written from the documentation of NetworkPolicy (networking.k8s.io/v1), apart from anything in irkit that judges
policies. A pod that no policy of a direction selects may do all in it; otherwise any one rule that matches lets
through. What an agent cannot stop: a pod's traffic to itself, and that of its own node.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from irkit.lab.selectors import from_object, matches
from irkit.lab.world import World
from irkit.model.kube import NAMESPACES, NETWORK_POLICIES

Doc = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a connection: a pod of its own network, a node (also for pods that share its network), or outside."""

    address: str
    node: str = ""
    pod: Doc | None = None

    @classmethod
    def of(cls, pod: Doc) -> Side:
        """The end that a running pod is."""
        node = pod["spec"].get("nodeName", "")
        if pod["spec"].get("hostNetwork"):
            return cls(pod["status"].get("hostIP", ""), node=node)
        return cls(pod["status"]["podIP"], node=node, pod=pod)

    @property
    def outside(self) -> bool:
        """Whether it is off the cluster."""
        return not self.node


class Policies:
    """The policies of a world as they are now."""

    def __init__(self, world: World, guarding: Callable[[Doc], Iterable[Doc]] | None = None) -> None:
        """`guarding` gives the policies that a pod obeys, where these are not just those that select it."""
        self._world = world
        self._guarding = guarding or self._selecting

    def denied(self, source: Side, target: Side, port: int, protocol: str) -> frozenset[str]:
        """The nodes whose agent stops a connection: the source's for its egress, the target's for its ingress."""
        if source.pod is not None and target.pod is not None and _uid(source.pod) == _uid(target.pod):
            return frozenset()
        found = set()
        if source.pod is not None and not self._lets("Egress", source, target, target, port, protocol):
            found.add(source.node)
        own_node = source.pod is None and source.node == target.node
        if (
            target.pod is not None
            and not own_node
            and not self._lets("Ingress", target, source, target, port, protocol)
        ):
            found.add(target.node)
        return frozenset(found)

    def _lets(self, direction: str, guarded: Side, peer: Side, target: Side, port: int, protocol: str) -> bool:  # noqa: PLR0913, PLR0917 -- a connection and whose view of it
        """Whether the policies that guard a pod in a direction let this through."""
        pod = guarded.pod or {}
        isolated = False
        for policy in self._guarding(pod):
            spec = policy["spec"]
            if direction not in _directions(spec):
                continue
            isolated = True
            for rule in spec.get(direction.lower(), ()):
                peers = rule.get("from" if direction == "Ingress" else "to")
                if self._is_peer(peers, peer, policy["metadata"]["namespace"]) and _is_port(
                    rule.get("ports"), target.pod, port, protocol
                ):
                    return True
        return not isolated

    def _selecting(self, pod: Doc) -> Iterator[Doc]:
        for entry in self._world.entries(NETWORK_POLICIES, pod["metadata"]["namespace"]):
            if _selected(entry.doc["spec"].get("podSelector", {}), pod):
                yield entry.doc

    def _is_peer(self, peers: list[Doc] | None, peer: Side, namespace: str) -> bool:
        return not peers or any(self._matches(each, peer, namespace) for each in peers)

    def _matches(self, wanted: Doc, peer: Side, namespace: str) -> bool:
        if "ipBlock" in wanted:
            return _in_block(wanted["ipBlock"], peer.address)
        if peer.pod is None:
            return False
        own = peer.pod["metadata"]["namespace"]
        if "namespaceSelector" in wanted:
            entry = self._world.get(NAMESPACES, "", own)
            if entry is None or not _selected(wanted["namespaceSelector"], entry.doc):
                return False
        elif own != namespace:
            return False
        return _selected(wanted.get("podSelector", {}), peer.pod)


def _uid(doc: Doc) -> str:
    uid: str = doc["metadata"]["uid"]
    return uid


def _directions(spec: Doc) -> list[str]:
    found: list[str] = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    return found


def _selected(selector: Doc, doc: Doc) -> bool:
    return matches(from_object(selector), doc["metadata"].get("labels", {}))


def _in_block(block: Doc, address: str) -> bool:
    found = ipaddress.ip_address(address)
    spared = any(found in ipaddress.ip_network(each, strict=False) for each in block.get("except", ()))
    return found in ipaddress.ip_network(block["cidr"], strict=False) and not spared


def _is_port(ports: list[Doc] | None, target: Doc | None, port: int, protocol: str) -> bool:
    if not ports:
        return True
    for each in ports:
        if each.get("protocol", "TCP") != protocol:
            continue
        wanted = each.get("port")
        if wanted is None or wanted == port:
            return True
        if isinstance(wanted, int) and wanted <= port <= each.get("endPort", wanted):
            return True
        if isinstance(wanted, str) and target is not None and port in _numbers(target, wanted, protocol):
            return True
    return False


def _numbers(pod: Doc, name: str, protocol: str) -> set[int]:
    return {
        each["containerPort"]
        for container in pod["spec"]["containers"]
        for each in container.get("ports", ())
        if each.get("name") == name and each.get("protocol", "TCP") == protocol
    }
