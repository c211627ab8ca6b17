"""Looking again at a case: is everything that irkit did still as irkit left it? Reads only, and journals nothing."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from irkit.app.clients import Clients
from irkit.app.newcomers import Newcomer, newcomers
from irkit.app.runs import App
from irkit.app.undo import PARTLY
from irkit.engine.aside import Aside
from irkit.engine.decide import Unit, crowd, units
from irkit.engine.look import Blocked, Broken, Looked, Task, look, prepare
from irkit.errors import Refused
from irkit.journal.blobs import Blobs
from irkit.journal.state import CaseState, RunState
from irkit.model.plans import Change, Settled, Verdict, Wait
from irkit.model.playbooks import Playbook
from irkit.model.ports import EvidenceReader, KubeReader, Spooled
from irkit.model.refs import ClusterRef, PodRef

WORKERS = 16
_DONE = frozenset({"proven", "leaky", "unproven"})
_KEEPS = frozenset({"contain", "protect"})

Status = Literal["holds", "leaky", "unproven", "drifted", "never", "unknown"]
"""`drifted`: somebody undid or changed it. `never`: it was never done. `unknown`: it cannot be looked at now."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One containing or protecting step, as it is now."""

    run: str
    step: str
    uses: str
    purpose: str
    target: str
    before: str  # the verdict of its run
    status: Status
    why: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Checkup:
    """The whole look. `undone` counts what was taken back since, and `opened` names those of it that contained.

    `unsearched` says why new pods were not looked for.
    """

    case: str
    at: str
    steps: tuple[Checked, ...]
    undone: int = 0
    newcomers: tuple[Newcomer, ...] = ()
    unsearched: str = ""
    opened: tuple[str, ...] = ()


class CheckReader:
    """One snapshot for the whole look. Nothing is kept of what an action spools."""

    def __init__(self, app: App, case: str, crowd: int, pins: Mapping[str, str] = MappingProxyType({})) -> None:
        self._app = app
        self._case = case
        self._crowd = crowd
        self._clients = Clients(lambda cluster: app.kube(cluster, case), pins)
        self._guard = threading.Lock()
        self._snapshots: dict[str, KubeReader] = {}

    def kube(self, cluster: ClusterRef) -> KubeReader:
        """The Kubernetes plane; the user agent carries the case, as in its runs."""
        from irkit.clients.snapshot import SnapshotReader  # noqa: PLC0415 -- with the clients, when needed

        inner = self._clients.get(cluster).reader
        with self._guard:
            return self._snapshots.setdefault(cluster.id, SnapshotReader(inner, self._crowd))

    @property
    def evidence(self) -> EvidenceReader:
        """What the case has stored."""
        from irkit.clients.objects import DirectoryEvidence  # noqa: PLC0415 -- with the clients, when needed

        return DirectoryEvidence(self._app.cases.folder(self._case) / "artefacts")

    def spool(self, name: str, chunks: Iterable[bytes]) -> Spooled:
        """Hash and drop."""
        hashed, size = hashlib.sha256(), 0
        for chunk in chunks:
            hashed.update(chunk)
            size += len(chunk)
        return Spooled(name, hashed.hexdigest(), size)


@dataclass(frozen=True, slots=True)
class _Kept:
    run: RunState
    unit: Unit
    purpose: str
    task: Task


def check(app: App, case: str) -> Checkup:
    """Observe every containing and protecting step of the case once more.

    Raises UsageError where there is no such case, Refused where its cluster is another one now, ClientError where
    nothing can be asked at all.
    """
    state = app.cases.load(case)
    if state.cluster is None:
        return Checkup(case, app.parts.clock(), ())
    _same(app, state)
    kept, never, taken = _steps(app, state)
    reader = CheckReader(app, case, crowd(one.unit for one in kept), state.pins)
    with Aside(WORKERS, thread_name_prefix="irkit") as pool:
        seen = pool.each(lambda one: look(one.task, reader, app.limits), kept)
    steps = [_judged(one, found) for one, found in zip(kept, seen, strict=True)]
    pods = [one.task.target for one in kept if isinstance(one.task.target, PodRef)]
    if isinstance(state.target, PodRef):
        pods.append(state.target)
    found, unsearched = newcomers(reader, pods, state)
    return Checkup(case, app.parts.clock(), (*steps, *never), len(taken), found, unsearched, _opened(taken))


