"""One look at the world for one unit: resolve, observe, plan. Reads only; runs on a worker thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from irkit.actions.api import Action, TargetRef
from irkit.actions.catalog import Catalog
from irkit.engine.decide import Unit, outputs
from irkit.engine.guard import DeclaredReader, Limits, check_effects, check_target
from irkit.errors import (
    ClientError,
    CredentialsExpired,
    Denied,
    IrkitError,
    Refused,
    ServerFault,
    Throttled,
    Unreachable,
)
from irkit.journal.state import CaseState, RunState
from irkit.model.base import Json, Model, digest
from irkit.model.effects import Mark
from irkit.model.plans import Change, Originals, Plan, Receipts, Refuse
from irkit.model.playbooks import Playbook
from irkit.model.ports import Reader
from irkit.model.refs import ClusterRef
from irkit.playbook.bindings import Missing, resolve


@dataclass(frozen=True, slots=True)
class Aim:
    """What a unit is about. The same for all of a run: what it refers to has ended before it begins."""

    action: Action[Any, Any]
    params: Model
    target: TargetRef | ClusterRef
    mark: Mark


@dataclass(frozen=True, slots=True)
class Task:
    """All that a look needs, gathered by the writer thread: workers never see the changing state."""

    unit: Unit
    action: Action[Any, Any]
    params: Model
    target: TargetRef | ClusterRef
    mark: Mark
    mine: Receipts
    originals: Originals
    undo: bool
    seq: int  # the journal as it was when the look began
    earlier: frozenset[str] = frozenset()  # keys of the artefacts that were there before the run


@dataclass(frozen=True, slots=True)
class Looked:
    """What the action wants."""

    task: Task
    plan: Plan


@dataclass(frozen=True, slots=True)
class Blocked:
    """Looking was not possible. `retry` seconds: worth another try by itself; None: only others can help."""

    task: Task
    why: Literal["credentials", "unreachable", "denied"] | None
    detail: str
    hint: str = ""
    retry: float | None = None
    counts: bool = True  # whether this try counts towards giving up; being told to come back later does not
    answered: bool = False  # the API is there, and has no answer to this


@dataclass(frozen=True, slots=True)
class Broken:
    """irkit's own fault: the action raised what it must not."""

    task: Task
    detail: str


def prepare(
    unit: Unit, playbook: Playbook, state: CaseState, run: RunState, catalog: Catalog
) -> Task | Missing | Refuse:
    """Gather what the look needs. Pure.

    Gives Missing where an argument leads to nothing, Refuse where the arguments are not what the action takes.
    """
    aimed = aim(unit, playbook, state, run, catalog)
    return task_of(unit, aimed, state, run) if isinstance(aimed, Aim) else aimed


def aim(unit: Unit, playbook: Playbook, state: CaseState, run: RunState, catalog: Catalog) -> Aim | Missing | Refuse:
    """Resolve and check the unit's arguments. As `prepare`."""
    action = catalog.get(unit.step.uses)
    if action is None:
        return Refuse(f"this irkit has no action {unit.step.uses}", hint="resume with the version that opened the run")
    arguments = resolve(unit.step, run.inputs, outputs(playbook, run), unit.item)
    if isinstance(arguments, Missing):
        return arguments
    try:
        params = action.spec.params.parse(arguments)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return Refuse(f"{unit.step.uses}: parameter {where}: {first['msg']}")
    return Aim(action, params, action.target(params), mark_of(action, params, state.case))


def task_of(unit: Unit, aimed: Aim, state: CaseState, run: RunState) -> Task:
    """What an aimed unit needs of the journal as it is now."""
    undo, mark, target = run.mode == "undo", aimed.mark, aimed.target
    return Task(
        unit=unit, action=aimed.action, params=aimed.params, target=target, mark=mark,
        mine=state.receipts(mark.id, target.key), originals=state.originals_for(mark.id) if undo else {},
        undo=undo, seq=state.seq, earlier=run.earlier,
    )  # fmt: skip


def mark_of(action: Action[Any, Any], params: Model, case: str) -> Mark:
    """The mark by which this work is recognised, by whomever it is done."""
    target = action.target(params)
    cluster = target if isinstance(target, ClusterRef) else target.cluster
    return Mark(
        within=cluster.id,
        case=case,
        action=action.spec.id,
        scope=action.scope(params),
        params=digest(action.mark_params(params)),
    )


def look(task: Task, reader: Reader, limits: Limits) -> Looked | Blocked | Broken:
    """Observe and plan. Every way in which the world can fail becomes a value."""
    spec = task.action.spec
    try:
        refusal = check_target(spec, task.target, limits)
        if refusal is not None:
            return Looked(task, refusal)
        facts = task.action.observe(task.params, task.mark, DeclaredReader(reader, spec, task.earlier))
        if task.undo:
            plan = task.action.undo(task.params, task.mark, task.originals, facts, task.mine)
        else:
            plan = task.action.plan(task.params, task.mark, facts, task.mine)
        if isinstance(plan, Change):
            refusal = check_effects(spec, plan.effects, task.mark.within)
            plan = refusal or plan
    except Refused as error:
        return Looked(task, Refuse(error.message, hint=error.hint))
    except (CredentialsExpired, Unreachable, ServerFault, Denied) as error:
        return Blocked(task, _park_reason(error), str(error), error.hint, answered=isinstance(error, ServerFault))
    except Throttled as error:
        return Blocked(task, None, str(error), retry=error.retry_after, counts=False)
    except IrkitError as error:
        return Blocked(task, None, str(error), error.hint, retry=1.0)
    except Exception as error:  # noqa: BLE001 -- one action's bug must not stop the containment beside it
        return Broken(task, f"irkit itself failed in {spec.id}: {type(error).__name__}")
    return Looked(task, plan)


def _park_reason(error: ClientError) -> Literal["credentials", "unreachable", "denied"]:
    if isinstance(error, CredentialsExpired):
        return "credentials"
    return "denied" if isinstance(error, Denied) else "unreachable"


def outputs_json(model: Model | None) -> dict[str, Json] | None:
    """An action's outputs as they are journaled and handed to later steps."""
    return None if model is None else model.dump()
