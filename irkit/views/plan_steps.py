"""The steps of a plan: a row each for the screen, each in full on request, and every change field by field."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from irkit.app.preview import PLACEHOLDER, PlannedStep, Preview
from irkit.model.base import Json
from irkit.model.effects import KubeCall
from irkit.views.figures import short
from irkit.views.folding import Effect, Fold, call_summary, folds, words
from irkit.views.terminal import Line, Span, fill, hanging

_NAME = 12
_INDENT = " " * (_NAME + 6)
_INNER = " " * 5
_HEAD = f"  #  {'step':<{_NAME}} will · who else feels it"
_KINDS = {
    "change": ("", ""),
    "settled": ("nothing: ", "dim"),
    "wait": ("wait: ", "dim"),
    "refused": ("REFUSED: ", "bad"),
    "blocked": ("cannot look: ", "bad"),
    "later": ("", "dim"),
}
_UNMISSED = frozenset({"read", "capture", "probe"})
"""Purposes of which nobody misses an undo."""


def step_names(found: Preview) -> list[str]:
    """The playbook's steps, in order: their places in it are the numbers on the screen."""
    return list(dict.fromkeys(step.key.partition("[")[0] for step in found.steps))


def pick(found: Preview, typed: str) -> str:
    """The step that a number or a name means, or "" for none."""
    names = step_names(found)
    if typed.isascii() and typed.isdecimal() and 0 < int(typed[:9]) <= len(names):
        return names[int(typed[:9]) - 1]
    return typed if typed in names else ""


# -- a row each ------------------------------------------------------------------------------------------


def summary_lines(found: Preview) -> list[Line]:
    """What each step will do, and who else feels it. What several steps or children share is said once."""
    lines: list[Line] = [[Span(_HEAD, "dim")]]
    told = _Told()
    for number, of_step in enumerate(folds(found.steps), 1):
        for index, fold in enumerate(of_step):
            lead = _INDENT if index else f" {number:>2}  {fill(fold.name, _NAME)} "
            lines.extend(_row(lead, fold, told))
    return lines


class _Told:
    """What the rows above have said already."""

    def __init__(self) -> None:
        self._patches: dict[str, Json] = {}
        self._whom: frozenset[str] = frozenset()
        self._reasons: dict[tuple[str, str, str], str] = {}

    def whom(self, fold: Fold) -> str:
        """Whom a fold is about; of the same crowd as in the row above, the number."""
        names = frozenset(fold.about)
        same = len(names) > 1 and names == self._whom
        self._whom = names
        return f"the same {fold.crowd}" if same else fold.whom

    def reason(self, fold: Fold) -> tuple[str, str]:
        """Why nothing is called, and what to do about it; of the same refusal before, the step that has it."""
        step = fold.step
        key = (step.kind, step.why, step.hint)
        first = self._reasons.setdefault(key, fold.name)
        if first != fold.name and step.kind in {"refused", "blocked"}:
            return f"as {first}", ""
        return step.why, step.hint

    def calls(self, fold: Fold) -> str:
        """What is called, less the patches that an earlier step makes already: those are made once."""
        before = dict(self._patches)
        units = tuple(replace(one, effects=tuple(self._new(one.effects, before))) for one in fold.units)
        found = call_summary(replace(fold, units=units))
        return "; ".join(found) or "what an earlier step does already"

    def _new(self, effects: Iterable[Effect], before: dict[str, Json]) -> Iterable[Effect]:
        for effect in effects:
            if isinstance(effect, KubeCall) and effect.verb == "patch":
                name = words(effect)
                if name in before and before[name] == effect.body:
                    continue
                self._patches[name] = effect.body
            yield effect


def _row(lead: str, fold: Fold, told: _Told) -> list[Line]:
    step = fold.step
    lead_in, style = _KINDS[step.kind]
    why, hint = told.reason(fold)
    does = told.calls(fold) if step.kind == "change" else f"{lead_in}{why}{_verdict(step)}"
    whom = f"{told.whom(fold)}: " if fold.about else ""
    lines = hanging(lead, _shown(whom + does), style=style)
    lines.extend(_warnings(replace(step, hint=hint), crowd=len(fold.units) > 1, brief=True))
    return lines


def _verdict(step: PlannedStep) -> str:
    """What such a step would be, where it is not proven."""
    return f" ({step.verdict})" if step.verdict is not None and step.verdict.status != "proven" else ""


