"""A second cluster on the same machine, in network, mount and process namespaces of its own.

Addresses, rules and the fixed folders of kubelet, containerd and the network plugins are all there once more, and go
with it, as do its processes, however it ends. Only its state folder and its cgroups are the machine's, and bear another
name.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.cluster.layout import STATE, Layout
from tests.cluster.processes import Failed

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
    """The exit status of a command that runs in namespaces of its own, where `Layout` is another one. Needs root.

    Raises Failed where another one runs.
    """
    state = Layout().state
    state = state.with_name(f"{state.name}-apart")
    enter = ["sh", "-ec", ENTER.format(folders=" ".join(OWN)), "sh"]
    with only_one(state) as held:
        made = [Path(folder) for folder in OWN if not Path(folder).exists()]
        for folder in made:
            folder.mkdir(parents=True)
        shutil.rmtree(state, ignore_errors=True)  # of one that was killed
        try:
            return run_undisturbed([*NAMESPACES, *enter, *words], os.environ | {STATE: str(state)}, [held])
        finally:
            for folder in made:
                with suppress(OSError):  # the machine's own cluster may have come to use it
                    folder.rmdir()


@contextmanager
def only_one(state: Path) -> Iterator[int]:
    """A descriptor that says that a cluster has this folder, for as long as anybody has it. Raises Failed."""
    held = os.open(state.with_name(f"{state.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            msg = f"a second cluster runs already, in {state}"
            raise Failed(msg) from None
        yield held
    finally:
        os.close(held)


def run_undisturbed(
    words: Sequence[str], environment: Mapping[str, str] | None = None, held: Sequence[int] = ()
) -> int:  # fmt: skip
    """The exit status of a command. An interrupt is its own to answer: what comes afterwards must still be done.

    It is given the descriptors that are `held`.
    """
    with subprocess.Popen(words, env=environment, pass_fds=held) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # not earlier: the command would ignore it too
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
