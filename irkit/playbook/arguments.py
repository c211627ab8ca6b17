"""What may stand for a value: a literal, or one `${...}` for the whole of it."""

from __future__ import annotations

import re

from irkit.model.base import MAX_SAFE_INTEGER, Json
from irkit.model.playbooks import Expr
from irkit.playbook.diagnostics import Problems
from irkit.playbook.yamltree import Node

EXPRESSION = r"\$\{(inputs(\.[A-Za-z0-9_-]+)+|steps(\.[A-Za-z0-9_-]+){2,}|item(\.[A-Za-z0-9_-]+)*)\}"
_EXPR = re.compile(EXPRESSION)
_FORMS = "${inputs.NAME}, ${steps.ID.OUTPUT} or ${item}"


class Arguments:
    """Reads values of one file."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def argument(self, node: Node) -> tuple[Expr | Json, bool]:
        """The value, and whether it can be used."""
        if isinstance(node.value, str) and "${" in node.value:
            expr = self.expression(node)
            return expr, expr is not None
        good = self.literal(node)
        return (node.plain() if good else None), good

    def expression(self, node: Node) -> Expr | None:
        """A `${...}` that is the whole value."""
        if _EXPR.fullmatch(node.value) is not None:
            return Expr(expr=tuple(node.value[2:-1].split(".")))
        if re.fullmatch(r"\$\{[^{}$]*\}", node.value):
            self.problems.add(node.at, f"{node.value[:60]} leads nowhere", f"write {_FORMS}")
        else:
            remedy = f"write just {_FORMS}: there is no text templating"
            self.problems.add(node.at, "an expression must be the whole value", remedy)
        return None

    def literal(self, node: Node) -> bool:
        """Whether a literal can be kept in a record, and hides no expression."""
        value = node.value
        if isinstance(value, dict):
            return self._object(node)
        if isinstance(value, list):
            return all([self.literal(one) for one in value])  # noqa: C419 -- all of them are to be reported
        if isinstance(value, str) and "${" in value:
            remedy = "an expression stands for a whole parameter; let an earlier step give the list or object"
            self.problems.add(node.at, "`${` inside a larger value", remedy)
            return False
        if isinstance(value, float) or (isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER):
            shown = node.text[:60]
            kind = "a number with a fraction" if isinstance(value, float) else "a number beyond 2^53"
            self.problems.add(node.at, f"{shown} without quotes is {kind}", f'quote it: "{shown}"')
            return False
        return True

    def _object(self, node: Node) -> bool:
        good = [self.literal(one) for one in node.value.values()]
        for key, at in node.keys.items():
            if not key.isascii():
                self.problems.add(at, "a key that is not ASCII", "records hold ASCII keys only")
                good.append(False)
        if set(node.keys) == {"expr"}:
            self.problems.add(node.at, "an object whose only key is `expr`", "the journal means ${...} by that")
            good.append(False)
        return all(good)
