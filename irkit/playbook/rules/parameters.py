"""Does the action exist, and does each argument fit its parameter?

Literals are validated by the action's own parameter model, in its JSON form, as they will be when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from irkit.actions.api import ActionSpec
from irkit.model.base import Json, Model
from irkit.model.playbooks import Expr, Step, When
from irkit.playbook.bindings import input_problem
from irkit.playbook.diagnostics import Place, suggest
from irkit.playbook.reading import MANY
from irkit.playbook.rules.kinds import Kind, fits, words
from irkit.playbook.rules.references import check_item, kind_of
from irkit.playbook.rules.subject import Subject
from irkit.playbook.yamltree import Node


def check_parameters(subject: Subject, conditions: Mapping[str, When]) -> None:
    """Unknown actions and parameters, missing ones, values of another type, inputs that nobody uses."""
    used = {name[1] for when in conditions.values() for name in when.names if name[0] == "inputs"}
    for step in subject.playbook.steps:
        used |= {value.expr[1] for value, _ in subject.expressions(step) if value.expr[0] == "inputs"}
        check_item(subject, step)
        spec = subject.spec(step)
        if spec is not None:
            _check_step(subject, step, spec)
        elif step.uses:
            near = subject.catalog.near(step.uses)
            remedy = f"did you mean `{near[0]}`?" if near else "see `irkit actions list`"
            subject.error(subject.place(step).of("uses"), step, f"unknown action {step.uses[:60]}", remedy)
            for value, at in subject.expressions(step):
                kind_of(subject, step, value, at)
    for one in subject.playbook.inputs:
        at = subject.places.inputs[one.name]
        if one.name not in used:
            remedy = f"remove it, or use ${{inputs.{one.name}}}"
            subject.problems.add(at, f"input `{one.name}` is not used", remedy, warning=True)
        default = subject.places.defaults.get(one.name)
        if default is not None and default.value is not None and (problem := input_problem(one, one.default)):
            remedy = f'quote it: "{default.text}"' if one.type == "text" and default.text else problem
            subject.problems.add(default.at, f"the default of input `{one.name}` {problem}", remedy)


def _check_step(subject: Subject, step: Step, spec: ActionSpec) -> None:
    place = subject.place(step)
    known = spec.params.model_fields
    literals: dict[str, Json] = {}
    unknown = 0
    for name, node in place.arguments.items():
        value = step.arguments[name]
        if name not in known:
            unknown += 1
            if unknown > MANY:
                continue
            remedy = suggest(name, known, f"it has: {', '.join(known) or 'none'}")
            subject.error(place.parts["with"].keys[name], step, f"{spec.id} has no parameter `{name[:40]}`", remedy)
        elif name in place.wrong:
            continue
        elif isinstance(value, Expr):
            _check_expression(subject, step, name, known[name].annotation, value, node.at)
        else:
            literals[name] = value
    readable = "with" not in place.parts or isinstance(place.parts["with"].value, dict)
    missing = [name for name, info in known.items() if info.is_required() and name not in step.arguments]
    for name in missing if readable else ():
        at = place.of("with" if place.arguments else "uses")
        subject.error(at, step, f"{spec.id} needs parameter `{name}`", f"it wants {words(known[name].annotation)}")
    _check_literals(subject, step, spec.params, literals)


def _check_expression(  # noqa: PLR0913, PLR0917 -- one argument, where it is, and what it should be
    subject: Subject, step: Step, name: str, wanted: Kind, value: Expr, at: Place
) -> None:
    given = kind_of(subject, step, value, at)
    if given is not None and not fits(given, wanted):
        message = f"parameter `{name}` wants {words(wanted)}, {value} is {words(given)}"
        subject.error(at, step, message, f"give it {words(wanted)}")


def _check_literals(subject: Subject, step: Step, params: type[Model], literals: dict[str, Json]) -> None:
    place = subject.place(step)
    try:
        params.model_validate_json(orjson.dumps(literals))
    except ValidationError as error:
        reported: set[str] = set()
        for one in error.errors():
            if not one["loc"]:  # a rule over several parameters: certain only where all of them are known
                if set(literals) == set(step.arguments):
                    subject.error(place.of("with"), step, one["msg"], "see `irkit actions show`")
                continue
            name = str(one["loc"][0])
            if name in literals and name not in reported:
                reported.add(name)
                _report(subject, step, name, params, one)


def _report(subject: Subject, step: Step, name: str, params: type[Model], error: ErrorDetails) -> None:
    node, at = _find(subject.place(step).arguments[name], error)
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "string_type" and node.text:
        kind = "a number" if isinstance(node.value, int | float) and not isinstance(node.value, bool) else "none"
        message = f"parameter `{where}` wants text, and {node.text[:60]} without quotes is {kind}"
        subject.error(at, step, message, f'account ids and digests are quoted: "{node.text[:60]}"')
        return
    wanted = words(params.model_fields[name].annotation)
    inner = f" ({where})" if len(error["loc"]) > 1 else ""
    subject.error(at, step, f"parameter `{name}` wants {wanted}{inner}", error["msg"])


def _find(node: Node, error: ErrorDetails) -> tuple[Node, Place]:
    """The innermost part that an error is about; parts that name a union's alternative lead nowhere in the file."""
    at = node.at
    for part in error["loc"][1:]:
        if isinstance(node.value, dict) and part in node.value:
            unknown = error["type"] == "extra_forbidden"
            at = node.keys[str(part)] if unknown else node.value[part].at
            node = node.value[part]
        elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            at = node.at
    return node, at
