"""YAML bytes to a tree with positions, whatever the bytes are.

Bounds come first: size, then depth, counted on parse events, because deep nesting ends the process in the C
composer (measured: 40,000 brackets). Anchors, aliases, tags, merge keys and a second document are refused: none
is needed, and each has been used to attack readers. Scalars follow YAML 1.2's core schema (`on` and `no` are text).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
import yamlcore

from irkit.playbook.diagnostics import Problems

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
_START = (1, 1)


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place. `value` is a scalar, a list of nodes, or a dict of text to nodes."""

    value: Any
    at: tuple[int, int]
    keys: dict[str, tuple[int, int]] | None = None
    text: str = ""  # a scalar as written, for messages about octal numbers and the like

    def plain(self) -> Any:  # noqa: ANN401 -- JSON of any shape
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read_tree(data: bytes, problems: Problems) -> Node | None:
    """The document's tree, or None where something was wrong; what, is in `problems`."""
    if len(data) > MAX_BYTES:
        problems.add(_START, f"the file is larger than {MAX_BYTES} bytes", "split it")
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.add((line, 1), "the file is not UTF-8", "save it as UTF-8")
        return None
    try:
        if not _within_bounds(text, problems):
            return None
        root = yaml.compose(text, Loader=yamlcore.CCoreLoader)
    except yaml.YAMLError as error:
        _syntax(error, text, problems)
        return None
    except ValueError as error:  # characters that YAML does not allow
        problems.add(_START, f"the file is not YAML: {type(error).__name__}")
        return None
    if root is None:
        problems.add(_START, "the file is empty")
        return None
    return _convert(root, yamlcore.CCoreLoader(""), problems)


def _within_bounds(text: str, problems: Problems) -> bool:
    """Walk the parse events: they need no recursion."""
    depth = documents = 0
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
        _refuse_names(event, at, problems)
    return not problems.errors


def _refuse_names(event: yaml.Event, at: tuple[int, int], problems: Problems) -> None:
    if isinstance(event, yaml.AliasEvent):
        problems.add(at, f"alias *{str(event.anchor)[:40]}", "write the value out")
    elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
        if event.anchor is not None:
            problems.add(at, f"anchor &{str(event.anchor)[:40]}", "remove it and write the values out")
        if event.tag is not None:
            problems.add(at, f"tag {str(event.tag)[:60]}", "remove it; types come from the values themselves")


def _syntax(error: yaml.YAMLError, text: str, problems: Problems) -> None:
    mark = getattr(error, "problem_mark", None)
    at = (mark.line + 1, mark.column + 1) if mark is not None else _START
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    lines = text.splitlines()
    if at[0] <= len(lines) and "\t" in lines[at[0] - 1][: at[1]]:
        problems.add(at, "a tab where YAML wants spaces", "indent with spaces")
        return
    problems.add(at, f"the file is not YAML: {what}")


def _convert(node: yaml.Node, loader: Any, problems: Problems) -> Node | None:  # noqa: ANN401 -- the loader is untyped
    at = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.ScalarNode):
        try:
            value = loader.construct_object(node)
        except (ValueError, yaml.YAMLError):
            problems.add(at, f"{str(node.value)[:40]!r} is no value of its type", "quote it")
            return None
        if not (value is None or isinstance(value, str | bool | int | float)):
            value = str(node.value)
        return Node(value, at, text=str(node.value) if node.style is None else "")
    if isinstance(node, yaml.SequenceNode):
        items = [_convert(item, loader, problems) for item in node.value]
        return Node([item for item in items if item is not None], at)
    return _mapping(node, at, loader, problems)


def _mapping(node: Any, at: tuple[int, int], loader: Any, problems: Problems) -> Node:  # noqa: ANN401 -- untyped library
    found: dict[str, Node] = {}
    keys: dict[str, tuple[int, int]] = {}
    for key_node, value_node in node.value:
        where = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            problems.add(where, "a key that is no text", "keys are plain words")
            continue
        key = str(key_node.value)
        if key in found:
            problems.add(where, f"key `{key[:40]}` stands twice", f"the first is in line {keys[key][0]}")
            continue
        value = _convert(value_node, loader, problems)
        if value is not None:
            found[key], keys[key] = value, where
    return Node(found, at, keys)
