"""Commands that start work: respond, contain, plan."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from irkit.cli.context import DECLINED, Context, confirm, interactive
from irkit.cli.worlds import require

if TYPE_CHECKING:
    from irkit.app.preview import Preview
    from irkit.app.runs import Ask

MAX_INPUT = 4 * 1024 * 1024
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Skip the question; never a guard or an approval.")]
Book = Annotated[str, typer.Option("--playbook", help="Playbook: a shipped one's name, or a file.")]
Inputs = Annotated[list[str] | None, typer.Option("--input", "-i", help="NAME=VALUE for the playbook; repeatable.")]
Pick = Annotated[str, typer.Option(help="Id of the finding, where the file holds several.")]


class Containment(NamedTuple):
    """A command of `contain`: what it names and how that is written, the playbook that it runs, and its help."""

    kind: str
    argument: str
    form: str
    playbook: str
    help: str


CONTAINMENTS = (
    Containment("pod", "pod", "NAMESPACE/NAME", "compromised-pod", "Contain one pod."),
    Containment(
        "node", "node", "NAME", "node-suspect", "Close a node to new pods, keep it, and cut off the pods on it."
    ),
    Containment(
        "serviceaccount", "account", "NAMESPACE/NAME", "compromised-serviceaccount",
        "Take the rights of a service account, and cut off its pods.",
    ),
    Containment(
        "image", "image", "sha256:DIGEST, or a name as pods have it.", "malicious-image",
        "Let no new pod start from an image, and cut off those that run it.",
    ),
    Containment(
        "workload", "workload", "KIND/NAMESPACE/NAME, such as deployment/shop/web", "exposed-dashboard",
        "Cut off every pod of a workload.",
    ),
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(respond)
    app.command()(plan)
    contain = typer.Typer(help="Contain something by name, without a finding.", no_args_is_help=True)
    for one in CONTAINMENTS:
        contain.command(one.kind)(_containing(one))
    app.add_typer(contain, name="contain", rich_help_panel=None)


def respond(  # noqa: PLR0913, PLR0917 -- typer takes options as parameters
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="Finding in its sender's JSON; - is standard input.")],
    yes: Yes = False,
    pick: Pick = "",
    playbook: Book = "",
    inputs: Inputs = None,
) -> int:
    """Respond to a finding: resolve its target, plan, ask, contain, prove."""
    from irkit.cli.asking import ask_for_finding  # noqa: PLC0415 -- start-up time of --help

    own: Context = context.obj
    require(own)
    return _go(own, ask_for_finding(own, file, pick, playbook, inputs or []), yes=yes)


def _containing(one: Containment) -> Callable[..., int]:
    """The command."""
    named = typer.Argument(metavar=one.argument, help=one.form)

    def contain(
        context: typer.Context,
        name: str = named,
        yes: Yes = False,
        playbook: Book = one.playbook,
        inputs: Inputs = None,
    ) -> int:
        from irkit.cli.asking import ask_for_target  # noqa: PLC0415 -- start-up time of --help

        own: Context = context.obj
        require(own)
        return _go(own, ask_for_target(own, one.kind, name, playbook, inputs or []), yes=yes)

    contain.__doc__ = one.help
    return contain


def plan(  # noqa: PLR0913, PLR0917 -- typer takes options as parameters
    context: typer.Context,
    playbook: Annotated[str, typer.Argument(help="A shipped playbook's name, or a file.")] = "",
    inputs: Inputs = None,
    finding: Annotated[str, typer.Option(help="Plan what this finding would be answered with.")] = "",
    pick: Pick = "",
    diff: Annotated[bool, typer.Option("--diff", help="Every change, field by field.")] = False,
    steps: Annotated[bool, typer.Option("--steps", help="Every step in full: each target, each call.")] = False,
) -> int:
    """Show what would be done. Writes nothing."""
    from irkit.cli.asking import ask_for_finding, ask_for_inputs  # noqa: PLC0415 -- start-up time of --help
    from irkit.errors import UsageError  # noqa: PLC0415 -- as above

    own: Context = context.obj
    require(own)
    if finding:
        ask = ask_for_finding(own, finding, pick, playbook, inputs or [])
    elif playbook:
        ask = ask_for_inputs(own, playbook, inputs or [])
    else:
        msg = "nothing to plan: name a playbook or a finding"
        raise UsageError(msg, hint="irkit plan compromised-pod -i pod=NAMESPACE/NAME, or irkit plan --finding FILE")
    return _show_plan(own, ask, diff=diff, steps=steps)


def _show_plan(own: Context, ask: Ask, *, diff: bool = False, steps: bool = False) -> int:
    """Print the plan; gives the exit status it deserves: 3 where a guard refuses, else 0."""
    from irkit.app.preview import preview  # noqa: PLC0415 -- start-up time of --help
    from irkit.views.plan import plan_json, plan_lines  # noqa: PLC0415 -- as above
    from irkit.views.plan_steps import diff_lines, steps_lines  # noqa: PLC0415 -- as above

    found = preview(own.app, ask)
    if own.json:
        sys.stdout.write(plan_json(found) + "\n")
    else:
        own.show(plan_lines(found))
        if steps:
            own.show(steps_lines(found), lab=False)
        if diff:
            own.show(diff_lines(found), lab=False)
    return _status(found)


def _status(found: Preview) -> int:
    """3 where a guard refuses or a permission is missing, 75 where a step cannot be looked at, else 0.

    A step that may fail, and for which a permission is missing, is no reason to wait for better times.
    """
    if found.refused or found.blocking:
        return 3
    known = {step for one in found.missing if one.grant.optional for step in one.grant.steps}
    return 75 if any(step.kind == "blocked" and step.key.partition("[")[0] not in known for step in found.steps) else 0


def _go(own: Context, ask: Ask, *, yes: bool) -> int:
    """Plan and ask where somebody is there; then run."""
    from irkit.cli.loop import drive  # noqa: PLC0415 -- start-up time of --help
    from irkit.views.plan import header_lines, missing_lines  # noqa: PLC0415 -- as above

    if not yes:
        if own.json or not interactive():
            status = _show_plan(own, ask)
            if not own.json:
                own.show([["Planned only: nothing was changed. To run it: the same command with --yes"]], lab=False)
            return status or DECLINED
        answer = _question(own, ask)
        if answer is not None:
            return answer
    elif not own.json:
        own.show(header_lines(ask))
    ticket = own.app.open_run(ask, preflight=own.preflight)
    if not own.json:
        if ticket.preflight is not None:
            own.show(missing_lines(ticket.preflight), lab=False)
        word = "joined: it is under way already" if ticket.joined else ("new" if ticket.new_case else "open already")
        own.show([["Case      ", f"{ticket.case} ({word}) · run {ticket.run}"], [""]], lab=False)
    return drive(own, ticket)


def _question(own: Context, ask: Ask) -> int | None:
    """Show the plan and ask; None to go on, else the exit status."""
    from irkit.app.preview import preview  # noqa: PLC0415 -- start-up time of --help
    from irkit.views.plan import plan_lines  # noqa: PLC0415 -- as above
    from irkit.views.plan_steps import diff_lines  # noqa: PLC0415 -- as above

    found = preview(own.app, ask)
    own.show(plan_lines(found))
    while True:
        answer = confirm("\nRun it? [y]es, [s]teps…, [d]iff, [N]o  ", ("y", "yes", "s", "steps", "d", "diff"))
        if answer in {"y", "yes"}:
            return None
        if not answer:
            own.show([["Nothing was changed."]], lab=False)
            return DECLINED
        if answer in {"s", "steps"}:
            _steps(own, found)
        else:
            own.show(diff_lines(found), lab=False)


def _steps(own: Context, found: Preview) -> None:
    """Which step, and that step in full. What names none shows nothing: the question before it comes again."""
    from irkit.cli.context import reply  # noqa: PLC0415 -- start-up time of --help
    from irkit.views.plan_steps import pick, step_names, steps_lines  # noqa: PLC0415 -- as above

    names = step_names(found)
    typed = reply(f"Which step? Its number or name, Enter for all {len(names)}  ")
    only = pick(found, typed)
    if typed and not only:
        own.show([[f"There is no such step. There are: {', '.join(names)}"]], lab=False)
        return
    own.show(steps_lines(found, only), lab=False)


def read_input(name: str) -> bytes:
    """The bytes of a file, or of standard input for `-`. Raises UsageError."""
    from irkit.errors import UsageError  # noqa: PLC0415 -- start-up time of --help

    try:
        if name == "-":
            data = sys.stdin.buffer.read(MAX_INPUT + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(MAX_INPUT + 1)
    except OSError as error:
        msg = f"{name} cannot be read: {error.strerror}"
        hint = "name the finding's file, or - for standard input"
        raise UsageError(msg, did="nothing was changed", hint=hint) from error
    if len(data) > MAX_INPUT:
        msg = f"{name} is larger than {MAX_INPUT} bytes"
        raise UsageError(msg, did="nothing was changed", hint="give one page of findings")
    return data
