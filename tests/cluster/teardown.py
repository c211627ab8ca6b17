"""What outlives the processes: containers and their shims, mounts, network namespaces, cgroups, chains."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from tests.cluster.layout import Layout, Node
from tests.cluster.network import run
from tests.cluster.node import ctr
from tests.cluster.processes import Processes, birth, until

CNI_RESULTS = Path("/var/lib/cni/results")
# Fixed folders of kubelet, containerd and the network plugins; taken away where nothing else is in them.
LEFT_EMPTY = (
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet",
    "/var/lib/cni/results",
    "/var/lib/cni",
    "/var/log/containers",
    "/run/containerd/runc/k8s.io",
    "/run/containerd/runc",
    "/run/containerd/s",
    "/run/containerd",
)
CONTAINER_LOGS = Path("/var/log/containers")
# What a kubelet and a kube-proxy leave in iptables besides what `kube-proxy --cleanup` takes away.
KUBE_CHAINS = ("KUBE-KUBELET-CANARY", "KUBE-PROXY-CANARY", "KUBE-IPTABLES-HINT", "KUBE-FIREWALL")


def stop_containers(layout: Layout, processes: Processes, node: Node) -> None:
    """End every container while containerd still runs: afterwards nobody would ask its shim to."""
    if processes.pid(f"containerd-{node.number}") is None:
        return
    command = ctr(layout, node)
    tasks = run([*command, "tasks", "list", "--quiet"], check=False).split()
    for task in tasks:
        run([*command, "tasks", "resume", task], check=False)  # one that is paused takes no signal
        run([*command, "tasks", "kill", "--all", "--signal", "SIGKILL", task], check=False)
    for task in tasks:
        run([*command, "tasks", "delete", "--force", task], check=False)
    containers = run([*command, "containers", "list", "--quiet"], check=False).split()
    if containers:
        run([*command, "containers", "delete", *containers], check=False)


def clean_up(layout: Layout, nodes: Sequence[Node]) -> None:
    """After the processes. Each part is looked for, so that this also cleans up behind a crash."""
    _end_shims(layout)
    for node in nodes:
        if node.netns is None or Path("/run/netns", node.netns).exists():
            _clean_rules(layout, node)
    for mount in _mounts_under(layout.state):
        run(["umount", "--lazy", mount], check=False)
    for path in CNI_RESULTS.glob("irkit-*-eth0"):
        container = path.name.removeprefix("irkit-").removesuffix("-eth0")
        path.unlink(missing_ok=True)
        (CNI_RESULTS / f"cni-loopback-{container}-lo").unlink(missing_ok=True)
    if CONTAINER_LOGS.is_dir():
        for path in CONTAINER_LOGS.iterdir():
            if path.is_symlink() and str(path.readlink()).startswith(f"{layout.state}/"):
                path.unlink()
    for folder in LEFT_EMPTY:
        with contextlib.suppress(OSError):
            Path(folder).rmdir()
    for node in nodes:
        shutil.rmtree(node.folder / "addresses", ignore_errors=True)
        shutil.rmtree(node.folder / "run", ignore_errors=True)
        _remove_cgroup(node)


def _end_shims(layout: Layout) -> None:
    """Those whose command line names this state folder."""
    for pid in list(_shims(layout)):
        began = birth(pid)
        os.kill(pid, signal.SIGKILL)
        until(f"end of shim {pid}", 5, partial(_is_another, pid, began))


def _is_another(pid: int, began: int | None) -> bool:
    return birth(pid) != began


def _shims(layout: Layout) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[0] == str(layout.bin / "containerd-shim-runc-v2") and f"{layout.state}/" in " ".join(words):
            yield int(folder.name)


def _mounts_under(folder: Path) -> list[str]:
    """Innermost first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted((mount for mount in mounts if mount.startswith(f"{folder}/")), reverse=True)


def _clean_rules(layout: Layout, node: Node) -> None:
    run([*node.inside, str(layout.bin / "netpol"), "--cleanup"], check=False)
    if node.netns is not None:
        return  # the others' rules end with their namespace
    run([layout.hyper, "kube-proxy", "--cleanup"], check=False)
    for hook in ("INPUT", "OUTPUT"):
        run(["iptables", "-w", "-D", hook, "-j", "KUBE-FIREWALL"], check=False)
    for table in ("mangle", "nat", "filter"):
        for chain in KUBE_CHAINS:
            run(["iptables", "-w", "-t", table, "-F", chain], check=False)
            run(["iptables", "-w", "-t", table, "-X", chain], check=False)


def _remove_cgroup(node: Node) -> None:
    root = Path("/sys/fs/cgroup")
    for tree in {root / node.cgroup, *root.glob(f"*/{node.cgroup}")}:
        if tree.is_dir():
            subprocess.run(["find", str(tree), "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"], check=False)
