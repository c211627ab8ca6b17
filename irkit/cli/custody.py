"""Commands about who works on a case: takeover, handover."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from irkit.cli.completing import Case
from irkit.cli.context import Context


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(handover)
    app.command()(takeover)


def takeover(
    context: typer.Context, case: Case, why: Annotated[str, typer.Option(help="The reason, for the journal.")] = ""
) -> int:
    """Move the case to this process: its writer ends after what is in flight, and this one goes on."""
    from irkit.app.clock import now  # noqa: PLC0415 -- start-up time of --help
    from irkit.app.custody import take_over  # noqa: PLC0415 -- as above
    from irkit.cli.loop import drive  # noqa: PLC0415 -- as above

    own: Context = context.obj
    own.known(case)
    ticket = take_over(own.app, case, now(), why)
    if not own.json:
        own.show([["Case      ", f"{ticket.case} (taken over) · run {ticket.run}"], [""]])
    return drive(own, ticket)


def handover(
    context: typer.Context,
    case: Case,
    form: Annotated[str, typer.Option("--format", help="text, or md for a ticket or a chat.")] = "text",
) -> int:
    """One page for the next on-call: open risks, pending approvals, who did what, how to take it back."""
    from irkit.app.clock import now  # noqa: PLC0415 -- start-up time of --help
    from irkit.errors import UsageError  # noqa: PLC0415 -- as above
    from irkit.views.handover import build_handover, handover_json, handover_lines, handover_markdown  # noqa: PLC0415

    own: Context = context.obj
    if form not in {"text", "md"}:
        msg = f"--format {form[:20]} is not known"
        raise UsageError(msg, did="nothing was written", hint="text or md")
    found = own.case(case)
    page = build_handover(found, now(), irkit=own.command_about(found.state.cluster))
    if own.json:
        sys.stdout.write(handover_json(page) + "\n")
    elif form == "md":
        sys.stdout.write(handover_markdown(page))
    else:
        own.show(handover_lines(page), lab=found.state.lab)
    return 0
