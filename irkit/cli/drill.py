"""`irkit drill`: a whole incident in the embedded world, judged. The lab is imported by these verbs alone."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from irkit.cli.context import Context
from irkit.cli.lab import load_lab
from irkit.cli.worlds import DRILL, home
from irkit.errors import IrkitError

if TYPE_CHECKING:
    from irkit.lab.drills import Drill, Score
    from irkit.lab.remote import LabControl
    from irkit.lab.seed import Seed
    from irkit.views.terminal import Line


def register(app: typer.Typer) -> None:
    """Add the commands."""
    drill = typer.Typer(help="Game days: an incident in the embedded world, judged.", no_args_is_help=True)
    drill.command("list")(drill_list)
    drill.command("run")(drill_run)
    app.add_typer(drill, name="drill")


def drill_list(context: typer.Context) -> int:
    """The drills that come with irkit."""
    from irkit.lab import drills  # noqa: PLC0415 -- start-up time of --help

    own: Context = context.obj
    titles = {name: drills.load(name).title for name in drills.names()}
    if own.json:
        own.tell(*({"name": name, "title": title} for name, title in titles.items()))
    else:
        width = max(map(len, titles), default=0)
        own.show([[f"{name:<{width}}  {title}"] for name, title in titles.items()], lab=False)
    return 0


def drill_run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The drill, see `irkit drill list`.")],
    folder: Annotated[Path | None, typer.Option(help="Where the lab, the case and the report go.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up, to look around and to undo in it.")] = False,
) -> int:
    """Start the lab, respond, verify, report, end the lab, judge. 0 where it went as the drill expects."""
    from irkit.app.clock import now  # noqa: PLC0415 -- start-up time of --help
    from irkit.lab import drills  # noqa: PLC0415 -- as above
    from irkit.views.terminal import hanging  # noqa: PLC0415 -- as above

    own: Context = context.obj
    process = load_lab()
    drill = drills.load(name)
    where = (folder or home(own) / "drills" / f"{name}-{now()[:19].replace(':', '').replace('-', '')}").absolute()
    own.show([[f"DRILL {drill.title}"], [""], *hanging("", drill.story), [""]], lab=True)
    info = process.up(where, _seed(drill))
    (where / DRILL).write_text(f"{name}\n", encoding="utf-8")
    judged = False
    try:
        # Its cases are its own, whatever state folder is named: another drill's is about the same pod.
        state = str(info.state) if own.state or os.environ.get("IRKIT_STATE") else ""
        inside = replace(own, config=str(info.config), state=state, context="", cluster="", _settings=None, _app=None)
        score, report, verified = _incident(inside, drill, info.control(), where)
        judged = True
    finally:
        if not (keep and judged):
            process.down(where)
    own.show(_lines(inside, drill, score, report, keep=keep), lab=True)
    return verified or (0 if score.passed else 4)


def _incident(own: Context, drill: Drill, control: LabControl, where: Path) -> tuple[Score, Path, int]:
    from irkit.cli.asking import ask_for_finding  # noqa: PLC0415 -- start-up time of --help
    from irkit.cli.loop import drive  # noqa: PLC0415 -- as above
    from irkit.cli.reporting import write_report  # noqa: PLC0415 -- as above
    from irkit.lab.drills import judge  # noqa: PLC0415 -- as above
    from irkit.lab.drills.trials import Attacker  # noqa: PLC0415 -- as above
    from irkit.views.plan import header_lines  # noqa: PLC0415 -- as above

    with control:
        ask = ask_for_finding(own, str(drill.finding), "", "", [])
        own.show(header_lines(ask))
        ways = {trial.does for trial in drill.trials}
        attacker = Attacker(control, getattr(ask.target, "namespace", ""), ask.target.name)
        attacker.begin(ways)
        ticket = own.app.open_run(ask)
        own.show([["Case      ", f"{ticket.case} (new) · run {ticket.run}"], [""]], lab=False)
        status = drive(own, ticket, following=False)  # what to type next is said when it has been judged
        report = where / "report.html"
        own.show([[""]], lab=False)
        verified = write_report(own, ticket.case, report, "html")
        case = own.app.cases.load(ticket.case)
        score = judge(drill, case, case.runs[ticket.run], status, control.dump(), attacker.works(ways))
        if strange := control.unserved():
            msg = f"the drill could not be judged: the lab does not simulate {strange[0]}"
            raise IrkitError(msg)
    return score, report, verified


def _seed(drill: Drill) -> Seed:
    from irkit.cli.incident import read_input  # noqa: PLC0415 -- start-up time of --help
    from irkit.intake import read_finding  # noqa: PLC0415 -- as above
    from irkit.lab.fromfinding import world_from_finding  # noqa: PLC0415 -- as above

    return world_from_finding(read_finding(read_input(str(drill.finding)), source_name="finding.json"))


def _lines(own: Context, drill: Drill, score: Score, report: Path, *, keep: bool) -> list[Line]:
    """The judgement, and what to type next; `own` is the context inside the drill."""
    from irkit.cli.context import executable  # noqa: PLC0415 -- start-up time of --help
    from irkit.views.figures import plural  # noqa: PLC0415 -- as above
    from irkit.views.terminal import commands, field, hanging  # noqa: PLC0415 -- as above

    word = "as expected" if score.passed else "NOT as expected"
    seconds = f"{score.contained_ms / 1000:.1f} s" if score.contained_ms >= 0 else "never"
    lines: list[Line] = [
        [f"DRILL {drill.name}: {word}"],
        [f"Contained {seconds} after the command · {score.proven} of {score.steps} steps proven"],
        [f"{plural(len(score.false_done), 'step')} told as done that were not · {plural(score.artefacts, 'artefact')}"],
    ]
    for text in (*score.false_done, *score.differences):
        lines.extend(hanging("  ! ", text))
    lines.extend(commands("Report", [str(report)]))
    irkit, folder = executable(), shlex.quote(str(report.parent))
    state = f" --state {shlex.quote(own.state)}" if own.state else ""
    after = [f"{irkit}{state} {verb} {score.case}" for verb in ("verify", "status", *(["undo"] if keep else []))]
    lines.extend(commands("Next", [f"export IRKIT_CONFIG={shlex.quote(own.config)}", *after]))
    if keep:
        lines.extend(commands("End it", [f"{irkit} lab down --folder {folder}"]))
    else:
        lines.extend(field("World", "it has ended with the drill; the case stays. One that stays, to undo in it:"))
        lines.extend(commands("", [f"{irkit} drill run {drill.name} --keep"]))
    return lines
