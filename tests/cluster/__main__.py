"""`python -m tests.cluster build|up|down|status`; see `--help`."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import subprocess
import sys

from tests.cluster.apart import run_apart, run_undisturbed
from tests.cluster.build import build, say
from tests.cluster.cluster import down, status, up
from tests.cluster.layout import MAX_NODES, Layout, Settings
from tests.cluster.processes import Failed


def main(words: list[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description="a real cluster on this machine")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="compile what is not there yet")
    start = commands.add_parser("up", help="start what does not run; again to change how policies are enforced")
    start.add_argument(
        "--established", choices=["keep", "cut"], default="keep", help="connections from before a policy"
    )
    start.add_argument("--refuse", choices=["reject", "drop"], default="reject", help="what a policy forbids")
    start.add_argument("--no-agent", dest="agent", action="store_false", help="store policies, enforce none")
    start.add_argument("--nodes", type=int, choices=range(1, MAX_NODES + 1), default=2)
    start.add_argument("--fake-nodes", type=int, default=0, metavar="N", help="Node objects without a kubelet")
    stop = commands.add_parser("down", help="stop it and leave no trace on the machine")
    stop.add_argument("--keep", action="store_true", help="keep its data for the next start")
    during = commands.add_parser("with", help="run a command while a cluster is up; its exit status")
    during.add_argument("--apart", action="store_true", help="beside the machine's own, in namespaces of its own")
    during.add_argument("words", nargs="+", metavar="COMMAND", help="after --")
    commands.add_parser("status", help="what runs; exit status 1 unless all of it does")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `status | head` ends quietly
    given = vars(parser.parse_args(words))
    command, layout = given.pop("command"), Layout()
    if command != "status" and os.geteuid() != 0:
        sys.stderr.write("cluster: network namespaces, mounts and cgroups need root\n")
        return 1
    try:
        if command not in {"status", "with"}:
            _alone(layout)
        if command == "build":
            build(layout)
        elif command == "up":
            up(layout, Settings(**given))
        elif command == "down":
            down(layout, keep=given["keep"])
        elif command == "with":
            return _with(given["words"], apart=given["apart"])
        else:
            return 0 if status(layout) else 1
    except Failed as failed:
        sys.stderr.write(f"cluster: {failed}\n")
        return 1
    return 0


def _with(words: list[str], *, apart: bool) -> int:
    """The command's exit status, once the cluster is gone again; one that was up already stays."""
    if apart:
        return run_apart([sys.executable, "-m", "tests.cluster", "with", "--", *words])
    if Settings.load(Layout().settings) is not None:
        return run_undisturbed(words)
    try:
        _again("up")
        return run_undisturbed(words)
    finally:
        _again("down")  # one that did not come up leaves parts that run


def _again(command: str) -> None:
    """This program, for one of its other commands: each holds the machine's lock only as long as it must."""
    done = subprocess.run([sys.executable, "-m", "tests.cluster", command], check=False)
    if done.returncode:
        msg = f"{command} ended with {done.returncode}"
        raise Failed(msg)


def _alone(layout: Layout) -> None:
    """Wait for another one that builds, starts or stops here. The lock ends with this process."""
    layout.cache.mkdir(parents=True, exist_ok=True)
    lock = os.open(layout.cache / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another one is at work here; waiting")
        fcntl.flock(lock, fcntl.LOCK_EX)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
