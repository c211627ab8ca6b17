"""Rules about order: what needs what, and that no evidence is destroyed before it was captured.

Order of volatility: RFC 3227 §2.1.
"""

from __future__ import annotations

from irkit.actions.api import ActionSpec
from irkit.actions.catalog import Catalog
from irkit.model.playbooks import Expr, Playbook, Step
from irkit.playbook.diagnostics import Problems
from irkit.playbook.language import Places


def check_order(playbook: Playbook, catalog: Catalog, places: Places, problems: Problems) -> None:
    """Needs that lead nowhere or in a circle, references without needs, lost evidence."""
    rules = _Order(playbook, catalog, places, problems)
    rules.needs()
    if not rules.circle():
        rules.references()
        rules.evidence()


class _Order:
    def __init__(self, playbook: Playbook, catalog: Catalog, places: Places, problems: Problems) -> None:
        self.steps = {step.id: step for step in playbook.steps}
        self.catalog = catalog
        self.places = places
        self.problems = problems

    def place(self, step: Step, key: str) -> tuple[int, int]:
        return self.places.keys.get((step.id, key), self.places.steps[step.id])

    def needs(self) -> None:
        for step in self.steps.values():
            for need in step.needs:
                at = self.place(step, "needs")
                if need == step.id:
                    self.problems.add(at, f'step "{step.id}" needs itself', "it could never begin")
                elif need not in self.steps:
                    known = ", ".join(self.steps)
                    self.problems.add(at, f'step "{step.id}" needs `{need}`, which is no step', f"steps: {known}")
                elif self.steps[need].always and not step.always:
                    message = f'step "{step.id}" can never begin: it needs `{need}` of `finally`'
                    self.problems.add(at, message, "steps of `finally` run after all others")

    def circle(self) -> bool:
        """Whether some steps need each other; found by taking away steps that need nothing left."""
        left = {key: {need for need in step.needs if need in self.steps} for key, step in self.steps.items()}
        while ready := [key for key, needs in left.items() if not needs & left.keys()]:
            for key in ready:
                del left[key]
        if left:
            first = min(left, key=lambda key: self.steps[key].line)
            at = self.place(self.steps[first], "needs")
            self.problems.add(at, f"steps need each other in a circle: {', '.join(sorted(left))}", "break the circle")
        return bool(left)

    def ancestors(self, step: Step) -> set[str]:
        found: set[str] = set()
        todo = list(step.needs)
        while todo:
            key = todo.pop()
            if key in self.steps and key not in found:
                found.add(key)
                todo.extend(self.steps[key].needs)
        return found

    def references(self) -> None:
        """A value exists only after its step: the reference must be backed by `needs`."""
        for step in self.steps.values():
            before = self.ancestors(step)
            used = [(name, value) for name, value in step.arguments.items() if isinstance(value, Expr)]
            places = [(self.places.arguments[step.id, name].at, value) for name, value in used]
            if step.for_each is not None:
                places.append((self.place(step, "for_each"), step.for_each))
            for at, value in places:
                if value.expr[0] == "steps" and value.expr[1] in self.steps and value.expr[1] not in before:
                    message = f'step "{step.id}" uses {value} without needing `{value.expr[1]}`'
                    self.problems.add(at, message, f"needs: [{value.expr[1]}]")

    def evidence(self) -> None:
        for step in self.steps.values():
            spec = self.spec(step)
            if spec is None:
                continue
            if "accept_loss" in self._said(step) and not step.accept_loss.strip():
                self.problems.add(self.place(step, "accept_loss"), "`accept_loss` without a reason", "say why")
            if not spec.destroys:
                if step.accept_loss:
                    message = f'step "{step.id}": nothing is lost by {spec.id}'
                    self.problems.add(self.place(step, "accept_loss"), message, "remove accept_loss")
                continue
            if step.approval == "never" and not step.accept_loss:
                message = f'step "{step.id}": {spec.id} without approval'
                self.problems.add(self.place(step, "approval"), message, 'say accept_loss: "<why>" too')
            target = step.arguments.get(spec.destroys)
            if not step.accept_loss.strip() and not self._captured(step, target):
                message = f'step "{step.id}": uses {spec.id} before any capture of {target}'
                remedy = 'memory and writable layer are lost here; capture first, or say accept_loss: "<why>"'
                self.problems.add(self.place(step, "uses"), message, remedy)

    def _captured(self, step: Step, target: object) -> bool:
        """Whether a step that certainly ran before kept the same target's evidence."""
        for key in self.ancestors(step):
            spec = self.spec(self.steps[key])
            if spec is not None and spec.captures and self.steps[key].arguments.get(spec.captures) == target:
                return True
        return False

    def _said(self, step: Step) -> set[str]:
        return {key for step_id, key in self.places.keys if step_id == step.id}

    def spec(self, step: Step) -> ActionSpec | None:
        action = self.catalog.get(step.uses)
        return None if action is None else action.spec
