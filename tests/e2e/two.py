"""Two labs in one case, and irkit with one state folder for both."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from irkit.app import clock
from irkit.app.runs import App, Ask, Heard, Parts, Ticket
from irkit.clients.kube import Budget, connect
from irkit.engine.perform import Closed, Parked
from irkit.journal.state import RunState
from irkit.lab.behaviour import TOOLS
from irkit.model.base import Json
from irkit.model.ports import Kube
from irkit.model.refs import ClusterRef, ImageRef, TargetRef
from irkit.playbook import shipped
from tests.crash.harness import world_of
from tests.e2e.stage import Stage

US = "arn:aws:eks:us-east-1:111122223333:cluster/prod-us"
Where = Literal["here", "there"]


@dataclass
class Two:
    """Two labs, and irkit with one state folder for both."""

    here: Stage
    there: Stage
    budgets: dict[str, Budget]
    _hangs: bool = False

    def app(self) -> App:
        def reach(cluster: ClusterRef, agent: str) -> Kube:
            stage = self.here if cluster.id == self.here.lab.cluster else self.there
            return connect(
                cluster, stage.lab.kubeconfig, stage.lab.context, user_agent=agent,
                read_seconds=1.0 if self._hangs and stage is self.there else 20.0, budget=self.budgets.get(cluster.id),
            )  # fmt: skip

        return App(self.here.state, "ana", Parts(connect=reach), limits=self.here.limits, lab=True)

    def pod(self, where: Where, number: int = 0) -> TargetRef:
        return (self.here if where == "here" else self.there).pods[number]

    def image(self, where: Where, name: str = "web:1") -> TargetRef:
        """By its digest: nothing has to be looked up."""
        stage = self.here if where == "here" else self.there
        return ImageRef(cluster=ClusterRef(id=stage.lab.cluster), name=name, uid=digest(stage, name))

    def ask(self, book: str, name: str, here: TargetRef, there: TargetRef) -> Ask:
        source, file = shipped.load(book)
        given: dict[str, Json] = {name: here.dump(), "tools_image": TOOLS}
        return Ask(here, source, file, given, clock.now(), beside=(there,))

    def open(self, book: str = "compromised-pod", name: str = "pod") -> Ticket:
        kind = self.pod if name == "pod" else self.image
        return self.app().open_run(self.ask(book, name, kind("here"), kind("there")))

    def advance(self, ticket: Ticket, heard: Heard = lambda _records: None) -> Closed | Parked:
        return self.app().advance(ticket, threading.Event(), heard)

    def undo(self, case: str) -> RunState:
        app = self.app()
        end = app.advance(app.open_undo(case, clock.now()), threading.Event(), lambda _records: None)
        assert isinstance(end, Closed), end
        return end.run

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """The process there stands still: connections are taken, and nothing answers, for which nobody waits long."""
        os.kill(self.there.lab.pid, signal.SIGSTOP)
        self._hangs = True
        try:
            yield
        finally:
            self._hangs = False
            os.kill(self.there.lab.pid, signal.SIGCONT)

    def worlds(self) -> list[object]:
        return [world_of(one.control) for one in (self.here, self.there)]


def digest(stage: Stage, tag: str) -> str:
    """What the lab's runtime says that it runs under a tag."""
    for one in stage.control.dump():
        for status in one.get("status", {}).get("containerStatuses", []) if one["kind"] == "Pod" else []:
            if status["image"].endswith(tag):
                return str(status["imageID"]).rpartition("sha256:")[2]
    raise AssertionError(tag)
