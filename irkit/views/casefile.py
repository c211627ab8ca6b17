"""A case as the screens and the report show it: the folded state, with what each step is for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from irkit.actions.catalog import Catalog
from irkit.engine.decide import units
from irkit.journal.blobs import Blobs
from irkit.journal.reading import read_journal
from irkit.journal.state import CaseState, RunState, StepState
from irkit.model import records as r
from irkit.model.playbooks import Playbook
from irkit.model.times import milliseconds

_UNNEEDED = "not needed: "
"""How the engine begins such a reason: every screen says it by the status already."""
OPEN = frozenset({"new", "acting", "waiting", "parked", "asked"})


@dataclass(frozen=True, slots=True)
class StepView:
    """One unit of a run. `status` is its verdict's, or its phase while it is open."""

    key: str
    uses: str
    purpose: str
    state: StepState

    @property
    def status(self) -> str:
        """A verdict's status, `unneeded` where its condition was false, or new, acting, waiting, parked, asked."""
        if self.state.condition:
            return "unneeded"
        return self.state.verdict.status if self.closed and self.state.verdict else self.state.phase

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self.state.phase == "closed"

    @property
    def why(self) -> str:
        """The verdict's reason, or what an open step waits for."""
        if self.closed and self.state.verdict is not None:
            why = self.state.verdict.why or self.state.reason
            return why.removeprefix(_UNNEEDED) if self.state.condition else why
        return self.state.why

    @property
    def milliseconds(self) -> int:
        """From its first record to its end; -1 where it has no end."""
        if not self.state.ended or not self.state.started:
            return -1
        return max(milliseconds(self.state.started, self.state.ended), 0)


@dataclass(frozen=True, slots=True)
class RunView:
    """One run with its steps in the playbook's order."""

    run: RunState
    playbook: Playbook | None
    steps: tuple[StepView, ...]

    @property
    def contain(self) -> tuple[StepView, ...]:
        """The steps that decide the last screen: not those that were not needed."""
        return tuple(step for step in self.steps if step.purpose == "contain" and step.status != "unneeded")


@dataclass(slots=True)
class CaseFile:
    """A case read from its folder. `records` are all of them, in order."""

    folder: Path
    catalog: Catalog
    state: CaseState = field(default_factory=CaseState)
    records: list[r.Record] = field(default_factory=list)
    _playbooks: dict[str, Playbook | None] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, catalog: Catalog) -> CaseFile:
        """The case of this folder, without its lock. Raises JournalError, JournalCorrupt."""
        found = cls(folder, catalog)
        found.hear(read_journal(folder))
        return found

    def hear(self, records: Iterable[r.Record]) -> None:
        """Take further records in."""
        for record in records:
            self.state.apply(record)
            self.records.append(record)

    def playbook(self, run: RunState) -> Playbook | None:
        """The playbook that the run executes, or None where its blob is gone."""
        if run.checked not in self._playbooks:
            from pydantic import ValidationError  # noqa: PLC0415 -- only used here

            from irkit.errors import JournalError  # noqa: PLC0415 -- only used here

            try:
                data = Blobs(self.folder).get(run.checked)
                self._playbooks[run.checked] = Playbook.model_validate_json(data)
            except (JournalError, ValidationError, OSError):
                self._playbooks[run.checked] = None
        return self._playbooks[run.checked]

    def view(self, run: RunState) -> RunView:
        """The run's steps, those that have not begun included."""
        playbook = self.playbook(run)
        if playbook is None:
            lost = (StepView(key, "", "", state) for key, state in run.steps.items())
            return RunView(run, None, tuple(lost))
        found: dict[str, StepView] = {}
        known = {unit.step.id for unit in units(playbook, run)}
        for step in playbook.steps:
            if step.id not in known:  # a `for_each` that is not expanded, or has no children
                state = run.steps.get(step.id) or StepState(step.id)
                if step.id not in run.children or state.phase == "closed":
                    found[step.id] = StepView(step.id, step.uses, self.purpose(step.uses), state)
                continue
            for unit in units(playbook, run):
                if unit.step.id == step.id:
                    state = run.steps.get(unit.key) or StepState(unit.key)
                    found[unit.key] = StepView(unit.key, step.uses, self.purpose(step.uses), state)
        return RunView(run, playbook, tuple(found.values()))

    def purpose(self, uses: str) -> str:
        """What the action is for, or "" where this irkit does not have it."""
        action = self.catalog.get(uses)
        return action.spec.purpose if action else ""

    def latest(self) -> RunState | None:
        """The newest open run, which a resume goes on with, else the newest of all."""
        if self.state.open_runs:
            return self.state.open_runs[-1]
        return next(reversed(self.state.runs.values()), None)

    def head(self) -> str:
        """The hash of the last record."""
        return self.records[-1].hash if self.records else ""

    def seal(self) -> r.Sealed | None:
        """The newest seal."""
        return next((x.body for x in reversed(self.records) if isinstance(x.body, r.Sealed)), None)
