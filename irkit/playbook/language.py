"""The grammar: from a YAML tree to a `Playbook`, everything that is wrong said at once, with its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, get_args

import durationpy

from irkit.model.base import Json
from irkit.model.playbooks import Expr, Input, InputType, Playbook, Step
from irkit.playbook.diagnostics import Problems
from irkit.playbook.yamltree import Node

API_VERSION = "irkit.dev/v1alpha1"
MAX_STEPS = 200
_EXPR = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
_ID = re.compile(r"[a-z][a-z0-9-]{0,40}")
_INPUT = re.compile(r"[a-z][a-z0-9_]{0,40}")
_STEP_KEYS = (
    "id", "uses", "with", "needs", "for_each", "timeout", "approval", "on_failure", "accept_loss",
)  # fmt: skip


@dataclass(slots=True)
class Places:
    """Where things stand in the file, for the linter's later rules."""

    steps: dict[str, tuple[int, int]] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # (step id, key) -> value's place
    arguments: dict[tuple[str, str], Node] = field(default_factory=dict)
    inputs: dict[str, tuple[int, int]] = field(default_factory=dict)


class Grammar:
    """Reads one file's tree. Every method reports and goes on."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.places = Places()

    def playbook(self, root: Node) -> Playbook | None:
        """The playbook, or None where its frame is not one."""
        top = self.mapping(root, "a playbook", ("apiVersion", "kind", "metadata", "spec"))
        self.fixed(top, "apiVersion", API_VERSION, root)
        self.fixed(top, "kind", "Playbook", root)
        metadata_node, spec_node = top.get("metadata"), top.get("spec")
        if metadata_node is None or spec_node is None:
            missing = "metadata" if metadata_node is None else "spec"
            self.problems.add(root.at, f"`{missing}` is missing", "see `irkit playbook schema`")
            return None
        metadata = self.mapping(metadata_node, "metadata", ("name", "title", "description"))
        name = self.word(metadata.get("name"), metadata_node, "metadata.name", _ID)
        spec = self.mapping(spec_node, "spec", ("inputs", "steps", "finally"))
        inputs = self.inputs(spec.get("inputs"))
        steps = [*self.steps(spec.get("steps"), always=False), *self.steps(spec.get("finally"), always=True)]
        if not steps:
            self.problems.add(spec_node.at, "there are no steps", "say at least one under `steps`")
        if len(steps) > MAX_STEPS:
            self.problems.add(spec_node.at, f"{len(steps)} steps are more than {MAX_STEPS}", "use `for_each`")
        if self.problems.errors:
            return None
        title = self.text(metadata.get("title"), "metadata.title") or name
        description = self.text(metadata.get("description"), "metadata.description")
        return Playbook(name=name, title=title, description=description, inputs=inputs, steps=tuple(steps))

    # -- parts -------------------------------------------------------------------------------------

    def inputs(self, node: Node | None) -> tuple[Input, ...]:
        """The playbook's parameters."""
        found: list[Input] = []
        if node is None:
            return ()
        kinds = get_args(InputType)
        for name, one in self.mapping(node, "inputs", None).items():
            self.places.inputs[name] = one.at
            if _INPUT.fullmatch(name) is None:
                self.problems.add(one.at, f"`{name[:40]}` is no name of an input", "lower case, digits, underscores")
                continue
            parts = self.mapping(one, f"input {name}", ("type", "description", "default", "required"))
            kind = self.choice(parts.get("type"), one, "type", kinds)
            if kind is None:
                continue
            required = parts["required"].value if "required" in parts else "default" not in parts
            if not isinstance(required, bool):
                self.problems.add(parts["required"].at, "`required` must be true or false")
                continue
            default = self.literal(parts["default"]) if "default" in parts else None
            description = self.text(parts.get("description"), "description")
            given: Any = {"name": name, "type": kind, "description": description, "default": default}
            found.append(Input(**given, required=required))
        return tuple(found)

    def steps(self, node: Node | None, *, always: bool) -> list[Step]:
        """The steps of `steps` or `finally`."""
        if node is None:
            return []
        if not isinstance(node.value, list):
            self.problems.add(node.at, "steps are a list", "begin each with `- id: …`")
            return []
        return [step for one in node.value if (step := self.step(one, always=always)) is not None]

    def step(self, node: Node, *, always: bool) -> Step | None:
        """One step."""
        parts = self.mapping(node, "a step", _STEP_KEYS)
        step_id = self.word(parts.get("id"), node, "id", _ID)
        uses = self.text(parts.get("uses"), "uses")
        if not uses:
            self.problems.add(node.at, f"step `{step_id}` does not say what it `uses`", "see `irkit actions list`")
        if not step_id or not uses:
            return None
        if step_id in self.places.steps:
            first = self.places.steps[step_id][0]
            self.problems.add(parts["id"].at, f"step `{step_id}` stands twice", f"the first is in line {first}")
            return None
        self.places.steps[step_id] = parts["id"].at
        self.places.keys.update({(step_id, key): one.at for key, one in parts.items()})
        arguments = self.arguments(step_id, parts.get("with"))
        approval = self.choice(parts.get("approval"), None, "approval", ("default", "required", "never"))
        on_failure = self.choice(parts.get("on_failure"), None, "on_failure", ("stop", "continue"))
        given: Any = {
            "id": step_id,
            "uses": uses,
            "arguments": arguments,
            "needs": self.needs(parts.get("needs")),
            "for_each": self.for_each(parts.get("for_each")),
            "timeout": self.duration(parts.get("timeout"), 300),
            "approval": approval or "default",
            "on_failure": on_failure or "stop",
            "accept_loss": self.text(parts.get("accept_loss"), "accept_loss"),
            "always": always,
            "line": node.at[0],
        }
        return Step(**given)

    def arguments(self, step_id: str, node: Node | None) -> dict[str, Expr | Json]:
        """The `with` block: expressions and literals."""
        if node is None:
            return {}
        found: dict[str, Expr | Json] = {}
        for name, one in self.mapping(node, "with", None).items():
            self.places.arguments[step_id, name] = one
            found[name] = self.argument(one)
        return found

    def argument(self, node: Node) -> Expr | Json:
        """`${...}` as a whole, or a literal."""
        if isinstance(node.value, str) and "${" in node.value:
            return self.expr(node)
        return self.literal(node)

    def literal(self, node: Node) -> Json:
        """A literal without expressions inside: they stand for whole values only."""
        self._no_expr(node)
        value: Json = node.plain()
        return value

    def _no_expr(self, node: Node) -> None:
        if isinstance(node.value, str) and "${" in node.value:
            self.problems.add(node.at, "`${` inside a larger value", "an expression stands for a whole argument")
        elif isinstance(node.value, float):
            self.problems.add(node.at, "a number with a fraction", "use whole numbers")
        elif isinstance(node.value, dict):
            if set(node.value) == {"expr"}:
                self.problems.add(node.at, "an object whose only key is `expr`", "name the key otherwise")
            for one in node.value.values():
                self._no_expr(one)
        elif isinstance(node.value, list):
            for one in node.value:
                self._no_expr(one)

    def expr(self, node: Node) -> Expr | None:
        """A `${...}` that is the whole value."""
        found = _EXPR.fullmatch(str(node.value))
        if found is None:
            remedy = "write just ${inputs.NAME}, ${steps.ID.OUTPUT} or ${item}; there is no text templating"
            self.problems.add(node.at, "an expression must be the whole value", remedy)
            return None
        path = tuple(found[1].split("."))
        shapes = {"inputs": 2, "steps": 3, "item": 1}
        if path[0] not in shapes or len(path) < shapes[path[0]] or not all(path):
            self.problems.add(node.at, f"`{node.value}` leads nowhere", "${inputs.NAME}, ${steps.ID.OUTPUT} or ${item}")
            return None
        return Expr(expr=path)

    def needs(self, node: Node | None) -> tuple[str, ...]:
        """A list of step ids."""
        if node is None:
            return ()
        if not isinstance(node.value, list) or not all(isinstance(one.value, str) for one in node.value):
            self.problems.add(node.at, "`needs` is a list of step ids", "needs: [scope]")
            return ()
        return tuple(one.value for one in node.value if self.word(one, one, "needs", _ID))

    def for_each(self, node: Node | None) -> Expr | None:
        """An expression that gives a list."""
        if node is None:
            return None
        if not isinstance(node.value, str):
            self.problems.add(node.at, "`for_each` is an expression", "for_each: ${steps.scope.siblings}")
            return None
        return self.expr(node)

    def duration(self, node: Node | None, default: int) -> int:
        """Whole seconds of a duration such as 90s, 10m, 1h30m."""
        if node is None:
            return default
        seconds = 0.0
        if isinstance(node.value, str):
            try:
                parsed: timedelta = durationpy.from_str(node.value)
                seconds = parsed.total_seconds()
            except (durationpy.DurationError, ValueError, OverflowError):
                seconds = 0.0
        longest = 86400
        if not 1 <= seconds <= longest or seconds != int(seconds):
            self.problems.add(node.at, "not a duration between 1s and 24h", "write 90s, 10m or 1h30m")
            return default
        return int(seconds)

    # -- pieces ------------------------------------------------------------------------------------

    def mapping(self, node: Node, what: str, known: Collection[str] | None) -> Mapping[str, Node]:
        """The node's keys; unknown ones are reported with the nearest known."""
        if not isinstance(node.value, dict):
            self.problems.add(node.at, f"{what} must be a mapping", "key: value")
            return {}
        for key in node.value:
            if known is not None and key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                remedy = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
                self.problems.add((node.keys or {}).get(key, node.at), f"unknown key `{key[:40]}` in {what}", remedy)
        return node.value

    def text(self, node: Node | None, what: str) -> str:
        """A string, or "" where it is missing."""
        if node is None:
            return ""
        if not isinstance(node.value, str):
            self.problems.add(node.at, f"`{what}` must be text", "quote it")
            return ""
        return node.value

    def word(self, node: Node | None, parent: Node, what: str, form: re.Pattern[str]) -> str:
        """A name of the given form."""
        if node is None:
            self.problems.add(parent.at, f"`{what}` is missing")
            return ""
        if not isinstance(node.value, str) or form.fullmatch(node.value) is None:
            self.problems.add(node.at, f"`{what}` must be lower-case letters, digits and dashes")
            return ""
        return node.value

    def choice(self, node: Node | None, parent: Node | None, what: str, known: tuple[str, ...]) -> str | None:
        """One of a few words."""
        if node is None:
            if parent is not None:
                self.problems.add(parent.at, f"`{what}` is missing", f"one of {', '.join(known)}")
            return None
        if node.value not in known:
            self.problems.add(node.at, f"`{what}` must be one of {', '.join(known)}")
            return None
        return str(node.value)

    def fixed(self, top: Mapping[str, Node], key: str, value: str, root: Node) -> None:
        """A key that can have one value only."""
        node = top.get(key)
        if node is None or node.value != value:
            self.problems.add(node.at if node else root.at, f"`{key}` must be {value}")
