"""Rules about values: does the action exist, and does each argument fit its parameter?

Expressions are typed by the actions' own models, so a playbook is checked without any cluster.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import GenericAlias, NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from irkit.actions.api import ActionSpec
from irkit.actions.catalog import Catalog
from irkit.model.playbooks import Expr, Playbook, Step
from irkit.playbook.bindings import REFERENCES
from irkit.playbook.diagnostics import Problems
from irkit.playbook.language import Places
from irkit.playbook.yamltree import Node

_PLAIN: Mapping[str, type] = {"text": str, "integer": int, "boolean": bool}
_DIGITS = re.compile(r"[0-9][0-9a-fA-FxXoO_]{9,}")


def check_types(playbook: Playbook, catalog: Catalog, places: Places, problems: Problems) -> None:
    """Unknown actions and parameters, missing ones, and arguments of another type."""
    used: set[str] = set()
    for step in playbook.steps:
        action = catalog.get(step.uses)
        if action is None:
            near = catalog.near(step.uses)
            remedy = f"did you mean `{near[0]}`?" if near else "see `irkit actions list`"
            problems.add(places.keys[step.id, "uses"], f'step "{step.id}": unknown action {step.uses[:60]}', remedy)
            continue
        _Arguments(playbook, catalog, places, problems, step, action.spec).check()
        used |= {value.expr[1] for value in _expressions(step) if value.expr[0] == "inputs"}
    for name, at in places.inputs.items():
        if name not in used:
            problems.add(at, f"input `{name}` is not used", "remove it, or use ${inputs." + name + "}", warning=True)


def _expressions(step: Step) -> list[Expr]:
    found = [value for value in step.arguments.values() if isinstance(value, Expr)]
    return [*found, step.for_each] if step.for_each is not None else found


class _Arguments:
    """The arguments of one step against its action's parameters."""

    def __init__(  # noqa: PLR0913, PLR0917 -- what a rule may look at
        self, playbook: Playbook, catalog: Catalog, places: Places, problems: Problems, step: Step, spec: ActionSpec
    ) -> None:
        self.playbook = playbook
        self.catalog = catalog
        self.places = places
        self.problems = problems
        self.step = step
        self.spec = spec

    def check(self) -> None:
        fields = self.spec.params.model_fields
        at = self.places.keys.get((self.step.id, "with"), self.places.steps[self.step.id])
        for name, info in fields.items():
            if name not in self.step.arguments and info.is_required():
                self.problems.add(at, f'step "{self.step.id}": {self.spec.id} needs parameter `{name}`', "say it")
        item = self.item_type()
        for name, value in self.step.arguments.items():
            node = self.places.arguments[self.step.id, name]
            if name not in fields:
                known = ", ".join(fields) or "none"
                message = f'step "{self.step.id}": {self.spec.id} has no parameter `{name[:40]}`'
                self.problems.add(node.at, message, f"it has: {known}")
            elif isinstance(value, Expr):
                self.expression(name, fields[name], value, node, item)
            else:
                self.literal(name, fields[name], node)

    def item_type(self) -> Any:  # noqa: ANN401 -- a type
        """The type of `${item}`, from the list that `for_each` names."""
        if self.step.for_each is None:
            return None
        at = self.places.keys[self.step.id, "for_each"]
        given = self.type_of(self.step.for_each, at, None)
        if given is Any:
            return Any
        args = get_args(_bare(given))
        if get_origin(_bare(given)) not in {tuple, list} or not args:
            self.problems.add(at, f"{self.step.for_each} is not a list", f"it is {_name(given)}")
            return Any
        return args[0]

    def expression(self, name: str, info: FieldInfo, value: Expr, node: Node, item: Any) -> None:  # noqa: ANN401 -- a type
        given = self.type_of(value, node.at, item)
        wanted = info.annotation
        if given is Any or wanted is None or _fits(given, wanted):
            return
        message = f'step "{self.step.id}": parameter `{name}` wants {_name(wanted)}, {value} is {_name(given)}'
        self.problems.add(node.at, message, f"give it {_name(wanted)}")

    def literal(self, name: str, info: FieldInfo, node: Node) -> None:
        if isinstance(node.value, int) and not isinstance(node.value, bool) and _DIGITS.fullmatch(node.text):
            message = f'step "{self.step.id}": `{node.text}` is read as a number'
            self.problems.add(node.at, message, "quote account ids and digests")
            return
        adapter: TypeAdapter[Any] = TypeAdapter(info.rebuild_annotation())
        try:
            adapter.validate_json(_json(node.plain()), strict=True)
        except (ValidationError, ValueError) as error:
            first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "it has no JSON form"
            message = f'step "{self.step.id}": parameter `{name}` wants {_name(info.annotation)}'
            self.problems.add(node.at, message, first)

    def type_of(self, value: Expr, at: tuple[int, int], item: Any) -> Any:  # noqa: ANN401 -- a type
        """The type that an expression has; Any where an error was reported already."""
        head, *rest = value.expr
        if head == "item":
            if self.step.for_each is None:
                self.problems.add(at, "${item} without `for_each`", "say what to go through")
                return Any
            return self.walk(item, rest, value, at)
        if head == "inputs":
            declared = {one.name: one.type for one in self.playbook.inputs}
            if rest[0] not in declared:
                known = ", ".join(declared) or "none"
                self.problems.add(at, f"there is no input `{rest[0][:40]}`", f"inputs: {known}")
                return Any
            kind = declared[rest[0]]
            return self.walk(REFERENCES.get(kind) or _PLAIN[kind], rest[1:], value, at)
        return self.step_output(rest, value, at)

    def step_output(self, rest: list[str], value: Expr, at: tuple[int, int]) -> Any:  # noqa: ANN401 -- a type
        source = next((step for step in self.playbook.steps if step.id == rest[0]), None)
        action = self.catalog.get(source.uses) if source is not None else None
        if source is None:
            self.problems.add(at, f"there is no step `{rest[0][:40]}`", "steps: " + ", ".join(self.places.steps))
            return Any
        if action is None:
            return Any
        found = self.walk(action.spec.outputs, rest[1:], value, at)
        return found if found is Any or source.for_each is None else GenericAlias(list, (found,))

    def walk(self, kind: Any, names: list[str], value: Expr, at: tuple[int, int]) -> Any:  # noqa: ANN401 -- a type
        """Follow field names through models."""
        for name in names:
            if kind is Any:
                return Any
            fields = getattr(_bare(kind), "model_fields", None)
            if fields is None or name not in fields:
                known = ", ".join(fields) if fields else "none"
                self.problems.add(at, f"{value}: {_name(kind)} has no `{name[:40]}`", f"it has: {known}")
                return Any
            kind = fields[name].annotation
        return kind


