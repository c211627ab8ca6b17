"""The effects of a case by their keys, and what a fleet asks of them for every one of its pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from irkit.model.base import Json
from irkit.model.plans import Receipt

_OPEN = frozenset({"intended", "in_doubt"})


def effect_key(mark: str, generation: int, mode: str, name: str) -> str:
    """What tells an effect from all others of its case; the same for every rerun of the same work."""
    return f"{mark[:20]}.{generation}.{mode}.{name}"


@dataclass(slots=True)
class EffectState:
    """One effect of the case, by its key. `status` follows its latest record."""

    key: str
    name: str
    mark: str
    run: str
    step: str
    attempt: int
    call: Json
    status: Literal["intended", "done", "failed", "in_doubt"]
    writer: str
    intended: str  # when
    ended: str = ""
    seq: int = -1  # of the record that ended it
    reply: dict[str, Json] = field(default_factory=dict)
    request_id: str = ""
    adopted: bool = False
    error: str = ""


class Effects(Mapping[str, EffectState]):
    """Effects by key, oldest first; indexed by mark and by step.

    Receipts of a mark are worked out once until one of its effects is added again: a wave asks for each of its looks.
    """

    def __init__(self) -> None:
        self._by_key: dict[str, EffectState] = {}
        self._of_mark: dict[str, dict[str, None]] = {}
        self._of_step: dict[tuple[str, str], dict[str, None]] = {}
        self._receipts: dict[str, tuple[int, tuple[Receipt, ...]]] = {}

    def __getitem__(self, key: str) -> EffectState:
        return self._by_key[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, effect: EffectState) -> EffectState:
        """Take one in that is new, tried again or about to change."""
        self._receipts.pop(effect.mark, None)
        self._by_key[effect.key] = effect
        self._of_mark.setdefault(effect.mark, {})[effect.key] = None
        self._of_step.setdefault((effect.run, effect.step), {})[effect.key] = None
        return effect

    def of_mark(self, mark: str, generation: int) -> list[EffectState]:
        """What a mark did in one of its generations."""
        prefix = effect_key(mark, generation, "apply", "")
        return [self._by_key[key] for key in self._of_mark.get(mark, ()) if key.startswith(prefix)]

    def receipts(self, mark: str, generation: int) -> tuple[Receipt, ...]:
        """The same as actions see it. An intent without an end counts as in doubt: it may have taken place."""
        known = self._receipts.get(mark)
        if known is None or known[0] != generation:
            found = tuple(
                Receipt(
                    effect=effect.name,
                    status="in_doubt" if effect.status == "intended" else effect.status,
                    reply=effect.reply,
                )
                for effect in self.of_mark(mark, generation)
            )
            known = self._receipts[mark] = (generation, found)
        return known[1]

    def doubtful(self, run: str, step: str) -> list[EffectState]:
        """Those of a step of which nobody knows whether they took place."""
        mine = (self._by_key[key] for key in self._of_step.get((run, step), ()))
        return [one for one in mine if (one.run, one.step) == (run, step) and one.status in _OPEN]