def _same(app: App, state: CaseState) -> None:
    assert state.cluster is not None  # noqa: S101 -- every case opens with its cluster
    if app.lab != state.lab:
        world = "the lab" if state.lab else "a real cluster"
        msg = f"{state.case} is about {world}, and this configuration is not"
        raise Refused(msg, hint="export IRKIT_CONFIG of the world that the case is about")
    if app.kube(state.cluster, state.case).identity() != state.cluster_uid:
        msg = f"{state.cluster} is now another cluster than the one that {state.case} is about"
        raise Refused(msg, hint="check the context in irkit.yaml")


def _opened(taken: list[_Kept]) -> tuple[str, ...]:
    return tuple(sorted({one.unit.key.partition("[")[0] for one in taken if one.purpose == "contain"}))


def _steps(app: App, state: CaseState) -> tuple[list[_Kept], list[Checked], list[_Kept]]:
    """What should hold, each mark and target once; what was never done; what was taken back."""
    kept: dict[tuple[str, str], _Kept] = {}
    never: list[Checked] = []
    taken: dict[tuple[str, str], _Kept] = {}
    undone = {
        name
        for run in state.runs.values()
        if run.mode == "undo" and run.name != PARTLY and run.outcome == "complete"
        for name in run.undoes
    }
    blobs = Blobs(app.cases.folder(state.case))
    for run in state.runs.values():
        if run.mode != "apply":
            continue
        playbook = Playbook.model_validate_json(blobs.get(run.checked))
        for unit in units(playbook, run):
            action = app.parts.catalog.get(unit.step.uses)
            if action is None or action.spec.purpose not in _KEEPS:
                continue
            entry = run.steps.get(unit.key)
            task = prepare(unit, playbook, state, run, app.parts.catalog)
            did = entry is not None and entry.verdict is not None and entry.verdict.status in _DONE
            if isinstance(task, Task) and did:
                key = (task.mark.id, task.target.key)
                held = run.id not in undone and task.target.key in state.users.get(task.mark.id, set())
                (kept if held else taken)[key] = _Kept(run, unit, action.spec.purpose, task)
            elif run.id not in undone and not (entry and entry.condition) and run.outcome != "superseded":
                never.append(_never(run, unit, action.spec.purpose, task))
    return list(kept.values()), never, [one for key, one in taken.items() if key not in kept]


def _never(run: RunState, unit: Unit, purpose: str, task: object) -> Checked:
    entry = run.steps.get(unit.key)
    verdict = entry.verdict if entry else None
    why = str(verdict) if verdict else (entry.why if entry and entry.why else "it has not begun")
    target = str(task.target) if isinstance(task, Task) else ""
    before = verdict.status if verdict else (entry.phase if entry else "new")
    hint = entry.hint if entry else ""
    return Checked(run.id, unit.key, unit.step.uses, purpose, target, before, "never", why, hint)


def _judged(one: _Kept, found: Looked | Blocked | Broken) -> Checked:
    verdict = one.run.steps[one.unit.key].verdict
    before = verdict.status if verdict else ""
    status, why, hint = _status(found, verdict)
    target = str(one.task.target)
    return Checked(one.run.id, one.unit.key, one.unit.step.uses, one.purpose, target, before, status, why, hint)


def _status(found: Looked | Blocked | Broken, before: Verdict | None) -> tuple[Status, str, str]:
    if isinstance(found, Blocked):
        return "unknown", found.detail, found.hint
    if isinstance(found, Broken):
        return "unknown", found.detail, ""
    plan = found.plan
    if isinstance(plan, Change):
        return "drifted", plan.why, ""
    if isinstance(plan, Settled):
        if plan.verdict.status == "proven":
            return "holds", plan.verdict.why or plan.reason, ""
        if plan.verdict.status == "leaky":
            new = before is not None and before != plan.verdict
            return ("drifted" if new else "leaky"), plan.verdict.why, ""
        return "unproven", plan.verdict.why, ""
    if isinstance(plan, Wait):
        return "unproven", f"it is changing: {plan.why}", ""
    return "drifted", plan.why, plan.hint
