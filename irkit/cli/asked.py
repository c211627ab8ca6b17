"""What is asked of a case's writer: approvals, denials, notes, aborts, closing."""

from __future__ import annotations

from typing import Literal

from irkit.app.clock import now
from irkit.cli.context import Context
from irkit.engine.inbox import Request, new_id
from irkit.errors import Refused, UsageError
from irkit.journal.state import CaseState, StepState
from irkit.views.casefile import CaseFile
from irkit.views.figures import plural
from irkit.views.plan import envelope_lines
from irkit.views.terminal import Line, commands, field, hanging
from irkit.views.undoing import standing

Wants = Literal["approve", "deny", "abort", "note", "close"]
_DONE = {
    "approve": "Approved",
    "deny": "Denied",
    "abort": "Abort asked: the run stops after what is in flight",
    "note": "Noted",
    "close": "Case closed",
}


def asked_step(case: CaseFile, name: str) -> tuple[str, StepState]:
    """The run and the step that wait for an approval. Raises UsageError."""
    waiting = [(run.id, step) for run in case.state.open_runs for step in run.steps.values() if step.phase == "asked"]
    for run, step in waiting:
        if step.key == name:
            return run, step
    msg = f"step {name[:80]} of {case.state.case} is not waiting for an approval"
    names = ", ".join(step.key for _, step in waiting)
    hint = f"waiting: {names}" if names else f"irkit status {case.state.case}"
    raise UsageError(msg, did="nothing was changed", hint=hint)


def approval_shown(case: CaseFile, run: str, step: StepState) -> list[Line]:
    """The exact plan that an approval covers, and who asked for it."""
    who = case.state.runs[run].who
    lines: list[Line] = field("Case", f"{case.state.case} · run {run} by {who.operator} (identity unproven)")
    if who.proof != "none":
        lines = field("Case", f"{case.state.case} · run {run} by {who.operator} (proof: {who.proof})")
    target = case.state.target
    names = {target.key: str(target)} if target is not None else {}
    lines.extend(envelope_lines(step.envelope, step.asked, names))
    return lines


def settle(  # noqa: PLR0913 -- a request's parts
    own: Context, case: str, wants: Wants, *, run: str, step: str, digest: str, text: str
) -> int:
    """Post the request and say what became of it. Raises Refused where it was not granted."""
    if len(text) > 2000:  # noqa: PLR2004 -- the record's own limit
        msg = f"the text has {len(text)} characters, at most 2000 fit a record"
        raise UsageError(msg, did="nothing was written", hint="say it in several notes")
    before = own.app.cases.load(case)
    if before.closed and wants != "note":
        msg = f"{case} is closed since {before.closed[:19].replace('T', ' ')} UTC"
        raise UsageError(msg, did="nothing was changed", hint=f"irkit status {case}")
    if wants == "abort" and not before.open_runs:
        msg = f"no run of {case} is open, so there is nothing to abort"
        raise UsageError(msg, did="nothing was changed", hint=f"irkit status {case}")
    request = Request(id=new_id(now()), wants=wants, who=own.app.who, run=run, step=step, digest=digest, text=text)
    state = own.app.ask_case(case, request)
    if request.id not in state.requests and not (wants == "close" and state.closed):
        text = f"Not taken in yet: another process writes {case}, and did not look into the case's inbox within "
        text += f"{own.app.parts.answer:.0f} s. It stays there, and is taken in before that process decides again."
        own.show(hanging("", text), lab=state.lab, err=own.json)
        own.show(commands("Next", [f"{own.command} status {case}"]), lab=False, err=own.json)
        return 0
    refusal = _refusal(state, request)
    if refusal:
        raise Refused(refusal, hint=f"irkit status {case}")
    if not own.json:
        text = "Approved, identity unproven" if wants == "approve" else _DONE[wants]
        own.show([[f"{text}: journaled in {case}."]], lab=state.lab)
        if wants in {"approve", "deny"}:
            _what_next(own, state, run)
        elif wants == "close":
            _left_behind(own, case)
    return 0


def _refusal(state: CaseState, request: Request) -> str:
    """The writer's note, where it did not grant the request."""
    if request.wants == "note":
        return ""
    for _, note in reversed(state.notes):
        if note.request == request.id and note.text.startswith(f"{request.wants} was not taken: "):
            return note.text
    return ""


def _left_behind(own: Context, case: str) -> None:
    """Closing takes nothing back: say what stays."""
    left = standing(own.case(case))
    if left:
        text = f"{plural(len(left), 'change')} of irkit stay in place; take them back:"
        own.show(commands("Still", [text, f"{own.command} undo {case}"]), lab=False)


def _what_next(own: Context, state: CaseState, run: str) -> None:
    found = state.runs.get(run)
    if found is not None and not found.outcome and found.paused:
        own.show(commands("Next", [f"{own.command} resume {state.case}"]), lab=False)
