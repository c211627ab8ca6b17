"""What an action is. DESIGN: actions never write; they observe, then plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from irkit.model.base import Json, Model
from irkit.model.effects import Access, AwsCall, KubeCall, Mark, Store
from irkit.model.plans import Originals, Plan, Receipts, Refuse
from irkit.model.ports import Reader
from irkit.model.refs import ClusterRef, ImageRef, NamespaceRef, NodeRef, PodRef, ServiceAccountRef, WorkloadRef

Purpose = Literal["read", "protect", "contain", "capture", "probe", "recover"]
Risk = Literal["none", "reversible", "disruptive", "destructive"]
"""`destructive` needs an approval unless the playbook's author says otherwise with a reason."""

TargetRef = NamespaceRef | NodeRef | PodRef | ServiceAccountRef | WorkloadRef | ImageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """What is known of an action without running it. Permissions, docs and the linter come from this.

    `destroys` and `captures` name the parameter whose target loses its volatile evidence here, or has it
    kept here. `wide` are those of the reads and writes that go beyond the target's namespace; `optional` those that it
    does without where they are denied; `there` those that are in the namespace that the parameter `namespace` names,
    where it names one; `system` those of the reads that are made in kube-system as well, and done without where that
    is denied. `settle` is how many seconds the observed system may lag behind an effect.
    `no_undo` says why there is no undo ("" where there is one); `undo_after` names actions that are undone before this
    one is, whichever was done first.
    """

    id: str
    version: int
    title: str
    purpose: Purpose
    params: type[Model]
    outputs: type[Model]
    reads: tuple[Access, ...]
    writes: tuple[Access, ...] = ()
    wide: tuple[Access, ...] = ()
    optional: tuple[Access, ...] = ()
    there: tuple[Access, ...] = ()
    system: tuple[Access, ...] = ()
    risk: Risk
    settle: int = 0
    no_undo: str = ""
    undo_after: tuple[str, ...] = ()
    destroys: str = ""
    captures: str = ""
    example: str  # the `with:` block of a step, as YAML


class NoOutputs(Model):
    """For actions that give nothing to later steps."""


P_contra = TypeVar("P_contra", bound=Model, contravariant=True)
F = TypeVar("F")


class Defaults:
    """What most actions answer: every parameter is in the mark, and there is one phase."""

    def mark_params(self, p: Model) -> Json:
        """All parameters."""
        return p.dump()

    def foresees(self, p: Model, mark: Mark) -> tuple[KubeCall | AwsCall | Store, ...]:  # noqa: ARG002 -- the port's
        """No later phase."""
        return ()


class NoUndo(Defaults):
    """For actions that cannot be undone; their spec's `no_undo` says why."""

    spec: ActionSpec

    def undo(self, p: Model, mark: Mark, originals: Originals, facts: object, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Refuses, with the reason."""
        return Refuse(f"{self.spec.id} has no undo: {self.spec.no_undo}")


class Action(Protocol[P_contra, F]):
    """An action's three functions, and what they are about. `plan`, `undo` and the rest are pure."""

    spec: ActionSpec

    def target(self, p: P_contra) -> TargetRef | ClusterRef:
        """What the step is about: whose uid is pinned, guarded and shown."""
        ...

    def scope(self, p: P_contra) -> str:
        """The uid in the mark: the target's, or its namespace's where one object serves many targets."""
        ...

    def locks(self, p: P_contra) -> tuple[str, ...]:
        """Names of what is read then written: steps with a common one never overlap."""
        ...

    def mark_params(self, p: P_contra) -> Json:
        """What of the parameters is in the mark; all of them where nothing is shared between targets."""
        ...

    def foresees(self, p: P_contra, mark: Mark) -> tuple[KubeCall | AwsCall | Store, ...]:
        """Calls of later phases that an approval binds too, beside those of the present plan."""
        ...

    def observe(self, p: P_contra, mark: Mark, reader: Reader) -> F:
        """Read just what `plan` needs into frozen facts."""
        ...

    def plan(self, p: P_contra, mark: Mark, facts: F, mine: Receipts) -> Plan:
        """What is wanted, given the facts."""
        ...

    def undo(self, p: P_contra, mark: Mark, originals: Originals, facts: F, mine: Receipts) -> Plan:
        """What is wanted to take irkit's own change out of the current state."""
        ...
