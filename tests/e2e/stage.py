"""irkit, composed as it is for users, over the wire to a lab process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from irkit.app import clock
from irkit.app.runs import App, Ask, Heard, Parts, Ticket
from irkit.clients.kube import connect
from irkit.engine.guard import Limits
from irkit.engine.inbox import Request, new_id
from irkit.engine.perform import Closed, Parked
from irkit.journal.state import RunState
from irkit.journal.store import read_journal
from irkit.lab.process import LabInfo
from irkit.lab.remote import LabControl
from irkit.model.base import Json
from irkit.model.ports import Kube
from irkit.model.records import Record
from irkit.model.refs import ClusterRef, PodRef


@dataclass(slots=True)
class Stage:
    """One lab and one state folder."""

    lab: LabInfo
    control: LabControl
    state: Path
    stop: threading.Event = field(default_factory=threading.Event)
    limits: Limits = field(default_factory=Limits)

    @classmethod
    @contextmanager
    def of(cls, lab: LabInfo, state: Path, limits: Limits | None = None) -> Iterator[Stage]:
        """The lab as it was seeded; it has served all that was asked of it."""
        with lab.control() as control:
            control.reset()
            control.clear_audit()
            control.clear_faults()
            yield cls(lab, control, state, limits=limits or Limits())
            assert [] == control.unserved()

    def app(self, operator: str = "ana", read_seconds: float = 20.0) -> App:
        def reach(cluster: ClusterRef, agent: str) -> Kube:
            return connect(cluster, self.lab.kubeconfig, self.lab.context, user_agent=agent, read_seconds=read_seconds)

        return App(self.state, operator, Parts(connect=reach), limits=self.limits, lab=True)

    @property
    def pods(self) -> list[PodRef]:
        """The shop's web pods, resolved, by name."""
        found = [doc["metadata"] for doc in self.control.dump() if doc["kind"] == "Pod"]
        cluster = ClusterRef(id=self.lab.cluster)
        return [
            PodRef(cluster=cluster, namespace="shop", name=one["name"], uid=one["uid"])
            for one in sorted(found, key=lambda one: str(one["name"]))
            if one["namespace"] == "shop"
        ]

    def open(self, playbook: str, app: App | None = None, pod: int = 0) -> Ticket:
        """Open a run about one of the pods: the first is of a ReplicaSet, the last is owned by nobody."""
        target = self.pods[pod]
        given: dict[str, Json] = {"pod": target.dump()}
        return (app or self.app()).open_run(Ask(target, playbook.encode(), "test.yaml", given, clock.now()))

    def advance(
        self, ticket: Ticket, app: App | None = None, heard: Heard = lambda _records: None, **more: Any
    ) -> Closed | Parked:
        return (app or self.app()).advance(ticket, self.stop, heard, **more)

    def run(self, playbook: str, pod: int = 0) -> tuple[Ticket, Closed | Parked]:
        ticket = self.open(playbook, pod=pod)
        return ticket, self.advance(ticket)

    def request(self, ticket: Ticket, wants: Any, operator: str = "bo", **more: Any) -> None:
        who = clock.who(operator)
        self.app(operator).ask_case(ticket.case, Request(id=new_id(clock.now()), wants=wants, who=who, **more))

    def records(self, case: str) -> tuple[Record, ...]:
        return read_journal(self.state / "cases" / case)

    def writes(self) -> list[str]:
        """Every write that was asked of the API, reviews left out."""
        return [
            f"{entry['verb']} {entry['resource']}"
            for entry in self.control.audit()
            if entry["verb"] not in {"get", "list"} and "review" not in entry["resource"]
        ]


def verdicts(run: RunState) -> dict[str, str]:
    return {key: step.verdict.status for key, step in run.steps.items() if step.verdict is not None}


def book(steps: str) -> str:
    """A playbook with one pod as input."""
    head = "apiVersion: irkit.dev/v1alpha1\nkind: Playbook\nmetadata: {name: test, title: Test}\n"
    return f"{head}spec:\n  inputs:\n    pod: {{type: pod}}\n  steps:\n{steps}"


LABEL = '    - {id: label, uses: kube.label_pod, with: {pod: "${inputs.pod}"}}\n'
ISOLATE = '    - {id: isolate, uses: kube.isolate_pod, needs: [label], with: {pod: "${inputs.pod}"}}\n'
DELETE = (
    '    - {id: kill, uses: kube.delete_pod, accept_loss: "a test", with: {pod: "${inputs.pod}", grace_seconds: 1}}\n'
)
