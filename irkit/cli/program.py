"""The typer application, its global options, and how an invocation ends."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from irkit import __version__
from irkit.cli import after, catalog, check, custody, doctor, drill, incident, lab, permissions, setup
from irkit.cli.context import INTERRUPTED, Context, colourful, executable
from irkit.cli.streams import Patient

_VALUES = ("--config", "--state", "--operator", "--context", "--cluster", "--also", "--max-targets")
_SWITCHES = ("--json", "--debug", "--without-preflight")


class _Interrupted(Exception):
    """Ctrl-C outside of a run. Typer itself would leave without a word."""


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 -- the library's own
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _Interrupted from error


app = typer.Typer(
    cls=_Commands,
    name="irkit",
    help="Contain a compromised pod, node or identity of an EKS cluster; keep the evidence; prove both; take it back.",
    epilog="Exit status: 0 proven · 1 irkit failed · 2 usage · 3 refused, nothing changed · 4 leaky, failed or unproven"
    " · 6 waits for an approval · 7 evidence does not verify · 75 parked, resumable · 130 interrupted, resumable.",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"irkit {__version__}")
        raise typer.Exit


@app.callback()
def options(  # noqa: PLR0913, PLR0917 -- typer takes options as parameters
    context: typer.Context,
    config: Annotated[str, typer.Option(help="Configuration file, instead of the irkit.yaml that is found.")] = "",
    state: Annotated[str, typer.Option(help="Folder of cases, locks and keys.")] = "",
    operator: Annotated[str, typer.Option(help="Your name in the journal.")] = "",
    kube_context: Annotated[str, typer.Option("--context", help="Kubeconfig context of the cluster.")] = "",
    cluster: Annotated[str, typer.Option(help="Cluster: its ARN, or its name in the configuration.")] = "",
    also: Annotated[
        list[str] | None,
        typer.Option(help="A further cluster of the same case; NAME=TARGET where the target has another name there."),
    ] = None,
    max_targets: Annotated[int | None, typer.Option(min=1, help="Allow this many targets.")] = None,
    without_preflight: Annotated[
        bool, typer.Option("--without-preflight", help="Begin although permissions are missing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One journal record, or one object, a line.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[  # noqa: ARG001 -- the callback acts on it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Options that every command takes, before or behind its name."""
    own: Context = context.ensure_object(Context)
    own.config, own.state, own.operator = config, state, operator
    own.context, own.cluster, own.max_targets = kube_context, cluster, max_targets
    own.json, own.debug, own.also = json, debug, tuple(also or ())
    own.preflight = not without_preflight


incident.register(app)
after.register(app)
check.register(app)
custody.register(app)
catalog.register(app)
permissions.register(app)
doctor.register(app)
setup.register(app)
lab.register(app)
drill.register(app)


def summarize(group: typer.Typer) -> None:
    """The first sentence of each command's docstring as its summary: typer's own cut them in mid-sentence."""
    for command in group.registered_commands:
        text = " ".join((getattr(command.callback, "__doc__", "") or "").partition("\n\n")[0].split())
        command.short_help = command.short_help or text.partition(". ")[0].rstrip(".") + "."
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            summarize(inner.typer_instance)


summarize(app)


def hoist(arguments: Sequence[str]) -> list[str]:
    """Global options to the front: people type them behind the command. Nothing behind `--` moves."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        one = waiting.pop(0)
        if one == "--":
            rest += [one, *waiting]
            break
        if one in _SWITCHES or any(one.startswith(f"{name}=") for name in _VALUES):
            front.append(one)
        elif one in _VALUES and waiting:
            front += [one, waiting.pop(0)]
        else:
            rest.append(one)
    return front + rest


def run(arguments: Sequence[str]) -> int:
    """One invocation; gives its exit status. Nothing escapes as a traceback."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a test's stream may lack it
    debug = "--debug" in arguments
    real, own = sys.stdout, Context()
    sys.stdout = Patient(real)
    try:
        status = app(args=hoist(arguments), standalone_mode=False, prog_name="irkit", obj=own)
    except (KeyboardInterrupt, _Interrupted):
        return _interrupted(own)
    except Exception as error:  # noqa: BLE001 -- the one place that turns anything into an exit status
        return _failed(error, own, debug=debug)
    finally:
        sys.stdout = real
    return status if isinstance(status, int) else 0


def _interrupted(own: Context) -> int:
    sys.stderr.write(f"irkit: interrupted\n       what stands: {own.command} status\n")
    return INTERRUPTED


def _failed(error: Exception, own: Context, *, debug: bool) -> int:
    from irkit.cli.failures import error_lines, report_failure  # noqa: PLC0415 -- only where something failed
    from irkit.errors import UsageError  # noqa: PLC0415 -- as above
    from irkit.views.terminal import paint  # noqa: PLC0415 -- as above

    if type(error).__name__ == "NoArgsIsHelpError":  # a group without a command: its help, as --help prints it
        sys.stdout.write(f"{getattr(error, 'message', '')}\n")
        return 2
    format_message = getattr(error, "format_message", None)
    if format_message is not None:  # typer's own usage errors; each knows which command it is about
        path = getattr(getattr(error, "ctx", None), "command_path", "irkit").removeprefix("irkit").strip()
        wrong = UsageError(str(format_message()), did="nothing was changed")
        wrong.hint = " ".join([executable(), *([path] if path else []), "--help"])
        sys.stderr.write(paint(error_lines(wrong), colour=colourful(sys.stderr)))
        return 2
    if type(error).__name__ == "Abort":
        return _interrupted(own)
    return report_failure(error, debug=debug, colour=colourful(sys.stderr), irkit=own.command)
