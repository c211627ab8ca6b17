"""irkit killed at named points against a real API server: the matrix of tests/crash, in another world."""

from __future__ import annotations

import random
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from irkit.engine.perform import Engine
from irkit.playbook import shipped
from tests.cluster.api import KINDS, Json
from tests.cluster.images import TOOLS
from tests.cluster.live import Cluster, is_ready
from tests.cluster.pods import PORT, pod
from tests.crash import invariants
from tests.crash.harness import CASE, TWO, Overseer, Scene, world_of
from tests.crash.invariants import Outcome
from tests.crash.matrix import uninterrupted, violated
from tests.crash.test_matrix import BlindReissue, IntentAfterEffect

pytestmark = pytest.mark.timeout(900)

THREE = (
    TWO.replace(b"{name: two, title: Two}", b"{name: three, title: Three}")
    + b"""
    - id: release
      uses: kube.release_pod
      needs: [isolate]
      with: {pod: "${inputs.pod}"}
"""
)
SHOP: tuple[Json, ...] = (
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "allow-web"},
        "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}], "policyTypes": ["Ingress"]},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": PORT}]},
    },
    pod("web-1", {"app": "web"}),
    pod("web-2", {"app": "web"}),
)
"""Owned by nobody: a controller would start other pods, and choose which of them to delete after an undo."""
IGNORED = {"EndpointSlice", "Event", "Lease"}
PLURALS = {plural: kind for kind, (_, plural, _) in KINDS.items()}


@dataclass(frozen=True, slots=True)
class RealSite:
    """Where irkit finds the cluster."""

    kubeconfig: Path
    context: str

    @property
    def cluster(self) -> str:
        return f"context:{self.context}"


@dataclass(slots=True)
class Real(Overseer):
    """One namespace of a real cluster, and its nodes, in the words of a lab's control plane."""

    cluster: Cluster
    namespace: str
    before: dict[str, Any] = field(default_factory=dict)
    _since: int = 0

    def reset(self) -> None:
        """The last undo was to bring back the world as it was; where it did not, that is over now."""
        now = world_of(self)
        if not self.before:
            self.before = now
        assert self.before == now, "a run before this one left something behind"

    def settle(self) -> None:
        """Until what follows from labels and policies by itself has followed."""
        self.cluster.until("the Service to have its pods", self._served)
        self.cluster.settle()

    def _served(self) -> bool:
        pods = {one["metadata"]["name"]: one for one in self.cluster.list_of("Pod", self.namespace)}
        wanted = {name for name, one in pods.items() if one["metadata"].get("labels", {}).get("app") == "web"}
        slices = self.cluster.list_of("EndpointSlice", self.namespace, **{"kubernetes.io/service-name": "web"})
        ends = [one for each in slices for one in each.get("endpoints") or ()]
        ready = {one["targetRef"]["name"] for one in ends if one["conditions"].get("ready")}
        return ready == wanted and all(is_ready(one) for one in pods.values())

    def dump(self) -> list[Json]:
        """The namespace's objects, the nodes and what bears the case's label, without what the cluster says of them."""
        found = [
            one
            for kind, (_, _, namespaced) in KINDS.items()
            if kind not in IGNORED
            for one in self.cluster.list_of(kind, self.namespace if namespaced else None)
            if namespaced or kind == "Node" or one["metadata"].get("labels", {}).get("irkit.dev/case") == CASE
        ]
        for one in found:
            one.pop("status", None)
        return found

    def get(self, resource: str, name: str, namespace: str) -> Json | None:
        kind = PLURALS[resource]
        return self.cluster.get(kind, name, namespace) if self.cluster.exists(kind, name, namespace) else None

    def merge(self, resource: str, name: str, changes: Json, namespace: str) -> object:
        return self.cluster.patch(PLURALS[resource], name, changes, namespace)

    def clear_audit(self) -> None:
        self._since = self.cluster.mark()

    def audit(self) -> list[Json]:
        """What this case asked of the API server, by its own audit log.

        Less the tool pods that it made: a try that said too little is made again, and on a busy machine some say little.
        Less what changed nothing because its sender died before the API server had read it whole.
        """
        return [
            {
                "verb": one["verb"],
                "resource": one["objectRef"]["resource"],
                "namespace": one["objectRef"].get("namespace", ""),
                "name": one["objectRef"].get("name", ""),
                "body": None,
            }
            for one in self.cluster.audit(self._since)
            if f"({CASE})" in one.get("userAgent", "") and "objectRef" in one
            if not is_tool_pod(one) and not is_torn(one)
        ]

    def unserved(self) -> list[str]:
        return []


