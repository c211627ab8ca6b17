"""Shipped playbooks on the stage: run as commands run them, and what the lab's network says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from irkit.app import clock
from irkit.app.runs import Ask, Ticket
from irkit.engine.perform import Closed, Parked
from irkit.journal.state import RunState
from irkit.lab.behaviour import TOOLS
from irkit.model.base import Json
from irkit.model.refs import ClusterRef, PodRef, TargetRef
from irkit.playbook import shipped
from tests.e2e.stage import Stage, verdicts


@dataclass
class Play:
    """One shipped playbook about one thing of the shop, typed by name and pinned as commands pin it."""

    stage: Stage
    book: str
    name: str
    target: TargetRef
    tools: bool = True

    def ask(self, **inputs: Json) -> Ask:
        target = self.stage.app().resolve(self.target)
        given: dict[str, Json] = {self.name: target.dump(), **inputs}
        if self.tools:
            given["tools_image"] = TOOLS
        source, name = shipped.load(self.book)
        return Ask(target, source, name, given, clock.now())

    def run(self, **inputs: Json) -> tuple[Ticket, Closed | Parked]:
        ticket = self.stage.app().open_run(self.ask(**inputs))
        return ticket, self.stage.advance(ticket)

    def undo(self, case: str) -> RunState:
        app = self.stage.app()
        end = self.stage.advance(app.open_undo(case, clock.now()), app)
        assert isinstance(end, Closed), end
        return end.run


def by_step(run: RunState) -> dict[str, set[str]]:
    """Verdicts by the step's name, those of a for_each together."""
    found: dict[str, set[str]] = {}
    for key, verdict in verdicts(run).items():
        found.setdefault(key.partition("[")[0], set()).add(verdict)
    return found


def why(run: RunState, step: str) -> str:
    verdict = run.steps[step].verdict
    assert verdict is not None
    return verdict.why


def proven(*steps: str) -> dict[str, set[str]]:
    return {step: {"proven"} for step in steps}


def cluster(stage: Stage) -> ClusterRef:
    return ClusterRef(id=stage.lab.cluster)


def address(stage: Stage, pod: PodRef) -> str:
    found = stage.control.get("pods", pod.name, pod.namespace)
    assert found is not None
    return str(found["status"]["podIP"])


def passes(stage: Stage, source: PodRef, target: PodRef) -> bool:
    """What the lab's network says."""
    return stage.control.connect(source.path, address(stage, target), 8080) == "open"


def refusing(stage: Stage, how: Literal["drop", "reject"]) -> None:
    stage.control.behave(stage.control.behaviour().model_copy(update={"refuse": how}))


def make_probeable(stage: Stage) -> None:
    """No policy that lets everybody in, and an API server behind its Service, as pods of every cluster have it.

    Packets are dropped: where an agent refuses them, a port of which nobody knows that it serves proves nothing.
    """
    refusing(stage, "drop")
    stage.control.delete("networkpolicies", "allow-web", "shop")
    meta = {"name": "kubernetes", "namespace": "default"}
    container = {"name": "api", "image": "api:1", "ports": [{"containerPort": 443, "protocol": "TCP"}]}
    status = {
        "phase": "Running", "podIP": "10.0.1.200", "podIPs": [{"ip": "10.0.1.200"}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }  # fmt: skip
    node = next(one["metadata"]["name"] for one in stage.control.dump() if one["kind"] == "Node")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, "labels": {"api": "here"}}}
    stage.control.put({**pod, "spec": {"nodeName": node, "containers": [container]}, "status": status})
    spec = {"clusterIP": "10.100.0.1", "selector": {"api": "here"}, "ports": [{"port": 443, "protocol": "TCP"}]}
    stage.control.put({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
