"""The grammar: from a YAML tree to a `Playbook`, everything that is wrong said at once, with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, get_args

from irkit.model.playbooks import Expr, Input, InputType, Playbook, Step, When
from irkit.playbook.arguments import Arguments
from irkit.playbook.diagnostics import Place, Problems
from irkit.playbook.reading import Reading
from irkit.playbook.yamltree import Node

API_VERSION = "irkit.dev/v1alpha1"
MAX_STEPS = 200
DEFAULT_TIMEOUT = 300
APPROVALS = ("default", "required", "never")
ON_FAILURE = ("stop", "continue")
INPUT_TYPES: tuple[str, ...] = get_args(InputType)
ID_FORM = r"[a-z][a-z0-9-]{0,40}"
INPUT_FORM = r"[a-z][a-z0-9_]{0,40}"

TOP_KEYS: Mapping[str, str] = MappingProxyType({
    "apiVersion": "The version of this language.",
    "kind": "What the file is.",
    "metadata": "Name and purpose.",
    "spec": "What is done.",
})  # fmt: skip
METADATA_KEYS: Mapping[str, str] = MappingProxyType({
    "name": "What commands, routes and journals call it.",
    "title": "One line for people.",
    "description": "What it does, and what it does not.",
})  # fmt: skip
SPEC_KEYS: Mapping[str, str] = MappingProxyType({
    "inputs": "What must be known before it starts.",
    "steps": "What is done. Steps that do not need each other run side by side.",
    "finally": "Steps that run after all others have ended, however they ended.",
})  # fmt: skip
INPUT_KEYS: Mapping[str, str] = MappingProxyType({
    "type": "A kind of object in the cluster, or a plain value.",
    "description": "What is meant, for the person who is asked for it.",
    "default": "The value where none is given.",
    "required": "Whether a run needs it; true where there is no default. A step that uses an empty one is skipped.",
})  # fmt: skip
STEP_KEYS: Mapping[str, str] = MappingProxyType({
    "id": "The step's name in this playbook.",
    "uses": "The action.",
    "with": "The action's parameters: values, or ${inputs.NAME}, ${steps.ID.OUTPUT}, ${item} for a whole one.",
    "needs": "Steps that must have ended well before this one begins.",
    "for_each": "An expression that gives a list: the step runs once for each ${item}. Later steps see, for each "
    "output, the list of all values.",
    "when": "One CEL expression over inputs.NAME, steps.ID.outputs.NAME and steps.ID.verdict, dashes of an ID written "
    "as underscores. Where it is false the step is not needed: it is skipped, and steps that need it go on.",
    "timeout": "How long it may take, waiting included: 90s, 10m, 1h30m. Default 5m.",
    "approval": "default: where the action or the configuration asks for one. required: always. never: not for "
    "this step, which needs accept_loss where something can be destroyed.",
    "on_failure": "stop: steps that need this one are skipped where it fails. continue: they go on as if it had "
    "succeeded, without its outputs.",
    "accept_loss": "Why evidence may be destroyed here before it was captured. It is journaled and shown.",
})  # fmt: skip
_ID = re.compile(ID_FORM)
_INPUT = re.compile(INPUT_FORM)
_MISSING = Node(None, (1, 1))


@dataclass(slots=True)
class StepPlace:
    """Where a step's parts stand. `wrong` names arguments that were reported already."""

    at: Place
    parts: Mapping[str, Node]
    arguments: Mapping[str, Node]
    wrong: set[str]

    def of(self, key: str) -> Place:
        """The place of a key's value, or of the step."""
        return self.parts[key].at if key in self.parts else self.at


@dataclass(slots=True)
class Places:
    """Where things stand in the file, for the linter's rules."""

    steps: dict[str, StepPlace] = field(default_factory=dict)
    inputs: dict[str, Place] = field(default_factory=dict)
    defaults: dict[str, Node] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)  # names whose own fault was reported: no second complaint