@pytest.fixture
def real(harness: Cluster) -> Iterator[Real]:
    with harness.namespace("crash") as name:
        harness.apply(*SHOP, namespace=name)
        harness.ready(name, 2, app="web")
        yield Real(harness, name)


TORN = 500
"""What the API server notes of it."""


def is_tool_pod(entry: Json) -> bool:
    """Whether a tool pod of this case was made or taken away."""
    made = entry["objectRef"]
    return (
        entry["verb"] in {"create", "delete"}
        and made["resource"] == "pods"
        and made.get("name", "").startswith(TOOL_PODS)
    )


def is_torn(entry: Json) -> bool:
    """Whether a write ended with its sender, before the API server had its whole body. Nothing else is left out."""
    status = entry.get("responseStatus", {})
    ended = status.get("message", "").endswith(("read: connection reset by peer", "unexpected EOF"))
    return bool(entry["verb"] not in {"get", "list"} and status.get("code") == TORN and ended)


def scene_of(real: Real, folder: Path, playbook: bytes, **inputs: Any) -> Scene:
    site = RealSite(real.cluster.kubeconfig, real.cluster.context)
    pod = f"{real.namespace}/web-1"
    return Scene(site, real, folder, playbook, pod=pod, inputs=inputs, simulated=False)


@pytest.mark.parametrize("reset", [True, False])
def test_what_died_with_its_sender_is_told_from_what_was_read_whole(
    harness: Cluster, namespace: str, tmp_path: Path, reset: bool
) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "patch"]}]
    actor = harness.actor(namespace, "dies", tmp_path, rules=rules)
    where, there = f"/api/v1/namespaces/{namespace}/configmaps", urlsplit(harness.api.server)
    asked = {
        f"POST {where}": b'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "some"}}',
        f"PATCH {where}/some": b'[{"op": "add", "path": "/data", "value": {"a": "b"}}]',
    }
    for verb in rules[0]["verbs"]:
        right = {"namespace": namespace, "verb": verb, "resource": "configmaps"}
        harness.until(f"the right to {verb}", partial(harness.allows, actor.username, **right))
    mark = harness.mark()
    for whole in (False, True):
        for line, body in asked.items():
            kind = "application/json-patch+json" if line.startswith("PATCH") else "application/json"
            head = f"{line} HTTP/1.1\r\nHost: x\r\nUser-Agent: dies\r\nAuthorization: Bearer {actor.token}\r\n"
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            with (
                socket.create_connection((there.hostname or "", there.port or 0)) as plain,
                harness.api.trust.wrap_socket(plain, server_hostname=there.hostname) as safe,
            ):
                safe.sendall(head.encode() + (body if whole else body[:10]))
                if whole:
                    safe.recv(1)
                elif reset:
                    time.sleep(0.2)  # tickets for a later session arrive, and are left unread
                else:
                    safe.setblocking(False)
                    with suppress(ssl.SSLError):
                        safe.recv(65536)
                    safe.setblocking(True)
                    safe.shutdown(socket.SHUT_WR)
                    time.sleep(0.2)

    def seen() -> list[tuple[str, bool, int]]:
        entries = [one for one in harness.audit(mark) if one.get("userAgent") == "dies"]
        return [(one["verb"], is_torn(one), one["responseStatus"]["code"]) for one in entries]

    harness.until("all four to be noted", lambda: len(seen()) == 4)
    wanted = [("create", True, 500), ("patch", True, 500), ("create", False, 201), ("patch", False, 200)]
    assert sorted(wanted) == sorted(seen()), [one.get("responseStatus") for one in harness.audit(mark)]


