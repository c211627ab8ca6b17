"""Records without a journal, for tests of the fold and of what is decided from it."""

from __future__ import annotations

from typing import Any

from irkit.journal.state import CaseState
from irkit.model import records as r
from irkit.model.effects import Mark
from irkit.model.plans import Verdict
from irkit.model.refs import ClusterRef, PodRef
from irkit.model.times import after

START = "2026-11-21T03:00:00.000000Z"
CLUSTER = ClusterRef(id="arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu")
POD = PodRef(cluster=CLUSTER, namespace="shop", name="web-1", uid="5b1c9c1e-0000-4000-8000-0000000000e2")
WHO = r.Who(operator="ana", host="laptop", pid=7)
OTHER = r.Who(operator="bo", host="desk", pid=8)
CASE = "IR-20261121-k7f2"
NOTHING = "0" * 64


def mark(action: str = "kube.label_pod", scope: str = "uid-1") -> Mark:
    return Mark(within=CLUSTER.id, case=CASE, action=action, scope=scope, params=NOTHING)


class Log:
    """Appends bodies with times a second apart, and folds them."""

    def __init__(self) -> None:
        self.records: list[r.Record] = []
        self.state = CaseState()

    def add(self, *bodies: Any, at: str = "") -> Log:
        for body in bodies:
            time = at or after(START, len(self.records))
            record = r.Record(
                seq=len(self.records), time=time, prev=NOTHING, writer="w", kind=body.kind, body=body, hash=NOTHING
            )
            self.records.append(record)
            self.state.apply(record)
        return self


def case_opened() -> r.CaseOpened:
    return r.CaseOpened(
        case=CASE, cluster=CLUSTER, cluster_uid="c-1", target=POD, generation=1, who=WHO, tool="0", lab=True
    )


def run_opened(run: str = "r1", mode: Any = "apply", **more: Any) -> r.RunOpened:
    given: dict[str, Any] = {
        "run": run, "mode": mode, "name": "p", "playbook": NOTHING, "checked": NOTHING, "inputs": {}, "actions": {},
        "who": WHO, "tool": "0", "asked": START,
    }  # fmt: skip
    return r.RunOpened(**(given | more))


def closed(step: str, verdict: Verdict | None = None, run: str = "r1", **more: Any) -> r.StepClosed:
    given: dict[str, Any] = {"target": POD.key, **more}
    return r.StepClosed(run=run, step=step, verdict=verdict or Verdict.proven("seen"), reason="because", **given)


def planned(step: str, touches: tuple[r.Touch, ...] = (), run: str = "r1", turn: int = 1) -> r.StepPlanned:
    return r.StepPlanned(
        run=run,
        step=step,
        turn=turn,
        action="kube.label_pod",
        mark=mark(),
        target=POD.key,
        why="x",
        effects=("label",),
        impact=(),
        touches=touches,
    )


def intended(step: str, key: str = "k", run: str = "r1", attempt: int = 1, mark_id: str = "") -> r.EffectIntended:
    return r.EffectIntended(
        run=run, step=step, turn=1, key=key, name="label", mark=mark_id or mark().id, attempt=attempt, call={}
    )


def done(step: str, key: str = "k", run: str = "r1", *, adopted: bool = False, mark_id: str = "") -> r.EffectDone:
    return r.EffectDone(
        run=run,
        step=step,
        key=key,
        name="label",
        mark=mark_id or mark().id,
        reply={},
        status=200,
        request_id="",
        adopted=adopted,
    )


def failed(step: str, key: str = "k", run: str = "r1") -> r.EffectFailed:
    return r.EffectFailed(
        run=run, step=step, key=key, name="label", mark=mark().id, error="conflict", status=409, reason="", message="no"
    )
