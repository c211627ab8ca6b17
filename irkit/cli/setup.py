"""Commands about this machine: its signing key and the configuration in effect."""

from __future__ import annotations

import sys

import typer

from irkit.cli.context import Context


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(keys)
    config = typer.Typer(help="The configuration in effect.", no_args_is_help=True)
    config.command("show")(config_show)
    config.callback()(_group)
    app.add_typer(config, name="config")


def _group() -> None:
    """The configuration in effect."""


def keys(context: typer.Context) -> int:
    """This machine's signing key (made on first use) and where its public half is."""
    from irkit.journal.keys import local_signer  # noqa: PLC0415 -- start-up time of --help
    from irkit.views.terminal import field  # noqa: PLC0415 -- as above

    own: Context = context.obj
    folder = own.app.cases.state / "keys"
    signer = local_signer(folder)
    lines = [
        *field("Key", f"{signer.key_id} (Ed25519, local: it proves nothing against this machine's own user)"),
        *field("Public", f"half, for whoever verifies: {folder / signer.key_id}.pub.pem"),
    ]
    own.show(lines, lab=False)
    sys.stdout.write(signer.public_pem.decode())
    return 0


def config_show(context: typer.Context) -> int:
    """Every setting, its value, and where that came from."""
    from irkit.views.settings import settings_json, settings_lines  # noqa: PLC0415 -- start-up time of --help

    own: Context = context.obj
    if own.json:
        sys.stdout.write(settings_json(own.settings) + "\n")
    else:
        own.show(settings_lines(own.settings))
    return 0
