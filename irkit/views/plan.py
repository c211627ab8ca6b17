"""The plan screen: what would happen, to what, and who else feels it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import orjson

from irkit.app.preview import PLACEHOLDER, PlannedStep, Preview
from irkit.app.runs import Ask
from irkit.engine.approvals import template
from irkit.engine.preflight import Preflight
from irkit.model.base import Json
from irkit.model.effects import AwsCall, KubeCall, Store
from irkit.views.figures import digest8, plural, short, size
from irkit.views.header import finding_lines
from irkit.views.progress import call_words, json_safe
from irkit.views.terminal import Line, Span, field, hanging, pad

Effect = KubeCall | AwsCall | Store
_NAME = 12
_KINDS = {
    "change": ("", ""),
    "settled": ("nothing: ", "dim"),
    "wait": ("wait: ", "dim"),
    "refused": ("REFUSED: ", "bad"),
    "blocked": ("cannot look: ", "bad"),
    "later": ("", "dim"),
}


def header_lines(ask: Ask) -> list[Line]:
    """What the command is about."""
    lines: list[Line] = []
    if ask.finding is not None:
        lines.extend(finding_lines(ask.finding))
    lines.extend(field("Cluster", str(ask.target.cluster)))
    lines.extend(field("Target", f"{ask.target} · uid {ask.target.uid}"))
    lines.extend(field("Playbook", ask.playbook_name))
    return lines


def plan_lines(found: Preview) -> list[Line]:
    """The whole screen."""
    lines = header_lines(found.ask)
    case = f"{found.case} (open: this run joins it)" if found.case else "new"
    lines.extend(field("Case", case))
    lines.append([""])
    seen: dict[str, tuple[str, Json]] = {}
    for number, step in enumerate(found.steps, 1):
        lines.extend(_step(number, step, seen))
    lines.append([""])
    lines.extend(missing_lines(Preflight(found.missing, found.unchecked)) or field("Missing", "permissions: none"))
    blind = unproven(found)
    if blind:
        lines.extend(field("Unproven", blind, style="warn"))
    lines.extend(field("Digest", f"{digest8(found.digest)} · the plan made no write"))
    return lines


def missing_lines(found: Preflight) -> list[Line]:
    """What the cluster would not let this identity do, one line each; none where nothing is missing."""
    if found.unchecked:
        return field("Missing", f"permissions: could not be checked: {found.unchecked}", style="bad")
    lines: list[Line] = []
    for one in found.missing:
        if not one.grant.optional:
            lines.extend(field("" if lines else "Missing", f"{one}: {', '.join(one.grant.steps)}", style="bad"))
    less: dict[tuple[str, ...], list[str]] = {}
    for one in found.missing:
        if one.grant.optional:
            less.setdefault(one.grant.steps, []).append(one.grant.access.resource)
    for steps, resources in less.items():
        kinds = ", ".join(dict.fromkeys(resources))
        text = f"not allowed: some of what {', '.join(steps)} may do with {kinds}; the run does without"
        lines.extend(field("" if lines else "Missing", text, style="warn"))
    return lines


def unproven(found: Preview) -> str:
    """What this plan will not be able to prove."""
    contain = [step for step in found.steps if step.purpose == "contain"]
    if not contain or any(step.purpose == "probe" for step in found.steps):
        return ""
    names = ", ".join(dict.fromkeys(step.key for step in contain))
    return f"{names}: no step probes the network, so configuration is all that will be seen"


def _step(number: int, step: PlannedStep, seen: dict[str, tuple[str, Json]]) -> list[Line]:
    """A step. `seen` are the patches of earlier ones: by what they patch, the step and the body."""
    lead, style = _KINDS[step.kind]
    now = f" ({step.verdict})" if step.verdict is not None and step.verdict.status != "proven" else ""
    lines = hanging(f" {number:>2}  {pad(step.key, _NAME)} ", f"{lead}{step.why}{now}", style=style)
    indent = " " * (_NAME + 6)
    for effect in step.effects:
        words = call_words(effect.model_dump(mode="json", include={"type", "verb", "resource", "namespace", "object",
                                                                   "key", "service", "operation"}))  # fmt: skip
        if effect.type == "store":
            words += f" ({size(effect.size)})"
        lines.extend(hanging(f"{indent}+ ", _shown(words) + _again(step, effect, words, seen)))
    if step.accept_loss:
        lines.extend(hanging(f"{indent}! ", f"accepts a loss: {step.accept_loss}", style="warn"))
    if step.no_undo and step.kind == "change":
        lines.extend(hanging(f"{indent}! ", f"no undo: {step.no_undo}", style="warn"))
    if step.kind == "change" and step.purpose == "contain" and not step.impact:
        lines.extend(hanging(f"{indent}· ", f"{step.target} feels it; nobody else was found who would"))
    for one in step.impact:
        lines.extend(hanging(f"{indent}{'!' if one.warn else '·'} ", f"{one.who}: {one.what}",
                             style="warn" if one.warn else ""))  # fmt: skip
    if step.approval:
        lines.append([Span(f"{indent}? needs an approval", "warn")])
    if step.hint:
        lines.extend(hanging(f"{indent}→ ", step.hint))
    return lines


def _again(step: PlannedStep, effect: Effect, words: str, seen: dict[str, tuple[str, Json]]) -> str:
    """Why an object that an earlier step patches is patched here as well."""
    if not isinstance(effect, KubeCall) or effect.verb != "patch":
        return ""
    if words not in seen:
        seen[words] = (step.key, effect.body)
        return ""
    first, body = seen[words]
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
        lines.append([Span(f"{step.key}  {step.target}", "head")])
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


def plan_json(found: Preview) -> str:
    """The plan as one JSON object on one line."""
    steps: list[Json] = [
        {
            "step": step.key, "uses": step.uses, "purpose": step.purpose, "kind": step.kind, "why": step.why,
            "target": step.target, "calls": [template(effect) for effect in step.effects],
            "fields": [
                {"target": one.target, "field": one.field, "before": one.before, "after": one.after}
                for one in step.fields
            ],
            "impact": [one.dump() for one in step.impact], "approval": step.approval, "hint": step.hint,
        }
        for step in found.steps
    ]  # fmt: skip
    value: Json = {
        "plan": found.digest,
        "case": found.case,
        "target": found.ask.target.dump(),
        "playbook": found.playbook.name,
        "steps": steps,
        "missing_permissions": [str(one) for one in found.missing],
        "permissions_unchecked": found.unchecked,
        "unproven": unproven(found),
    }
    return json_safe(orjson.dumps(value).decode())


def envelope_lines(envelope: Json, digest: str, names: Mapping[str, str]) -> list[Line]:
    """What an approval covers, in full: the calls as they would be sent. `names` are of targets, by their keys."""
    if not isinstance(envelope, dict):
        return [["The plan is not in the journal."]]
    lines: list[Line] = []
    lines.extend(field("Step", f"{envelope.get('step')} · {envelope.get('action')} {envelope.get('version')}"))
    target = str(envelope.get("target"))
    name = f"{names[target]} · " if target in names else ""
    lines.extend(field("Target", f"{name}{target.rpartition('|')[2]}"))
    lines.extend(field("Digest", digest8(digest)))
    if envelope.get("accept_loss"):
        lines.extend(field("Loss", str(envelope["accept_loss"]), style="warn"))
    impact = envelope.get("impact")
    for one in impact if isinstance(impact, list) else ():
        if isinstance(one, dict):
            style = "warn" if one.get("warn") else ""
            lines.extend(field("Feels it", f"{one.get('who')}: {one.get('what')}", style=style))
    calls = envelope.get("calls")
    shown = calls if isinstance(calls, list) else []
    lines.append([Span(f"Covers {plural(len(shown), 'call')}:", "bold")])
    for call in shown:
        lines.extend(hanging("  + ", call_words(call)))
        body = call.get("body") if isinstance(call, dict) else None
        if body is not None:
            text = json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False)
            lines.extend(["      " + row] for row in text.split("\n"))
    return lines