UNREACHED = "the point was not reached (status 0)"
"""What waits for the cluster may have to wait a turn more or less than the time before."""


def cell(scene: Scene, real: Real, folder: Path, wanted: Outcome, point: str) -> list[str]:
    """Die there, resume, take it all back; what does not hold."""
    found = violated(scene, folder, wanted, [point])
    if invariants.VERDICTS in found:
        now = invariants.outcome(scene).verdicts.items()
        found += [f"{key}: {verdict}" for key, verdict in sorted(now - wanted.verdicts.items())]
    undone = scene.child(scene.undo)
    if undone.code != 0:
        found.append(f"the undo did not end (status {undone.code})")
    elif world_of(real) != real.before:
        found.append("the undo did not bring the world back")
    return found


def matrix(scene: Scene, real: Real, folder: Path, points: Sequence[str], wanted: Outcome) -> dict[str, list[str]]:
    """What does not hold, by point. Ends at the first that leaves something behind: the next would begin with it."""
    wrong: dict[str, list[str]] = {}
    for point in points:
        if found := cell(scene, real, folder, wanted, point):
            wrong[point] = found
        if any("undo" in one for one in found):
            break
    return wrong


def test_every_single_crash_of_marking_isolating_and_releasing(real: Real, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    scene = scene_of(real, folder, THREE)
    points, wanted = uninterrupted(scene, folder)
    assert 0 == scene.child(scene.undo).code
    assert len(points) >= 66, points

    wrong = matrix(scene, real, folder, points, wanted)

    missed = [point for point, found in wrong.items() if found == [UNREACHED]]
    assert {} == {point: found for point, found in wrong.items() if point not in missed}
    assert len(missed) <= 3, missed


TOOL_PODS = f"irkit-{CASE.rpartition('-')[2].lower()}-"
SAMPLE = 12
"""Of some three hundred points; a cell takes ten seconds, as tool pods are started in it."""


def test_a_sample_of_crashes_of_the_whole_playbook(real: Real, tmp_path: Path) -> None:
    """With a cordon, tool pods that cut and probe, and artefacts: the same few points each time."""
    folder = tmp_path / "state"
    scene = scene_of(real, folder, shipped.load("compromised-pod")[0], tools_image=TOOLS)
    try:
        points, wanted = uninterrupted(scene, folder)
        assert 0 == scene.child(scene.undo).code
        chosen = random.Random(20261121).sample([point for point in points if "step.waiting" not in point], SAMPLE)

        wrong = matrix(scene, real, folder, chosen, wanted)

        missed = [point for point, found in wrong.items() if found == [UNREACHED]]
        assert {} == {point: found for point, found in wrong.items() if point not in missed}
        assert len(missed) <= SAMPLE // 4, missed
    finally:
        tidy(real)


def tidy(real: Real) -> None:
    """Nodes are everybody's: what a failed undo left at them is taken off, if it is of this case."""
    left = {"labels": {"irkit.dev/case": None}, "annotations": {"irkit.dev/originals": None}}
    for node in real.cluster.list_of("Node", **{"irkit.dev/case": CASE}):
        name = node["metadata"]["name"]
        real.cluster.patch("Node", name, {"metadata": left, "spec": {"unschedulable": None}})


@pytest.mark.parametrize(
    ("engine", "point", "invariant"),
    [
        (BlindReissue, "sent effect isolate/policy turn 1", invariants.ONCE),
        (IntentAfterEffect, "before effect.intended isolate/policy turn 1", invariants.INTENT),
    ],
)
def test_a_broken_engine_is_caught_by_name(
    engine: type[Engine], point: str, invariant: str, real: Real, tmp_path: Path
) -> None:
    """By one point each: the audit log of a real API server shows what the lab's shows."""
    folder = tmp_path / "state"
    scene = scene_of(real, folder, THREE)
    _, wanted = uninterrupted(scene, folder)
    assert 0 == scene.child(scene.undo).code
    scene.engine = engine
    assert invariant in violated(scene, folder, wanted, [point])
