"""How soon a command begins: start-up against a bare interpreter, and a whole plan against the official client."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.table import Row
from irkit.lab import process
from irkit.lab.builder import build
from irkit.lab.process import LabInfo
from irkit.lab.scenario import parse

ROUNDS = 9
POD = "shop/solo"
_SHOP = {
    "apiVersion": "irkit.dev/v1alpha1",
    "kind": "Scenario",
    "metadata": {"name": "bench", "title": "One pod"},
    "seed": 1,
    "world": {
        "cluster": "arn:aws:eks:eu-west-1:111122223333:cluster/bench",
        "nodes": [{"nodegroup": "ng-1", "count": 1}],
        "namespaces": {"shop": {"pods": {"solo": {"image": "busybox:1"}}}},
    },
}
_HEAVY = ("kubernetes", "boto3", "structlog", "pydantic")
_OFFICIAL = """
import sys
from kubernetes import client, config
config.load_kube_config(sys.argv[1], context=sys.argv[2])
print(client.CoreV1Api().read_namespaced_pod("solo", "shop").metadata.uid)
"""
_IMPORTED = f"""
import sys
from irkit.cli.program import run
sys.stdout = open("/dev/null", "w")
status = run(["--help"])
sys.exit(status or sum(name in sys.modules for name in {_HEAVY!r}))
"""


def measure(folder: Path) -> list[Row]:
    """Start-up of `--help`, and a plan of one pod in a lab. Raises RuntimeError where a command fails."""
    _run([sys.executable, "-c", _IMPORTED])  # none of the heavy packages is imported for --help
    world = folder / "lab"
    info = process.up(world, build(parse(dict(_SHOP), "bench")))
    try:
        return _rows(info)
    finally:
        process.down(world)


def _rows(info: LabInfo) -> list[Row]:
    irkit = [sys.executable, "-m", "irkit"]
    commands = {
        "bare": [sys.executable, "-c", "pass"],
        "help": [*irkit, "--help"],
        "plan": [*irkit, "plan", "compromised-pod", "-i", f"pod={POD}"],
        "official": [sys.executable, "-c", _OFFICIAL, str(info.kubeconfig), info.context],
    }
    env = {"IRKIT_CONFIG": str(info.config)}
    for command in commands.values():
        _run(command, env)  # what the file cache lacks is read here
    spent: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):  # interleaved: the machine is as busy for one as for the other
        for name, command in commands.items():
            begun = time.perf_counter()
            _run(command, env)
            spent[name].append(time.perf_counter() - begun)
    found = {name: statistics.median(times) for name, times in spent.items()}
    bare = f"{found['bare'] * 1000:.0f} ms python -c pass"
    return [
        Row("irkit --help", _ms(found["help"]), bare, found["help"] / found["bare"], 8, at_most=True),
        Row("irkit plan of one pod", _ms(found["plan"]), bare, found["plan"] / found["bare"], 40, at_most=True),
        Row(
            "irkit plan of one pod", _ms(found["plan"]), f"{_ms(found['official'])} GET, official models",
            found["plan"] / found["official"], 0.7, at_most=True,
        ),
    ]  # fmt: skip


def _run(command: list[str], env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, check=False, timeout=60)
    if done.returncode:
        msg = f"{command[1:4]} ended with {done.returncode}: {done.stderr[-300:].decode(errors='replace')}"
        raise RuntimeError(msg)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
