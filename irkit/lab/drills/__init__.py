"""Drills: an incident with a known right answer, and the judgement of what irkit made of it.

A drill is a folder here: `drill.yaml` says what must come of it, `finding.json` is the finding that starts it, and
the world is the one that the finding describes. What irkit claims is checked against the lab's own world, which
knows nothing of irkit's journal: a claim that the world does not bear out is a false "done", and so is a step after
which an attacker can still do what it should prevent (`trials`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from irkit.errors import ConfigError, UsageError
from irkit.journal.state import CaseState, RunState
from irkit.lab.drills.trials import Trial, Way
from irkit.lab.scenario import read
from irkit.model.base import Json, Model

HERE = Path(__file__).parent


class Claim(Model):
    """What must be so in the world where this step says that it is done; `{case}` and `{pod}` stand for their names."""

    step: str
    kind: str
    namespace: str = ""
    name: str = ""
    at: tuple[str, ...]
    equals: Json


class Drill(Model):
    """What must come of a drill. `exit_status` is irkit's own; `verdicts` are by step, `trials` an attacker's."""

    name: str
    title: str
    story: str
    exit_status: int
    verdicts: dict[str, str]
    claims: tuple[Claim, ...]
    trials: tuple[Trial, ...] = ()
    minimum_artefacts: int = 1

    @property
    def finding(self) -> Path:
        """The finding that starts it."""
        return HERE / self.name / "finding.json"


@dataclass(frozen=True, slots=True)
class Score:
    """The judgement. Everything but `contained_ms` is the same for the same world."""

    case: str
    passed: bool
    contained_ms: int
    proven: int
    steps: int
    false_done: tuple[str, ...]
    differences: tuple[str, ...]
    artefacts: int


def names() -> tuple[str, ...]:
    """The shipped drills, sorted."""
    return tuple(sorted(path.parent.name for path in HERE.glob("*/drill.yaml")))


def load(name: str) -> Drill:
    """A drill. Raises UsageError where there is none of this name."""
    if name not in names():
        msg = f"there is no drill {name[:60]!r}"
        raise UsageError(msg, did="nothing was started", hint=f"irkit drill list: {', '.join(names())}")
    source = f"{name}/drill.yaml"
    try:
        return checked(Drill.parse({"name": name, **read((HERE / source).read_bytes(), source)}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"{source}: {where}: {first['msg']}"
        raise ConfigError(msg, did="nothing was started") from error


def checked(drill: Drill) -> Drill:
    """The drill itself. Raises ConfigError where something is claimed of a step of which no verdict is expected."""
    named = {one.step for one in drill.claims} | {one.step for one in drill.trials}
    strange = sorted(named - drill.verdicts.keys())
    if strange:
        msg = f"{drill.name}/drill.yaml: no verdict is expected of {', '.join(strange)}"
        raise ConfigError(msg, did="nothing was started")
    return drill


def judge(  # noqa: PLR0913, PLR0917 -- what irkit said, and what is so
    drill: Drill, case: CaseState, run: RunState, status: int, world: list[dict[str, Any]], works: Collection[Way]
) -> Score:
    """Compare what irkit said with what the drill expects, with the world, and with what still works in it."""
    verdicts = {key: step.verdict.status for key, step in run.steps.items() if step.verdict is not None}
    differences = [
        f"step {step} was {verdicts.get(step, 'not run')}, expected {wanted}"
        for step, wanted in sorted(drill.verdicts.items())
        if verdicts.get(step) != wanted
    ]
    if status != drill.exit_status:
        differences.append(f"irkit ended with status {status}, expected {drill.exit_status}")
    kept = sum(1 for one in case.artefacts if one.complete)
    if kept < drill.minimum_artefacts:
        differences.append(f"{kept} artefacts were kept, expected {drill.minimum_artefacts} at least")
    pod = case.target.name if case.target is not None else ""
    said = {"proven", "leaky", "unproven"}
    false_done = [
        f"{claim.step}: {claim.kind} {'/'.join(claim.at)} is not as it says"
        for claim in drill.claims
        if verdicts.get(claim.step) in said and not _holds(claim, {"case": case.case, "pod": pod}, world)
    ]
    false_done += [
        f"{trial.step}: an attacker can still {trial.does}"
        for trial in drill.trials
        if verdicts.get(trial.step) == "proven" and trial.does in works
    ]
    return Score(
        case=case.case,
        passed=not differences and not false_done,
        contained_ms=run.contained_ms,
        proven=sum(1 for verdict in verdicts.values() if verdict == "proven"),
        steps=len(verdicts),
        false_done=tuple(false_done),
        differences=tuple(differences),
        artefacts=kept,
    )


def _holds(claim: Claim, names_: dict[str, str], world: list[dict[str, Any]]) -> bool:
    wanted = claim.equals.format(**names_) if isinstance(claim.equals, str) else claim.equals
    name = claim.name.format(**names_)
    return any(
        _at(doc, claim.at) == wanted
        for doc in world
        if doc.get("kind") == claim.kind
        and (not name or _at(doc, ("metadata", "name")) == name)
        and (not claim.namespace or _at(doc, ("metadata", "namespace")) == claim.namespace)
    )


def _at(doc: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 -- JSON of any shape
    for key in path:
        doc = doc.get(key) if isinstance(doc, dict) else None
    return doc