def _bare(kind: Any) -> Any:  # noqa: ANN401 -- a type
    """The type without None: an empty value skips the step when it runs."""
    if get_origin(kind) in {Union, UnionType}:
        rest = [one for one in get_args(kind) if one is not NoneType]
        return rest[0] if len(rest) == 1 else kind
    return kind


def _fits(given: Any, wanted: Any) -> bool:  # noqa: ANN401 -- types
    given, wanted = _bare(given), _bare(wanted)
    if given == wanted:
        return True
    if get_origin(wanted) in {Union, UnionType}:
        return any(_fits(given, one) for one in get_args(wanted))
    if get_origin(given) in {list, tuple} and get_origin(wanted) in {list, tuple}:
        return bool(_fits(get_args(given)[0], get_args(wanted)[0]))
    return False


_NAMES = {str: "text", int: "a whole number", bool: "true or false"}


def _name(kind: Any) -> str:  # noqa: ANN401 -- a type
    kind = _bare(kind)
    if kind in _NAMES:
        return _NAMES[kind]
    if get_origin(kind) in {list, tuple}:
        return f"a list of {_name(get_args(kind)[0])}"
    if get_origin(kind) in {Union, UnionType}:
        return " or ".join(_name(one) for one in get_args(kind))
    name = str(getattr(kind, "__name__", kind)).removesuffix("Ref")
    return f"a {name}" if name else "a value"


def _json(value: Any) -> bytes:  # noqa: ANN401 -- JSON of any shape
    import orjson  # noqa: PLC0415 -- used here alone

    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise ValueError from error
