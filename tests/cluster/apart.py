"""A second cluster on the same machine, in network, mount and process namespaces of its own.

Addresses, rules and the fixed folders of kubelet, containerd and the network plugins are all there once more, and go
with it, as do its processes, however it ends. Only its state folder and its cgroups are the machine's, and bear another
name.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.cluster.layout import STATE, Layout

OWN = ("/run/netns", "/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers")
NAMESPACES = ("unshare", "--net", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc")
# Mounts are shared within: what the kubelet mounts for a pod must reach it. Nothing of it is seen outside.
ENTER = """
mount --make-rshared /
for folder in {folders}; do mount -t tmpfs irkit-apart "$folder"; done
ip link set lo up
exec "$@"
"""


def run_apart(words: Sequence[str]) -> int:
    """The exit status of a command that runs in namespaces of its own, where `Layout` is another one. Needs root."""
    made = [Path(folder) for folder in OWN if not Path(folder).exists()]
    for folder in made:
        folder.mkdir(parents=True)
    state = Layout().state
    state = state.with_name(f"{state.name}-apart")
    shutil.rmtree(state, ignore_errors=True)  # of one that was killed
    enter = ["sh", "-ec", ENTER.format(folders=" ".join(OWN)), "sh"]
    try:
        return run_undisturbed([*NAMESPACES, *enter, *words], os.environ | {STATE: str(state)})
    finally:
        for folder in made:
            with suppress(OSError):  # the machine's own cluster may have come to use it
                folder.rmdir()


def run_undisturbed(words: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """The exit status of a command. An interrupt is its own to answer: what comes afterwards must still be done."""
    with subprocess.Popen(words, env=environment) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # not earlier: the command would ignore it too
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
