"""What every rule looks at: the playbook, where its parts stand, and the actions that it may use."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from irkit.actions.api import ActionSpec
from irkit.actions.catalog import Catalog
from irkit.model.playbooks import Expr, Playbook, Step
from irkit.playbook.diagnostics import Place, Problems
from irkit.playbook.language import Places, StepPlace


@dataclass(frozen=True)
class Subject:
    """One playbook under the linter's eyes."""

    playbook: Playbook
    catalog: Catalog
    places: Places
    problems: Problems

    @cached_property
    def steps(self) -> dict[str, Step]:
        """The steps by id."""
        return {step.id: step for step in self.playbook.steps}

    @cached_property
    def ancestors(self) -> dict[str, frozenset[str]]:
        """The steps that each step needs, directly or through others."""
        return closure({step.id: step.needs for step in self.playbook.steps})

    @cached_property
    def certain(self) -> dict[str, frozenset[str]]:
        """The steps that certainly succeeded before each step began.

        Past `on_failure: continue` nothing is certain: what such a step waited for may have failed too. A step with
        `when` may be skipped.
        """
        sure = {step.id for step in self.playbook.steps if step.on_failure == "stop" and step.when is None}
        return closure({step.id: sure.intersection(step.needs) for step in self.playbook.steps})

    def place(self, step: Step) -> StepPlace:
        """Where the step's parts stand."""
        return self.places.steps[step.id]

    def spec(self, step: Step) -> ActionSpec | None:
        """What is known of the step's action, or None where there is no such action."""
        action = self.catalog.get(step.uses)
        return None if action is None else action.spec

    def error(self, at: Place, step: Step, message: str, remedy: str) -> None:
        """A fault of a step."""
        self.problems.add(at, f'step "{step.id}": {message}', remedy)

    def expressions(self, step: Step) -> Iterator[tuple[Expr, Place]]:
        """Every `${...}` of a step, with its place."""
        place = self.place(step)
        if step.for_each is not None:
            yield step.for_each, place.of("for_each")
        for name, value in step.arguments.items():
            if isinstance(value, Expr):
                yield value, place.arguments[name].at


def closure(edges: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """What each node reaches, itself only in a circle (Warshall on bit sets: hostile files are dense)."""
    names = list(edges)
    bit = {name: 1 << number for number, name in enumerate(names)}
    reach = {name: sum(bit[to] for to in set(edges[name]) if to in bit) for name in names}
    for via in names:
        for name in names:
            if reach[name] & bit[via]:
                reach[name] |= reach[via]
    return {name: frozenset(to for to in names if reach[name] & bit[to]) for name in names}
