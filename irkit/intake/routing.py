"""Routes: which playbook answers which finding. Data in YAML; patterns in EventBridge's form; the first match wins.

A route only proposes. Its pattern is matched against the event as it would come through EventBridge (`Received.event`);
what it passes to the playbook comes from the typed finding, never from the event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from irkit.errors import ConfigError, FindingError, Malformed
from irkit.intake.patterns import Pattern, compile_pattern
from irkit.model.base import Json, Model
from irkit.model.doc import Doc
from irkit.model.findings import Finding
from irkit.playbook.diagnostics import Problems
from irkit.playbook.language import API_VERSION
from irkit.playbook.yamltree import Node, read_tree

MAX_ROUTES: Final = 200
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,40}")
_INPUT: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_FIELDS: Final = {
    "target": "the finding names no object in the cluster that a playbook can be about",
    "actor.service_account": "the finding names no service account as its actor",
    "cluster": "the finding names no EKS cluster",
    "type": "",
    "id": "",
}
"""What a route may pass on, and why it may be missing."""


@dataclass(frozen=True, slots=True)
class Route:
    """A pattern, the playbook for what it matches, and the playbook's inputs by the finding's fields."""

    name: str
    pattern: Pattern
    playbook: str
    inputs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    description: str = ""

    def arguments(self, finding: Finding) -> dict[str, Json]:
        """The playbook's inputs. Raises FindingError where the finding lacks one that the route passes on."""
        return {name: _argument(finding, path, self.name) for name, path in self.inputs.items()}


def load_routes(data: bytes, source_name: str) -> tuple[Route, ...]:
    """The routes of a YAML file, in its order.

    Raises ConfigError: not YAML, or a route that is not one, with its line, column and path in the file.
    """
    root = _tree(data, source_name)
    try:
        doc = Doc(root.plain(), source_name).part()
        _members(doc, {"apiVersion", "kind", "metadata", "spec"})
        _is(doc, "apiVersion", API_VERSION)
        _is(doc, "kind", "Routes")
        _members(doc.part("spec"), {"routes"})
        items = doc.items("spec", "routes")
        if not 0 < len(items) <= MAX_ROUTES:
            raise Malformed(source_name, "spec.routes", f"a list of 1 to {MAX_ROUTES} routes", f"{len(items)}")
        routes = tuple(_route(item.part()) for item in items)
        seen: set[str] = set()
        for item, route in zip(items, routes, strict=True):
            if route.name in seen:
                raise Malformed(source_name, f"{item.path}.name", "a name of its own", "another route's")
            seen.add(route.name)
    except Malformed as error:
        line, column = _place(root, error.path)
        where = error.path or "the file"
        message = f"{source_name}:{line}:{column}: {where} must be {error.expected}, got {error.got}"
        raise ConfigError(message, did="nothing was run", hint="the shipped routes.yaml shows the form") from None
    return routes


def match(routes: Iterable[Route], event: Mapping[str, Any]) -> Route | None:
    """The first route whose pattern matches the event, or None."""
    return next((route for route in routes if route.pattern.matches(event)), None)


def _route(doc: Doc) -> Route:
    _members(doc, {"name", "description", "pattern", "playbook", "inputs"})
    inputs = {}
    for name, value in doc.part("inputs").raw.items():
        at = f"{doc.path}.inputs.{name}"
        if type(name) is not str or not _INPUT.fullmatch(name):
            raise Malformed(doc.what, f"{doc.path}.inputs", "named as the playbook's inputs are", "another name")
        found = re.fullmatch(r"\$\{finding\.([a-z_.]+)\}", value) if type(value) is str else None
        if found is None or found[1] not in _FIELDS:
            known = ", ".join(f"${{finding.{path}}}" for path in _FIELDS)
            raise Malformed(doc.what, at, f"one of {known}", "something else")
        inputs[name] = found[1]
    return Route(
        name=_named(doc, "name"),
        pattern=compile_pattern(doc.part("pattern").raw, doc.what, f"{doc.path}.pattern"),
        playbook=_named(doc, "playbook"),
        inputs=MappingProxyType(inputs),
        description=doc.text("description", default="", limit=1024),
    )


def _argument(finding: Finding, path: str, route: str) -> Json:
    value: Any = finding
    for name in path.split("."):
        value = getattr(value, name, None)
    if value is None:
        message = f"route {route} cannot start its playbook: {_FIELDS[path]}"
        hint = "name it yourself: irkit contain pod NAMESPACE/NAME"
        raise FindingError(message, field=path, hint=hint)
    return value.dump() if isinstance(value, Model) else str(value)


def _named(doc: Doc, key: str) -> str:
    text = doc.text(key, limit=200)
    if not _NAME.fullmatch(text):
        raise Malformed(doc.what, f"{doc.path}.{key}", "a name of lower-case letters, digits and dashes", "other text")
    return text


def _is(doc: Doc, key: str, expected: str) -> None:
    if doc.text(key, limit=200) != expected:
        raise Malformed(doc.what, key, expected, "other text")


def _members(doc: Doc, known: set[str]) -> None:
    for key in doc.raw:
        if key not in known:
            raise Malformed(doc.what, doc.path, f"an object with only {', '.join(sorted(known))}", "another member")


def _tree(data: bytes, name: str) -> Node:
    """The file's tree, bounded before it is built. Raises ConfigError."""
    problems = Problems(name, data)
    root = read_tree(data, problems)
    if root is None or problems.errors:
        found = problems.all[0]
        message = f"{name}:{found.line}:{found.column}: {found.message}"
        raise ConfigError(message, did="nothing was run", hint=found.remedy)
    return root


def _place(root: Node, path: str) -> tuple[int, int]:
    """The line and column of a path, or of the nearest thing above it."""
    node, at = root, root.at
    for token in re.findall(r"[^.\[\]]+|\[\d+\]", path):
        if isinstance(node.value, dict) and token in node.value:
            at = (node.keys or {}).get(token, at)
            node = node.value[token]
        elif isinstance(node.value, list) and token.startswith("["):
            node = node.value[int(token[1:-1])]
            at = node.at
        else:
            break
    return at
