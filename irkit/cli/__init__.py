"""The command line: parse, call the app, render with views.

May live here: typer commands, global options, signals, exit statuses. May not: a decision, a client, a file format.
Nothing heavy is imported for `--help`: each command imports what it needs.
"""

from __future__ import annotations


def main() -> None:
    """The console script."""
    import sys  # noqa: PLC0415 -- the console script imports this module; nothing else should come with it

    from irkit.cli.program import run  # noqa: PLC0415 -- as above

    sys.exit(run(sys.argv[1:]))
