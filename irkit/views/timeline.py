"""Every kind of record in one sentence: the report's timeline."""

from __future__ import annotations

from irkit.model import records as r
from irkit.views.figures import plural, short, size


def identity(who: r.Who) -> str:
    """An operator, and how far the name can be trusted."""
    proof = "identity unproven" if who.proof == "none" else f"proof: {who.proof}"
    return f"{who.operator} ({proof})"


def sentence(body: r.AnyBody) -> str:  # noqa: PLR0912, C901 -- one sentence a kind, and there are 26 kinds
    """What the record says."""
    match body:
        case r.CaseOpened():
            return f"case opened about {body.target}, its case number {body.generation}, by {identity(body.who)}"
        case r.FindingJoined():
            return f"finding {body.finding.type}, severity {body.finding.severity}, joined"
        case r.RunOpened():
            what = f"undo of {', '.join(body.undoes)}" if body.mode == "undo" else f"playbook {body.name}"
            return f"run {body.run} opened: {what}, by {identity(body.who)}"
        case r.RunResumed():
            return f"run {body.run} taken up by {identity(body.who)} on {body.who.host}, irkit {body.tool}"
        case r.RunPaused():
            return f"run {body.run} paused: {body.why}{f', until {body.until}' if body.until else ''}"
        case r.StepExpanded():
            return f"{body.step}: {plural(len(body.children), 'target')} frozen"
        case r.OriginalKept():
            return f"{body.step}: first value of {body.original.field} kept: {short(body.original.value)}"
        case r.StepPlanned():
            return f"{body.step}: {body.why} ({', '.join(body.effects)})"
        case r.StepWaiting():
            return f"{body.step}: {'did not succeed, tries again' if body.failed else 'waits'}: {body.why}"
        case r.StepParked():
            return f"{body.step}: parked, {body.why}: {body.detail}"
        case r.StepClosed():
            again = "last look: " if body.sweep else ""
            return f"{body.step}: {again}{body.verdict}"
        case r.ApprovalAsked():
            return f"{body.step}: waits for approval of {body.digest[:8]}: {body.reason}"
        case r.ApprovalGiven():
            return f"{body.step}: {body.digest[:8]} approved by {identity(body.who)}"
        case r.ApprovalDenied():
            return f"{body.step}: {body.digest[:8]} denied by {identity(body.who)}: {body.why}"
        case r.EffectIntended():
            return f"{body.step}: {body.name} intended, attempt {body.attempt}"
        case r.EffectDone():
            how = "was there already, recognised by its mark" if body.adopted else f"done, HTTP {body.status}"
            request = f", request {body.request_id}" if body.request_id else ""
            return f"{body.step}: {body.name} {'done' if not body.status and not body.adopted else how}{request}"
        case r.EffectFailed():
            return f"{body.step}: {body.name} did not take effect: {body.message}"
        case r.EffectDoubted():
            return f"{body.step}: {body.name} in doubt: {body.why}"
        case r.ArtefactStored():
            torn = "" if body.complete else ", torn"
            return f"artefact {body.location} stored, {size(body.size)}{torn}, sha256 {body.sha256}"
        case r.RequestTaken():
            return f"{body.wants} asked by {identity(body.who)}: {body.why}"
        case r.Note():
            return f"note by {identity(body.who)}: {body.text}"
        case r.ClockRead():
            return "clock read"
        case r.JournalRecovered():
            return f"torn tail of {body.size} bytes cut after record {body.after}, kept as blob {body.blob[:12]}"
        case r.Sealed():
            return f"head {body.head[:16]} of {plural(body.size, 'record')} signed by key {body.key}"
        case r.RunClosed():
            return f"run {body.run} closed: {body.outcome}{f', {body.why}' if body.why else ''}"
        case r.CaseClosed():
            return f"case closed by {identity(body.who)}: {body.why}"
