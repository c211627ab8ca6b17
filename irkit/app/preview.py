"""The plan of a run before it is one: every step looked at once, against one snapshot, and nothing written.

Spooled bytes are hashed and dropped; the case's evidence folder is only read; no journal is opened for write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from irkit.app.clusters import checked
from irkit.app.preflight import permissions
from irkit.app.runs import App, Ask
from irkit.app.standing import Standing, standing
from irkit.engine import approvals
from irkit.engine.aside import Aside, outcome
from irkit.engine.decide import Unit, outputs, verdicts
from irkit.engine.look import Blocked, Broken, look, outputs_json, prepare
from irkit.engine.preflight import Need, Preflight
from irkit.errors import JournalError
from irkit.journal.state import CaseState, RunState
from irkit.model.base import Json, digest
from irkit.model.effects import AwsCall, KubeCall, Store
from irkit.model.plans import Change, Impact, Refuse, Settled, Verdict
from irkit.model.playbooks import Expr, Playbook, Step, When
from irkit.model.ports import Artefact, EvidenceReader, KubeReader, Spooled
from irkit.model.refs import ClusterRef
from irkit.playbook.bindings import Missing, expand
from irkit.playbook.conditions import holds

PLACEHOLDER = "IR-00000000-plan"
"""Stands in marks and object names for the id of a case that does not exist yet."""
BESIDE = 4
"""Reviews of permissions at a time, beside the looks: those are one after the other, and take longer. More would only
be more connections, and looks that wait behind them where the configuration lets a cluster be asked little."""
Kind = Literal["change", "settled", "wait", "refused", "blocked", "later"]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of one object, before and after."""

    target: str
    field: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What one step would do now. `later`: known only after another step; `why` says which.

    `approval`: a second person must agree before it changes anything; `demanded` is what asks for that. `about` is what
    a child of a `for_each` is about, as the plan names it: `shop/web-1`.
    """

    key: str
    uses: str
    purpose: str
    kind: Kind
    why: str
    target: str = ""
    effects: tuple[KubeCall | AwsCall | Store, ...] = ()
    fields: tuple[FieldChange, ...] = ()
    impact: tuple[Impact, ...] = ()
    approval: bool = False
    accept_loss: str = ""
    hint: str = ""
    verdict: Verdict | None = None
    no_undo: str = ""
    demanded: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The whole plan. `missing` are permissions that irkit does not have.

    `digest` is of what will be done, call by call: the same while the world is the same.
    """

    ask: Ask
    playbook: Playbook
    case: str  # "" where the run would open a new one
    steps: tuple[PlannedStep, ...]
    missing: tuple[Need, ...]
    unchecked: str  # why permissions could not be checked, or ""
    digest: str
    standing: Standing = field(default_factory=Standing)

    @property
    def refused(self) -> tuple[PlannedStep, ...]:
        """Steps that a guard or their action refuses."""
        return tuple(step for step in self.steps if step.kind == "refused")

    @property
    def blocking(self) -> tuple[Need, ...]:
        """Missing permissions of steps that must not fail: such a run would not begin."""
        return Preflight(self.missing).blocking


class PreviewReader:
    """A reader for the whole plan: one snapshot of the cluster, and nothing kept of what is spooled."""

    def __init__(self, app: App, case: str, crowd: int) -> None:
        self._app = app
        self._case = case
        self._crowd = crowd
        self._snapshots: dict[str, KubeReader] = {}

    def kube(self, cluster: ClusterRef) -> KubeReader:
        """The Kubernetes plane, each thing read once."""
        from irkit.clients.snapshot import SnapshotReader  # noqa: PLC0415 -- with the clients, when needed

        if cluster.id not in self._snapshots:
            self._snapshots[cluster.id] = SnapshotReader(self._app.kube(cluster).reader, self._crowd)
        return self._snapshots[cluster.id]

    @property
    def evidence(self) -> EvidenceReader:
        """What the open case has stored already; nothing where there is none."""
        if not self._case:
            return _NoEvidence()
        from irkit.clients.objects import DirectoryEvidence  # noqa: PLC0415 -- with the clients, when needed

        return DirectoryEvidence(self._app.cases.folder(self._case) / "artefacts")

    def spool(self, name: str, chunks: Iterable[bytes]) -> Spooled:
        """Hash and drop."""
        hashed, size = hashlib.sha256(), 0
        for chunk in chunks:
            hashed.update(chunk)
            size += len(chunk)
        return Spooled(name, hashed.hexdigest(), size)


