"""What a pod's object says of its network: addresses, ports, who answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Literal

from irkit.actions.kube.objects import NAME_LIMIT
from irkit.model.doc import Doc

_PORTS = 16
IpFamily = Literal["IPv4", "IPv6"]
_FORGING = frozenset({"ALL", "NET_ADMIN", "SYS_ADMIN"})
"""Capabilities with which a process can make its own connections look refused (capabilities(7))."""


def addresses(doc: Doc) -> tuple[str, ...]:
    """Its addresses, of either family."""
    ips = [one.text("ip", limit=64) for one in doc.each("status", "podIPs")]
    ips = ips or [doc.text("status", "podIP", default="", limit=64)]
    return tuple(ip for ip in ips if is_ip(ip))


def endpoints(doc: Doc, more: Iterable[int] = ()) -> tuple[str, ...]:
    """Its addresses with the TCP ports that it declares, and with these."""
    ports = sorted({port for port, _ in tcp_ports(doc)} | set(more))[:_PORTS]
    return tuple(join(ip, port) for ip in addresses(doc) for port in ports)


def tcp_ports(doc: Doc) -> tuple[tuple[int, str], ...]:
    """The TCP ports of its containers, with their names or ""."""
    return tuple(
        (port.integer("containerPort"), port.text("name", default="", limit=63))
        for container in doc.each("spec", "containers")
        for port in container.each("ports")
        if port.text("protocol", default="TCP", limit=8) == "TCP"
    )


def ready(doc: Doc) -> bool:
    """Whether its Ready condition is true."""
    return any(
        one.text("type", limit=NAME_LIMIT) == "Ready" and one.text("status", limit=16) == "True"
        for one in doc.each("status", "conditions")
    )


def serving(doc: Doc) -> frozenset[int]:
    """Ports that a readiness probe asks, while the pod is ready: policies let the kubelet pass, so they answer."""
    if not ready(doc):
        return frozenset()
    named = {name: port for port, name in tcp_ports(doc) if name}
    found: set[int] = set()
    for container in doc.each("spec", "containers"):
        for kind in ("httpGet", "tcpSocket"):
            port = container.part("readinessProbe", kind).raw.get("port")
            port = named.get(port) if isinstance(port, str) else port
            found |= {port} if type(port) is int else set()
    return frozenset(found)


def may_forge(doc: Doc) -> bool:
    """Whether its processes could fake what is seen from inside its network namespace."""
    for container in doc.each("spec", "containers"):
        security = container.part("securityContext")
        added = {one.removeprefix("CAP_") for one in security.texts("capabilities", "add")}
        if security.flag("privileged", default=False) or added & _FORGING:
            return True
    return False


def is_ip(text: str) -> bool:
    """Whether this is an address and nothing else."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def join(ip: str, port: int) -> str:
    """`IP:PORT`, with brackets where the address has colons (RFC 3986 §3.2.2)."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def port_of(endpoint: str) -> int:
    """The port of what `join` made."""
    return int(endpoint.rpartition(":")[2])


def family_of(endpoint: str) -> IpFamily:
    """The address family of an address, or of what `join` made."""
    return "IPv6" if endpoint.startswith("[") or endpoint.count(":") > 1 else "IPv4"


def families(endpoints: Iterable[str]) -> tuple[IpFamily, ...]:
    """Theirs, each once."""
    return tuple(sorted({family_of(one) for one in endpoints}))
