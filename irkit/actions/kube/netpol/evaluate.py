"""Whether a new connection may pass, given all policies. A pure decision about objects, not about an engine.

Two things no policy governs: a pod's traffic to itself, and traffic between a pod and the node that it runs on
(documentation, "Network Policies", "NetworkPolicy's default"). Pods in their node's network count as their node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from irkit.actions.kube.netpol.policies import Peer, Policy, Ports
from irkit.actions.kube.objects import NAME_LIMIT, name_of
from irkit.model.doc import Doc

NAME_OF_NAMESPACE = "kubernetes.io/metadata.name"
"""A label that the API server keeps on each namespace (since 1.21)."""
Namespaces = Mapping[str, Mapping[str, str]]
"""Labels by namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod as policies see it. `ports` are its containers' named ports: name, protocol, number."""

    namespace: str
    name: str
    labels: tuple[tuple[str, str], ...] = ()
    ips: tuple[str, ...] = ()
    node: str = ""
    host_network: bool = False
    ports: tuple[tuple[str, str, int], ...] = ()

    @classmethod
    def read(cls, doc: Doc) -> Pod:
        """From the API's object. Raises Malformed."""
        first = doc.text("status", "podIP", default="", limit=64)
        ips = tuple(one.text("ip", default="", limit=64) for one in doc.each("status", "podIPs")) or (first,)
        return cls(
            namespace=doc.text("metadata", "namespace", limit=NAME_LIMIT),
            name=name_of(doc),
            labels=tuple(sorted(doc.labels("metadata", "labels").items())),
            ips=tuple(one for one in ips if one),
            node=doc.text("spec", "nodeName", default="", limit=NAME_LIMIT),
            host_network=doc.flag("spec", "hostNetwork", default=False),
            ports=tuple(sorted(_named_ports(doc))),
        )


def _named_ports(doc: Doc) -> Iterable[tuple[str, str, int]]:
    """Of containers, and of sidecars: init containers that keep running."""
    sidecars = (one for one in doc.each("spec", "initContainers") if one.text("restartPolicy", default="") == "Always")
    for container in (*doc.each("spec", "containers"), *sidecars):
        for port in container.each("ports"):
            if port.has("name"):
                yield port.text("name"), port.text("protocol", default="TCP"), port.integer("containerPort")


@dataclass(frozen=True, slots=True)
class Address:
    """An end that is no pod of this cluster; `node` names the node whose own address it is."""

    ip: str
    node: str = ""


End = Pod | Address


def permits(  # noqa: PLR0913, PLR0917 -- a connection has this many parts
    src: End, dst: End, port: int, protocol: str, policies: Iterable[Policy], namespaces: Namespaces
) -> bool:
    """Whether policies let a new connection pass: out of `src` and into `dst`, both sides judged."""
    src, dst = _end(src), _end(dst)
    if src == dst or _same_node(src, dst):
        return True
    known = tuple(policies)
    return all(
        _passes(direction, subject, other, dst, (port, protocol), known, namespaces)
        for direction, subject, other in (("Egress", src, dst), ("Ingress", dst, src))
    )


def _end(end: End) -> End:
    if isinstance(end, Pod) and end.host_network:
        return Address(end.ips[0] if end.ips else "", end.node)
    return end


def _same_node(src: End, dst: End) -> bool:
    on_node = isinstance(src, Address) or isinstance(dst, Address)
    return on_node and bool(src.node) and src.node == dst.node


def selects(policy: Policy, pod: Pod) -> bool:
    """Whether a policy is about this pod: one in its node's network is beyond all policies."""
    return not pod.host_network and policy.namespace == pod.namespace and policy.selector.matches(dict(pod.labels))


def _passes(  # noqa: PLR0913, PLR0917 -- as above
    direction: str,
    subject: End,
    other: End,
    dst: End,
    at: tuple[int, str],
    policies: tuple[Policy, ...],
    namespaces: Namespaces,
) -> bool:
    if isinstance(subject, Address):
        return True
    policed = [
        (one, rules) for one in policies if selects(one, subject) and (rules := one.rules(direction)) is not None
    ]
    return not policed or any(
        (not rule.peers or any(matches(peer, policy, other, namespaces) for peer in rule.peers))
        and (not rule.ports or any(_at(ports, dst, *at) for ports in rule.ports))
        for policy, rules in policed
        for rule in rules
    )


def matches(peer: Peer, policy: Policy, other: End, namespaces: Namespaces) -> bool:
    """Whether the other end is one of those that a peer of a rule means."""
    if peer.block is not None:
        return any(map(peer.block.holds, other.ips if isinstance(other, Pod) else (other.ip,)))
    if peer.pods is None and peer.namespaces is None:
        return True
    if isinstance(other, Address) or other.host_network:
        return False
    if peer.namespaces is None:
        near = other.namespace == policy.namespace
    else:
        near = peer.namespaces.matches({NAME_OF_NAMESPACE: other.namespace, **namespaces.get(other.namespace, {})})
    return near and (peer.pods is None or peer.pods.matches(dict(other.labels)))


def _at(ports: Ports, dst: End, port: int, protocol: str) -> bool:
    if ports.protocol != protocol:
        return False
    if ports.name:
        return isinstance(dst, Pod) and (ports.name, protocol, port) in dst.ports
    return not ports.first or ports.first <= port <= ports.last
