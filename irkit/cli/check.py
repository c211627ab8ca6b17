"""`irkit check`: look again, now."""

from __future__ import annotations

import sys

import typer

from irkit.cli.completing import Case
from irkit.cli.context import Context


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(check)


def check(context: typer.Context, case: Case) -> int:
    """Is everything still contained? Looks again, now, and changes nothing."""
    from irkit.app.check import check as look_again  # noqa: PLC0415 -- start-up time of --help
    from irkit.views.check import check_json, check_lines, check_status  # noqa: PLC0415 -- as above

    own: Context = context.obj
    own.known(case)
    found = look_again(own.app, case)
    if own.json:
        sys.stdout.write(check_json(found) + "\n")
    else:
        own.show(check_lines(found, irkit=own.command))
    return check_status(found)
