"""Commands about cases that exist: status, resume, approve, deny, note, abort, close, undo, verify, report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from irkit.cli.completing import Case, StepName, cases
from irkit.cli.context import DECLINED, Context, confirm, interactive

if TYPE_CHECKING:
    from irkit.journal.state import StepState

Why = Annotated[str, typer.Option(help="The reason, for the journal.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Skip the question.")]
Wants = Literal["approve", "deny", "abort", "note", "close"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (status, resume, approve, deny, note, abort, close, undo, verify, report):
        app.command()(command)


def status(
    context: typer.Context, case: Annotated[str, typer.Argument(help="One case in full.", autocompletion=cases)] = ""
) -> int:
    """Open cases, or one case's steps, waits and who did what."""
    from irkit.app.clock import now  # noqa: PLC0415 -- start-up time of --help
    from irkit.cli.listing import elsewhere_lines, read_cases, show_records  # noqa: PLC0415 -- as above
    from irkit.cli.worlds import gone  # noqa: PLC0415 -- as above
    from irkit.views.status import case_lines, cases_lines  # noqa: PLC0415 -- as above

    own: Context = context.obj
    if case:
        found = own.case(case)
        if own.json:
            show_records(found)
        else:
            world = gone(own) if found.state.lab else None
            lost = (world.why, world.again) if world else None
            irkit = own.command_about(found.state.cluster)
            own.show(case_lines(found, now(), irkit=irkit, lost=lost), lab=found.state.lab)
        return 0
    cases, broken = read_cases(own)
    if own.json:
        from irkit.views.status import case_json  # noqa: PLC0415 -- start-up time of --help

        sys.stdout.writelines(case_json(one) + "\n" for one in cases)
    else:
        own.show(cases_lines(cases, broken, now(), irkit=own.command))
        own.show(elsewhere_lines(own), lab=False)
    return 7 if broken else 0


def resume(context: typer.Context, case: Case) -> int:
    """Go on after a crash, a lost laptop or expired credentials."""
    from irkit.cli.loop import drive  # noqa: PLC0415 -- start-up time of --help
    from irkit.cli.worlds import require  # noqa: PLC0415 -- as above
    from irkit.views.header import run_lines  # noqa: PLC0415 -- as above

    own: Context = context.obj
    found = own.case(case)
    ticket = own.app.latest(case)
    require(own, case)
    if not own.json:
        own.show(run_lines(found, found.state.runs[ticket.run]), lab=found.state.lab)
    return drive(own, ticket)


def approve(context: typer.Context, case: Case, step: StepName, yes: Yes = False) -> int:
    """Agree to a waiting step, as a second person; shows the exact plan that this covers."""
    from irkit.cli.asked import approval_shown, asked_step  # noqa: PLC0415 -- start-up time of --help
    from irkit.engine.approvals import objection  # noqa: PLC0415 -- as above
    from irkit.errors import Refused  # noqa: PLC0415 -- as above

    own: Context = context.obj
    found = own.case(case)
    run, waiting = asked_step(found, step)
    own.show(approval_shown(found, run, waiting), lab=found.state.lab, err=own.json)
    if not yes:
        if why := objection(found.state.runs[run].who, own.app.who):  # not after the question
            raise Refused(why, hint=f"a colleague types: irkit approve {case} {shlex.quote(step)}")
        if not interactive():
            own.show([["Shown only: to approve it, the same command with --yes"]], lab=False, err=own.json)
            return DECLINED
        if not confirm("\nApprove it? [y]es, [N]o  ", did="nothing was approved"):
            own.show([["Nothing was approved."]], lab=False)
            return DECLINED
    return _answer(own, case, "approve", run, waiting)


def deny(context: typer.Context, case: Case, step: StepName, why: Why) -> int:
    """Refuse a waiting step."""
    from irkit.cli.asked import asked_step  # noqa: PLC0415 -- start-up time of --help

    own: Context = context.obj
    run, waiting = asked_step(own.case(case), step)
    return _answer(own, case, "deny", run, waiting, why)


