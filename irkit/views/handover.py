"""`irkit handover`: one page for whoever comes next, made from the journal alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import orjson

from irkit.model import records as r
from irkit.views.casefile import CaseFile, StepView
from irkit.views.figures import ago, plural
from irkit.views.outcome import lead
from irkit.views.progress import json_safe
from irkit.views.terminal import Line, Span, field, hanging, neutral
from irkit.views.timeline import identity

MOST = 15
"""So many entries of a section are shown; of more, the number."""
_RISKS = ("leaky", "failed", "refused", "skipped", "unproven", "parked", "acting", "waiting")
_MARKDOWN = frozenset("\\`*_{}[]<>()#+-!|~&$@:")
"""What Markdown, its dialects in trackers and chats (mentions, links) and HTML act on."""


@dataclass(frozen=True, slots=True)
class Handover:
    """The page. Each section's entries are whole sentences; commands stand apart, to be copied."""

    case: str
    lab: bool
    target: str
    cluster: str
    opened: str
    verdict: str
    risks: tuple[str, ...]
    approvals: tuple[tuple[str, str], ...]  # what is asked, and the command that answers
    deeds: tuple[str, ...]
    undo: tuple[str, ...]
    following: tuple[str, ...]


def build_handover(case: CaseFile, now: str, *, irkit: str = "irkit") -> Handover:
    """The page of a case, as of now. `irkit` is how irkit must be typed here."""
    state = case.state
    applied = [run for run in state.runs.values() if run.mode == "apply"]
    latest = case.latest()
    verdict = lead(case.view(latest)).words if latest is not None else "nothing was run"
    closed = f", closed {ago(state.closed, now)}" if state.closed else ""
    name = state.case
    undo = [f"{irkit} undo {name}"] if applied and _acted(case) else []
    undo += [f"{irkit} undo {name} --step {step}" for step in _acted(case)] if undo else []
    resumable = [f"{irkit} resume {name}", f"{irkit} takeover {name}"] if state.open_runs else []
    return Handover(
        case=name, lab=state.lab, target=str(state.target or ""), cluster=str(state.cluster or ""),
        opened=f"{ago(state.opened, now)} by {identity(state.who) if state.who else '-'}{closed}", verdict=verdict,
        risks=tuple(_risks(case)), approvals=tuple(_approvals(case, irkit)), deeds=tuple(_deeds(case, now)),
        undo=tuple(undo),
        following=(f"{irkit} check {name}", *resumable, f"{irkit} status {name}", f"{irkit} verify {name}"),
    )  # fmt: skip


def _risks(case: CaseFile) -> Iterator[str]:
    """What may be open, half done, lost or not vouched for; the worst first."""
    state = case.state
    found: list[tuple[int, str]] = []
    for run in state.runs.values():
        if run.outcome == "superseded":
            continue
        steps = [step for step in case.view(run).steps if step.status in _RISKS]
        found.extend((_RISKS.index(step.status), _risk(run.id, step)) for step in steps)
    yield from (text for _, text in sorted(found, key=lambda one: one[0]))
    for effect in state.effects.values():
        if effect.status in {"intended", "in_doubt"}:
            yield f"{effect.run} {effect.step}: nobody knows whether {effect.name} took effect; a resume looks"
    for run in state.open_runs:
        yield f"run {run.id} ({run.name}) is open{f', paused: {run.paused}' if run.paused else ''}"
    torn = sum(not artefact.complete for artefact in state.artefacts)
    if torn:
        yield f"{plural(torn, 'artefact')} torn: kept, and not complete"
    if case.seal() is None:
        yield "the journal is not sealed"


def _risk(run: str, step: StepView) -> str:
    hint = f"; {step.state.hint}" if step.state.hint else ""
    return f"{run} {step.key}: {step.status}: {step.why}{hint}"


def _approvals(case: CaseFile, irkit: str) -> Iterator[tuple[str, str]]:
    for run in case.state.open_runs:
        for step in run.steps.values():
            if step.phase == "asked":
                digest = f"{step.asked[:4]} {step.asked[4:8]}"
                text = f"{run.id} {step.key} ({digest}), asked by {identity(run.who)}: {step.why}"
                yield text, f"{irkit} approve {case.state.case} {step.key}"


