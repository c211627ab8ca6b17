"""No evidence is destroyed before it was captured, unless somebody says why (order of volatility: RFC 3227 §2.1)."""

from __future__ import annotations

from irkit.actions.api import ActionSpec
from irkit.model.playbooks import Step
from irkit.playbook.rules.subject import Subject

_REASON = 'say accept_loss: "<why>"'


def check_evidence(subject: Subject) -> None:
    """Losses that nobody accepted, and acceptances of nothing."""
    for step in subject.playbook.steps:
        spec = subject.spec(step)
        if spec is not None:
            _check_accepted(subject, step, spec)
            _check_loss(subject, step, spec)


def _check_accepted(subject: Subject, step: Step, spec: ActionSpec) -> None:
    place = subject.place(step)
    node = place.parts.get("accept_loss")
    loses = bool(spec.destroys) or spec.risk == "destructive"
    if node is not None and isinstance(node.value, str):
        if not step.accept_loss:
            subject.error(node.at, step, "`accept_loss` without a reason", "say why: it is journaled and shown")
        elif not loses:
            subject.error(node.at, step, f"nothing is lost by {spec.id}", "remove accept_loss")
    if step.approval == "never" and loses and not step.accept_loss:
        at = place.of("approval")
        subject.error(at, step, f"{spec.id} destroys, and nobody would be asked", f"{_REASON}, or let it be approved")


def _check_loss(subject: Subject, step: Step, spec: ActionSpec) -> None:
    place = subject.place(step)
    if not spec.destroys or step.accept_loss or spec.destroys not in step.arguments or spec.destroys in place.wrong:
        return
    if any(_captures(subject, subject.steps[key], step, spec) for key in subject.certain[step.id]):
        return
    target = step.arguments[spec.destroys]
    shown = place.arguments[spec.destroys].value
    message = f"uses {spec.id} before any capture of {shown if isinstance(shown, str) else target}"
    lost = "memory and writable layer are lost here"
    exported = any(_only_exports(subject, subject.steps[key]) for key in subject.ancestors[step.id])
    capture = "an export of objects is not a capture; capture first" if exported else "capture first"
    subject.problems.add(place.of("uses"), f'step "{step.id}": {message}', f"{lost}; {capture}, or {_REASON}")


def _captures(subject: Subject, earlier: Step, step: Step, spec: ActionSpec) -> bool:
    """Whether the earlier step keeps the evidence of the very target that this one destroys."""
    other = subject.spec(earlier)
    if other is None or not other.captures or other.captures not in earlier.arguments:
        return False
    same = earlier.arguments[other.captures] == step.arguments[spec.destroys]
    return same and earlier.for_each == step.for_each


def _only_exports(subject: Subject, earlier: Step) -> bool:
    spec = subject.spec(earlier)
    return spec is not None and not spec.captures and any(access.plane == "evidence" for access in spec.writes)
