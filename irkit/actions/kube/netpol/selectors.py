"""Label selectors (Kubernetes API reference, LabelSelector)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from irkit.errors import Malformed
from irkit.model.doc import Doc

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist"]
_OPERATORS: dict[str, Operator] = {"In": "In", "NotIn": "NotIn", "Exists": "Exists", "DoesNotExist": "DoesNotExist"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One expression over a label."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it holds. A missing label satisfies NotIn and DoesNotExist."""
        if self.operator == "Exists":
            return self.key in labels
        if self.operator == "DoesNotExist":
            return self.key not in labels
        listed = self.key in labels and labels[self.key] in self.values
        return listed if self.operator == "In" else not listed


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: all of its requirements hold; one without any selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return all(one.matches(labels) for one in self.requirements)

    @classmethod
    def equals(cls, wanted: Mapping[str, str]) -> Selector:
        """The selector of a map of labels."""
        return cls(tuple(Requirement(key, "In", (value,)) for key, value in sorted(wanted.items())))

    @classmethod
    def read(cls, doc: Doc) -> Selector:
        """From matchLabels and matchExpressions. Raises Malformed."""
        equal = cls.equals(doc.labels("matchLabels")).requirements
        return cls((*equal, *sorted(map(_requirement, doc.each("matchExpressions")), key=repr)))


def _requirement(doc: Doc) -> Requirement:
    operator = _OPERATORS.get(doc.text("operator", limit=40))
    if operator is None:
        raise Malformed(doc.what, f"{doc.path}.operator", "an operator of a label selector", "another text")
    return Requirement(doc.text("key", limit=317), operator, tuple(sorted(doc.texts("values"))))
