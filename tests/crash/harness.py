"""Runs irkit in child processes against a lab process, and ends them where it is told to."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from irkit.app.runs import App, Ask, Parts, Ticket
from irkit.clients.kube import Pool, connect
from irkit.engine.perform import Closed, Engine
from irkit.errors import UsageError
from irkit.journal.state import CaseState
from irkit.journal.store import read_journal
from irkit.model.base import Json
from irkit.model.findings import Finding
from irkit.model.ports import Kube, World
from irkit.model.refs import ClusterRef, PodRef
from tests.crash.points import PointedEvidence, PointedTransport, Points, journal_class
from tests.support.timeless import timeless

ASKED = "2026-11-21T03:00:00.000000Z"
CASE = "IR-20261121-test"
TWO = b"""
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata: {name: two, title: Two}
spec:
  inputs:
    pod: {type: pod}
  steps:
    - id: label
      uses: kube.label_pod
      with: {pod: "${inputs.pod}"}
    - id: isolate
      uses: kube.isolate_pod
      needs: [label]
      with: {pod: "${inputs.pod}"}
"""


class Site(Protocol):
    """A cluster, and how irkit reaches it: a lab in another process, or a real one."""

    @property
    def cluster(self) -> str: ...

    @property
    def kubeconfig(self) -> Path: ...

    @property
    def context(self) -> str: ...


class Overseer(Protocol):
    """The world seen and set from outside, as a lab's control plane does it; it shares nothing with irkit's client."""

    def reset(self) -> None: ...

    def settle(self) -> None: ...

    def dump(self) -> list[dict[str, Any]]: ...

    def get(self, resource: str, name: str, namespace: str) -> dict[str, Any] | None: ...

    def merge(self, resource: str, name: str, changes: dict[str, Any], namespace: str) -> object: ...

    def clear_audit(self) -> None: ...

    def audit(self) -> list[dict[str, Any]]: ...

    def unserved(self) -> list[str]: ...


@dataclass(slots=True)
class Scene:
    """One world, one state folder, one incident."""

    site: Site
    control: Overseer
    state: Path
    playbook: bytes
    pod: str = "shop/web"
    engine: type[Engine] = Engine
    finding: Finding | None = None
    raw: bytes | None = None
    asked: str = ASKED
    inputs: dict[str, Json] = field(default_factory=dict)
    simulated: bool = True  # whether the site is a lab
    target: PodRef = field(init=False)

    def reset(self, state: Path) -> None:
        """The world as it was, no case, no audit entries; the case id of the next case is fixed."""
        self.control.reset()
        self.control.clear_audit()
        self.state = state
        self.target = self._target()  # here: children must not talk over this process's control connection
        self.app(Points()).cases.allocate(self.target, ASKED, lambda: "test")

    def _target(self) -> PodRef:
        """The pod that the incident is about, with its uid."""
        namespace, _, prefix = self.pod.partition("/")
        pods = [
            doc for doc in self.control.dump()
            if doc["kind"] == "Pod" and doc["metadata"]["namespace"] == namespace
            and doc["metadata"]["name"].startswith(prefix)
        ]  # fmt: skip
        found = min(pods, key=lambda doc: str(doc["metadata"]["name"]))["metadata"]
        return PodRef(
            cluster=ClusterRef(id=self.site.cluster), namespace=namespace, name=found["name"], uid=found["uid"]
        )

    def app(self, points: Points) -> PointedApp:
        """irkit, composed over the real wire, with points in its store and transport."""

        def reach(cluster: ClusterRef, agent: str) -> Kube:
            return connect(
                cluster, self.site.kubeconfig, self.site.context, user_agent=agent,
                transport=lambda login: PointedTransport(Pool(login, 8), points),
            )  # fmt: skip

        parts = Parts(connect=reach, open_journal=journal_class(points).open, engine=self.engine)
        return PointedApp(self.state, "ana", parts, points, lab=self.simulated)

    def respond(self, app: App) -> bool:
        """The main job, as every caller does it. Whether the run ended."""
        pod = self.target
        given = {"pod": pod.dump(), **self.inputs}
        ask = Ask(pod, self.playbook, "test.yaml", given, self.asked, self.finding, self.raw)
        return advance(app, app.open_run(ask, preflight=False))  # it only asks; its time would be most of a life's

    def undo(self, app: App) -> bool:
        """Take everything back, if there is anything."""
        try:
            ticket = app.open_undo(CASE, ASKED, preflight=False)
        except UsageError as error:
            assert "nothing to undo" in error.message  # noqa: PT017 -- a child process: nobody else would see it
            return True
        return advance(app, ticket)

    def case(self) -> CaseState:
        """What the journal says."""
        return CaseState().fold(read_journal(self.folder))

    @property
    def folder(self) -> Path:
        """The case's folder."""
        return self.state / "cases" / CASE

    def child(self, work: Callable[[App], bool], kill_at: str = "") -> Ended:
        """Do the work in a child process, forked from this warm one; end it by SIGKILL at the point."""
        reads, writes = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                os.close(reads)
                status = 0 if work(self.app(Points(writes, kill_at))) else 75
            except BaseException:  # noqa: BLE001 -- a child must never run the rest of the test suite
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(status)
        os.close(writes)
        with os.fdopen(reads) as pipe:
            told = pipe.read().splitlines()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return Ended(code, told)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended, and the points that it passed."""

    code: int
    told: list[str] = field(default_factory=list)

    @property
    def points(self) -> list[str]:
        """The points among what it told."""
        return [line for line in self.told if not line.startswith("look ")]

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class PointedApp(App):
    """The app with points around its evidence store."""

    def __init__(self, state: Path, operator: str, parts: Parts, points: Points, *, lab: bool) -> None:
        super().__init__(state, operator, parts, lab=lab)
        self._points = points

    def world(self, case: str) -> World:
        found: Any = super().world(case)
        found.evidence = PointedEvidence(self.cases.folder(case) / "artefacts", self._points)
        return found  # type: ignore[no-any-return]  # a LiveWorld whose evidence passes points


def advance(app: App, ticket: Ticket) -> bool:
    end = app.advance(ticket, threading.Event(), lambda _records: None)
    return isinstance(end, Closed)


VOLATILE = ("uid", "resourceVersion", "managedFields", "creationTimestamp", "generation")


def world_of(control: Overseer) -> dict[str, Any]:
    """The whole world by object, without what differs between two equal runs."""
    control.settle()
    found = {}
    for doc in timeless(control.dump()):
        metadata = doc["metadata"]
        name = f"{doc['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
        for key in VOLATILE:
            metadata.pop(key, None)
        for key in ("labels", "annotations"):
            if not metadata.get(key):  # the real API drops empty maps when it writes
                metadata.pop(key, None)
        found[name] = doc
    return found


def writes_of(control: Overseer) -> list[str]:
    """Every write that was asked for, by what it was to do to which object. Reviews change nothing and are left out."""
    found = []
    for entry in control.audit():
        if entry["verb"] in {"get", "list"} or "review" in entry["resource"]:
            continue
        name = entry["name"] or (entry["body"] or {}).get("metadata", {}).get("name", "")
        found.append(f"{entry['verb']} {entry['resource']} {entry['namespace']}/{name}")
    return sorted(found)


__all__ = ["ASKED", "CASE", "Ended", "Scene", "world_of", "writes_of"]
