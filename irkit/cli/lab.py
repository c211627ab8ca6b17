"""`irkit lab`: start, end and look at the embedded world. The lab is imported by these verbs alone."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from irkit.cli.context import Context, executable
from irkit.cli.worlds import home

if TYPE_CHECKING:
    from types import ModuleType

    from irkit.lab.process import LabInfo
    from irkit.lab.seed import Seed
    from irkit.views.terminal import Line

Folder = Annotated[Path | None, typer.Option(help="The lab's folder, instead of the one in the user's state folder.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    lab = typer.Typer(help="The embedded world: a simulated cluster.", no_args_is_help=True)
    lab.command("up")(lab_up)
    lab.command("down")(lab_down)
    lab.command("status")(lab_status)
    app.add_typer(lab, name="lab")


def lab_up(
    context: typer.Context,
    finding: Annotated[str, typer.Option("--from", help="Finding whose world is built.")] = "",
    scenario: Annotated[Path | None, typer.Option(help="Scenario file whose world is built.")] = None,
    folder: Folder = None,
) -> int:
    """Start the lab. Prints the `export` that selects it: eval "$(irkit lab up)"."""
    from irkit.errors import UsageError  # noqa: PLC0415 -- start-up time of --help
    from irkit.views.terminal import commands, field, hanging  # noqa: PLC0415 -- as above

    own: Context = context.obj
    process = load_lab()
    if finding and scenario:
        msg = "--from and --scenario exclude each other"
        raise UsageError(msg, did="nothing was started", hint="give one of them")
    where = folder or default_folder(own)
    running: LabInfo | None = None if finding or scenario else process.status(where)
    info = running or process.up(where, _seed(finding, scenario))
    lines = [
        *hanging("", f"A simulated cluster is up{' already' if running else ''}."),
        *_lines(info),
        *field("Select it", "in this shell: the line below"),
        *commands("End it", [_again(own, "down", folder)]),
    ]
    own.show(lines, lab=True, err=True)
    sys.stdout.write(f"export IRKIT_CONFIG={shlex.quote(str(info.config))}\n")
    return 0


def lab_down(context: typer.Context, folder: Folder = None) -> int:
    """End the lab. Its cases and its configuration stay."""
    own: Context = context.obj
    from irkit.views.terminal import hanging  # noqa: PLC0415 -- start-up time of --help

    where = folder or default_folder(own)
    ended = load_lab().down(where)
    text = "The lab is down; its cases stay" if ended else "No lab runs"
    own.show(hanging("", f"{text} in {where}"), lab=True, err=True)
    if ended and os.environ.get("IRKIT_CONFIG"):
        sys.stdout.write("unset IRKIT_CONFIG\n")
    return 0


def lab_status(context: typer.Context, folder: Folder = None) -> int:
    """Whether a lab runs, and where."""
    own: Context = context.obj
    from irkit.views.terminal import commands, hanging  # noqa: PLC0415 -- start-up time of --help

    where = folder or default_folder(own)
    info: LabInfo | None = load_lab().status(where)
    if info is None:
        lines = [*hanging("", f"No lab runs in {where}"), *commands("Start it", [_again(own, "up", folder)])]
        own.show(lines, lab=True, err=True)
        return 0
    own.show(_lines(info), lab=True, err=True)
    sys.stdout.write(f"export IRKIT_CONFIG={shlex.quote(str(info.config))}\n")
    return 0


def load_lab() -> ModuleType:
    """The lab's process module. Raises UsageError where the lab extra is not installed."""
    from irkit.errors import UsageError  # noqa: PLC0415 -- start-up time of --help

    try:
        import jsonpatch  # noqa: F401, PLC0415 -- only the lab's own process needs it; say so before it starts

        from irkit.lab import process  # noqa: PLC0415 -- only for lab verbs
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "irkit":
            raise
        msg = f"the lab needs the package {error.name}, which is not installed"
        raise UsageError(msg, did="nothing was started", hint="pip install 'irkit[lab]'") from error
    return process


def default_folder(own: Context) -> Path:
    """The folder of the lab that IRKIT_CONFIG selects, else one in the state folder."""
    named = os.environ.get("IRKIT_CONFIG", "")
    if named and (Path(named).parent / "world.json").exists():
        return Path(named).parent.absolute()
    return home(own) / "lab"


def _lines(info: LabInfo) -> list[Line]:
    from irkit.views.terminal import commands, field  # noqa: PLC0415 -- start-up time of --help

    server = field("Server", f"{info.url} · pid {info.pid}")
    kubectl = f"kubectl --kubeconfig {shlex.quote(str(info.kubeconfig))} get pods -A"
    return [
        *field("Cluster", info.cluster),
        *server,
        *field("Folder", str(info.folder)),
        *commands("Look in", [kubectl]),
    ]


def _again(own: Context, verb: str, folder: Path | None) -> str:
    state = f" --state {shlex.quote(own.state)}" if own.state else ""
    return f"{executable()}{state} lab {verb}" + (f" --folder {shlex.quote(str(folder))}" if folder else "")


def _seed(finding: str, scenario: Path | None) -> Seed:
    if scenario is not None:
        from irkit.lab.builder import build  # noqa: PLC0415 -- only for lab verbs
        from irkit.lab.scenario import load  # noqa: PLC0415 -- only for lab verbs

        return build(load(scenario))
    from irkit.cli.incident import read_input  # noqa: PLC0415 -- only for lab verbs
    from irkit.intake import read_finding  # noqa: PLC0415 -- only for lab verbs
    from irkit.lab import process  # noqa: PLC0415 -- only for lab verbs
    from irkit.lab.fromfinding import world_from_finding  # noqa: PLC0415 -- only for lab verbs

    shipped = Path(process.__file__).parent / "drills" / "compromised-pod" / "finding.json"
    name = finding or str(shipped)
    return world_from_finding(read_finding(read_input(name), source_name=name))
