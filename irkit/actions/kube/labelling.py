"""Marking an object with the case: what labelling a pod and labelling a node have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Protocol, TypeVar

from pydantic import AfterValidator, Field, StringConstraints

from irkit.actions.api import ActionSpec, Defaults
from irkit.actions.kube.about import About
from irkit.actions.kube.fields import Field as ObjectField
from irkit.actions.kube.fields import Fields, Subject, clash, label, read_fields, set_fields, take_out
from irkit.actions.kube.objects import absent, find, nothing_to_restore, unpinned
from irkit.model.effects import KubeCall, Mark, Resource
from irkit.model.kube import CASE_LABEL, DOMAIN, HELD_LABELS
from irkit.model.plans import Change, Drift, Impact, Originals, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.records import CaseId
from irkit.model.refs import TargetRef

_PREFIX = r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?"
_WORD = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"


def _foreign(key: str) -> str:
    if key.partition("/")[0] in {DOMAIN, HELD_LABELS}:
        msg = f"labels of {DOMAIN} are irkit's own"
        raise ValueError(msg)
    return key


Key = Annotated[str, StringConstraints(pattern=rf"^{_PREFIX}{_WORD}$"), AfterValidator(_foreign)]
Value = Annotated[str, StringConstraints(pattern=rf"^({_WORD})?$")]
AddedLabels = Annotated[dict[Key, Value], Field(max_length=16, default_factory=dict)]
"""Label syntax: Kubernetes documentation, "Labels and Selectors"."""


class HasLabels(Protocol):
    """Parameters that name labels."""

    @property
    def labels(self) -> dict[str, str]:
        """Labels beside the case's."""
        ...


P = TypeVar("P", bound=HasLabels)


class Labelling(About[P], Defaults):
    """Adds the case's label, and any others asked for, to one object.

    What is `shared` may be held by several cases: the first has the case's label, each further one a label of its own.
    """

    spec: ActionSpec
    resource: Resource
    shared: bool = False

    def observe(self, p: P, mark: Mark, reader: Reader) -> Fields:
        """The labels in question and irkit's annotation."""
        ref = self.target(p)
        presence, doc = find(reader.kube(ref.cluster), self.resource, ref)
        return Fields(presence) if doc is None else read_fields(doc, self._known(p, mark), mark.case)

    def plan(self, p: P, mark: Mark, facts: Fields, mine: Receipts) -> Plan:
        """Add what is missing; never replace what somebody else set."""
        ref = self.target(p)
        if facts.presence != "here":
            if facts.presence == "gone" and mine:
                return Settled(f"{ref} is gone; it carried the labels", Verdict.proven(f"{ref} no longer exists"))
            return absent(ref, facts.presence)
        first = self._first(facts, mark)
        fields = self._fields(p, _held(mark) if first is not None else _case(mark))
        held = clash(fields, facts)
        if held is not None:
            return held_elsewhere(ref, held, dict(facts.values)[held.name])
        edit = set_fields("label", Subject(self.resource, ref), fields, facts, mark.case)
        if edit is None:
            seen = f"{HELD_LABELS}/{mark.case}" if first is not None else f"{CASE_LABEL}={mark.case}"
            return Settled(_already(ref, mine), Verdict.proven(f"read back: {seen}{first or ''}"))
        return unpinned(ref) or Change(
            (edit.call,), f"{ref} lacks {', '.join(edit.after)}", _impact(p.labels), edit.originals, edit.after
        )

    def undo(self, p: P, mark: Mark, originals: Originals, facts: Fields, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Take out the labels that irkit set, if they still are as irkit set them."""
        ref = self.target(p)
        if facts.presence != "here":
            return nothing_to_restore(ref)
        wanted = take_out("unlabel", Subject(self.resource, ref), self._known(p, mark), facts, originals)
        if isinstance(wanted, tuple):
            return Refuse(
                f"somebody changed labels of {ref} since irkit set them",
                hint="compare the values; set the label by hand to what it should be, then undo again",
                drift=wanted,
            )
        if isinstance(wanted, KubeCall):
            return Change((wanted,), f"irkit's labels are still on {ref}")
        return Settled(
            "none of irkit's own labels is left" if originals else "irkit set no label here",
            Verdict.proven("read back: the labels are as they were"),
        )

    def _fields(self, p: P, own: ObjectField) -> tuple[ObjectField, ...]:
        return tuple(sorted((own, *(label(*one) for one in p.labels.items())), key=lambda one: one.path))

    def _known(self, p: P, mark: Mark) -> tuple[ObjectField, ...]:
        """All that it may set: which one, depends on who else holds the object."""
        return (*self._fields(p, _case(mark)), *((_held(mark),) if self.shared else ()))

    def _first(self, facts: Fields, mark: Mark) -> str | None:
        """Who marked it before this case, in words; None where this case is or will be the first.

        A case that was not the first keeps its own label when the first one goes.
        """
        values = dict(facts.values)
        now = values[_case(mark).name]
        if not self.shared or now == mark.case:
            return None
        if is_case(now):
            return f"; case {now} marked it before"
        return "" if values.get(_held(mark).name) is not None else None


def _case(mark: Mark) -> ObjectField:
    return label(CASE_LABEL, mark.case)


def _held(mark: Mark) -> ObjectField:
    return label(f"{HELD_LABELS}/{mark.case}", "true")


def other_holder(labels: Mapping[str, str], case: str) -> str:
    """Another case than this whose mark a shared object carries, or ""; what is no case is given as it is."""
    first = labels.get(CASE_LABEL, "")
    if first not in {"", case}:
        return first
    begin = f"{HELD_LABELS}/"
    held = sorted(key.removeprefix(begin) for key in labels if key.startswith(begin))
    return next((one for one in held if one != case and is_case(one)), "")


def held_now(ref: TargetRef, case: str, holder: str, what: str) -> Refuse:
    """An undo's refusal where another case needs a shared object as it is; `what` would happen to it."""
    return Refuse(
        f"another case holds {ref} now: {what} under that case",
        hint="undo or close the other case first",
        drift=(Drift(field=label(CASE_LABEL, case).name, ours=case, now=holder, original=None),),
    )


def _already(ref: TargetRef, mine: Receipts) -> str:
    return f"{ref} carries the labels" if mine else f"{ref} carried the labels already; undo leaves them"


def held_elsewhere(ref: TargetRef, held: ObjectField, now: object) -> Refuse:
    """The refusal to replace a label's value that somebody else set. Shows the value only where it is a case."""
    if held == label(CASE_LABEL, str(held.wanted)):
        other = f"case {now}" if is_case(now) else "something that is no case"
        return Refuse(f"{ref} is held by {other}", hint="join that case, or undo it first: irkit status")
    return Refuse(
        f"{held.name} of {ref} is set already, to another value",
        hint="irkit adds labels and never replaces them: an application may be selected by it",
    )


def is_case(value: object) -> bool:
    """Whether a label's value is the id of a case, and so fit to be shown."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 -- used where another case holds the object

    try:
        TypeAdapter(CaseId).validate_python(value)
    except ValidationError:
        return False
    return True


def _impact(added: dict[str, str]) -> tuple[Impact, ...]:
    return tuple(
        Impact(who=f"selectors of {key}", what="may select it from now on", warn=True) for key in sorted(added)
    )
