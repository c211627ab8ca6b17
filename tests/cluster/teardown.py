"""What outlives the processes: containers and their shims, mounts, network namespaces, cgroups, chains."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from tests.cluster.layout import MAX_NODES, Layout, Node
from tests.cluster.network import has_netns, mounts, run
from tests.cluster.node import ctr
from tests.cluster.processes import Processes, birth, until

CNI_RESULTS = Path("/var/lib/cni/results")
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
# Fixed folders of kubelet, containerd and the network plugins; taken away where nothing else is in them.
LEFT_EMPTY = (
    str(DEVICE_PLUGINS),
    "/var/lib/kubelet",
    "/var/lib/cni/results",
    "/var/lib/cni",
    "/var/log/containers",
    "/run/containerd/runc/k8s.io",
    "/run/containerd/runc",
    "/run/containerd/s",
    "/run/containerd",
)
RUNTIME = Path("/run/containerd")
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


def traces(layout: Layout) -> list[Node]:
    """The nodes of which anything is left, the first one always among them."""
    nodes = [layout.node(number) for number in range(1, MAX_NODES + 1)]
    return [one for one in nodes if one.number == 1 or one.folder.exists() or has_netns(one) or _cgroups(one)]


def clean_up(layout: Layout, nodes: Sequence[Node]) -> None:
    """After the processes. Each part is looked for, so that this also cleans up behind a crash."""
    for node in nodes:
        _end_members(node)
    _end_shims(layout)
    for node in nodes:
        if node.netns is None or has_netns(node):
            _clean_rules(layout, node)
    for mount in _mounts_under(layout.state):
        run(["umount", "--lazy", mount], check=False)
    for path in CNI_RESULTS.glob("irkit-*-eth0"):
        container = path.name.removeprefix("irkit-").removesuffix("-eth0")
        path.unlink(missing_ok=True)
        (CNI_RESULTS / f"cni-loopback-{container}-lo").unlink(missing_ok=True)
    for path in CONTAINER_LOGS.glob("*"):
        if path.is_symlink() and str(path.readlink()).startswith(f"{layout.state}/"):
            path.unlink()
    _forget_containers(layout)
    for folder in LEFT_EMPTY:
        with contextlib.suppress(OSError):
            Path(folder).rmdir()
    for node in nodes:
        shutil.rmtree(node.folder / "addresses", ignore_errors=True)
        shutil.rmtree(node.folder / "run", ignore_errors=True)
        until(f"the end of cgroup {node.cgroup}", 10, partial(_remove_cgroups, node))


def _end_members(node: Node) -> None:
    """What still runs in the node's cgroups: containers that lost their runtime."""
    for tree in _cgroups(node):
        for frozen in tree.rglob("freezer.state"):  # what is frozen does not even end
            frozen.write_text("THAWED")
        for frozen in tree.rglob("cgroup.freeze"):
            frozen.write_text("0")
    until(f"the end of what runs on {node.name}", 10, partial(_kill_members, node))


def _kill_members(node: Node) -> bool:
    """Whether there was none."""
    files = [file for tree in _cgroups(node) for file in tree.rglob("cgroup.procs")]
    pids = {int(pid) for file in files for pid in file.read_text().split()}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return not pids


def _forget_containers(layout: Layout) -> None:
    """What runc and the shims leave about containers that nobody deleted."""
    for folder in (RUNTIME / "runc" / "k8s.io").glob("*"):
        state = folder / "state.json"
        if state.exists() and f"{layout.state}/" in state.read_text():
            shutil.rmtree(folder)
    open_sockets = Path("/proc/net/unix").read_text()
    for path in (*(RUNTIME / "s").glob("*"), *DEVICE_PLUGINS.glob("kubelet.sock")):
        if str(path) not in open_sockets:
            path.unlink()


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
    return sorted((mount for mount in mounts() if mount.startswith(f"{folder}/")), reverse=True)


def _clean_rules(layout: Layout, node: Node) -> None:
    if not (layout.bin / "netpol").exists():
        return  # never built, so nothing was ever started
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


def _cgroups(node: Node) -> list[Path]:
    """The node's own, in each hierarchy of version 1 or in the one of version 2."""
    root = Path("/sys/fs/cgroup")
    found = {path.resolve() for path in (root / node.cgroup, *root.glob(f"*/{node.cgroup}")) if path.is_dir()}
    return sorted(found)


def _remove_cgroups(node: Node) -> bool:
    """Whether all are gone. One whose last member has just ended may still be busy."""
    for tree in _cgroups(node):
        for folder in sorted((path for path in tree.rglob("*") if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            tree.rmdir()
    return not _cgroups(node)
