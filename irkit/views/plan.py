"""The plan screen: what would happen, to what, and who else feels it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import orjson

from irkit.app.preview import Preview
from irkit.app.runs import Ask
from irkit.app.standing import Standing
from irkit.engine.approvals import template
from irkit.engine.preflight import Preflight
from irkit.model.base import Json
from irkit.views.figures import age, digest8, plural
from irkit.views.folding import SHOWN
from irkit.views.header import finding_lines
from irkit.views.plan_steps import summary_lines
from irkit.views.progress import call_words, json_safe
from irkit.views.terminal import Line, Span, field, hanging


def header_lines(ask: Ask, seen: Standing | None = None) -> list[Line]:
    """What the command is about; `seen` is what a plan saw of its target."""
    lines: list[Line] = []
    if ask.finding is not None:
        lines.extend(finding_lines(ask.finding))
    lines.extend(field("Cluster", str(ask.target.cluster)))
    name, uid = str(ask.target), ask.target.uid
    parts = [name, *([f"uid {uid}"] if uid and uid not in name else []), *(_state(seen, ask.asked) if seen else [])]
    lines.extend(field("Target", " · ".join(parts)))
    if seen is not None:
        lines.extend(_identity(seen))
    for one in ask.beside:
        lines.extend(field("Also", f"{one} in {one.cluster}"))
    lines.extend(field("Playbook", ask.playbook_name))
    return lines


def _state(seen: Standing, now: str) -> list[str]:
    if not seen.state:
        return []
    since = f" {age(seen.started, now)}" if seen.started else ""
    return [f"{seen.state}{since}{f' on {seen.node}' if seen.node else ''}"]


def _identity(seen: Standing) -> list[Line]:
    """Whom the target acts as, and who feels it where that identity is taken away."""
    if seen.unseen:
        return field("Identity", f"not seen: {seen.unseen}", style="warn")
    if seen.identity is None:
        return []
    who = seen.identity
    role = f"role {who.role.rpartition('/')[2]} ({who.how})" if who.role else (who.how or "no AWS role")
    if who.users is None:
        others = "nobody could look which other pods use it"
    elif who.users:
        told = [name if name.startswith("pod ") else f"{plural(count, 'pod')} of {name}" for name, count in who.users]
        rest = f", +{len(told) - SHOWN}" if len(told) > SHOWN else ""
        others = f"also used by {', '.join(told[:SHOWN])}{rest}"
    else:
        others = "no other pod uses it"
    return field("Identity", f"service account {who.account} · {role} · {others}")


def plan_lines(found: Preview) -> list[Line]:
    """The whole screen: a row a step, of children the first few and how many more. `steps_lines` has all of them."""
    lines = header_lines(found.ask, found.standing)
    case = f"{found.case} (open: this run joins it)" if found.case else "new"
    lines.extend(field("Case", case))
    lines.append([""])
    lines.extend(summary_lines(found))
    lines.append([""])
    lines.extend(_approvals(found))
    lines.extend(missing_lines(Preflight(found.missing, found.unchecked)) or field("Missing", "permissions: none"))
    blind = unproven(found)
    if blind:
        lines.extend(field("Unproven", blind, style="warn"))
    lines.extend(field("Digest", f"{digest8(found.digest)} · the plan made no write"))
    return lines


def _approvals(found: Preview) -> list[Line]:
    """Which steps a second person is needed for. Said before the question: who answers it cannot be that person."""
    names = list(dict.fromkeys(step.key.partition("[")[0] for step in found.steps if step.approval))
    if not names:
        return []
    text = f"{', '.join(names)}: needs a second person, who types irkit approve CASE STEP; whoever runs this may not"
    return field("Approval", text, style="warn")


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
            "impact": [one.dump() for one in step.impact], "approval": step.approval, "demanded": step.demanded,
            "hint": step.hint,
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