class Grammar:
    """Reads one file's tree. Every method reports and goes on, so that one fault does not hide the next."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.read = Reading(problems)
        self.values = Arguments(problems)
        self.places = Places()

    def playbook(self, root: Node) -> Playbook:
        """The playbook as far as it can be read; it is not one where `problems` has errors."""
        top = self.read.mapping(root, "a playbook", TOP_KEYS)
        self.read.fixed(top.get("apiVersion"), root.at, "apiVersion", API_VERSION)
        self.read.fixed(top.get("kind"), root.at, "kind", "Playbook")
        for key in ("metadata", "spec"):
            if key not in top:
                self.problems.add(root.at, f"`{key}` is missing", "see `irkit playbook schema`")
        about = top.get("metadata", _MISSING)
        metadata = self.read.mapping(top.get("metadata"), "`metadata`", METADATA_KEYS)
        name = "" if about is _MISSING else self.read.word(metadata.get("name"), about.at, "`metadata.name`", _ID)
        spec = self.read.mapping(top.get("spec"), "`spec`", SPEC_KEYS)
        inputs = self.inputs(spec.get("inputs"))
        steps = [*self.steps(spec.get("steps"), always=False), *self.steps(spec.get("finally"), always=True)]
        if "spec" in top and isinstance(top["spec"].value, dict) and "steps" not in top["spec"].keys:
            self.problems.add(top["spec"].at, "there are no steps", "say at least one under `steps`")
        title = self.read.text(metadata.get("title"), "`title`") or name
        description = self.read.text(metadata.get("description"), "`description`")
        return Playbook(name=name or "unnamed", title=title, description=description, inputs=inputs, steps=tuple(steps))

    # -- inputs ------------------------------------------------------------------------------------

    def inputs(self, node: Node | None) -> tuple[Input, ...]:
        """The playbook's parameters."""
        named = self.read.mapping(node, "`inputs`", None)
        return tuple(one for name, value in named.items() if node and (one := self.input(name, node.keys[name], value)))

    def input(self, name: str, at: Place, node: Node) -> Input | None:
        """One parameter."""
        if _INPUT.fullmatch(name) is None:
            self.problems.add(at, f"`{name[:40]}` is no name of an input", "lower-case letters, digits, underscores")
            self.places.unreadable.add(f"inputs.{name}")
            return None
        parts = self.read.mapping(node, f"input `{name}`", INPUT_KEYS)
        kind: Any = self.read.choice(parts.get("type"), "`type`", INPUT_TYPES)
        if kind is None:
            if isinstance(node.value, dict) and "type" not in node.keys:
                self.problems.add(at, f"input `{name}` has no `type`", f"one of {', '.join(INPUT_TYPES)}")
            self.places.unreadable.add(f"inputs.{name}")
            return None
        self.places.inputs[name] = at
        default = parts.get("default")
        value = None
        if default is not None and self.values.literal(default):
            value, self.places.defaults[name] = default.plain(), default
        required = default is None
        if "required" in parts:
            required = self.read.flag(parts["required"], "`required`", otherwise=required)
        about = self.read.text(parts.get("description"), "`description`")
        return Input(name=name, type=kind, description=about, default=value, required=required)

    # -- steps -------------------------------------------------------------------------------------

    def steps(self, node: Node | None, *, always: bool) -> list[Step]:
        """The steps of `steps` or `finally`."""
        what = "`finally`" if always else "`steps`"
        listed = self.read.items(node, what, "begin each step with `- id: NAME`")
        if node is not None and node.value == []:
            self.problems.add(node.at, f"{what} is empty", "say at least one step")
        found = []
        for one in listed:
            if len(self.places.steps) >= MAX_STEPS:
                self.problems.add(one.at, f"more than {MAX_STEPS} steps", "use `for_each`")
                break
            step = self.step(one, always=always)
            if step is not None:
                found.append(step)
        return found

    def step(self, node: Node, *, always: bool) -> Step | None:
        """One step, or None where it cannot be named."""
        parts = self.read.mapping(node, "a step", STEP_KEYS)
        if not isinstance(node.value, dict):
            return None
        step_id = self.read.word(parts.get("id"), node.at, "`id`", _ID)
        if not step_id:
            if "id" in parts:
                self.places.unreadable.add(f"steps.{parts['id'].value}")
            return None
        if step_id in self.places.steps:
            first = self.places.steps[step_id].at[0]
            self.problems.add(parts["id"].at, f"step `{step_id}` stands twice", f"the first is in line {first}")
            return None
        named = self.read.mapping(parts.get("with"), "`with`", None)
        arguments = {name: self.values.argument(value) for name, value in named.items()}
        wrong = {name for name, (_, good) in arguments.items() if not good}
        self.places.steps[step_id] = StepPlace(parts["id"].at, parts, named, wrong)
        if "uses" not in node.keys:
            self.problems.add(node.at, f'step "{step_id}" does not say what it uses', "see `irkit actions list`")
        given: Any = {
            "id": step_id,
            "uses": self.read.text(parts.get("uses"), "`uses`"),
            "arguments": {name: value for name, (value, _) in arguments.items()},
            "needs": self.needs(step_id, parts.get("needs")),
            "for_each": self.for_each(parts.get("for_each")),
            "when": self.when(parts.get("when")),
            "timeout": self.read.duration(parts.get("timeout"), "`timeout`", DEFAULT_TIMEOUT),
            "approval": self.read.choice(parts.get("approval"), "`approval`", APPROVALS) or "default",
            "on_failure": self.read.choice(parts.get("on_failure"), "`on_failure`", ON_FAILURE) or "stop",
            "accept_loss": self.read.text(parts.get("accept_loss"), "`accept_loss`").strip(),
            "always": always,
            "line": node.at[0],
        }
        return Step(**given)

    def needs(self, step_id: str, node: Node | None) -> tuple[str, ...]:
        """A list of step ids."""
        found: list[str] = []
        for one in self.read.items(node, "`needs`", "write `needs: [scope]`"):
            need = self.read.word(one, one.at, "what a step needs", _ID)
            if need in found:
                self.problems.add(one.at, f'step "{step_id}" needs `{need}` twice', "once is enough", warning=True)
            elif need:
                found.append(need)
        return tuple(found)

    def when(self, node: Node | None) -> When | None:
        """A condition's text; what it says is checked with the rules."""
        if node is None:
            return None
        if isinstance(node.value, bool):
            remedy = "remove it" if node.value else "remove the step"
            self.problems.add(node.at, f"`when` is always {node.text}", remedy)
            return None
        text = self.read.text(node, "`when`")
        if isinstance(node.value, str) and not text.strip():
            self.problems.add(node.at, "`when` is empty", "remove it")
        return When(text=text) if text.strip() else None

    def for_each(self, node: Node | None) -> Expr | None:
        """An expression that gives a list."""
        if node is None:
            return None
        if not isinstance(node.value, str) or "${" not in node.value:
            self.problems.add(node.at, "`for_each` must be an expression", "such as ${steps.scope.siblings}")
            return None
        return self.values.expression(node)
