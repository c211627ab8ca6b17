"""The command line: parse, call the app, render with views.

May live here: typer commands, global options, signals, exit statuses. May not: a decision, a client, a file format.
Nothing heavy is imported for `--help`: each command imports what it needs.
"""

from __future__ import annotations

COLLECT_AFTER = 100_000
"""New objects until Python looks for cycles among them. Answers of the API are trees: a fleet's lists hold none, and
walking through them again and again took a fifth of its time. What a plan imports is fewer, and stays."""


def main() -> None:
    """The console script."""
    import gc  # noqa: PLC0415 -- as below
    import os  # noqa: PLC0415 -- as below
    import sys  # noqa: PLC0415 -- the console script imports this module; nothing else should come with it

    gc.set_threshold(COLLECT_AFTER)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # irkit has none; to look for some takes 0.02 s
    from irkit.cli.context import INTERRUPTED  # noqa: PLC0415 -- as above
    from irkit.cli.program import run  # noqa: PLC0415 -- as above

    status = run(sys.argv[1:])
    if status == INTERRUPTED:  # a thread may wait for a server that hangs, and Python's own end would wait for it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    gc.freeze()  # everything ends now: Python's last search for cycles would be a tenth of a plan's time
    sys.exit(status)
