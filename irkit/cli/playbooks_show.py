"""`irkit playbook show`: what a playbook takes and does, as text or as a graph."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from irkit.cli.completing import PlaybookName
from irkit.cli.context import Context


def playbook_show(
    context: typer.Context,
    playbook: PlaybookName,
    form: Annotated[str, typer.Option("--format", help="text, or mermaid for a graph of what needs what.")] = "text",
) -> int:
    """A playbook's inputs and steps."""
    from irkit.actions.catalog import Catalog  # noqa: PLC0415 -- start-up time of --help
    from irkit.errors import UsageError  # noqa: PLC0415 -- as above
    from irkit.playbook import load_playbook, shipped  # noqa: PLC0415 -- as above

    own: Context = context.obj
    if form not in {"text", "mermaid"}:
        msg = f"--format {form[:20]} is not known"
        raise UsageError(msg, did="nothing was shown", hint="text or mermaid")
    known = Catalog.builtin()
    found = load_playbook(*shipped.load(playbook), known)
    if own.json:
        own.tell(found.dump())
    elif form == "mermaid":
        from irkit.views.graph import mermaid  # noqa: PLC0415 -- start-up time of --help

        sys.stdout.write(mermaid(found, known))
    else:
        from irkit.views.playbook_screen import playbook_lines  # noqa: PLC0415 -- start-up time of --help

        own.show(playbook_lines(found, known), lab=False)
    return 0
