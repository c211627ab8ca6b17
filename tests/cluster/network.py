"""The machine's part of the network: bridges, cables to the other nodes' network namespaces, sysctls."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.layout import API_ADDRESS, BRIDGE, Layout, Node
from tests.cluster.processes import Failed

NETNS = Path("/run/netns")
# Without the second, the filter table never sees what one pod sends to another over the bridge.
SYSCTLS = ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables")


def run(command: Sequence[str], *, check: bool = True, stdin: str | None = None) -> str:
    """The output of a tool.

    Raises:
        Failed: it ended with another status than 0; what it said is in the message.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, input=stdin)
    if done.returncode and check:
        msg = f"{' '.join(command)}: {done.stderr.strip()}"
        raise Failed(msg)
    return done.stdout


def set_up(layout: Layout, nodes: Sequence[Node]) -> None:
    """Bridges, namespaces and routes; what is there stays."""
    _sysctls(layout)
    for node in nodes:
        if node.netns is not None:
            _connect(node)
        ip = [*node.inside, "ip"]
        if not _exists(ip, BRIDGE):
            run([*ip, "link", "add", BRIDGE, "type", "bridge"])
        run([*ip, "address", "replace", f"{node.gateway}/24", "dev", BRIDGE])
        run([*ip, "link", "set", BRIDGE, "up"])


def tear_down(layout: Layout, nodes: Sequence[Node]) -> None:
    """Take all of it away; what is gone already is no error. A namespace's end takes its links along."""
    for node in nodes:
        if node.netns is not None:
            run(["ip", "link", "delete", _cable(node)], check=False)
            run(["ip", "netns", "delete", node.netns], check=False)
    run(["ip", "link", "delete", BRIDGE], check=False)
    if str(NETNS) in mounts() and not list(NETNS.iterdir()):  # `ip netns add` mounts this folder on itself
        run(["umount", str(NETNS)])
    if layout.sysctls.exists():
        for name, value in json.loads(layout.sysctls.read_text()).items():
            Path("/proc/sys", name).write_text(value)
        layout.sysctls.unlink()


def has_netns(node: Node) -> bool:
    """Whether the node's own network namespace is there."""
    return node.netns is not None and (NETNS / node.netns).exists()


def mounts() -> list[str]:
    """Every mount point. Not Path.is_mount, which does not see a folder that is mounted on itself."""
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def _sysctls(layout: Layout) -> None:
    if not Path("/proc/sys", SYSCTLS[1]).exists():
        run(["modprobe", "br_netfilter"])
    if not layout.sysctls.exists():
        layout.sysctls.write_text(json.dumps({name: Path("/proc/sys", name).read_text() for name in SYSCTLS}))
    for name in SYSCTLS:
        Path("/proc/sys", name).write_text("1")


def _connect(node: Node) -> None:
    """The node's namespace, and a pair of links between it and the machine. Both ends route: nothing is masqueraded."""
    if not has_netns(node):
        run(["ip", "netns", "add", str(node.netns)])
    ip = [*node.inside, "ip"]
    if not _exists(["ip"], _cable(node)):
        run(["ip", "link", "add", _cable(node), "type", "veth", "peer", "name", "eth0", "netns", str(node.netns)])
    run(["ip", "address", "replace", f"{node.uplink}/24", "dev", _cable(node)])
    run(["ip", "link", "set", _cable(node), "up"])
    run([*ip, "link", "set", "lo", "up"])
    run([*ip, "address", "replace", f"{node.address}/24", "dev", "eth0"])
    run([*ip, "link", "set", "eth0", "up"])
    run([*ip, "route", "replace", "default", "via", node.uplink])
    for name in SYSCTLS:  # each namespace has its own; they end with it
        run([*node.inside, "sh", "-c", f"echo 1 > /proc/sys/{name}"])
    # With the API server's address as source, so that the node sees the machine under one address only.
    run(["ip", "route", "replace", node.pod_cidr, "via", node.address, "src", API_ADDRESS])


def _cable(node: Node) -> str:
    return f"irkit-n{node.number}"


def _exists(ip: Sequence[str], link: str) -> bool:
    return any(one["ifname"] == link for one in json.loads(run([*ip, "-json", "link", "show"])))