def _deeds(case: CaseFile, now: str) -> Iterator[str]:
    """What people did, in order; the machine's own steps are the report's matter."""
    for record in case.records:
        text = _deed(record.body)
        if text:
            yield f"{record.time[:19].replace('T', ' ')} UTC ({ago(record.time, now)}): {text}"


def _deed(body: r.AnyBody) -> str:
    match body:
        case r.RunOpened():
            what = f"undo of {', '.join(body.undoes)}" if body.mode == "undo" else f"playbook {body.name}"
            return f"{identity(body.who)} began {body.run}, {what}"
        case r.RunResumed():
            return f"{identity(body.who)} went on with {body.run} on {body.who.host}"
        case r.ApprovalGiven():
            return f"{identity(body.who)} approved {body.step}"
        case r.ApprovalDenied():
            return f"{identity(body.who)} denied {body.step}: {body.why}"
        case r.RequestTaken():
            return f"{identity(body.who)} asked for {body.wants}{f': {body.why}' if body.why else ''}"
        case r.Note():
            return f"{identity(body.who)} noted: {body.text}"
        case r.CaseClosed():
            return f"{identity(body.who)} closed the case: {body.why}"
        case _:
            return ""


def _acted(case: CaseFile) -> list[str]:
    """Steps whose changes stand: they served a target and were not undone for it."""
    state = case.state
    found: dict[str, None] = {}
    for run in state.runs.values():
        for step in run.steps.values():
            mine = any(effect.mark == step.mark and effect.status != "failed" for effect in state.effects.values())
            if run.mode == "apply" and step.mark and mine and step.target in state.users.get(step.mark, set()):
                found[step.key] = None
    return list(found)


def handover_lines(page: Handover) -> list[Line]:
    """The page at 80 columns."""
    lines: list[Line] = [[Span(f"Handover {page.case}", "bold"), f"  {page.verdict}"]]
    lines.extend(field("Target", page.target))
    lines.extend(field("Cluster", page.cluster))
    lines.extend(field("Opened", page.opened))
    for title, entries in _sections(page):
        lines.extend([[""], [Span(title, "bold")]])
        for text, command in entries[:MOST]:
            lines.extend(hanging("  - ", text) if text else [])
            lines.extend([["    " if text else "  ", command]] if command else [])
        if len(entries) > MOST:
            lines.append([f"  and {len(entries) - MOST} more"])
    return lines


def handover_markdown(page: Handover) -> str:
    """The page for a ticket or a chat. Text from outside is escaped; commands stand in code blocks."""
    lines = [
        f"# Handover {page.case}",
        "",
        f"**{_inert(page.verdict)}**{' (LAB: a simulated cluster)' if page.lab else ''}",
    ]
    lines += [
        "",
        f"- Target: {_inert(page.target)}",
        f"- Cluster: {_inert(page.cluster)}",
        f"- Opened: {_inert(page.opened)}",
    ]
    for title, entries in _sections(page):
        lines += ["", f"## {title}", ""]
        for text, command in entries[:MOST]:
            lines += [f"- {_inert(text)}"] if text else []
            lines += [f"      {neutral(command)}"] if command and not text else []
            lines += ["", f"      {neutral(command)}", ""] if command and text else []
        lines += ["", f"and {len(entries) - MOST} more"] if len(entries) > MOST else []
    return "\n".join(lines) + "\n"


def handover_json(page: Handover) -> str:
    """The page as one JSON object on one line."""
    return json_safe(orjson.dumps(asdict(page)).decode())


def _sections(page: Handover) -> list[tuple[str, list[tuple[str, str]]]]:
    none = [("none", "")]
    return [
        ("Open risks", [(text, "") for text in page.risks] or none),
        ("Waiting for approval", list(page.approvals) or none),
        ("Who did what", [(text, "") for text in page.deeds] or none),
        ("Take back", [("", command) for command in page.undo] or [("nothing to take back", "")]),
        ("Next", [("", command) for command in page.following]),
    ]


def _inert(text: str) -> str:
    return "".join(f"\\{character}" if character in _MARKDOWN else character for character in neutral(text))
