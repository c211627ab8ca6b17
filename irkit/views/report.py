"""A case's report as one JSON value, from which HTML and Markdown are made. Only what the journal holds is in it."""

from __future__ import annotations

from typing import Any

import orjson

from irkit import __version__
from irkit.errors import JournalError
from irkit.journal.blobs import Blobs
from irkit.journal.state import EffectState
from irkit.journal.verify import VerifyReport
from irkit.model import records as r
from irkit.model.base import Json
from irkit.views.casefile import CaseFile, RunView, StepView
from irkit.views.figures import size
from irkit.views.naming import key_words, names
from irkit.views.outcome import lead, seconds
from irkit.views.progress import call_words, json_safe
from irkit.views.terminal import neutral
from irkit.views.timeline import identity, sentence
from irkit.views.verification import verdict_words, verification_json

FORMAT = "irkit.dev/report/v1"
_ODD = frozenset({"unproven", "leaky", "failed", "refused", "skipped"})

Report = dict[str, Any]
"""JSON; `Any` because templates index into it."""


def build_report(case: CaseFile, verification: VerifyReport | None, now: str) -> Report:
    """The whole report. `verification` is of the same folder, or None where it was not asked for."""
    state = case.state
    fields = _fields(case.records, names(state))
    views = [case.view(run) for run in state.runs.values()]
    runs = [_run(case, view, fields) for view in views]
    main = views[-1] if views else None
    first = lead(main) if main else None
    return {
        "format": FORMAT,
        "generated": now,
        "tool": f"irkit {__version__}",
        "lab": state.lab,
        "verdict": {
            "words": first.words if first else "No run yet.",
            "level": first.level if first else "warn",
            "run": main.run.id if main else "",
            "reasons": [_reason(step) for step in first.reasons] if first else [],
        },
        "case": {
            "id": state.case,
            "cluster": str(state.cluster or ""),
            "cluster_uid": state.cluster_uid,
            "target": str(state.target or ""),
            "target_uid": state.target.uid if state.target else "",
            "opened": state.opened,
            "closed": state.closed,
            "opened_by": identity(state.who) if state.who else "",
        },
        "findings": [_finding(body) for record in case.records if isinstance(body := record.body, r.FindingJoined)],
        "runs": runs,
        "unproven": [
            {"run": view.run.id, **_reason(step)} for view in views for step in view.steps if step.status in _ODD
        ],
        "approvals": _approvals(case.records),
        "notes": [{"time": time, "who": identity(note.who), "text": note.text} for time, note in state.notes],
        "artefacts": [_artefact(one) for one in state.artefacts],
        "gaps": _gaps(case, verification),
        "timeline": [
            {"seq": record.seq, "time": record.time, "kind": record.kind, "text": sentence(record.body)}
            for record in case.records
        ],
        "verification": verification_json(verification) if verification else None,
        "verification_words": verdict_words(verification) if verification else "not verified for this report",
        "head": case.head(),
        "records": len(case.records),
    }


def report_json(report: Report) -> str:
    """The report as indented JSON, in which nothing can act on a terminal."""
    return "\n".join(json_safe(line) for line in orjson.dumps(report, option=orjson.OPT_INDENT_2).decode().split("\n"))


