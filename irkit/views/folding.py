"""The children of a `for_each` as one: what they share is said once, of names the first few and how many more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from irkit.app.preview import PlannedStep
from irkit.model.effects import AwsCall, KubeCall, Store
from irkit.model.plans import Impact
from irkit.views.figures import plural, size
from irkit.views.progress import call_words

SHOWN = 3
"""So many names are said; of more, the number."""
Effect = KubeCall | AwsCall | Store
_WORDS = {"type", "verb", "resource", "namespace", "object", "key", "service", "operation"}
_MANY = {"node": "nodes", "pod": "pods", "service account": "service accounts", "image": "images"}


@dataclass(frozen=True, slots=True)
class Fold:
    """Units of one step that would do the same: a step that has no children, or some children of one.

    `about` are the children's names; empty for a step that has none. `step` stands for them all, its reason and its
    impact without what differs from one to the next.
    """

    name: str
    step: PlannedStep
    units: tuple[PlannedStep, ...]
    about: tuple[str, ...] = ()

    @property
    def crowd(self) -> str:
        """`12 pods`."""
        return _counted([one.target for one in self.units])

    @property
    def whom(self) -> str:
        """`12 pods of shop: web-1, web-2, web-3, +9`; of one, its name."""
        if len(self.about) == 1:
            return self.about[0]
        spaces = {one.rpartition("/")[0] for one in self.about}
        if len(spaces) == 1 and (space := spaces.pop()):
            return f"{self.crowd} of {space}: {some([one.rpartition('/')[2] for one in self.about])}"
        return f"{self.crowd}: {some(self.about)}"


def folds(steps: Iterable[PlannedStep]) -> list[list[Fold]]:
    """The playbook's steps in order; of each, its units by what they would do."""
    found: list[list[Fold]] = []
    for name, group in groupby(steps, key=lambda one: one.key.partition("[")[0]):
        units = list(group)
        if not any(one.about for one in units):
            found.extend([Fold(name, one, (one,))] for one in units)
            continue
        alike: dict[tuple[object, ...], list[PlannedStep]] = {}
        for one in units:
            alike.setdefault(_alike(one), []).append(one)
        found.append([_fold(name, some) for some in alike.values()])
    return found


def _alike(one: PlannedStep) -> tuple[object, ...]:
    """What two children must have in common to be said at once."""
    calls = Counter(_kind(effect) for effect in one.effects)
    seen = one.verdict
    verdict = () if seen is None or seen.status == "proven" else (seen.status, _general(seen.why, one))
    told = "" if one.kind in {"change", "settled"} else _general(one.why, one)
    return one.kind, told, one.hint, one.demanded, verdict, tuple(sorted(calls))


def _fold(name: str, units: list[PlannedStep]) -> Fold:
    first = units[0]
    if len(units) == 1:
        return Fold(name, first, tuple(units), (first.about,))
    reasons = dict.fromkeys(_general(one.why, one) for one in units)
    impact = merged([one for unit in units for one in unit.impact])
    several = "it is so already" if first.kind == "settled" else ""
    step = replace(first, why=next(iter(reasons)) if len(reasons) == 1 else several, impact=impact)
    return Fold(name, step, tuple(units), tuple(one.about for one in units))


def _general(text: str, one: PlannedStep) -> str:
    """A child's reason without its own name."""
    kind = one.target.removesuffix(one.about).strip() if one.about else ""
    if kind:
        text = text.replace(f"{kind} {one.about}", f"the {kind}")
    return text.replace(one.about, "it") if one.about else text


def _kind(effect: Effect) -> str:
    """A call without whom it is about."""
    if isinstance(effect, KubeCall):
        return f"{effect.verb} {effect.resource.plural}"
    return effect.type if isinstance(effect, Store) else f"{effect.service} {effect.operation}"


def merged(impact: Iterable[Impact]) -> tuple[Impact, ...]:
    """Impacts that say the same of several, once: `pod a, b, c, +9`. The counts are those of all."""
    found: dict[tuple[str, bool], dict[str, int]] = {}
    for one in impact:
        whom = found.setdefault((one.what, one.warn), {})
        whom[one.who] = max(whom.get(one.who, 0), one.count)
    return tuple(
        Impact(who=some(list(whom)), what=what, count=sum(whom.values()), warn=warn)
        for (what, warn), whom in found.items()
    )


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are: `node a, b, c, +9`. Words that all begin with are said once."""
    rest = len(names) - SHOWN
    kinds = {one.rpartition(" ")[0] for one in names}
    shown = list(names[:SHOWN])
    if len(kinds) == 1:
        shown = [shown[0], *(one.rpartition(" ")[2] for one in shown[1:])]
    return ", ".join(shown) + (f", +{rest}" if rest > 0 else "")


def words(effect: Effect) -> str:
    """A call in words; of evidence, its size too."""
    text = call_words(effect.model_dump(mode="json", include=_WORDS))
    return f"{text} ({size(effect.size)})" if isinstance(effect, Store) else text


def call_summary(fold: Fold) -> list[str]:
    """What all units of a fold would call: one call of its kind in full, several by their number."""
    kinds: dict[str, dict[str, Effect]] = {}
    for unit in fold.units:
        for effect in unit.effects:
            kinds.setdefault(_kind(effect), {})[words(effect)] = effect
    found = []
    for kind, calls in kinds.items():
        stored = [one.size for one in calls.values() if isinstance(one, Store)]
        verb, _, what = kind.partition(" ")
        if len(calls) == 1:
            found.append(next(iter(calls)))
        elif stored:
            found.append(f"store {len(stored)} artefacts ({size(sum(stored))})")
        else:
            found.append(f"{verb} {len(calls)} {what}")
    return found


def _counted(targets: Sequence[str]) -> str:
    kinds = {one.rpartition(" ")[0] for one in targets}
    if len(kinds) != 1:
        return plural(len(targets), "target")
    kind = kinds.pop()
    return plural(len(targets), kind or "target", _MANY.get(kind, f"{kind or 'target'}s"))
