"""Where everything is: folders, addresses, nodes, and the settings that a run was started with."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

HERE = Path(__file__).resolve().parent

CLUSTER_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
SERVICE_IP = "10.96.0.1"
# The API server's address is that of the first node's bridge: not loopback, or exec and nodes/proxy refuse it, and
# no address of the machine's own network, so that nobody else can reach it.
API_ADDRESS = "10.244.0.1"
API_PORT = 6443
ETCD_PORT = 12379
BRIDGE = "irkit0"
STATE = "IRKIT_CLUSTER_STATE"
MAX_NODES = 9

USERS = {  # the tokens' groups; only the admin is given rights, tests bind the others
    "admin": "system:masters",
    "responder": "irkit:responders",
    "attacker": "irkit:attackers",
    "workload": "irkit:workloads",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen. `established` and `refuse` are how the policy agents treat what a policy forbids."""

    established: Literal["keep", "cut"] = "keep"
    refuse: Literal["reject", "drop"] = "reject"
    agent: bool = True
    nodes: int = 2
    fake_nodes: int = 0

    @classmethod
    def load(cls, path: Path) -> Settings | None:
        """Those of the cluster that runs; None without one."""
        return cls(**json.loads(path.read_text())) if path.is_file() else None

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)) + "\n")

    def but(self, **changed: object) -> Settings:
        return replace(self, **changed)  # type: ignore[arg-type]  # argparse's values, checked by its choices


@dataclass(frozen=True, slots=True)
class Node:
    """One kubelet. The first lives on the machine's own network, each other in a network namespace of its own."""

    number: int
    folder: Path

    @property
    def name(self) -> str:
        return f"node-{self.number}"

    @property
    def netns(self) -> str | None:
        return None if self.number == 1 else f"irkit-{self.name}"

    @property
    def inside(self) -> list[str]:
        """What to put before a command that must run on this node's network.

        Not `ip netns exec`: that mounts a new /sys, which hides the cgroups from the kubelet.
        """
        return [] if self.netns is None else ["/usr/bin/nsenter", f"--net=/run/netns/{self.netns}"]

    @property
    def gateway(self) -> str:
        """The bridge's address on this node."""
        return f"10.244.{self.number - 1}.1"

    @property
    def pod_cidr(self) -> str:
        return f"10.244.{self.number - 1}.0/24"

    @property
    def uplink(self) -> str:
        """The machine's end of the cable to this node, for all but the first."""
        return f"10.245.{self.number}.1"

    @property
    def address(self) -> str:
        return self.gateway if self.netns is None else f"10.245.{self.number}.2"

    @property
    def socket(self) -> Path:
        """Where containerd listens."""
        return self.folder / "containerd.sock"

    @property
    def cgroup(self) -> str:
        """One each: a kubelet removes every pod's cgroup under its root that is not its own."""
        return f"{self.folder.parents[1].name}-{self.name}"


def _cache() -> Path:
    if chosen := os.environ.get("IRKIT_CLUSTER_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "irkit-cluster"


def _state() -> Path:
    return Path(os.environ.get(STATE) or "/var/tmp/irkit-cluster")


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders. `state` is everything that the running cluster writes, `cache` what can be built again."""

    state: Path = field(default_factory=_state)
    cache: Path = field(default_factory=_cache)

    @property
    def bin(self) -> Path:
        return self.cache / "bin"

    @property
    def hyper(self) -> str:
        return str(self.bin / "hyper")

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def pids(self) -> Path:
        return self.state / "pids"

    @property
    def settings(self) -> Path:
        return self.state / "settings.json"

    @property
    def sysctls(self) -> Path:
        """What the machine's sysctls were before."""
        return self.state / "sysctls.json"

    @property
    def audit(self) -> Path:
        return self.state / "audit.log"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "irkit.kubeconfig"

    def component(self, name: str) -> str:
        """The kubeconfig of a component."""
        return str(self.pki / f"{name}.kubeconfig")

    def node(self, number: int) -> Node:
        return Node(number, self.state / "nodes" / f"node-{number}")

    def nodes(self, settings: Settings) -> list[Node]:
        return [self.node(number) for number in range(1, settings.nodes + 1)]
