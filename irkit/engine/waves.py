"""Which units wait for others before they look, so that a fleet looks in few waves. Of this process alone.

Nobody is contained later by it: a unit waits for what it would have to wait for anyway, or has sent what it had to
send. Nothing of it is journaled, and a process that resumes begins without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from irkit.engine.turns import Job
from irkit.model.ports import Clock
from irkit.model.times import after

PATIENCE = 2.0
"""Seconds that units wait for each other at most."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """Children of one step that look again together, at the latest then."""

    until: str
    units: set[str] = field(default_factory=set)


class Waves:
    """Who waits for whom. `jobs` are the units that are being worked on, by key."""

    def __init__(self, clock: Clock, jobs: Mapping[str, Job]) -> None:
        self._clock = clock
        self._jobs = jobs
        self._behind: dict[str, str] = {}  # unit -> key of an effect of another unit
        self._gathering: dict[str, Gathering] = {}  # by step
        self._leading: dict[str, tuple[str, str]] = {}  # mark -> the unit that looks first, and until when
        self._led: set[str] = set()

    def waiting(self) -> set[str]:
        """The units that wait for an effect of another, or for the others of their step."""
        if self._gathering:
            now = self._clock()
            sending = {one.unit.step.id for one in self._jobs.values() if one.change is not None}
            self._gathering = {
                step: one for step, one in self._gathering.items() if step in sending and now < one.until
            }
        return set(self._behind).union(*(one.units for one in self._gathering.values()))

    def follows(self, unit: str, mark: str, now: str) -> bool:
        """Whether this unit lets another of its mark look first. `now` is the moment of the whole wave.

        Where one object serves many targets, the first makes it; the others look when it is there, and once.
        """
        if mark in self._led:
            return False
        if mark not in self._leading:
            self._leading[mark] = (unit, after(now, PATIENCE))
        leader, until = self._leading[mark]
        return leader != unit and leader in self._jobs and now < until

    def behind(self, unit: str, effect: str) -> None:
        """A unit waits for an effect that another has in flight."""
        self._behind[unit] = effect

    def ended(self, job: Job) -> None:
        """An effect of a job ended: those behind it may look.

        The job's own unit, a child whose effects were sent, looks again together with the others of its step, if
        these are being sent: one by one they would need a LIST of the namespace each.
        """
        self._behind = {unit: key for unit, key in self._behind.items() if key != job.key}
        step = job.unit.step
        if step.for_each is not None:
            if step.id not in self._gathering:
                self._gathering[step.id] = Gathering(after(self._clock(), PATIENCE))
            self._gathering[step.id].units.add(job.unit.key)

    def dropped(self, job: Job) -> None:
        """A job is worked on no more: those that let it look first may look."""
        mark = job.task.mark.id
        if self._leading.get(mark, ("",))[0] == job.unit.key:
            self._led.add(mark)
