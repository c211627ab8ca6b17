"""A shop on the real cluster, and irkit as its users type it there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.images import TOOLS
from tests.cluster.live import Cluster
from tests.cluster.pods import PORT, deployment, pod

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
CASE = re.compile(r"IR-\d{8}-[a-z0-9]{4}")
ALLOW: Json = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "allow-web"},
    "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}], "policyTypes": ["Ingress"]},
}
FRONT: Json = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": PORT}]},
}


@dataclass
class Shop:
    """A Deployment with a Service and a policy that lets everybody in, and a client beside it."""

    cluster: Cluster
    namespace: str
    folder: Path
    target: Json
    sibling: Json
    client: Json

    def irkit(self, *words: str, context: str = "", kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Type a command; files are this test's own."""
        env = {
            "HOME": str(self.folder), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200",
            "KUBECONFIG": str(kubeconfig or self.cluster.kubeconfig), "IRKIT_STATE": str(self.folder / "state"),
        }  # fmt: skip
        command = [sys.executable, "-m", "irkit", "--context", context or self.cluster.context, *words]
        return subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=240, check=False
        )

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.target['metadata']['name']}"

    def contain(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.irkit("contain", "pod", self.name, "--yes", *words, **more)

    def address(self, one: Json) -> str:
        return str(one["status"]["podIP"])

    def reaches(self, source: Json, target: Json) -> bool:
        """What the network does, looked at from inside the source's network namespace."""
        return self.cluster.connect_from(source, self.address(target), PORT) == "open"

    def take_back(self, case: str, **more: Any) -> None:
        """Undo. Where the ReplicaSet would delete the pod that comes back, do first what irkit says, then undo again."""
        undone = self.irkit("undo", case, "--yes", **more)
        if undone.returncode:
            assert "controller.kubernetes.io/pod-deletion-cost=2147483647" in undone.stdout, (
                undone.stdout + undone.stderr
            )
            self.keep("2147483647")
            undone = self.irkit("undo", case, "--yes", **more)
        assert 0 == undone.returncode, undone.stdout + undone.stderr
        self.keep(None)

    def keep(self, cost: str | None) -> None:
        change = {"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": cost}}}
        self.cluster.patch("Pod", self.target["metadata"]["name"], change, self.namespace)

    def dump(self) -> dict[str, Json]:
        """The target, and everything else of its namespace and all nodes that irkit could have changed.

        Left out are what controllers make and count by themselves: other pods, EndpointSlices and events, status,
        versions and managed fields.
        """
        found = {}
        for one in self.cluster.dump():
            meta = one["metadata"]
            if meta.get("namespace", "") != self.namespace and one["kind"] != "Node":
                continue
            if one["kind"] in {"EndpointSlice", "Event"} or (
                one["kind"] == "Pod" and meta["uid"] != self.target["metadata"]["uid"]
            ):
                continue
            for key in ("resourceVersion", "managedFields", "generation"):
                meta.pop(key, None)
            if not meta.get("annotations"):
                meta.pop("annotations", None)
            one.pop("status", None)
            found[f"{one['kind']} {meta['name']}"] = one
        return found


@pytest.fixture
def shop(harness: Cluster, tmp_path: Path) -> Iterator[Shop]:
    with harness.namespace("shop") as name:
        harness.apply(deployment("web", 3), FRONT, ALLOW, pod("client", {"app": "client"}), namespace=name)
        web, (client,) = harness.ready(name, 3, app="web"), harness.ready(name, 1, app="client")
        harness.settle()
        (tmp_path / "irkit.yaml").write_text(f"inputs: {{tools_image: '{TOOLS}'}}\n")
        try:
            yield Shop(harness, name, tmp_path, web[0], web[1], client)
        finally:
            left = {"labels": {"irkit.dev/case": None}, "annotations": {"irkit.dev/originals": None}}
            for node in harness.list_of("Node"):  # what a test did not take back
                harness.patch("Node", node["metadata"]["name"], {"metadata": left, "spec": {"unschedulable": None}})


def case_of(done: subprocess.CompletedProcess[str]) -> str:
    found = CASE.search(done.stdout)
    assert found, done.stdout + done.stderr
    return found[0]