class _NoEvidence:
    def find(self, key: str) -> Artefact | None:  # noqa: ARG002 -- the port's
        return None

    def any(self, folder: str) -> bool:  # noqa: ARG002 -- the port's
        return False

    def content(self, key: str, limit: int) -> bytes:  # noqa: ARG002 -- the port's
        msg = f"there is no artefact {key}"
        raise JournalError(msg)


def preview(app: App, ask: Ask) -> Preview:
    """Look at every step once. Raises PlaybookError, UsageError (inputs), ClientError where nothing can be read."""
    playbook, inputs = checked(ask, app.parts.catalog)
    found = app.cases.find(ask.target)
    case = found.case if found and (app.cases.folder(found.case) / "journal.jsonl").exists() else ""
    state = app.cases.load(case) if case else CaseState(case=PLACEHOLDER)
    run = RunState(
        id="r0", mode="apply", name=playbook.name, playbook="", checked="", inputs=inputs, who=app.who,
        actions={}, opened=ask.asked, asked=ask.asked, undoes=(),
        earlier=frozenset(one.location for one in state.artefacts),
    )  # fmt: skip
    fleet = any(step.for_each is not None for step in playbook.steps)
    reader = PreviewReader(app, case, app.limits.max_targets if fleet else 1)
    kube = app.kube(ask.target.cluster)
    with Aside(1, thread_name_prefix="irkit-preflight") as pool:  # neither waits for the other
        asked = pool.submit(permissions, kube, playbook, app.parts.catalog, ask.target, inputs, wave=BESIDE)
        steps = _steps(app, playbook, state, run, reader)
        seen = standing(reader.kube(ask.target.cluster), ask.target)
        allowed = outcome(asked)
    templates: list[Json] = [_promise(effect) for step in steps for effect in step.effects]
    whole = digest({"playbook": hashlib.sha256(ask.playbook).hexdigest(), "inputs": inputs, "calls": templates})
    return Preview(ask, playbook, case, tuple(steps), allowed.missing, allowed.unchecked, whole, seen)


def _steps(
    app: App, playbook: Playbook, state: CaseState, run: RunState, reader: PreviewReader
) -> list[PlannedStep]:  # fmt: skip
    """Every step, in the playbook's order: what is behind one that stops the run is skipped."""
    steps: list[PlannedStep] = []
    stopped: dict[str, str] = {}
    for step in playbook.steps:
        before = next((need for need in step.needs if need in stopped), "")
        if before:
            why = f"will be skipped: it needs `{before}`, which {stopped[before]}"
            planned = [PlannedStep(step.id, step.uses, _purpose(app, step), "later", why)]
        else:
            planned = _conditional(app, step, playbook, state, run, reader)
        steps.extend(planned)
        refused = any(one.kind == "refused" for one in planned)
        if step.on_failure == "stop" and (before or refused):
            stopped[step.id] = "is refused" if refused else "is skipped"
    return steps


def _promise(effect: KubeCall | AwsCall | Store) -> Json:
    """What is promised of a call. The bytes of evidence are read anew for each plan, and differ: they are not."""
    if isinstance(effect, Store):
        return {"type": effect.type, "name": effect.name, "key": effect.key, "media_type": effect.media_type}
    return approvals.template(effect)


def _purpose(app: App, step: Step) -> str:
    action = app.parts.catalog.get(step.uses)
    return action.spec.purpose if action else ""


def _conditional(  # noqa: PLR0913, PLR0917 -- a look needs the whole setting
    app: App, step: Step, playbook: Playbook, state: CaseState, run: RunState, reader: PreviewReader
) -> list[PlannedStep]:
    """The step's plan, where it is needed; what it depends on where that is not known yet."""
    if step.when is None:
        return _step(app, step, playbook, state, run, reader)
    known = verdicts(playbook, run)
    held = holds(step.when, run.inputs, outputs(playbook, run), known)
    if isinstance(held, Missing) and any(name[0] == "steps" and name[1] not in known for name in step.when.names):
        return [_maybe(one, step.when) for one in _step(app, step, playbook, state, run, reader)]
    if held is True:
        return _step(app, step, playbook, state, run, reader)
    why = f"not needed: `when: {step.when}` is false"
    if isinstance(held, Missing):
        why = f"will fail: {held.why}, in `when: {step.when}`"
    else:
        entry = run.step(step.id)
        entry.phase, entry.verdict, entry.condition = "closed", Verdict(status="skipped", why=why), step.when.text
    return [PlannedStep(step.id, step.uses, _purpose(app, step), "later", why)]


def _maybe(one: PlannedStep, when: When) -> PlannedStep:
    """A step of which only the steps before it can say whether it is needed: a no to it now is no refusal."""
    if one.kind != "refused":
        return replace(one, why=f"only if then `{when}`: {one.why}")
    return replace(one, kind="later", why=f"only if then `{when}`; as things are now it could not: {one.why}", hint="")


