"""Opening and advancing runs: the one way in for every caller."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from irkit import __version__
from irkit.actions.catalog import Catalog
from irkit.app import clock as clocks
from irkit.app.asks import Ask, Heard, Parts, Ticket, next_run, under_way, undo_under_way
from irkit.app.cases import Allocation, Cases
from irkit.app.clusters import Spanning, look_around
from irkit.app.custody import open_unless_taken
from irkit.app.preflight import permissions
from irkit.app.resolve import resolve_target
from irkit.app.undo import undo_playbook
from irkit.app.waiting import WATCH, Patience
from irkit.app.world import LiveWorld, user_agent
from irkit.engine.guard import Limits
from irkit.engine.inbox import Inbox, Request
from irkit.engine.locks import Locks
from irkit.engine.perform import Closed, Engine, Parked, Setting
from irkit.errors import (
    CaseBusy,
    CredentialsExpired,
    Denied,
    Refused,
    ServerFault,
    Throttled,
    Unreachable,
    UsageError,
)
from irkit.journal.state import CaseState, RunState
from irkit.journal.store import FileJournal, Tail
from irkit.model import records as r
from irkit.model.base import canonical
from irkit.model.effects import Store
from irkit.model.playbooks import Playbook
from irkit.model.ports import Kube, World
from irkit.model.refs import ClusterRef, TargetRef

__all__ = ["App", "Ask", "Heard", "Parts", "Ticket"]

_HELPLESS = ("approval", "parked")
"""Pauses in which only people or credentials help."""


class App:
    """irkit, composed: one state folder, one operator, the configured clusters."""

    def __init__(
        self, state: Path, operator: str, parts: Parts, *, limits: Limits | None = None, lab: bool = False
    ) -> None:
        self.cases = Cases(state)
        self.who = clocks.who(operator)
        self.parts = parts
        self.limits = limits or Limits()
        self.lab = lab
        self._kubes: dict[tuple[str, str], Kube] = {}
        self._pins: dict[str, dict[str, str]] = {}  # what the clusters of a case that has several must be

    # -- reaching the world ------------------------------------------------------------------------

    def kube(self, cluster: ClusterRef, case: str = "") -> Kube:
        """The cluster's API, outside of any run; what is known to be about a case says so in its user agent."""
        if (cluster.id, case) not in self._kubes:
            self._kubes[cluster.id, case] = self.parts.connect(cluster, user_agent(case))
        return self._kubes[cluster.id, case]

    def resolve(self, target: TargetRef) -> TargetRef:
        """The living object that the reference means, with its uid. Raises Refused where it is gone or another."""
        return resolve_target(self.kube(target.cluster).reader, target)

    def world(self, case: str) -> World:
        """What a run of this case may touch. The user agent carries the case, so audit logs confirm the journal."""
        return LiveWorld(self.cases.folder(case), self.parts.connect, user_agent(case), self._pins.get(case, {}))

    # -- opening -----------------------------------------------------------------------------------

    def open_run(self, ask: Ask, *, preflight: bool = True) -> Ticket:
        """Open a run in the target's case, or join the equal one that is under way. Nothing outside is changed.

        Raises:
            PlaybookError: the playbook does not lint.
            UsageError: inputs that the playbook does not take.
            Refused: another cluster than the case's; or (`preflight`) one that would not allow what must not fail.
            JournalError: the case cannot be written.
        """
        asked, found = look_around(self.kube, self.cases, self.parts.catalog, ask, preflight=preflight)
        while True:
            ticket = self._open_in(self.cases.allocate(ask.target, ask.asked), asked)
            if ticket is not None:
                return replace(ticket, preflight=found)

    def _open_in(self, allocation: Allocation, asked: Spanning) -> Ticket | None:
        """Open the run in this case; None where somebody closed the case in between."""
        case, ask, playbook = allocation.case, asked.ask, asked.playbook
        with self._writing(case, lambda state: under_way(state, playbook, asked.inputs, ask.asked)) as opened:
            if isinstance(opened, RunState):
                return Ticket(case, opened.id, joined=True, asked=ask.asked)
            journal, state = opened
            if state.closed:
                return None
            bodies: list[r.AnyBody] = []
            if not state.case:
                bodies.append(
                    r.CaseOpened(
                        case=case, cluster=ask.target.cluster, cluster_uid=asked.uid, target=ask.target,
                        generation=allocation.generation, who=self.who, tool=__version__, lab=self.lab,
                    )
                )  # fmt: skip
            elif changed := asked.changed(state):
                msg = f"{changed} is now another cluster than the one that {case} is about"
                raise Refused(msg, hint=f"close the case first: irkit close {case} --why '...'")
            bodies.extend(self._join_finding(case, state, ask))
            run = next_run(state)
            bodies.append(
                r.RunOpened(
                    run=run, mode="apply", name=playbook.name, playbook=journal.put_blob(ask.playbook),
                    checked=journal.put_blob(canonical(playbook.dump())), inputs=asked.inputs,
                    actions=_versions(playbook, self.parts.catalog), who=self._seen_as(asked.kubernetes),
                    tool=__version__, asked=ask.asked, clusters=asked.beside,
                )
            )  # fmt: skip
            journal.append(bodies)
            return Ticket(case, run, new_case=not state.case, asked=ask.asked)

    def open_undo(self, case: str, asked: str, step: str = "", *, preflight: bool = True) -> Ticket:
        """Open the run that takes back what the case's runs did; open runs end as superseded.

        Raises UsageError where there is nothing to undo, Refused where (`preflight`) the cluster would not allow it.
        """
        self.cases.load(case)
        with self._writing(case, undo_under_way) as opened:
            if isinstance(opened, RunState):
                return Ticket(case, opened.id, joined=True)
            journal, state = opened
            self._same_cluster(state)
            playbook, of, irreversible = undo_playbook(state, journal.get_blob, self.parts.catalog, step)
            if not playbook.steps:
                msg = f"there is nothing to undo in {case}"
                raise UsageError(msg, hint=f"irkit status {case}")
            assert state.cluster is not None  # noqa: S101 -- every case opens with its cluster and its target
            assert state.target is not None  # noqa: S101 -- as above
            if preflight:
                allowed = permissions(self.kube(state.cluster, case), playbook, self.parts.catalog, state.target)
                allowed.check(" ".join(dict.fromkeys(state.runs[name].name for name in of)))
            bodies: list[r.AnyBody] = [
                r.RunClosed(run=run.id, outcome="superseded", verdicts={}, swept=0, why="an undo was asked for")
                for run in state.open_runs
            ]
            run = next_run(state)
            checked = journal.put_blob(canonical(playbook.dump()))
            bodies.append(
                r.RunOpened(
                    run=run, mode="undo", name=playbook.name, playbook=checked, checked=checked, inputs={},
                    actions=_versions(playbook, self.parts.catalog),
                    who=self._seen_as(self.kube(state.cluster, case).whoami()),
                    tool=__version__, asked=asked, undoes=of,
                )
            )  # fmt: skip
            journal.append(bodies)
            return Ticket(case, run, irreversible=irreversible)

    # -- advancing ---------------------------------------------------------------------------------

    def advance(
        self, ticket: Ticket, stop: threading.Event, heard: Heard, *, budget: float | None = None,
        max_targets: int | None = None,
    ) -> Closed | Parked:  # fmt: skip
        """Go on with the run, or watch while another process does. Safe to call twice.

        Raises JournalError, JournalCorrupt, Refused (other action versions), ConfigError.
        """
        folder = self.cases.folder(ticket.case)
        tail = Tail(folder)
        watched = CaseState()
        while True:
            records = tail.poll()
            watched.fold(records)
            heard(records)
            run = watched.runs.get(ticket.run)
            if run is not None and run.outcome:
                return Closed(run)
            if ticket.joined and run is not None and run.paused in _HELPLESS and run.paused_at > ticket.asked:
                return Parked(run, run.paused)  # another process came as far as this since we were started
            try:
                journal = open_unless_taken(self.parts, folder, ticket.case, self.who)
            except CaseBusy:
                if stop.wait(WATCH):
                    assert run is not None  # noqa: S101 -- a ticket names a run that was journaled
                    return Parked(run, "interrupted")
                continue
            try:
                missed = journal.records[watched.seq + 1 :]
                watched.fold(missed)
                heard(missed)
                run = watched.runs[ticket.run]
                if run.outcome:
                    return Closed(run)
                self._same_cluster(watched)
                limits = self.limits if max_targets is None else replace(self.limits, max_targets=max_targets)
                engine = self.parts.engine(journal, self._setting(ticket.case, limits, heard))
                end = engine.advance(ticket.run, stop, budget)
                self._seal(journal, engine)
                return end
            finally:
                journal.close()

    def latest(self, case: str) -> Ticket:
        """The case's newest open run: what was asked for last. Raises UsageError where there is none."""
        state = self.cases.load(case)
        if not state.open_runs:
            msg = f"no run of {case} is open"
            raise UsageError(msg, hint=f"irkit status {case}")
        return Ticket(case, state.open_runs[-1].id)

    def ask_case(self, case: str, request: Request) -> CaseState:
        """Leave a request in the case's inbox; where nobody writes the case, take it in at once.

        Where another process writes it and does not take it in within `Parts.answer` seconds, the state that comes
        back does not hold the request; it stays in the inbox.
        """
        folder = self.cases.folder(case)
        self.cases.load(case)
        Inbox(folder / "inbox").post(request)
        patience = Patience(case, self.parts.answer, self.parts.told)
        while True:
            try:
                journal = self.parts.open_journal(folder, case, self.parts.clock)
            except CaseBusy:
                state = self.cases.load(case)
                if request.id in state.requests or not patience.wait():
                    return state
                continue
            try:
                engine = self.parts.engine(journal, self._setting(case, self.limits, lambda _records: None))
                engine.ingest()
                self._seal(journal, engine)
                return engine.state
            finally:
                journal.close()

    # -- inside ------------------------------------------------------------------------------------

    def _setting(self, case: str, limits: Limits, heard: Heard) -> Setting:
        folder = self.cases.folder(case)
        return Setting(
            catalog=self.parts.catalog, world=self.world(case), clock=self.parts.clock,
            locks=Locks(self.cases.state / "locks"), who=self.who, inbox=Inbox(folder / "inbox"),
            limits=limits, heard=heard,
        )  # fmt: skip

    def _seal(self, journal: FileJournal, engine: Engine) -> None:
        from irkit.journal.keys import local_signer  # noqa: PLC0415 -- cryptography costs start-up time
        from irkit.journal.seal import sign_head  # noqa: PLC0415 -- as above

        if not journal.records or journal.records[-1].kind == "sealed":
            return  # nothing new to vouch for
        signer = local_signer(self.cases.state / "keys")
        engine.append(sign_head(journal, signer, self.cases.folder(engine.state.case)))

    def _seen_as(self, user: str) -> r.Who:
        return self.who.model_copy(update={"kubernetes": user})

    def _same_cluster(self, state: CaseState) -> None:
        """The case's own cluster must be what it was; the others are looked at when they are first asked for."""
        self._pins[state.case] = state.pins
        assert state.cluster is not None  # noqa: S101 -- every case opens with its cluster
        if self.lab != state.lab:
            world = "the lab" if state.lab else "a real cluster"
            msg = f"{state.case} is about {world}, and this configuration is not"
            raise Refused(msg, hint="export IRKIT_CONFIG of the world that the case is about")
        try:
            uid = self.kube(state.cluster, state.case).identity()
        except (CredentialsExpired, Denied, Unreachable, ServerFault, Throttled):
            return  # nothing can be written either; the steps park and say so
        if uid != state.cluster_uid:
            msg = f"{state.cluster} is now another cluster than the one that {state.case} is about"
            raise Refused(msg, hint="check the context in irkit.yaml")

    def _join_finding(self, case: str, state: CaseState, ask: Ask) -> list[r.AnyBody]:
        """The finding's bytes become an artefact of their owner only; the journal has typed fields and a digest."""
        if ask.finding is None or ask.raw is None or ask.finding.raw_sha256 in state.findings:
            return []
        key = f"findings/{ask.finding.raw_sha256}.json"
        effect = Store(
            name="finding", key=key, spool="", sha256=hashlib.sha256(ask.raw).hexdigest(), size=len(ask.raw),
            media_type="application/json",
        )  # fmt: skip
        kept = self.world(case).evidence.put(effect, [ask.raw])
        return [
            r.ArtefactStored(
                name="finding", location=key, sha256=kept.sha256, size=kept.size, media_type=kept.media_type
            ),
            r.FindingJoined(finding=ask.finding, artefact=key),
        ]

    @contextmanager
    def _writing(
        self, case: str, already: Callable[[CaseState], RunState | None]
    ) -> Iterator[tuple[FileJournal, CaseState] | RunState]:
        """The case opened for write, or the run that makes opening unnecessary; waits for other writers.

        Raises CaseBusy where they take longer than `Parts.patience` seconds.
        """
        folder = self.cases.folder(case)
        patience = Patience(case, self.parts.patience, self.parts.told)
        while True:
            try:
                journal = self.parts.open_journal(folder, case, self.parts.clock)
            except CaseBusy:
                if (folder / "journal.jsonl").exists():
                    run = already(self.cases.load(case))
                    if run is not None:
                        yield run
                        return
                if not patience.wait():
                    raise patience.over() from None
                continue
            try:
                state = CaseState().fold(journal.records)
                run = already(state)
                if run is None:
                    yield journal, state
                    return
            finally:
                journal.close()
            yield run
            return


def _versions(playbook: Playbook, catalog: Catalog) -> dict[str, int]:
    found = {}
    for step in playbook.steps:
        action = catalog.get(step.uses)
        assert action is not None  # noqa: S101 -- the linter checked it
        found[step.uses] = action.spec.version
    return found
