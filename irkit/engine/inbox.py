"""Others never append: they drop requests here, and the writer ingests them as records before each decision."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from irkit.engine.approvals import objection
from irkit.errors import JournalError
from irkit.journal.state import CaseState
from irkit.model import records as r
from irkit.model.base import Model, canonical
from irkit.model.plans import Verdict

MAX_REQUEST = 64 * 1024
MAX_TEXT = 2000
"""Characters of a note."""


class Request(Model):
    """One thing asked of a case from another terminal. `digest` is of the envelope that was shown."""

    id: Annotated[str, Field(pattern=r"^[0-9a-zA-Z.-]{8,80}$")]
    wants: Literal["approve", "deny", "abort", "note", "close", "takeover"]
    who: r.Who
    run: str = ""
    step: str = ""
    digest: str = ""
    text: Annotated[str, Field(max_length=2000)] = ""


class Inbox:
    """The folder of requests of one case."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def post(self, request: Request) -> None:
        """Leave a request, whole or not at all. Raises JournalError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = self._folder / f".{request.id}.tmp"
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(canonical(request.dump()))
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._folder / f"{request.id}.json")
        except OSError as error:
            msg = f"the request cannot be left in the case's inbox: {error.strerror}"
            raise JournalError(msg, did="nothing was changed") from error

    def waiting(self) -> list[Path]:
        """Requests not yet taken, oldest first by name."""
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            return []

    def read(self, path: Path) -> Request | None:
        """One request, or None where it is not one: it is set aside and never acted on."""
        try:
            data = path.read_bytes()[: MAX_REQUEST + 1]
            if len(data) > MAX_REQUEST:
                return None
            return Request.model_validate_json(data)
        except (OSError, ValidationError):
            return None

    def taken(self, path: Path) -> None:
        """The request is in the journal, durable: out of the way with its file, which is kept."""
        folder = self._folder / "taken"
        folder.mkdir(exist_ok=True, mode=0o700)
        path.rename(folder / path.name)


def new_id(now: str) -> str:
    """A request id that sorts by time."""
    return f"{now.replace(':', '').replace('.', '')}-{secrets.token_hex(4)}"


def ingest(state: CaseState, request: Request) -> list[r.AnyBody]:
    """The records that a request becomes. Pure. One that cannot be granted becomes a note that says why."""
    if request.id in state.requests:
        return []
    if request.wants == "note":
        return [r.Note(request=request.id, who=request.who, text=request.text)]
    if request.wants in {"abort", "takeover"}:
        return [r.RequestTaken(request=request.id, wants=request.wants, who=request.who, why=request.text)]
    if request.wants == "close":
        if state.open_runs:
            open_runs = ", ".join(run.id for run in state.open_runs)
            return [_refused(request, f"{open_runs} is open: resume, abort or undo it first")]
        return [
            r.Note(request=request.id, who=request.who, text=f"case closed: {request.text}"[:MAX_TEXT]),
            r.CaseClosed(who=request.who, why=request.text),
        ]
    return _answer(state, request)


def _answer(state: CaseState, request: Request) -> list[r.AnyBody]:
    run = state.runs.get(request.run)
    step = run.steps.get(request.step) if run else None
    if run is None or step is None or step.phase != "asked":
        return [_refused(request, f"step {request.step} of {request.run} is not waiting for an approval")]
    if request.digest != step.asked:
        return [_refused(request, f"the plan of step {request.step} is not the one that was shown")]
    if request.wants == "deny":
        why = f"{request.who.operator} denied it{': ' if request.text else ''}{request.text}"
        return [
            r.ApprovalDenied(
                run=run.id, step=step.key, digest=request.digest, who=request.who, why=request.text, request=request.id
            ),
            r.StepClosed(
                run=run.id, step=step.key, verdict=Verdict(status="refused", why=why), reason=why, mark=step.mark
            ),
        ]
    why = objection(run.who, request.who)
    if why:
        return [_refused(request, why)]
    return [r.ApprovalGiven(run=run.id, step=step.key, digest=request.digest, who=request.who, request=request.id)]


def _refused(request: Request, why: str) -> r.Note:
    return r.Note(request=request.id, who=request.who, text=f"{request.wants} was not taken: {why}"[:MAX_TEXT])
