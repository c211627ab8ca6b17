"""What the journal calls by cluster, kind and uid, in words: `pod shop/web-1 (uid 5b1c9c1e)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from irkit.journal.state import CaseState, RunState
from irkit.model.base import Json

_SHORT = 8
SHOWN = 3
"""So many children of a crowd are named."""


def target_words(state: CaseState, key: str) -> str:
    """An object by its kind and name, its uid short beside; by its uid alone where the journal has no name."""
    return key_words(key, names(state))


def step_words(run: RunState | None, key: str) -> tuple[str, str]:
    """A step's name, and of a child of a `for_each` what it is about: `shop/web-1: `."""
    item = run.items.get(key) if run is not None else None
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return key, ""
    where = f"{item['namespace']}/" if item.get("namespace") else ""
    return key.partition("[")[0], f"{where}{item['name']}: "


def crowd_words(run: RunState | None, keys: Sequence[str]) -> tuple[str, str]:
    """The same of several children of one step: `12 pods of shop: web-1, web-2, web-3, +9: `."""
    if len(keys) == 1:
        return step_words(run, keys[0])
    named = [step_words(run, key)[1].removesuffix(": ") for key in keys]
    items = [run.items.get(key) if run is not None else None for key in keys]
    kinds = {str(item.get("kind", "")).lower() for item in items if isinstance(item, dict)}
    kind = kinds.pop() if len(kinds) == 1 else ""
    spaces = {name.rpartition("/")[0] for name in named}
    space = spaces.pop() if len(spaces) == 1 else ""
    shown = [name.rpartition("/")[2] if space else name for name in named[:SHOWN]]
    rest = f", +{len(keys) - SHOWN}" if len(keys) > SHOWN else ""
    where = f" of {space}" if space else ""
    return keys[0].partition("[")[0], f"{len(keys)} {kind or 'target'}s{where}: {', '.join(shown)}{rest}: "


def key_words(key: str, known: dict[str, str]) -> str:
    """The same, where the names by uid are known already."""
    rest, _, uid = key.rpartition("|")
    kind = rest.rpartition("|")[2].lower()
    name = known.get(uid, "")
    return f"{kind} {name} (uid {uid[:_SHORT]})" if name else f"{kind} {uid}"


def names(state: CaseState) -> dict[str, str]:
    """By uid the namespace/name, or name, of every object that the case's target, inputs, outputs and calls name."""
    found: dict[str, str] = {}
    for one in _values(state):
        uid, name, namespace = one.get("uid"), one.get("name"), one.get("namespace")
        if isinstance(uid, str) and isinstance(name, str) and uid and name:
            found.setdefault(uid, f"{namespace}/{name}" if namespace else name)
    for effect in state.effects.values():
        call = effect.call if isinstance(effect.call, dict) else {}
        uid, name, namespace = _tested(call.get("body")), call.get("object"), call.get("namespace")
        if uid and isinstance(name, str):
            found.setdefault(uid, f"{namespace}/{name}" if namespace else name)
    return found


def _tested(body: Json) -> str:
    """The uid that a patch or a delete insists on."""
    if isinstance(body, list) and body and isinstance(body[0], dict) and body[0].get("path") == "/metadata/uid":
        return str(body[0].get("value") or "")
    preconditions = body.get("preconditions") if isinstance(body, dict) else None
    return str(preconditions.get("uid") or "") if isinstance(preconditions, dict) else ""


def _values(state: CaseState) -> Iterator[dict[str, Json]]:
    roots: list[Json] = [state.target.dump()] if state.target is not None else []
    for run in state.runs.values():
        roots.append(dict(run.inputs))
        roots.extend(dict(step.outputs) for step in run.steps.values() if step.outputs)
    while roots:
        one = roots.pop()
        if isinstance(one, dict):
            yield one
            roots.extend(one.values())
        elif isinstance(one, list):
            roots.extend(one)
