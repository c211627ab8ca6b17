"""`irkit handover`: one page for whoever comes next, made from the journal alone. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import orjson

from irkit.model import records as r
from irkit.views.advice import advise
from irkit.views.casefile import CaseFile
from irkit.views.figures import ago
from irkit.views.naming import step_words
from irkit.views.outcome import lead
from irkit.views.progress import json_safe
from irkit.views.report_markdown import code
from irkit.views.risks import TITLES, Risk, risks
from irkit.views.terminal import Line, Span, field, hanging, neutral
from irkit.views.timeline import identity
from irkit.views.undoing import undoable

MOST = 15
"""So many entries of a section are shown; of more, the number."""


@dataclass(frozen=True, slots=True)
class Handover:
    """The page. Each section's entries are whole sentences; commands stand apart, to be copied."""

    case: str
    lab: bool
    target: str
    cluster: str
    opened: str
    verdict: str
    risks: tuple[Risk, ...]
    approvals: tuple[tuple[str, str], ...]  # what is asked, and the command that answers
    deeds: tuple[str, ...]
    undo: tuple[str, ...]
    following: tuple[str, ...]
    advice: tuple[str, str] = ("", "")  # what to do first, and the command


def build_handover(case: CaseFile, now: str, *, irkit: str = "irkit") -> Handover:
    """The page of a case, as of now. `irkit` is how irkit must be typed here."""
    state = case.state
    latest = case.latest()
    verdict, advice = "nothing was run", ("", "")
    if latest is not None:
        view = case.view(latest)
        verdict = lead(view).words
        first = advise(case, view, lead(view), irkit)
        advice = (first.text, first.command) if first is not None else advice
    closed = f", closed {ago(state.closed, now)}" if state.closed else ""
    name = state.case
    can = undoable(case)
    undo = [f"{irkit} undo {name}", *(f"{irkit} undo {name} --step {shlex.quote(step)}" for step in can)] if can else []
    resumable = [f"{irkit} resume {name}", f"{irkit} takeover {name}"] if state.open_runs else []
    return Handover(
        case=name, lab=state.lab, target=str(state.target or ""), cluster=str(state.cluster or ""),
        opened=f"{ago(state.opened, now)} by {identity(state.who) if state.who else '-'}{closed}", verdict=verdict,
        risks=tuple(risks(case)), approvals=tuple(_approvals(case, irkit)), deeds=tuple(_deeds(case, now)),
        undo=tuple(undo), advice=advice,
        following=(f"{irkit} check {name}", *resumable, f"{irkit} status {name}", f"{irkit} verify {name}"),
    )  # fmt: skip


def _approvals(case: CaseFile, irkit: str) -> Iterator[tuple[str, str]]:
    for run in case.state.open_runs:
        for step in run.steps.values():
            if step.phase == "asked":
                digest = f"{step.asked[:4]} {step.asked[4:8]}"
                name, about = step_words(run, step.key)
                text = f"{run.id} {name} ({digest}), asked by {identity(run.who)}: {about}{step.why}"
                yield text, f"{irkit} approve {case.state.case} {shlex.quote(step.key)}"


# -- deeds -----------------------------------------------------------------------------------------------


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


# -- forms -----------------------------------------------------------------------------------------------


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
    """The page for a ticket or a chat.

    Whatever came from outside stands in a code span, where no mention, link or image is made of it; commands stand in
    code blocks.
    """
    lines = [
        f"# Handover {page.case}",
        "",
        f"**{page.verdict}**{' (LAB: a simulated cluster)' if page.lab else ''}",
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
    told = [(title, [(str(risk), "") for risk in page.risks if risk.kind == kind]) for kind, title in TITLES.items()]
    found = [(title, entries) for title, entries in told if entries] or [("Open risks", [("none", "")])]
    return [
        *([("Do first", [page.advice])] if page.advice[1] else []),
        *found,
        ("Waiting for approval", list(page.approvals) or [("none", "")]),
        ("Who did what", [(text, "") for text in page.deeds] or [("none", "")]),
        ("Take back", [("", command) for command in page.undo] or [("nothing to take back", "")]),
        ("Next", [("", command) for command in page.following]),
    ]


def _inert(text: str) -> str:
    """A code span of it, on one line."""
    return code(neutral(text)) if text else ""
