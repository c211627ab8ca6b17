"""Commands about what irkit knows: playbooks and actions. Pages are generated from the code."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from irkit.cli.context import Context
from irkit.cli.playbooks_show import playbook_show


def register(app: typer.Typer) -> None:
    """Add the commands."""
    playbook = typer.Typer(help="Playbooks: list, show, lint, schema.", no_args_is_help=True)
    playbook.command("list")(playbook_list)
    playbook.command("show")(playbook_show)
    playbook.command("lint")(playbook_lint)
    playbook.command("schema")(playbook_schema)
    app.add_typer(playbook, name="playbook")
    actions = typer.Typer(help="Actions: list, show.", no_args_is_help=True)
    actions.command("list")(actions_list)
    actions.command("show")(actions_show)
    app.add_typer(actions, name="actions")


def playbook_list(context: typer.Context) -> int:
    """The shipped playbooks."""
    from irkit.actions.catalog import Catalog  # noqa: PLC0415 -- start-up time of --help
    from irkit.playbook import load_playbook, shipped  # noqa: PLC0415 -- as above
    from irkit.views.terminal import Line, hanging, pad  # noqa: PLC0415 -- as above

    own: Context = context.obj
    known = Catalog.builtin()
    titles = {name: load_playbook(*shipped.load(name), known).title for name in shipped.names()}
    if own.json:
        own.tell(*({"name": name, "title": title} for name, title in titles.items()))
        return 0
    lines: list[Line] = []
    width = max(map(len, titles), default=0)
    for name, title in titles.items():
        lines.extend(hanging(pad(name, width) + "  ", title))
    own.show(lines, lab=False)
    return 0


def playbook_lint(
    context: typer.Context, playbooks: Annotated[list[str], typer.Argument(help="Names or files.")]
) -> int:
    """Check playbooks offline: every error and warning with its line, column and remedy."""
    from irkit.actions.catalog import Catalog  # noqa: PLC0415 -- start-up time of --help
    from irkit.cli.failures import error_lines  # noqa: PLC0415 -- as above
    from irkit.errors import PlaybookError  # noqa: PLC0415 -- as above
    from irkit.playbook import lint, load_playbook, shipped  # noqa: PLC0415 -- as above
    from irkit.views.figures import plural  # noqa: PLC0415 -- as above

    own: Context = context.obj
    known = Catalog.builtin()
    status = 0
    for one in playbooks:
        source, name = shipped.load(one)
        if own.json:
            wrong = lint(source, name, known)
            own.tell(*map(asdict, wrong))
            status = status if all(each.warning for each in wrong) else PlaybookError.exit_status
            continue
        try:
            found = load_playbook(source, name, known)
        except PlaybookError as error:
            status = error.exit_status
            own.show(error_lines(error), lab=False, err=True)
        else:
            doubts = lint(source, name, known)  # no errors: what is left are warnings
            tail = f", {plural(len(doubts), 'warning')}" if doubts else ""
            own.show([[f"{name}: {plural(len(found.steps), 'step')}, no errors{tail}"]], lab=False)
            own.show([[text] for one in doubts for text in str(one).split("\n")], lab=False)
    return status


def playbook_schema() -> int:
    """The JSON Schema of playbooks, for editors."""
    from irkit.actions.catalog import Catalog  # noqa: PLC0415 -- start-up time of --help
    from irkit.playbook.schema import render_schema  # noqa: PLC0415 -- as above

    sys.stdout.write(render_schema(Catalog.builtin()))
    return 0


def actions_list(context: typer.Context) -> int:
    """The actions, with what each is for."""
    from irkit.actions.catalog import Catalog  # noqa: PLC0415 -- start-up time of --help
    from irkit.views.action_screen import action_summary  # noqa: PLC0415 -- as above
    from irkit.views.terminal import Line, hanging, pad  # noqa: PLC0415 -- as above

    own: Context = context.obj
    if own.json:
        own.tell(*(action_summary(action.spec) for action in Catalog.builtin()))
        return 0
    lines: list[Line] = []
    width = max(len(action.spec.id) for action in Catalog.builtin())
    for action in Catalog.builtin():
        spec = action.spec
        lines.extend(hanging(f"{pad(spec.id, width)} {pad(spec.purpose, 8)} {pad(spec.risk, 11)} ", spec.title))
    own.show(lines, lab=False)
    return 0


def actions_show(
    context: typer.Context, action: Annotated[str, typer.Argument(help="Such as kube.isolate_pod.")]
) -> int:
    """An action's parameters, effects, permissions, undo, and an example."""
    from irkit.actions.catalog import Catalog  # noqa: PLC0415 -- start-up time of --help
    from irkit.views.action_screen import action_json, action_lines  # noqa: PLC0415 -- as above

    own: Context = context.obj
    spec = Catalog.builtin().need(action).spec
    if own.json:
        own.tell(action_json(spec))
    else:
        own.show(action_lines(spec), lab=False)
    return 0
