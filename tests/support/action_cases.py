"""Case files of actions: facts in, effects out. Each `cases/*.json` of an action's folder holds several.

A file is `{"params": …, "cases": [{"name", "facts", "expect", …}]}`. A case may bring its own `params`, the
receipts of its mark (`mine`), the keys of the `others` that it serves, and `undo: true` with the `originals` of its target, by field. In strings,
`{mark}` stands for the short mark. `expect.plan` is change, settled, wait or refuse; everything that `_check`
compares for that plan is compared exactly, but `*_contains`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from irkit.actions.api import Action
from irkit.actions.catalog import Catalog
from irkit.engine.look import mark_of
from irkit.model.effects import KubeCall, Mark, Store
from irkit.model.plans import Change, Drift, Plan, Receipt, Receipts, Refuse, Settled, Wait

CASE = "IR-20261121-k7f2"
AnyAction = Action[Any, Any]


@dataclass(frozen=True)
class ActionCase:
    """One case of one action."""

    action: AnyAction
    file: str
    data: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.action.spec.id}: {self.data['name']}"

    @property
    def undo(self) -> bool:
        return bool(self.data.get("undo", False))

    @property
    def kind(self) -> str:
        """change, settled, wait, refuse; undo-change, undo-settled, undo-refuse; drift is `undo-drift`."""
        plan = self.data["expect"]["plan"]
        if self.undo:
            return "undo-drift" if self.data["expect"].get("drift") else f"undo-{plan}"
        return str(plan)

    def answer(self) -> tuple[Plan, Any, Mark]:
        """What the action really wants."""
        action = self.action
        params = action.spec.params.parse(self.data["params"])
        mark = mark_of(action, params, CASE)
        text = json.dumps(self.data["facts"]).replace("{mark}", mark.short)
        facts = strict(get_type_hints(type(action).observe)["return"], json.loads(text))
        ended = tuple(Receipt.parse({"reply": {}, **one}) for one in self.data.get("mine", []))
        mine = Receipts(ended, tuple(self.data.get("others", ())))
        if not self.undo:
            return action.plan(params, mark, facts, mine), params, mark
        key = action.target(params).key
        originals = {(key, name): value for name, value in self.data.get("originals", {}).items()}
        return action.undo(params, mark, originals, facts, mine), params, mark

    def problems(self) -> list[str]:
        """How the answer differs from what is expected; empty where it does not."""
        plan, params, mark = self.answer()
        expect = json.loads(json.dumps(self.data["expect"]).replace("{mark}", mark.short))
        kind = type(plan).__name__.lower()
        if kind != expect.pop("plan"):
            return [f"the plan is {plan}"]
        return list(_check(plan, expect, self.action.target(params).key))


def strict(kind: type, value: Any) -> Any:
    """A dataclass from JSON: exact types, no unknown keys."""
    built: Any = TypeAdapter(kind).validate_json(json.dumps(value), strict=True)
    known = TypeAdapter(kind).dump_python(built, mode="json")
    _no_extra(value, known, kind.__name__)
    return built


def _no_extra(given: Any, known: Any, where: str) -> None:
    if isinstance(given, dict):
        for key, item in given.items():
            if key not in known:
                msg = f"{where} has no {key}"
                raise ValueError(msg)
            _no_extra(item, known[key], f"{where}.{key}")
    elif isinstance(given, list):
        for index, item in enumerate(given):
            _no_extra(item, known[index], f"{where}[{index}]")


def _check(plan: Plan, expect: dict[str, Any], target: str) -> Iterator[str]:
    got: dict[str, Any]
    texts: dict[str, str]
    if isinstance(plan, Change):
        if any(one.target != target for one in plan.originals):
            yield "an original is about another object than the target"
        got = {
            "effects": [_effect(one) for one in plan.effects],
            "originals": {one.field: one.value for one in plan.originals},
            "after": dict(plan.after),
            "impact": [f"{one.who}: {one.what}{' !' if one.warn else ''}" for one in plan.impact],
        }
        texts = {"why_contains": plan.why}
    elif isinstance(plan, Settled):
        got = {"verdict": plan.verdict.status, "outputs": plan.outputs.dump() if plan.outputs else None}
        texts = {"reason_contains": plan.reason, "verdict_contains": plan.verdict.why}
    elif isinstance(plan, Wait):
        got, texts = {"seconds": plan.seconds}, {"why_contains": plan.why}
    else:
        assert isinstance(plan, Refuse)
        got = {"drift": [_drift(one) for one in plan.drift]}
        texts = {"why_contains": plan.why, "hint_contains": plan.hint}
    defaults: dict[str, Any] = {"originals": {}, "after": {}, "impact": [], "outputs": None, "drift": []}
    for key in sorted(set(expect) - set(got) - set(texts)):
        yield f"expect.{key} means nothing for this plan"
    for key, value in got.items():
        wanted = expect.get(key, defaults.get(key))
        if value != wanted:
            yield f"{key}: expected {json.dumps(wanted)}, got {json.dumps(value)}"
    for key, value in texts.items():
        if key in expect and expect[key] not in value:
            yield f"{key}: {expect[key]!r} is not in {value!r}"
    if not any(key in expect for key in texts):
        yield f"the case says nothing about {' or '.join(texts)}"


def _effect(effect: Any) -> dict[str, Any]:
    if isinstance(effect, KubeCall):
        return {"name": effect.name, "verb": effect.verb, "target": effect.target, "body": effect.body}
    assert isinstance(effect, Store)
    return {"name": effect.name, "key": effect.key, "sha256": effect.sha256, "size": effect.size}


def _drift(drift: Drift) -> dict[str, Any]:
    return {"field": drift.field, "ours": drift.ours, "now": drift.now, "original": drift.original}


def cases_of(action: AnyAction) -> list[ActionCase]:
    """All cases in the action's folder."""
    found: list[ActionCase] = []
    folder = resources.files(type(action).__module__) / "cases"
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        data = json.loads(file.read_text())
        found += [ActionCase(action, file.name, {"params": data["params"], **case}) for case in data["cases"]]
    return found


def all_cases() -> list[ActionCase]:
    """All cases of all built-in actions."""
    return [case for action in Catalog.builtin() for case in cases_of(action)]