def _warnings(step: PlannedStep, *, crowd: bool = False, brief: bool = False, indent: str = _INDENT) -> list[Line]:
    """What is lost, who feels it, and who must agree. `brief` leaves out that evidence stays."""
    lines: list[Line] = []
    if step.accept_loss:
        lines.extend(hanging(f"{indent}! ", f"accepts a loss: {step.accept_loss}", style="warn"))
    if step.no_undo and step.kind == "change" and not (brief and step.purpose in _UNMISSED):
        lines.extend(hanging(f"{indent}! ", f"no undo: {step.no_undo}", style="warn"))
    if step.kind == "change" and step.purpose == "contain" and not step.impact:
        whom = "they feel it" if crowd else f"{step.target} feels it"
        lines.extend(hanging(f"{indent}· ", f"{whom}; nobody else was found who would"))
    for one in step.impact:
        lead, style = ("! ", "warn") if one.warn else ("· ", "")
        lines.extend(hanging(f"{indent}{lead}", f"{one.who}: {one.what}", style=style))
    if step.approval:
        least = "" if step.kind == "change" else "if it changes anything, "
        text = f"{least}needs an approval by a second person: {step.demanded}"
        lines.extend(hanging(f"{indent}? ", text, style="warn"))
    if step.hint:
        lines.extend(hanging(f"{indent}→ ", step.hint))
    return lines


# -- in full ---------------------------------------------------------------------------------------------


def steps_lines(found: Preview, only: str = "") -> list[Line]:
    """Every target of every step, or of one, with each call; nothing is folded."""
    lines: list[Line] = []
    names = step_names(found)
    seen: dict[str, tuple[str, Json]] = {}
    shown = ""
    for step in found.steps:
        name = step.key.partition("[")[0]
        rows = _step(step, seen)  # of those before it too: a patch may be one of theirs
        if only not in {"", name}:
            continue
        if name != shown:
            lines.append([""])
            lines.append([Span(f" {names.index(name) + 1:>2}  {name}", "head"), f"  {step.uses}: {step.purpose}"])
        shown = name
        lines.extend(rows)
    return lines


def _step(step: PlannedStep, seen: dict[str, tuple[str, Json]]) -> list[Line]:
    """A step or a child. `seen` are the patches of earlier ones: by what they patch, the step and the body."""
    lead, style = _KINDS[step.kind]
    about = f"{step.about}: " if step.about not in step.why else ""
    lines = hanging(_INNER, f"{about}{lead}{step.why}{_verdict(step)}", style=style)
    for effect in step.effects:
        name = words(effect)
        lines.extend(hanging(f"{_INNER}+ ", _shown(name) + _again(step, effect, name, seen)))
    lines.extend(_warnings(step, indent=_INNER))
    return lines


def _again(step: PlannedStep, effect: Effect, name: str, seen: dict[str, tuple[str, Json]]) -> str:
    """Why an object that an earlier step patches is patched here as well."""
    if not isinstance(effect, KubeCall) or effect.verb != "patch":
        return ""
    if name not in seen:
        seen[name] = (step.key.partition("[")[0], effect.body)
        return ""
    first, body = seen[name]
    if body == effect.body:
        return f" (the change of step {first}: it is made once)"
    return f" (another change than in step {first})"


def _shown(text: str) -> str:
    return text.replace(PLACEHOLDER, "(new case)").replace(PLACEHOLDER.lower(), "(new-case)")


def diff_lines(found: Preview) -> list[Line]:
    """Every change, field by field, then every call."""
    lines: list[Line] = []
    for step in found.steps:
        if not step.effects:
            continue
        lines.append([""])
        lines.append([Span(f"{step.key.partition('[')[0]}  {step.target}", "head")])
        for one in step.fields:
            lines.extend(hanging("  ", one.field))
            lines.extend(hanging("  - ", _shown(short(one.before, 400)), style="bad"))
            lines.extend(hanging("  + ", _shown(short(one.after, 400)), style="good"))
        for effect in step.effects:
            body = getattr(effect, "body", None)
            lines.extend(hanging("  ", f"{effect.name}: {_shown(effect.target)}", style="bold"))
            if body is not None:
                text = json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False)
                lines.extend(["    + " + _shown(row)] for row in text.split("\n"))
    return lines or [["No step changes anything now."]]
