"""What must come before what: needs that lead nowhere or in a circle, and values taken without waiting for them."""

from __future__ import annotations

from irkit.model.playbooks import Step
from irkit.playbook.diagnostics import Place, suggest
from irkit.playbook.rules.subject import Subject


def check_needs(subject: Subject) -> None:
    """Every step can begin, and every value that it takes is there by then."""
    for step in subject.playbook.steps:
        _check_each(subject, step)
    _check_circles(subject)
    for step in subject.playbook.steps:
        _check_references(subject, step)


def _check_each(subject: Subject, step: Step) -> None:
    for need, at in _needs(subject, step):
        if need == step.id:
            subject.error(at, step, "it needs itself and can never begin", "remove it")
        elif need not in subject.steps:
            if f"steps.{need}" not in subject.places.unreadable:
                remedy = suggest(need, subject.steps, f"steps: {', '.join(subject.steps)}"[:200])
                subject.error(at, step, f"it needs `{need}`, and there is no such step", remedy)
        elif subject.steps[need].always and not step.always:
            message = f"it can never begin: it needs `{need}` of `finally`"
            subject.error(at, step, message, "steps of `finally` run after all others")


def _needs(subject: Subject, step: Step) -> list[tuple[str, Place]]:
    node = subject.place(step).parts.get("needs")
    places = {one.value: one.at for one in node.value if isinstance(one.value, str)} if node and step.needs else {}
    return [(need, places[need]) for need in step.needs]


def _check_circles(subject: Subject) -> None:
    """Take away steps that need nothing left; what stays holds a circle. Report one, cut it, go on."""
    left = {
        step.id: [need for need in step.needs if need in subject.steps and need != step.id]
        for step in subject.playbook.steps
    }
    while True:
        while ready := [key for key, needs in left.items() if not any(need in left for need in needs)]:
            for key in ready:
                del left[key]
        if not left:
            return
        circle = _circle(left)
        first = min(circle, key=lambda key: subject.steps[key].line)
        turn = circle.index(first)
        path = [*circle[turn:], *circle[:turn], first]
        at = dict(_needs(subject, subject.steps[first]))[path[1]]
        subject.error(at, subject.steps[first], f"steps need each other: {' -> '.join(path)[:200]}", "break the circle")
        for key in circle:
            del left[key]


def _circle(left: dict[str, list[str]]) -> list[str]:
    """A circle in a graph of which every node needs another: follow needs until one comes again."""
    path = [next(iter(left))]
    while True:
        following = next(need for need in left[path[-1]] if need in left)
        if following in path:
            return path[path.index(following) :]
        path.append(following)


def _check_references(subject: Subject, step: Step) -> None:
    """A value exists only after its step: needs must say so. Steps of `finally` come after all others anyway."""
    before = subject.ancestors[step.id]
    for value, at in subject.expressions(step):
        source = subject.steps.get(value.expr[1]) if value.expr[0] == "steps" else None
        if source is None or source.id in before or source.id == step.id or (step.always and not source.always):
            continue
        if source.always and not step.always:
            message = f"{value} comes from `finally`, which runs after all other steps"
            subject.error(at, step, message, "take it from a step under `steps`")
        else:
            needs = ", ".join([*step.needs, source.id])
            subject.error(at, step, f"uses {value} without needing `{source.id}`", f"say needs: [{needs}]")
