"""`irkit doctor`: before the incident."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from irkit.cli.context import Context


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    context: typer.Context,
    namespace: Annotated[str, typer.Option(help="Ask for permissions in this namespace, not in all.")] = "",
) -> int:
    """What does this cluster enforce, what may irkit do, what is missing? Reads only."""
    from irkit.app.doctor import examine  # noqa: PLC0415 -- start-up time of --help
    from irkit.model.refs import ClusterRef  # noqa: PLC0415 -- as above
    from irkit.views.doctor import doctor_json, doctor_lines, doctor_status  # noqa: PLC0415 -- as above

    own: Context = context.obj
    found = examine(own.app, own.settings, ClusterRef(id=own.settings.pick().id), namespace)
    if own.json:
        sys.stdout.write(doctor_json(found) + "\n")
    else:
        own.show(doctor_lines(found))
    return doctor_status(found)
