"""What an undo would take back, what it opens again by that, and what it cannot bring back: from the journal alone."""

from __future__ import annotations

from irkit.journal.state import CaseState, effect_key
from irkit.model.base import Json
from irkit.views.casefile import CaseFile, StepView
from irkit.views.figures import change, short
from irkit.views.naming import target_words
from irkit.views.progress import call_words


def base(key: str) -> str:
    """The step that a child of a `for_each` is of: `isolate` of `isolate[uid]`; any other step itself."""
    return key.partition("[")[0]


def _acted(case: CaseFile) -> list[StepView]:
    """The steps and children whose changes stand: they served a target and were not undone for it."""
    state = case.state
    found = []
    for run in state.runs.values():
        for one in case.view(run).steps if run.mode == "apply" else ():
            mark = one.state.mark
            mine = any(effect.mark == mark and effect.status != "failed" for effect in state.effects.values())
            served = state.users.get(mark, set())
            if mark and mine and (one.state.target in served or (served and not one.closed)):
                found.append(one)
    return found


def undoable(case: CaseFile) -> dict[str, list[StepView]]:
    """What `irkit undo --step` may name, with the units behind it; a step without an undo is not among them."""
    found: dict[str, list[StepView]] = {}
    for one in _acted(case):
        action = case.catalog.get(one.uses)
        if action is None or not action.spec.no_undo:
            found.setdefault(base(one.key), []).append(one)
    return found


def irreversible(case: CaseFile) -> dict[str, str]:
    """The steps that acted and have no undo, and why not."""
    found: dict[str, str] = {}
    for one in _acted(case):
        action = case.catalog.get(one.uses)
        if action is not None and action.spec.no_undo:
            found[one.key] = action.spec.no_undo
    return found


def _object(call: Json) -> tuple[str, str, str]:
    """What tells the object of a journaled call from others; ("", "", "") where it is about none."""
    if not isinstance(call, dict) or call.get("type") != "kube":
        return "", "", ""
    resource = call.get("resource")
    name = f"{resource.get('group', '')}/{resource.get('plural', '')}" if isinstance(resource, dict) else ""
    return name, str(call.get("namespace", "")), str(call.get("object", ""))


def gone(state: CaseState) -> frozenset[tuple[str, str, str]]:
    """The objects that irkit made and has deleted itself since: the pods of its tools, above all."""
    made: dict[tuple[str, str, str], bool] = {}
    for effect in state.effects.values():
        call, name = effect.call, _object(effect.call)
        verb = call.get("verb") if isinstance(call, dict) else None
        if verb == "create" and effect.status != "failed":
            made[name] = False
        elif verb == "delete" and effect.status == "done" and name in made:
            made[name] = True
    return frozenset(name for name, ended in made.items() if ended)


def lasting(state: CaseState, mark: str) -> bool:
    """Whether a mark left anything that an undo takes back: more than tool pods that came and went."""
    if state.touches.get(mark):
        return True
    ended = gone(state)
    return any(
        effect.mark == mark and effect.status != "failed" and any(name := _object(effect.call)) and name not in ended
        for effect in state.effects.values()
    )


def opened(case: CaseFile, step: str = "") -> list[str]:
    """What the undo opens again, and what it cannot bring back: who says yes must have read it."""
    state = case.state
    found: dict[str, None] = {}
    for run in state.runs.values():
        for one in case.view(run).steps if run.mode == "apply" else ():
            entry = one.state
            if step not in {"", entry.key, base(entry.key)} or not entry.mark:
                continue
            action = case.catalog.get(one.uses)
            acted = any(effect.mark == entry.mark for effect in state.effects.values())
            felt = acted and one.purpose == "contain" and lasting(state, entry.mark)
            if felt and entry.target in state.users.get(entry.mark, set()):
                found[f"{target_words(state, entry.target)} will not be contained any more by {one.uses}"] = None
            if acted and action is not None and action.spec.no_undo and action.spec.risk == "destructive":
                found[f"what {entry.key} did cannot be taken back: {action.spec.no_undo}"] = None
    return list(found)


def standing(case: CaseFile, step: str = "") -> list[str]:
    """What of irkit's changes stands, by the journal: fields that it set, and objects that it made."""
    state = case.state
    entries = [entry for run in state.runs.values() if run.mode == "apply" for entry in run.steps.values()]
    marks = {entry.mark for entry in entries if entry.mark and step in {"", entry.key, base(entry.key)}}
    found: list[str] = []
    ended = gone(state)
    for mark in sorted(marks):
        for (target, name), ours in state.touches.get(mark, {}).items():
            kept = state.originals.get((target, name))
            what = change(ours, kept.original.value) if kept else f"{short(ours)} → (not known)"
            found.append(f"{target_words(state, target)} {name}: {what}")
    for effect in state.effects.values():
        call = effect.call
        current = effect_key(effect.mark, state.generation(effect.mark), "apply", effect.name)
        made = isinstance(call, dict) and call.get("verb") == "create"
        stands = made and effect.status != "failed" and _object(call) not in ended
        if stands and effect.mark in marks and effect.key == current:
            found.append(f"delete what irkit made: {call_words(call).removeprefix('create ')}")
    return found
