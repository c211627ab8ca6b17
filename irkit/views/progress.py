"""What happens while a run goes on: plain lines, the records themselves as JSON, or a live screen."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from irkit.journal.lines import body_bytes, frame
from irkit.journal.state import RunState
from irkit.model import records as r
from irkit.model.base import Json
from irkit.views.casefile import CaseFile
from irkit.views.figures import plural
from irkit.views.marks import SIGNS
from irkit.views.naming import step_words
from irkit.views.outcome import seconds
from irkit.views.terminal import WIDTH, Line, Span, clip, fill, hanging, neutral, pad, paint, tagged

if TYPE_CHECKING:
    from rich.text import Text

_NAME = 16
_WIDTH = WIDTH - len("LAB ")


class Progress(Protocol):
    """Hears every record of a run once, in order."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def heard(self, records: Sequence[r.Record]) -> None:
        """Show these. Called by the thread that advances the run."""
        ...


class _Quiet:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class JsonProgress(_Quiet):
    """One record a line: the journal's own records, with what a terminal could act on in JSON's escapes."""

    def __init__(self, case: CaseFile, out: TextIO) -> None:
        self._case = case
        self._out = out

    def heard(self, records: Sequence[r.Record]) -> None:
        """Write them."""
        self._case.hear(records)
        for record in records:
            self._out.write(record_json(record) + "\n")
        self._out.flush()


def record_json(record: r.Record) -> str:
    """A record as its journal has it, on one line."""
    body = body_bytes(record.body)
    line = frame(record.kind, record.body.version, body, record.seq, record.time, record.prev, record.writer)
    return json_safe(line.decode().rstrip("\n"))


def json_safe(text: str) -> str:
    """JSON text in which every character that a terminal could act on is a JSON escape."""
    return "".join(character if neutral(character) == character else json.dumps(character)[1:-1] for character in text)


class PlainProgress(_Quiet):
    """One line for each change of state of this run."""

    def __init__(self, case: CaseFile, run: str, out: TextIO, *, colour: bool = False, irkit: str = "irkit") -> None:
        self._case = case
        self._run = run
        self._irkit = irkit
        self._out = out
        self._colour = colour
        self._waits: dict[tuple[str, str], str] = {}

    def heard(self, records: Sequence[r.Record]) -> None:
        """Print what is worth a line."""
        self._case.hear(records)
        for record in records:
            if self._same_wait(record.body):
                continue
            lines = event(self._case, record, self._run, self._irkit)
            if lines:
                lab = self._case.state.lab
                self.show(tagged(lines, colour=self._colour) if lab else paint(lines, colour=self._colour))

    def _same_wait(self, body: r.AnyBody) -> bool:
        """Whether a step waits for what it waited for before: each look is journaled, and no change of state."""
        if isinstance(body, r.StepWaiting):
            key = (body.run, body.step)
            before, self._waits[key] = self._waits.get(key), body.why
            return before == body.why and not body.failed
        run, step = getattr(body, "run", ""), getattr(body, "step", "")
        self._waits.pop((run, step), None)
        return False

    def show(self, text: str) -> None:
        """Write it out."""
        self._out.write(text)
        self._out.flush()


class LiveProgress(PlainProgress):
    """The same lines, above a line for each step that is under way."""

    def __enter__(self) -> Self:
        from rich.console import Console  # noqa: PLC0415 -- only for a terminal
        from rich.live import Live  # noqa: PLC0415 -- only for a terminal

        self._guard = threading.Lock()
        self._busy: dict[str, tuple[float, str]] = {}
        console = Console(file=self._out, force_terminal=True, no_color=not self._colour, highlight=False, width=None)
        self._live = Live(get_renderable=self._running, console=console, transient=True, refresh_per_second=8)
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def heard(self, records: Sequence[r.Record]) -> None:
        """Print, and keep the live lines."""
        super().heard(records)
        run = self._case.state.runs.get(self._run)
        if run is None:
            return
        with self._guard:
            open_now = {key: step for key, step in run.steps.items() if step.phase in {"acting", "waiting"}}
            self._busy = {
                key: (self._busy.get(key, (time.monotonic(), ""))[0], step.why) for key, step in open_now.items()
            }

    def show(self, text: str) -> None:
        """Above the live lines. The text is neutralised already; its own styles pass."""
        from rich.text import Text  # noqa: PLC0415 -- only for a terminal

        self._live.console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)

    def _running(self) -> Text:
        from rich.text import Text  # noqa: PLC0415 -- only for a terminal

        with self._guard:
            rows = list(self._busy.items())
        if not rows:
            return Text("")
        dots = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
        sign = dots[int(time.monotonic() * 8) % len(dots)]
        lines = [
            f"  {sign} {pad(key, _NAME)} {pad(seconds(int((time.monotonic() - since) * 1000)), 9)} {clip(why, 48)}"
            for key, (since, why) in rows
        ]
        return Text("\n".join(lines), style="dim", no_wrap=True)


