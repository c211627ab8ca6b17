"""What is asked of the app, what it answers with, and what it is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from irkit.actions.catalog import Catalog
from irkit.app import clock as clocks
from irkit.app.undo import Irreversible
from irkit.app.world import Connect
from irkit.engine.perform import Engine
from irkit.engine.preflight import Preflight
from irkit.journal.state import CaseState, RunState
from irkit.journal.store import FileJournal
from irkit.model import records as r
from irkit.model.base import Json, canonical
from irkit.model.findings import Finding
from irkit.model.playbooks import Playbook
from irkit.model.ports import Clock
from irkit.model.refs import TargetRef


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody wants run. `target` is resolved: it carries the uid of the living object.

    `beside` are the same in further clusters, one each: the playbook's steps run there too, in the same run.
    """

    target: TargetRef
    playbook: bytes
    playbook_name: str
    inputs: dict[str, Json]
    asked: str
    finding: Finding | None = None
    raw: bytes | None = None
    beside: tuple[TargetRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """A run of a case, opened or joined."""

    case: str
    run: str
    new_case: bool = False
    joined: bool = False
    irreversible: tuple[Irreversible, ...] = ()
    asked: str = ""  # when its command was started
    preflight: Preflight | None = None  # what the cluster would not let it do; None where it was not asked


@dataclass(slots=True)
class Parts:
    """What the composition is made of. Tests replace parts; nobody mocks above the wire."""

    connect: Connect
    clock: Clock = clocks.now
    open_journal: Callable[[Path, str, Clock], FileJournal] = FileJournal.open
    engine: type[Engine] = Engine
    catalog: Catalog = field(default_factory=Catalog.builtin)
    told: Callable[[str], None] = lambda _text: None  # hears what a command waits for, if it takes long
    patience: float = 60.0  # seconds that opening a run or an undo waits for another writer of its case
    answer: float = 10.0  # seconds that a request waits for the writer of its case to take it in


Heard = Callable[[Sequence[r.Record]], None]


def under_way(state: CaseState, playbook: Playbook, inputs: dict[str, Json], asked: str) -> RunState | None:
    """The run that does what is asked: open, or closed only after it was asked for."""
    checked = hashlib.sha256(canonical(playbook.dump())).hexdigest()
    for run in state.runs.values():
        equal = run.mode == "apply" and run.checked == checked and run.inputs == inputs
        if equal and run.outcome != "superseded" and (not run.outcome or run.closed > asked):
            return run
    return None


def undo_under_way(state: CaseState) -> RunState | None:
    """The undo that is open."""
    return next((run for run in state.open_runs if run.mode == "undo"), None)


def next_run(state: CaseState) -> str:
    """The id of the run that is opened next."""
    return f"r{len(state.runs) + 1}"