def visible(value: Any) -> Any:  # noqa: ANN401 -- JSON of any shape
    """A copy in which every text is neutralised: bidirectional overrides deceive readers of HTML, too."""
    if isinstance(value, str):
        return neutral(value)
    if isinstance(value, dict):
        return {neutral(key): visible(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [visible(item) for item in value]
    return value


def _reason(step: StepView) -> dict[str, Json]:
    return {"step": step.key, "status": step.status, "why": step.why, "hint": step.state.hint}


def _finding(body: r.FindingJoined) -> dict[str, Json]:
    one = body.finding
    actor = one.actor
    return {
        "source": one.source, "id": one.id, "type": one.type, "severity": one.severity, "title": one.title,
        "account": one.account, "region": one.region, "created": one.created, "updated": one.updated,
        "actor": actor.username if actor else "", "images": [image.image for image in one.images],
        "raw_sha256": one.raw_sha256, "artefact": body.artefact,
    }  # fmt: skip


def _run(case: CaseFile, view: RunView, fields: dict[tuple[str, str], list[dict[str, Json]]]) -> dict[str, Json]:
    run = view.run
    first = lead(view)
    opened = next(x.body for x in case.records if isinstance(x.body, r.RunOpened) and x.body.run == run.id)
    return {
        "id": run.id, "name": run.name, "mode": run.mode, "undoes": list(run.undoes), "words": first.words,
        "level": first.level, "outcome": run.outcome or (f"paused: {run.paused}" if run.paused else "open"),
        "operator": identity(run.who), "host": run.who.host, "kubernetes": run.who.kubernetes,
        "tool": f"irkit {opened.tool}", "playbook_sha256": run.playbook, "asked": run.asked, "opened": run.opened,
        "closed": run.closed, "contained": seconds(run.contained_ms) if run.contained_ms >= 0 else "",
        "steps": [_step(case, view, step, fields.get((run.id, step.key), [])) for step in view.steps],
    }  # fmt: skip


def _step(case: CaseFile, view: RunView, step: StepView, fields: list[dict[str, Json]]) -> dict[str, Json]:
    effects = [
        _effect(case, effect)
        for effect in case.state.effects.values()
        if effect.run == view.run.id and effect.step == step.key
    ]
    return {
        "step": step.key, "uses": step.uses, "purpose": step.purpose, "status": step.status, "why": step.why,
        "hint": step.state.hint, "took": seconds(step.milliseconds), "ended": step.state.ended,
        "impact": [one.dump() for one in step.state.impact], "fields": list(fields), "effects": list(effects),
        "drift": [one.dump() for one in step.state.drift],
    }  # fmt: skip


def _effect(case: CaseFile, effect: EffectState) -> dict[str, Json]:
    call = effect.call
    if isinstance(call, dict) and set(call) == {"blob"}:
        try:
            call = orjson.loads(Blobs(case.folder).get(str(call["blob"])))
        except (JournalError, ValueError):
            call = {"lost": "the blob of this call cannot be read"}
    return {
        "name": effect.name, "words": call_words(call), "call": call, "status": effect.status,
        "attempt": effect.attempt, "adopted": effect.adopted, "request_id": effect.request_id,
        "intended": effect.intended, "ended": effect.ended, "error": effect.error, "reply": effect.reply,
    }  # fmt: skip


def _fields(records: list[r.Record], called: dict[str, str]) -> dict[tuple[str, str], list[dict[str, Json]]]:
    """(run, step) -> the fields that it set, before and after. The newest plan of a step counts.

    `called` are the objects' names by their uids.
    """
    originals: dict[tuple[str, str], Json] = {}
    current: dict[tuple[str, str], Json] = {}
    modes: dict[str, str] = {}
    found: dict[tuple[str, str], dict[tuple[str, str], dict[str, Json]]] = {}
    for record in records:
        body = record.body
        if isinstance(body, r.RunOpened):
            modes[body.run] = body.mode
        elif isinstance(body, r.OriginalKept):
            key = (body.original.target, body.original.field)
            originals[key] = body.original.value
            for rows in found.values():
                if key in rows and rows[key].get("open"):
                    rows[key] = {**rows[key], "before": body.original.value, "open": False}
        elif isinstance(body, r.StepPlanned):
            rows = found.setdefault((body.run, body.step), {})
            for touch in body.touches:
                key = (touch.target, touch.field)
                undo = modes.get(body.run) == "undo"
                before = current.get(key) if undo else originals.get(key)
                known = key in (current if undo else originals)
                rows[key] = {
                    "target": key_words(touch.target, called), "field": touch.field, "before": before,
                    "after": touch.value, "open": not known,
                }  # fmt: skip
                current[key] = touch.value
    return {
        where: [{name: value for name, value in row.items() if name != "open"} for row in rows.values()]
        for where, rows in found.items()
    }


def _approvals(records: list[r.Record]) -> list[dict[str, Json]]:
    found: list[dict[str, Json]] = []
    for record in records:
        body = record.body
        if isinstance(body, r.ApprovalAsked | r.ApprovalGiven | r.ApprovalDenied):
            who = "" if isinstance(body, r.ApprovalAsked) else identity(body.who)
            text = {"approval.asked": "asked", "approval.given": "given", "approval.denied": "denied"}[record.kind]
            why = body.reason if isinstance(body, r.ApprovalAsked) else getattr(body, "why", "")
            found.append(
                {
                    "time": record.time, "run": body.run, "step": body.step, "what": text, "who": who,
                    "digest": body.digest, "why": why,
                }
            )  # fmt: skip
    return found


def _artefact(one: r.ArtefactStored) -> dict[str, Json]:
    return {
        "name": one.name, "location": one.location, "sha256": one.sha256, "size": size(one.size), "bytes": one.size,
        "media_type": one.media_type, "complete": one.complete, "step": one.step,
    }  # fmt: skip


def _gaps(case: CaseFile, verification: VerifyReport | None) -> list[Json]:
    """What this report cannot vouch for."""
    state = case.state
    found: list[Json] = []
    names = {run.who.operator for run in state.runs.values() if run.who.proof == "none"}
    if names:
        found.append(f"Identity unproven: {', '.join(sorted(names))}. The name is what the operator's machine said.")
    if verification is None:
        found.append("The journal was not verified for this report.")
    elif verification.status == "unanchored":
        found.append(
            f"Tail unanchored: nobody outside this folder vouches for the last {verification.unanchored} records."
        )
    elif verification.status == "broken":
        found.append("The journal does not verify: nothing in this report can be relied on.")
    found.extend(
        f"Record {record.seq}: a torn tail of {record.body.size} bytes was cut; its bytes are kept."
        for record in case.records
        if isinstance(record.body, r.JournalRecovered)
    )
    for effect in state.effects.values():
        if effect.status in {"intended", "in_doubt"}:
            found.append(f"{effect.step}: nobody knows whether {effect.name} took effect: {effect.error or 'no end'}.")
        elif effect.adopted:
            found.append(f"{effect.step}: {effect.name} was recognised by its mark; its reply was never seen.")
    found.extend(f"Artefact {one.location} is torn." for one in state.artefacts if not one.complete)
    found.extend(f"Run {run.id} has not ended{f': {run.paused}' if run.paused else ''}." for run in state.open_runs)
    return found