def _step(  # noqa: PLR0913, PLR0917 -- a look needs the whole setting
    app: App, step: Step, playbook: Playbook, state: CaseState, run: RunState, reader: PreviewReader
) -> list[PlannedStep]:
    purpose = _purpose(app, step)
    units = [Unit(step.id, step)]
    if step.for_each is not None:
        children = expand(step, run.inputs, outputs(playbook, run))
        if isinstance(children, Missing):
            return [_later(app, step, step.id, children.why, playbook, run)]
        if len(children) > app.limits.max_targets:
            why = f"{len(children)} targets are more than the limit of {app.limits.max_targets}"
            hint = f"raise it with --max-targets {len(children)}"
            return [PlannedStep(step.id, step.uses, purpose, "refused", why, hint=hint)]
        run.children[step.id] = tuple(key for key, _ in children)
        run.items.update(dict(children))
        units = [Unit(key, step, item) for key, item in children]
    return [replace(_unit(app, unit, playbook, state, run, reader), about=_about(unit)) for unit in units]


def _about(unit: Unit) -> str:
    """What a child is about; "" for a step that is no child."""
    item = unit.item
    if unit.step.for_each is None or not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return ""
    return f"{item['namespace']}/{item['name']}" if item.get("namespace") else str(item["name"])


def _unit(  # noqa: PLR0913, PLR0917 -- as above
    app: App, unit: Unit, playbook: Playbook, state: CaseState, run: RunState, reader: PreviewReader
) -> PlannedStep:
    step = unit.step
    task = prepare(unit, playbook, state, run, app.parts.catalog)
    purpose = _purpose(app, step)
    if isinstance(task, Missing):
        return _later(app, step, unit.key, task.why, playbook, run)
    if isinstance(task, Refuse):
        return PlannedStep(unit.key, step.uses, purpose, "refused", task.why, hint=task.hint)
    seen = look(task, reader, app.limits)
    target, demanded = str(task.target), _demanded(app, step)
    if isinstance(seen, Blocked | Broken):
        hint = seen.hint if isinstance(seen, Blocked) else ""
        return PlannedStep(
            unit.key, step.uses, purpose, "blocked", seen.detail, target, hint=hint,
            approval=bool(demanded), demanded=demanded,
        )  # fmt: skip
    plan, spec = seen.plan, task.action.spec
    if isinstance(plan, Settled):
        entry = run.step(unit.key)
        entry.phase, entry.verdict, entry.outputs = "closed", plan.verdict, outputs_json(plan.outputs)
        return PlannedStep(unit.key, step.uses, purpose, "settled", plan.reason, target, verdict=plan.verdict)
    if isinstance(plan, Change):
        return PlannedStep(
            unit.key, step.uses, purpose, "change", plan.why, target, plan.effects, _fields(plan), plan.impact,
            approval=bool(demanded), demanded=demanded, accept_loss=step.accept_loss, no_undo=spec.no_undo,
        )  # fmt: skip
    if isinstance(plan, Refuse):
        return PlannedStep(unit.key, step.uses, purpose, "refused", plan.why, target, hint=plan.hint)
    return PlannedStep(
        unit.key, step.uses, purpose, "wait", plan.why, target, approval=bool(demanded), demanded=demanded
    )


def _demanded(app: App, step: Step) -> str:
    """What makes a second person needed before the step may change anything, or ""."""
    action = app.parts.catalog.get(step.uses)
    if action is None or not approvals.needed(step, action.spec):
        return ""
    return "the playbook asks for it" if step.approval == "required" else f"{step.uses} is destructive"


def _fields(plan: Change) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(one.target, one.field, one.value, plan.after[one.field])
        for one in plan.originals
        if one.field in plan.after
    )


def _later(  # noqa: PLR0913, PLR0917 -- as above
    app: App, step: Step, key: str, why: str, playbook: Playbook, run: RunState
) -> PlannedStep:
    """Which steps must run first; or, where all of them have answered, that this one will be skipped."""
    known = outputs(playbook, run)
    named = [*step.arguments.values(), *([step.for_each] if step.for_each else [])]
    sources = dict.fromkeys(one.expr[1] for one in named if isinstance(one, Expr) and one.expr[0] == "steps")
    open_ones = [name for name in sources if name not in known]
    purpose = _purpose(app, step)
    if not open_ones:
        return PlannedStep(key, step.uses, purpose, "later", f"will be skipped: {why}")
    demanded = _demanded(app, step)
    return PlannedStep(
        key, step.uses, purpose, "later", f"known only after {', '.join(open_ones)}",
        approval=bool(demanded), demanded=demanded,
    )  # fmt: skip
