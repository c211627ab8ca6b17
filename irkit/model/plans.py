"""What an action answers when asked what it wants: exactly one of four plans."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from irkit.model.base import Json, Model
from irkit.model.effects import AwsCall, KubeCall, Store


class Verdict(Model):
    """What is known about a step's purpose. `leaky` is known to be open; `unproven`: nobody could look."""

    status: Literal["proven", "leaky", "unproven", "refused", "failed", "skipped"]
    why: str

    @classmethod
    def proven(cls, by: str) -> Verdict:
        """Observed to be so, by what."""
        return cls(status="proven", why=by)

    @classmethod
    def leaky(cls, what: str) -> Verdict:
        """Known to be open, through what."""
        return cls(status="leaky", why=what)

    @classmethod
    def unproven(cls, why: str) -> Verdict:
        """Not observable from here, and why."""
        return cls(status="unproven", why=why)

    def __str__(self) -> str:
        return f"{self.status}: {self.why}" if self.why else self.status


class Impact(Model):
    """A bystander of a change: who else feels it, and whether somebody should think twice."""

    who: str
    what: str
    count: int = 0
    warn: bool = False


class Original(Model):
    """A field's value before irkit touched it. Written once per (case, target, field) and generation."""

    target: str
    field: str
    value: Json


class Drift(Model):
    """A field that is neither as irkit left it nor as it was before."""

    field: str
    ours: Json
    now: Json
    original: Json


class Receipt(Model):
    """An effect's recorded end under this mark. `reply` holds the fields that the call said to keep."""

    effect: str
    status: Literal["done", "failed", "in_doubt"]
    reply: dict[str, Json]
    take: int = 0


@dataclass(frozen=True, slots=True)
class Receipts:
    """What this mark has done so far in this case, oldest first; true where there is anything.

    `others` are the keys of the other targets that the mark serves and was not yet undone for.
    """

    ended: tuple[Receipt, ...] = ()
    others: Collection[str] = ()

    def __bool__(self) -> bool:
        return bool(self.ended)


Originals = Mapping[tuple[str, str], Json]
"""(target key, field) -> first value, for the fields that this mark touched."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is wanted any more. `outputs` is the action's Outputs model."""

    reason: str
    verdict: Verdict
    outputs: Model | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """These effects are wanted, in this order; each starts only after the one before is done."""

    effects: tuple[KubeCall | AwsCall | Store, ...]
    why: str
    impact: tuple[Impact, ...] = ()
    originals: tuple[Original, ...] = ()
    after: Mapping[str, Json] = field(default_factory=dict)  # original's field -> value that this change wants there


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again after so many seconds."""

    seconds: int
    why: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """This must not or cannot be done here. `drift` shows what somebody else changed since."""

    why: str
    hint: str = ""
    drift: tuple[Drift, ...] = ()


Plan = Settled | Change | Wait | Refuse
