"""A NetworkPolicy as values.

Defaults as the API server sets them: `policyTypes` is Ingress, and Egress too where there is an egress rule; a
port's protocol is TCP. A rule without peers is about everybody, one without ports about every port: an empty list
and a missing field mean the same. A policed direction without a rule is denied.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

from irkit.actions.kube.netpol.selectors import Selector
from irkit.actions.kube.objects import NAME_LIMIT, name_of, uid_of
from irkit.model.doc import Doc

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Block:
    """An ipBlock: the addresses of `cidr` that are in none of `excepts`."""

    cidr: str
    excepts: tuple[str, ...] = ()

    def holds(self, ip: str) -> bool:
        """Whether an address is in it. What cannot be read is taken for open, never for closed."""
        found, whole = _address(ip), network(self.cidr)
        if found is None or whole is None:
            return True
        return found in whole and not any(found in hole for hole in map(network, self.excepts) if hole is not None)


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a rule is about. `pods` alone are of the policy's own namespace; with nothing set it is anybody."""

    pods: Selector | None = None
    namespaces: Selector | None = None
    block: Block | None = None


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of one protocol: a named one, `first` to `last`, or all of them where neither is set."""

    protocol: str = "TCP"
    name: str = ""
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """Lets pass what is to or from one of `peers` and on one of `ports`; without any: everybody, every port."""

    peers: tuple[Peer, ...] = ()
    ports: tuple[Ports, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A NetworkPolicy as far as irkit judges it. `types` has the directions that it polices."""

    name: str
    uid: str
    selector: Selector
    types: tuple[str, ...]
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    namespace: str = ""

    def rules(self, direction: str) -> tuple[Rule, ...] | None:
        """Its allow rules for "Ingress" or "Egress"; None where it does not police that: its rules there are void."""
        if direction not in self.types:
            return None
        return self.ingress if direction == "Ingress" else self.egress

    @classmethod
    def read(cls, doc: Doc) -> Policy:
        """From the API's object. Raises Malformed."""
        ingress = tuple(_rule(one, "from") for one in doc.each("spec", "ingress"))
        egress = tuple(_rule(one, "to") for one in doc.each("spec", "egress"))
        types = doc.texts("spec", "policyTypes") or (("Ingress", "Egress") if egress else ("Ingress",))
        return cls(
            name=name_of(doc),
            uid=uid_of(doc),
            selector=Selector.read(doc.part("spec", "podSelector")),
            types=tuple(sorted(types)),
            ingress=ingress,
            egress=egress,
            labels=tuple(sorted(doc.labels("metadata", "labels").items())),
            namespace=doc.text("metadata", "namespace", default="", limit=NAME_LIMIT),
        )


def _rule(doc: Doc, side: str) -> Rule:
    return Rule(tuple(map(_peer, doc.each(side))), tuple(map(_ports, doc.each("ports"))))


def _peer(doc: Doc) -> Peer:
    block = doc.part("ipBlock")
    return Peer(
        pods=Selector.read(doc.part("podSelector")) if doc.has("podSelector") else None,
        namespaces=Selector.read(doc.part("namespaceSelector")) if doc.has("namespaceSelector") else None,
        block=Block(block.text("cidr", limit=64), block.texts("except")) if doc.has("ipBlock") else None,
    )


def _ports(doc: Doc) -> Ports:
    protocol = doc.text("protocol", default="TCP", limit=10)
    if not doc.has("port"):
        return Ports(protocol)
    if isinstance(doc.raw["port"], str):
        return Ports(protocol, name=doc.text("port", limit=63))
    first = doc.integer("port")
    return Ports(protocol, first=first, last=doc.integer("endPort", default=first))


@lru_cache(maxsize=1024)
def network(cidr: str) -> Network | None:
    """The addresses of a block; host bits are taken off, as engines do. None where it cannot be read."""
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _address(ip: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(ip)
    except ValueError:
        return None
