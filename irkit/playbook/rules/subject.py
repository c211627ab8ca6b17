"""What every rule looks at: the playbook, where its parts stand, and the actions that it may use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from irkit.actions.api import ActionSpec
from irkit.actions.catalog import Catalog
from irkit.model.playbooks import Expr, Playbook, Step
from irkit.playbook.diagnostics import Place, Problems
from irkit.playbook.language import Places, StepPlace


@dataclass(frozen=True, slots=True)
class Subject:
    """One playbook under the linter's eyes."""

    playbook: Playbook
    catalog: Catalog
    places: Places
    problems: Problems
    steps: dict[str, Step] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", {step.id: step for step in self.playbook.steps})

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

    def ancestors(self, step: Step) -> set[str]:
        """The steps that it needs, directly or through others."""
        found: set[str] = set()
        todo = list(step.needs)
        while todo:
            key = todo.pop()
            if key in self.steps and key not in found:
                found.add(key)
                todo.extend(self.steps[key].needs)
        return found
