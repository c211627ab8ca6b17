"""What NetworkPolicies select and allow. Policies are additive: a connection passes if any of them allows it.

Sources: Kubernetes API reference (networking.k8s.io/v1, LabelSelector) and its defaulting of policyTypes:
Ingress always, Egress only where the policy has an egress rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from irkit.actions.kube.objects import NAME_LIMIT, UID_LIMIT
from irkit.errors import Malformed
from irkit.model.doc import Doc

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist"]
_OPERATORS: dict[str, Operator] = {"In": "In", "NotIn": "NotIn", "Exists": "Exists", "DoesNotExist": "DoesNotExist"}
_SHOWN = 5


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


@dataclass(frozen=True, slots=True)
class Policy:
    """A NetworkPolicy as far as irkit judges it: `ingress` and `egress` are the numbers of its allow rules."""

    name: str
    uid: str
    selector: Selector
    types: tuple[str, ...]
    ingress: int = 0
    egress: int = 0
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def allows(self) -> tuple[str, ...]:
        """The directions in which it lets something pass. Rules of a direction that it does not police are void."""
        rules = {"Ingress": self.ingress, "Egress": self.egress}
        return tuple(kind.lower() for kind in ("Ingress", "Egress") if kind in self.types and rules[kind])

    @classmethod
    def read(cls, doc: Doc) -> Policy:
        """From the API's object. Raises Malformed."""
        ingress, egress = len(tuple(doc.each("spec", "ingress"))), len(tuple(doc.each("spec", "egress")))
        types = doc.texts("spec", "policyTypes") or (("Ingress", "Egress") if egress else ("Ingress",))
        return cls(
            name=doc.text("metadata", "name", limit=NAME_LIMIT),
            uid=doc.text("metadata", "uid", limit=UID_LIMIT),
            selector=Selector.read(doc.part("spec", "podSelector")),
            types=tuple(sorted(types)),
            ingress=ingress,
            egress=egress,
            labels=tuple(sorted(doc.labels("metadata", "labels").items())),
        )


def openings(policies: Iterable[Policy], labels: Mapping[str, str]) -> tuple[str, ...]:
    """What policies let through to or from a pod with these labels, in words; sorted by policy."""
    found = sorted((one.name, one.allows) for one in policies if one.allows and one.selector.matches(labels))
    shown = [f"{name} allows {' and '.join(directions)}" for name, directions in found[:_SHOWN]]
    if len(found) > _SHOWN:
        shown.append(f"{len(found) - _SHOWN} more policies allow something")
    return tuple(shown)
