"""What `cut` of irkit's tools does to real connections of either family. Needs no pod: two network namespaces do.

One stands for the node, with connection tracking; one for a pod, whose processes are known by their cgroup. The
cluster of this harness is IPv4 only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.live import Cluster
from tests.cluster.network import NETNS, run

V4, V6, OTHER = "10.199.0.2", "fd99::2", "fd99::3"
GATEWAYS = {"4": "10.199.0.1", "6": "fd99::1"}
PORT = 7411
# Prints a line when it listens, then how each connection ended, after one exchange over it.
SERVER = """
import socket, sys, threading
def serve(one):
    try:
        while one.recv(64): one.sendall(b'x')
        print('closed', flush=True)
    except OSError as error:
        print(error.errno, flush=True)
s = socket.create_server(('::', int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
print('listening', flush=True)
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""
# Connects from an address, in a socket of this family; says so; says how it ended.
CLIENT = """
import socket, sys
family = {'4': socket.AF_INET, '6': socket.AF_INET6}[sys.argv[1]]
s = socket.socket(family)
s.bind((sys.argv[2], 0)); s.connect((sys.argv[3], int(sys.argv[4])))
s.sendall(b'x'); s.recv(1); print('open', flush=True)
try:
    print('closed' if not s.recv(1) else 'data', flush=True)
except OSError as error:
    print(error.errno, flush=True)
"""
# One connection after the other, each for a moment, as a kubelet's probes; says so when it is in its second.
CHURN = """
import socket, sys, time
for number in range(10 ** 9):
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
        if number == 1: print('again', flush=True)
        time.sleep(0.3)
"""
# Asks for a connection that nobody answers.
ASK = """
import socket, sys
s = socket.socket(); s.setblocking(False); s.connect_ex((sys.argv[1], int(sys.argv[2]))); print('asked', flush=True)
import time; time.sleep(100)
"""


@dataclass
class Bench:
    """The two namespaces, and everything that runs in them."""

    node: str
    pod: str
    uid: str
    tools: Path
    stack: ExitStack

    def start(self, netns: str, program: str, *words: object) -> subprocess.Popen[str]:
        """A program in one of them, until the end of the test."""
        command = [*_inside(netns), sys.executable, "-I", "-c", program, *map(str, words)]
        process = self.stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        self.stack.callback(process.kill)
        return process

    def connect(self, family: str, source: str, to: str) -> subprocess.Popen[str]:
        """A connection of the pod that has carried something."""
        process = self.start(self.pod, CLIENT, family, source, to, PORT)
        self.belongs(process)
        assert _line(process) == "open"
        return process

    def belongs(self, process: subprocess.Popen[str]) -> None:
        """Put it among the pod's processes."""
        (_tree() / f"irkit-test-pod{self.uid}" / "cgroup.procs").write_text(str(process.pid))

    def cut(self, *addresses: str) -> dict[str, str]:
        return self.tool("cut", *addresses)

    def tool(self, *words: str) -> dict[str, str]:
        """What it says, by the first word of its lines."""
        command = [*_inside(self.node), str(self.tools), *words]
        env = {**os.environ, "IRKIT_NETNS_OF": self.uid}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(line.split(" ", 1) for line in done.stdout.splitlines())

    def tracked(self, family: str) -> int:
        """Entries of the node's table about the server's port."""
        return len(run([*_inside(self.node), "conntrack", "-L", "-f", family, "-p", "tcp"]).splitlines())


def _inside(netns: str) -> list[str]:
    return ["/usr/bin/nsenter", f"--net={NETNS / netns}", "--"]


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _tree() -> Path:
    """One hierarchy is enough to know a pod by."""
    root = Path("/sys/fs/cgroup")
    return root if (root / "cgroup.controllers").exists() else root / "pids"


@pytest.fixture
def bench(harness: Cluster) -> Iterator[Bench]:
    assert harness.layout is not None
    uid, tag = str(uuid.uuid4()), uuid.uuid4().hex[:6]
    made = Bench(f"irkit-t{tag}n", f"irkit-t{tag}p", uid, harness.layout.bin / "irkit-tools", ExitStack())
    with made.stack as stack:
        for name in (made.node, made.pod):
            run(["ip", "netns", "add", name])
            stack.callback(run, ["ip", "netns", "delete", name])
        folder = _tree() / f"irkit-test-pod{uid}"
        folder.mkdir()
        stack.callback(folder.rmdir)  # everything in it was started later, and so has ended
        node, pod = ([*_inside(name), "ip"] for name in (made.node, made.pod))
        run([*node, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", made.pod])
        for ip, *addresses in ((node, *GATEWAYS.values()), (pod, V4, V6, OTHER)):
            run([*ip, "link", "set", "lo", "up"])
            run([*ip, "link", "set", "eth0", "up"])
            for one in addresses:
                width, more = ("64", ["nodad"]) if ":" in one else ("24", [])
                run([*ip, "address", "add", f"{one}/{width}", "dev", "eth0", *more])
        for tables in ("iptables", "ip6tables"):  # a rule that asks for it switches connection tracking on
            run([*_inside(made.node), tables, "-A", "INPUT", "-m", "conntrack", "--ctstate", "ESTABLISHED"])
        made.belongs(made.start(made.pod, "import sys, time; time.sleep(100)"))  # the sandbox, which outlives the rest
        assert _line(made.start(made.node, SERVER, PORT)) == "listening"
        yield made


@pytest.mark.parametrize(
    ("family", "source", "to", "table"),
    [
        pytest.param("4", V4, GATEWAYS["4"], "ipv4", id="IPv4"),
        pytest.param("6", V6, GATEWAYS["6"], "ipv6", id="IPv6"),
        pytest.param("6", f"::ffff:{V4}", f"::ffff:{GATEWAYS['4']}", "ipv4", id="IPv4 in a socket of IPv6"),
    ],
)
def test_a_connection_of_either_family_ends_on_both_sides_and_is_forgotten(
    bench: Bench, family: str, source: str, to: str, table: str
) -> None:
    client = bench.connect(family, source, to)
    assert bench.tracked(table) == 1

    said = bench.cut(V4, V6)

    assert (said["before"], said["destroyed"], said["left"]) == ("1", "1", "0")
    assert int(said["conntrack"]) >= 1
    assert "destroy" not in said
    assert _line(client) in {"103", "104"}  # ECONNABORTED, ECONNRESET
    assert bench.tracked(table) == 0


def test_only_what_belongs_to_the_addresses_is_forgotten_and_every_socket_of_the_pod_ends(bench: Bench) -> None:
    clients = [bench.connect("6", one, GATEWAYS["6"]) for one in (V6, OTHER)]
    clients.append(bench.connect("4", V4, GATEWAYS["4"]))

    said = bench.cut(V6)

    assert (said["before"], said["destroyed"], said["left"]) == ("3", "3", "0")
    assert {_line(one) for one in clients} <= {"103", "104"}
    assert bench.tracked("ipv6") == 1  # the address that was not named, for the seconds that a reset entry has left


def test_what_comes_and_goes_by_itself_is_no_connection_that_lives_on(bench: Bench) -> None:
    """A kubelet's probes come from the node, which no policy stops: there is always one, and it carries nothing."""
    churn = bench.start(bench.pod, CHURN, GATEWAYS["4"], PORT)
    bench.belongs(churn)
    assert _line(churn) == "again"

    assert bench.tool("connect")["established"] == "0"
    bench.connect("4", V4, GATEWAYS["4"])
    assert bench.tool("connect")["established"] == "1"


def asking(bench: Bench) -> str:
    """A process of the pod that waits for an answer of an address that gives none; the address."""
    silent = "10.199.0.77"
    run([*_inside(bench.pod), "ip", "neigh", "add", silent, "lladdr", "02:00:00:00:00:77", "dev", "eth0"])
    asks = bench.start(bench.pod, ASK, silent, PORT)
    bench.belongs(asks)
    assert _line(asks) == "asked"
    assert "SYN-SENT" in run([*_inside(bench.pod), "ss", "-tan"])
    return silent


def test_who_asks_in_vain_for_a_new_connection_has_none(bench: Bench) -> None:
    """What lost its connection asks again, and where packets are dropped it waits for an answer for minutes."""
    asking(bench)
    assert bench.tool("connect")["established"] == "0"
    assert bench.cut(V4)["left"] == "0"


def test_who_is_answered_while_the_tool_looks_has_a_connection(bench: Bench) -> None:
    """The kernel asks again each second: the answer comes after the first look."""
    silent = asking(bench)
    run([*_inside(bench.node), "ip", "address", "add", f"{silent}/24", "dev", "eth0"])
    run([*_inside(bench.pod), "ip", "neigh", "del", silent, "dev", "eth0"])
    assert bench.tool("connect")["established"] == "1"
