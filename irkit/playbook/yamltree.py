"""YAML bytes to a tree with positions, whatever the bytes are.

Bounds come first: size, then depth, counted on parse events, because deep nesting ends the process in the C
composer (measured: 40,000 brackets). Anchors, aliases, tags and a second document are refused: none is needed,
and each has been used to attack readers. Scalars follow YAML 1.2's core schema (`on` and `no` are text).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml
import yamlcore
from yaml.reader import Reader as _Characters

from irkit.model.base import Json
from irkit.playbook.diagnostics import Place, Problems

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
_START = (1, 1)


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place: a scalar, a list of nodes, or a dict of text to nodes.

    `keys` places a dict's keys. `text` is an unquoted scalar as written: 0123 and 1e5 are not what they became.
    """

    value: Any
    at: Place
    keys: dict[str, Place] = field(default_factory=dict)
    text: str = ""

    def plain(self) -> Json:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        value: Json = self.value
        return value


def read_tree(data: bytes, problems: Problems) -> Node | None:
    """The document's tree, or None where there is none; what was wrong is in `problems`. Never raises."""
    if len(data) > MAX_BYTES:
        problems.add(_START, f"the file is larger than {MAX_BYTES // 1024} KiB", "split it")
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        problems.add((data.count(b"\n", 0, error.start) + 1, 1), "the file is not UTF-8", "save it as UTF-8")
        return None
    if (wrong := _Characters.NON_PRINTABLE.search(text)) is not None:
        before = text[: wrong.start()]
        at = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        problems.add(
            at, f"character U+{ord(wrong[0]):04X} is not allowed in YAML", "remove it, or write it as an escape"
        )
        return None
    try:
        if not _within_bounds(text, problems):
            return None
        root = yaml.compose(text, Loader=yamlcore.CCoreLoader)
    except yaml.YAMLError as error:
        _syntax(error, text, problems)
        return None
    if root is None:
        problems.add(_START, "the file is empty", "see `irkit playbook list` for one to start from")
        return None
    return _Tree(problems).node(root)


def _within_bounds(text: str, problems: Problems) -> bool:
    """Walk the parse events: they need no recursion."""
    depth = documents = 0
    refused = False
    for event in yaml.parse(text, Loader=yamlcore.CCoreLoader):
        mark = event.start_mark
        at = (mark.line + 1, mark.column + 1) if mark is not None else _START
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            problems.add(at, "a second document", "one playbook a file")
            return False
        if depth > MAX_DEPTH:
            problems.add(at, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
            return False
        refused |= _refused(event, at, problems)
    return not refused


def _refused(event: yaml.Event, at: Place, problems: Problems) -> bool:
    """Whether the event names something, or a type, which this language does not do."""
    if isinstance(event, yaml.AliasEvent):
        problems.add(at, f"alias *{str(event.anchor)[:40]}", "write the value out")
        return True
    if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
        return False
    if event.anchor is not None:
        problems.add(at, f"anchor &{str(event.anchor)[:40]}", "remove it, and write the value out where it is used")
    if event.tag is not None:
        problems.add(at, f"tag {str(event.tag)[:60]}", "remove it: types come from the values themselves")
    return event.anchor is not None or event.tag is not None


def _syntax(error: yaml.YAMLError, text: str, problems: Problems) -> None:
    """What the parser could not read; a tab in the indentation is the likeliest cause, and is said as such."""
    mark = getattr(error, "problem_mark", None)
    at = (mark.line + 1, mark.column + 1) if mark is not None else _START
    lines = text.split("\n")
    line = lines[at[0] - 1] if at[0] <= len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent:
        problems.add((at[0], indent.index("\t") + 1), "a tab where YAML wants spaces", "indent with spaces")
        return
    what = getattr(error, "problem", None) or "it cannot be read"
    problems.add(at, f"the file is not YAML: {what}", "check quotes, colons and indentation around here")


class _Tree:
    """Turns composed nodes into ours. The depth was bounded before."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.loader = yamlcore.CCoreLoader("")

    def node(self, node: yaml.Node) -> Node | None:
        """The value, or None where it has none (which is reported)."""
        at = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, at)
        if isinstance(node, yaml.SequenceNode):
            return Node([item for one in node.value if (item := self.node(one)) is not None], at)
        return self.mapping(node, at)

    def scalar(self, node: yaml.ScalarNode, at: Place) -> Node | None:
        try:
            value = self.loader.construct_object(node)
        except ValueError:  # Python reads no integer of more than 4,300 digits
            self.problems.add(at, "a number of too many digits", "quote it")
            return None
        return Node(value, at, text="" if node.style else str(node.value))  # a plain one has the style ""

    def mapping(self, node: yaml.Node, at: Place) -> Node:
        found: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for key_node, value_node in node.value:
            where = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.add(where, "a key that is not text", "keys are plain words")
                continue
            key = str(key_node.value)
            if key in keys:
                self.problems.add(where, f"key `{key[:40]}` stands twice", f"the first is in line {keys[key][0]}")
                continue
            keys[key] = where
            value = self.node(value_node)
            if value is not None:
                found[key] = value
        return Node(found, at, keys)
