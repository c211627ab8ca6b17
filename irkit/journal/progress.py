"""The parts of a case's state: its runs and their steps. `state` says what makes them change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from irkit.model import records as r
from irkit.model.base import Json
from irkit.model.plans import Drift, Impact, Original, Verdict


@dataclass(slots=True)
class StepState:
    """One step, or one child of a `for_each`, of a run."""

    key: str
    turn: int = 0
    phase: Literal["new", "acting", "waiting", "parked", "asked", "closed"] = "new"
    started: str = ""  # when the present stretch of work began; a resume begins another
    until: str = ""
    why: str = ""
    hint: str = ""
    failures: int = 0  # effects and looks in a row that did not succeed
    asked: str = ""
    approved: set[str] = field(default_factory=set)
    verdict: Verdict | None = None
    reason: str = ""
    outputs: dict[str, Json] | None = None
    mark: str = ""
    target: str = ""
    impact: tuple[Impact, ...] = ()
    drift: tuple[Drift, ...] = ()
    ended: str = ""
    envelope: Json = None
    condition: str = ""  # the `when` that was false: the step was not needed
    swept: bool = False  # the final look found it otherwise


@dataclass(slots=True)
class RunState:
    """One run of the case."""

    id: str
    mode: Literal["apply", "undo"]
    name: str
    playbook: str
    checked: str
    inputs: dict[str, Json]
    who: r.Who
    opened: str
    asked: str
    undoes: tuple[str, ...]
    actions: dict[str, int]
    steps: dict[str, StepState] = field(default_factory=dict)
    children: dict[str, tuple[str, ...]] = field(default_factory=dict)
    items: dict[str, Json] = field(default_factory=dict)  # child key -> its item
    over: set[str] = field(default_factory=set)  # steps that were seen to have ended, with all their children
    outcome: str = ""
    closed: str = ""
    paused: r.Pause | None = None
    paused_at: str = ""
    contained_ms: int = -1
    aborting: bool = False
    earlier: frozenset[str] = frozenset()  # keys of the artefacts that were there before it

    def step(self, key: str) -> StepState:
        """The step's state; a fresh one where nothing was recorded of it."""
        return self.steps.setdefault(key, StepState(key))


@dataclass(slots=True)
class Kept:
    """A first value, while its generation lasts."""

    original: Original
    mark: str
