"""Cases for the views' tests: records made by hand, as a journal would hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.catalog import Catalog
from irkit.journal.blobs import Blobs
from irkit.model import records as r
from irkit.model.base import Json, Model, canonical
from irkit.model.findings import Finding
from irkit.model.kube import PODS
from irkit.model.plans import Verdict
from irkit.model.playbooks import Playbook, Step
from irkit.model.refs import ClusterRef, PodRef
from irkit.views.casefile import CaseFile, RunView

CASE = "IR-20261120-k7f2"
CLUSTER = ClusterRef(id="arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu")
POD = PodRef(cluster=CLUSTER, namespace="shop", name="web-1", uid="5b1c0000-0000-0000-0000-0000000000e2")
WHO = r.Who(operator="ada", host="laptop", pid=1)
ZERO = "0" * 64
TIME = "2026-11-20T03:00:0{}.000000Z"


class Nothing(Model):
    """No parameters."""


class _Fake(Defaults):
    def __init__(self, action: str, purpose: Any, risk: Any = "reversible") -> None:
        self.spec = ActionSpec(
            id=action, version=1, title=action, purpose=purpose, params=Nothing, outputs=NoOutputs, reads=(),
            risk=risk, example="",
        )  # fmt: skip


CATALOG = Catalog.of(  # views ask for purposes only
    *(_Fake(f"test.{purpose}", purpose) for purpose in ("read", "protect", "contain", "capture", "probe")),  # type: ignore[arg-type]
)


def playbook(*steps: tuple[str, str]) -> Playbook:
    made = tuple(Step(id=step, uses=f"test.{purpose}", arguments={}) for step, purpose in steps)
    return Playbook(name="book", title="Book", inputs=(), steps=made)


def case_file(
    folder: Path,
    book: Playbook,
    bodies: Sequence[r.AnyBody] = (),
    *,
    mode: Any = "apply",
    lab: bool = False,
    operator: str = "ada",
    finding: Finding | None = None,
) -> tuple[CaseFile, RunView]:
    """A case with one run of this playbook, and what was recorded of it."""
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    checked = Blobs(folder).put(canonical(book.dump()))
    who = WHO.model_copy(update={"operator": operator})
    first: list[r.AnyBody] = [
        r.CaseOpened(
            case=CASE, cluster=CLUSTER, cluster_uid="u-1", target=POD, generation=1, who=who, tool="0", lab=lab
        )
    ]
    if finding is not None:
        first.append(r.FindingJoined(finding=finding, artefact="findings/x.json"))
    first.append(
        r.RunOpened(
            run="r1", mode=mode, name=book.name, playbook=checked, checked=checked, inputs={}, actions={}, who=who,
            tool="0", asked=TIME.format(0), undoes=("r0",) if mode == "undo" else (),
        )
    )  # fmt: skip
    case = CaseFile(folder, CATALOG)
    case.hear(records([*first, *bodies]))
    return case, case.view(case.state.runs["r1"])


def records(bodies: Sequence[r.AnyBody], start: int = 0) -> list[r.Record]:
    return [
        r.Record(
            seq=start + index, time=f"2026-11-20T03:00:{min(index, 59):02d}.000000Z", prev=ZERO, writer="w",
            kind=body.kind, body=body, hash=ZERO,
        )
        for index, body in enumerate(bodies)
    ]  # fmt: skip


def closed(step: str, status: Any, why: str = "because", *, hint: str = "", condition: str = "") -> r.StepClosed:
    verdict = Verdict(status=status, why=why)
    return r.StepClosed(run="r1", step=step, verdict=verdict, reason=why, hint=hint, condition=condition)


def parked(step: str, detail: str = "no answer", hint: str = "log in") -> r.StepParked:
    return r.StepParked(run="r1", step=step, turn=1, why="unreachable", detail=detail, hint=hint)


def asked(step: str, reason: str = "it is destructive") -> r.ApprovalAsked:
    return r.ApprovalAsked(run="r1", step=step, turn=1, digest="7c1f09ab" + "0" * 56, envelope={}, reason=reason)


def wrote(step: str, *, failed: bool = False, verb: str = "patch", name: str = "web-1") -> list[r.AnyBody]:
    """An effect, intended and ended."""
    key = f"{step}.0.apply.e"
    call: dict[str, Json] = {
        "type": "kube", "verb": verb, "resource": PODS.dump(), "namespace": "shop", "object": name, "name": "e",
        "body": [{"op": "add", "path": "/x", "value": name}],
    }  # fmt: skip
    intended = r.EffectIntended(run="r1", step=step, turn=1, key=key, name="e", mark=ZERO, attempt=1, call=call)
    if failed:
        return [intended, r.EffectFailed(run="r1", step=step, key=key, name="e", mark=ZERO, error="denied", status=403,
                                         reason="Forbidden", message="no")]  # fmt: skip
    done = r.EffectDone(run="r1", step=step, key=key, name="e", mark=ZERO, reply={}, status=200, request_id="req-1")
    return [intended, done]


def ended(outcome: Any = "complete", contained_ms: int = -1) -> r.RunClosed:
    return r.RunClosed(run="r1", outcome=outcome, verdicts={}, swept=0, contained_ms=contained_ms)