def choose(  # noqa: PLR0913 -- what it depends on, all by keyword
    case: CaseFile, run: str, *, as_json: bool, colour: bool, out: TextIO | None = None, irkit: str = "irkit"
) -> Progress:
    """The progress that fits where it is written to; `irkit` is how irkit must be typed here."""
    stream = out or sys.stdout
    if as_json:
        return JsonProgress(case, stream)
    if stream.isatty():
        return LiveProgress(case, run, stream, colour=colour, irkit=irkit)
    return PlainProgress(case, run, stream, colour=colour, irkit=irkit)


def before_lines(case: CaseFile, run: str) -> list[Line]:
    """How much of a run was done before somebody looks on, or nothing where it only begins."""
    found = case.state.runs.get(run)
    done = [step for step in found.steps.values() if step.phase == "closed"] if found is not None else []
    if not done:
        return []
    bad = sum(step.verdict is None or step.verdict.status not in {"proven", "skipped"} for step in done)
    return [[Span(f"  {plural(len(done), 'step')} done before{f', {bad} of them not proven' if bad else ''}", "dim")]]


def event(  # noqa: PLR0912, C901 -- one line a kind
    case: CaseFile, record: r.Record, run: str, irkit: str = "irkit"
) -> list[Line]:
    """The line of one record, or none where it is nobody's business during a run."""
    body = record.body
    if getattr(body, "run", run) != run:
        return []
    line = partial(_line, case.state.runs.get(run))
    if isinstance(body, r.StepClosed):
        return _closed(case, body, run)
    if isinstance(body, r.StepPlanned):
        return line("…", body.step, f"{body.why}", "dim")
    if isinstance(body, r.StepWaiting):
        return line("…", body.step, f"{'tries again' if body.failed else 'waits'}: {body.why}", "dim")
    if isinstance(body, r.StepParked):
        return line("‖", body.step, f"parked, {body.why}: {body.detail}", "warn")
    if isinstance(body, r.ApprovalAsked):
        lines = line("?", body.step, f"waiting for approval of {body.digest[:4]} {body.digest[4:8]}", "warn")
        return [*lines, *hanging(" " * (_NAME + 5), f"{irkit} approve {case.state.case} {body.step}", width=_WIDTH)]
    if isinstance(body, r.ApprovalGiven):
        return line("✓", body.step, f"approved by {body.who.operator}{_proof(body.who)}", "good")
    if isinstance(body, r.ApprovalDenied):
        return line("✗", body.step, f"denied by {body.who.operator}{_proof(body.who)}: {body.why}", "bad")
    if isinstance(body, r.EffectDone):
        effect = case.state.effects.get(body.key)
        what = call_words(effect.call) if effect else body.name
        how = "was there already, recognised by its mark" if body.adopted else "done"
        return line("…", body.step, f"{what}: {how}", "dim")
    if isinstance(body, r.EffectFailed):
        return line("!", body.step, f"{body.name} did not take effect: {body.message}", "warn")
    if isinstance(body, r.EffectDoubted):
        return line("!", body.step, f"{body.name} is in doubt, looking again: {body.why}", "warn")
    if isinstance(body, r.ArtefactStored) and body.step:
        return []
    if isinstance(body, r.Note):
        return hanging("  note ", f"{body.who.operator}: {body.text}")
    if isinstance(body, r.RequestTaken):
        return hanging("  ! ", f"{body.wants} asked by {body.who.operator}: {body.why}", style="warn")
    if isinstance(body, r.JournalRecovered):
        return hanging("  ! ", f"the journal's torn tail ({body.size} bytes) was cut and kept", style="warn")
    return []


def _closed(case: CaseFile, body: r.StepClosed, run: str) -> list[Line]:
    sign, style = SIGNS[body.verdict.status]
    took = ""
    state = case.state.runs[run].steps.get(body.step)
    if state is not None and state.started and state.ended and not body.sweep:
        from irkit.model.times import milliseconds  # noqa: PLC0415 -- only used here

        took = f"{seconds(max(milliseconds(state.started, state.ended), 0))}  "
    again = "last look: " if body.sweep else ""
    why = body.verdict.why or body.reason
    text = f"{took}{again}{why if body.condition else f'{body.verdict.status}: {why}'}"
    return _line(case.state.runs[run], sign, body.step, text, style)


def _line(run: RunState | None, sign: str, key: str, text: str, style: str) -> list[Line]:
    step, about = step_words(run, key)
    lines = hanging(f"  {sign} {fill(step, _NAME)} ", f"{about}{text}", width=_WIDTH)
    first = lines[0]
    lines[0] = [Span(first[0].text if isinstance(first[0], Span) else first[0], style), *first[1:]]
    return lines


def _proof(who: r.Who) -> str:
    return " (identity unproven)" if who.proof == "none" else ""


def call_words(call: Json) -> str:
    """A journaled call in a few words: `patch pods shop/web`."""
    if not isinstance(call, dict):
        return "a call"
    if call.get("type") == "store":
        return f"store artefact {call.get('key', '')}"
    if call.get("type") == "aws":
        return f"{call.get('service', '')} {call.get('operation', '')}"
    resource = call.get("resource")
    plural = resource.get("plural", "") if isinstance(resource, dict) else ""
    namespace, name = call.get("namespace", ""), call.get("object", "")
    return f"{call.get('verb', '')} {plural} {namespace}{'/' if namespace else ''}{name}"