def note(context: typer.Context, case: Case, text: Annotated[list[str], typer.Argument(help="What you saw.")]) -> int:
    """Write an observation into the case's journal."""
    return _ask(context.obj, case, "note", text=" ".join(text))


def abort(context: typer.Context, case: Case, why: Why = "") -> int:
    """Stop the case's runs after what is in flight. Takes nothing back."""
    return _ask(context.obj, case, "abort", text=why)


def close(context: typer.Context, case: Case, why: Why) -> int:
    """End the case. The next finding about its target opens another."""
    return _ask(context.obj, case, "close", text=why)


def undo(
    context: typer.Context,
    case: Case,
    step: Annotated[str, typer.Option(help="Take back this step alone.")] = "",
    yes: Yes = False,
) -> int:
    """Restore what irkit changed, and only that; shows what somebody else changed since, and stops there."""
    from irkit.app.clock import now  # noqa: PLC0415 -- start-up time of --help
    from irkit.cli.loop import drive  # noqa: PLC0415 -- as above
    from irkit.cli.undoing import looked, undo_lines  # noqa: PLC0415 -- as above
    from irkit.cli.worlds import require  # noqa: PLC0415 -- as above
    from irkit.views.final import irreversible_lines  # noqa: PLC0415 -- as above

    own: Context = context.obj
    asked = now()
    found = own.case(case)
    undo_lines(found, step)  # or there is nothing to undo
    require(own, case)
    lines = undo_lines(found, step, () if own.json else looked(own.app, case, step))
    if not own.json:
        own.show(lines, lab=found.state.lab)
    if not yes:
        if own.json or not interactive():
            if not own.json:
                text = "Planned only: nothing was changed. To run it: the same command with --yes"
                own.show([[text]], lab=False)
            return DECLINED
        if not confirm("\nTake it back? [y]es, [N]o  "):
            own.show([["Nothing was changed."]], lab=False)
            return DECLINED
    ticket = own.app.open_undo(case, asked, step, preflight=own.preflight)
    if not own.json:
        own.show(irreversible_lines([(one.step, one.why) for one in ticket.irreversible]), lab=False)
    return drive(own, ticket)


def verify(
    context: typer.Context,
    case: Annotated[
        str, typer.Argument(help="A case id, or a case's folder.", metavar="CASE|FOLDER", autocompletion=cases)
    ],
    head: Annotated[list[Path] | None, typer.Option(help="A head held elsewhere (a .note file); repeatable.")] = None,
    key: Annotated[list[Path] | None, typer.Option(help="A public key (PEM) beside this machine's own.")] = None,
) -> int:
    """Check a case offline: chain, seals, artefacts. Names the first bad record."""
    from irkit.cli.verifying import verify_case  # noqa: PLC0415 -- start-up time of --help

    return verify_case(context.obj, case, head or [], key or [])


def report(
    context: typer.Context,
    case: Case,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    form: Annotated[str, typer.Option("--format", help="html, md or json; default: by the file's ending.")] = "",
) -> int:
    """Write one self-contained report of the case."""
    from irkit.cli.reporting import write_report  # noqa: PLC0415 -- start-up time of --help

    return write_report(context.obj, case, output, form)


def _answer(  # noqa: PLR0913, PLR0917 -- a request's parts
    own: Context, case: str, wants: Wants, run: str, waiting: StepState, why: str = ""
) -> int:
    return _ask(own, case, wants, run=run, step=waiting.key, digest=waiting.asked, text=why)


def _ask(  # noqa: PLR0913 -- a request's parts
    own: Context, case: str, wants: Wants, *, run: str = "", step: str = "", digest: str = "", text: str = ""
) -> int:
    """Leave a request in the case's inbox, and say what became of it. 3 where it was not granted."""
    from irkit.cli.asked import settle  # noqa: PLC0415 -- start-up time of --help

    own.known(case)
    return settle(own, case, wants, run=run, step=step, digest=digest, text=text)
