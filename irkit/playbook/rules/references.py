"""What `${...}` leads to: the type that its value will have, known before anything runs."""

from __future__ import annotations

from irkit.model.playbooks import Expr, Step
from irkit.playbook.bindings import KINDS
from irkit.playbook.diagnostics import Place, suggest
from irkit.playbook.rules.kinds import Kind, fields, item, many, words
from irkit.playbook.rules.subject import Subject


def kind_of(subject: Subject, step: Step, value: Expr, at: Place) -> Kind | None:
    """The type of an expression in a step; None where it has none, which is reported."""
    head, *rest = value.expr
    if head == "item":
        each = item_of(subject, step)
        return None if each is None else _walk(subject, each, rest, value, at)
    return _from_input(subject, rest, value, at) if head == "inputs" else _from_step(subject, step, rest, value, at)


def check_item(subject: Subject, step: Step) -> None:
    """A list to go through, and `${item}` only where there is one."""
    for value, at in subject.expressions(step):
        if value.expr[0] == "item" and (step.for_each is None or value is step.for_each):
            subject.error(
                at, step, f"{value} stands only in a step with `for_each`", "say `for_each`: ${steps.ID.LIST}"
            )
    if step.for_each is None or step.for_each.expr[0] == "item":
        return
    at = subject.place(step).of("for_each")
    given = kind_of(subject, step, step.for_each, at)
    if given is not None and item(given) is None:
        subject.error(at, step, f"`for_each` wants a list, {step.for_each} is {words(given)}", _lists(subject))


def item_of(subject: Subject, step: Step) -> Kind | None:
    """The type of `${item}`, or None where it is not known. Reports nothing: `check_item` does."""
    if step.for_each is None or step.for_each.expr[0] == "item":
        return None
    head, *rest = step.for_each.expr
    if head == "inputs":
        return None  # no input is a list
    found = _output(subject, rest[0])
    for name in rest[1:]:
        found = None if found is None else fields(found).get(name)
        if name is rest[1] and found is not None and subject.steps[rest[0]].for_each is not None:
            found = many(found)
    return None if found is None else item(found)


def _from_input(subject: Subject, rest: list[str], value: Expr, at: Place) -> Kind | None:
    declared = {one.name: one.type for one in subject.playbook.inputs}
    if rest[0] not in declared:
        if f"inputs.{rest[0]}" not in subject.places.unreadable:
            remedy = suggest(rest[0], declared, f"inputs: {', '.join(declared) or 'none'}")
            subject.problems.add(at, f"{value}: there is no input `{rest[0][:40]}`", remedy)
        return None
    return _walk(subject, KINDS[declared[rest[0]]], rest[1:], value, at)


def _from_step(subject: Subject, step: Step, rest: list[str], value: Expr, at: Place) -> Kind | None:
    source = subject.steps.get(rest[0])
    if source is None:
        if f"steps.{rest[0]}" not in subject.places.unreadable:
            remedy = suggest(rest[0], subject.steps, f"steps: {', '.join(subject.steps)}"[:200])
            subject.problems.add(at, f"{value}: there is no step `{rest[0][:40]}`", remedy)
        return None
    if source.id == step.id:
        subject.error(at, step, f"{value} is its own output", "take it from a step that ran before")
        return None
    outputs = _output(subject, source.id)
    found = None if outputs is None else _walk(subject, outputs, rest[1:2], value, at, of=source.uses)
    if found is None:
        return None
    return _walk(subject, found if source.for_each is None else many(found), rest[2:], value, at)


def _output(subject: Subject, step_id: str) -> Kind | None:
    source = subject.steps.get(step_id)
    spec = None if source is None else subject.spec(source)
    return None if spec is None else spec.outputs


def _walk(  # noqa: PLR0913, PLR0917 -- where it is and what it is called, for one message
    subject: Subject, kind: Kind, names: list[str], value: Expr, at: Place, of: str = ""
) -> Kind | None:
    """Follow field names through models."""
    for name in names:
        known = fields(kind)
        if name not in known:
            what = of or words(kind)
            remedy = suggest(name, known, f"it has: {', '.join(known) or 'nothing to take'}")
            subject.problems.add(at, f"{value}: {what} has no `{name[:40]}`", remedy)
            return None
        kind, of = known[name], ""
    return kind


def _lists(subject: Subject) -> str:
    found = [
        f"${{steps.{step.id}.{name}}}"
        for step in subject.playbook.steps
        if (spec := subject.spec(step)) is not None
        for name, kind in fields(spec.outputs).items()
        if item(kind) is not None
    ]
    return f"lists here: {', '.join(found[:6])}" if found else "no step gives a list"
