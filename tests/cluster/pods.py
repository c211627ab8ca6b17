"""Pods as tests want them, and their network namespaces as seen from the machine."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cluster.images import BUSYBOX
from tests.cluster.layout import HERE

Json = dict[str, Any]
PULLED = "busybox:1.37"  # on a cluster of your own, unless IRKIT_TEST_IMAGE names another one
PORT = 8080
ECHO = 7777  # where `Flow` listens
FOREVER = ["sleep", "1000000"]
SERVE = f"mkdir -p /tmp/www && echo hello > /tmp/www/index.html && exec httpd -f -p {PORT} -h /tmp/www"


def container(command: list[str] | None = None, **more: Any) -> Json:
    """One of busybox; without a command it serves HTTP at port 8080."""
    image = os.environ.get("IRKIT_TEST_IMAGE") or (PULLED if os.environ.get("IRKIT_TEST_CONTEXT") else BUSYBOX)
    made: Json = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent"}
    made["command"] = command or ["sh", "-c", SERVE]
    if command is None:
        made["ports"] = [{"name": "http", "containerPort": PORT}]
        made["readinessProbe"] = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
    return made | more


def pod(name: str, labels: dict[str, str] | None = None, *, command: list[str] | None = None, **spec: Any) -> Json:
    """A Pod that ends at once when it is told to."""
    metadata = {"name": name, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": _spec(command) | spec}


def deployment(name: str, replicas: int, *, command: list[str] | None = None, **spec: Any) -> Json:
    """A Deployment whose pods have the label app=NAME."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": _spec(command) | spec}
    whole = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": whole}


def _spec(command: list[str] | None) -> Json:
    return {"terminationGracePeriodSeconds": 0, "containers": [container(command)]}


def on_pod_network(document: Json) -> bool:
    """Whether a pod has an address of its own that is still its own."""
    status = document["status"]
    ended = status.get("phase") in {"Succeeded", "Failed"}
    return bool(status.get("podIP")) and not document["spec"].get("hostNetwork") and not ended


def netns_of(uid: str) -> Path:
    """The network namespace of a pod that runs on this machine, as a path under /proc.

    Raises:
        LookupError: no process of the pod runs here.
    """
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and uid in _cgroups(folder):
            return folder / "ns" / "net"
    msg = f"no process of the pod with uid {uid} runs on this machine"
    raise LookupError(msg)


def _cgroups(process: Path) -> str:
    try:
        return (process / "cgroup").read_text()
    except OSError:
        return ""


def probe(netns: Path, *words: object) -> list[str]:
    """The command that runs the probe program in there."""
    program = [sys.executable, "-I", "-S", str(HERE / "probe.py"), *map(str, words)]
    return ["/usr/bin/nsenter", f"--net={netns}", "--", *program]


def connect(netns: Path, ends: Sequence[tuple[str, int]], timeout: float) -> list[str]:
    """How new connections from there end, tried at the same time: open, refused, timeout or unreachable."""
    command = probe(netns, "connect", timeout, *(word for end in ends for word in end))
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=timeout + 30)
    return done.stdout.split()


@dataclass(frozen=True, slots=True)
class End:
    """One end of a flow: a pod's network namespace, and its address."""

    netns: Path
    address: str


class Flow:
    """A connection from one pod to another that lasts, with a program of ours at each end. A context manager."""

    def __init__(self, client: End, server: End, port: int = ECHO) -> None:
        self._client, self._server, self._port = client, server, port
        self._stack = ExitStack()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            _line(self._run(stack, probe(self._server.netns, "echo", self._port)))
            self._held = self._run(stack, probe(self._client.netns, "hold", self._server.address, self._port))
            _line(self._held)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def state(self) -> str:
        """Send a line and wait for it: alive, silent (nothing comes back for 1.5 s), reset or closed."""
        with self._lock:
            assert self._held.stdin is not None
            self._held.stdin.write("\n")
            self._held.stdin.flush()
            return _line(self._held)

    def _run(self, stack: ExitStack, command: list[str]) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        stack.callback(process.kill)
        return process


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        assert process.stderr is not None
        msg = f"the probe ended: {process.stderr.read()}"
        raise RuntimeError(msg)
    return line
