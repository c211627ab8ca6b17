"""What every command shares: the global options, the settings, the composed app, and where text goes."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, TextIO

import typer

if TYPE_CHECKING:
    from irkit.app.config import Settings
    from irkit.app.runs import App
    from irkit.model.refs import ClusterRef
    from irkit.views.casefile import CaseFile
    from irkit.views.terminal import Line


INTERRUPTED = 130
DECLINED = 3
"""Nothing was changed, though the command was one that changes: `irkit respond F && page-off` must not go on."""


@dataclass(slots=True)
class Context:
    """One invocation of irkit."""

    config: str = ""
    state: str = ""
    operator: str = ""
    context: str = ""
    cluster: str = ""
    max_targets: int | None = None
    also: tuple[str, ...] = ()
    preflight: bool = True
    json: bool = False
    debug: bool = False
    _settings: Settings | None = None
    _app: App | None = None
    started: str = field(default="")

    @property
    def settings(self) -> Settings:
        """The settings in effect. Raises ConfigError."""
        if self._settings is None:
            from irkit.app.config import Flags, load_settings  # noqa: PLC0415 -- start-up time of --help

            flags = Flags(
                config=self.config, state=self.state, operator=self.operator, context=self.context,
                cluster=self.cluster, max_targets=self.max_targets, also=self.also,
            )  # fmt: skip
            self._settings = load_settings(flags, os.environ, Path.cwd())
        return self._settings

    @property
    def app(self) -> App:
        """irkit, composed. Nothing is connected to yet."""
        if self._app is None:
            from irkit.app.config import build_app  # noqa: PLC0415 -- start-up time of --help

            self._app = build_app(self.settings)
            self._app.parts.told = lambda text: typer.echo(f"irkit: {text}", err=True)
        return self._app

    @property
    def command(self) -> str:
        """How irkit must be typed to see what this invocation sees: what is printed must work when it is pasted."""
        named = (("--config", self.config), ("--state", self.state), ("--context", self.context))
        beside = (("--also", one.partition("=")[0]) for one in self.also)
        every = (*named, ("--cluster", self.cluster), *beside)
        flags = [f"{flag} {shlex.quote(value)}" for flag, value in every if value]
        return " ".join([executable(), *flags])

    def command_about(self, cluster: ClusterRef | None) -> str:
        """`command` about a case: with its cluster's context, where nothing but the case says which it is."""
        if cluster is None or cluster.arn or self.context or self.cluster:
            return self.command
        named = any(one.id == cluster.id for one in self.settings.clusters)
        return self.command if named else f"{self.command} --context {shlex.quote(cluster.name)}"

    def known(self, name: str) -> None:
        """Check that there is such a case. Raises UsageError; it says where a lab or a drill has it."""
        if (self.app.cases.folder(name) / "journal.jsonl").exists():
            return
        from irkit.cli.worlds import of_case  # noqa: PLC0415 -- only where it is not here
        from irkit.errors import UsageError  # noqa: PLC0415 -- as above

        msg = f"there is no case {name} under {self.app.cases.state}"
        config = of_case(self, name)
        hint = f"a lab has it: export IRKIT_CONFIG={shlex.quote(str(config))}" if config else "list cases: irkit status"
        raise UsageError(msg, did="nothing was changed", hint=hint)

    def case(self, name: str) -> CaseFile:
        """A case as views show it. Raises UsageError where there is none."""
        from irkit.views.casefile import CaseFile  # noqa: PLC0415 -- start-up time of --help

        self.known(name)
        return CaseFile.read(self.app.cases.folder(name), self.app.parts.catalog)

    def show(self, lines: Iterable[Line], *, lab: bool | None = None, err: bool = False) -> None:
        """Print a screen, neutralised."""
        from irkit.views.terminal import paint  # noqa: PLC0415 -- start-up time of --help

        stream = sys.stderr if err else sys.stdout
        mark = self.settings.lab if lab is None else lab
        stream.write(paint(lines, colour=colourful(stream), lab=mark))
        stream.flush()

    @staticmethod
    def tell(*values: object) -> None:
        """Print for programs: one object a line."""
        import orjson  # noqa: PLC0415 -- start-up time of --help

        from irkit.views.progress import json_safe  # noqa: PLC0415 -- as above

        sys.stdout.writelines(json_safe(orjson.dumps(one).decode()) + "\n" for one in values)


def colourful(stream: TextIO) -> bool:
    """Whether colour is wanted here: a terminal, and no NO_COLOR (no-color.org: any non-empty value)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def interactive() -> bool:
    """Whether a question can be asked and answered."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def confirm(question: str, keys: Sequence[str] = ("y", "yes"), *, did: str = "nothing was changed") -> str:
    """The key that was answered, or "" for no. Another key asks again.

    Ctrl-C at the question ends the command with 130, and says what was done until then.
    """
    while True:
        typed = reply(question, did=did).lower()
        if typed in keys:
            return typed
        if typed in {"", "n", "no"}:
            return ""
        sys.stdout.write(f"That key means nothing here. It is one of: {', '.join([*keys, 'n'])}\n")


def reply(question: str, *, did: str = "nothing was changed") -> str:
    """What was typed, without the space around it; "" at the end of the input. Ctrl-C ends the command, as above."""
    try:
        return input(question).strip()
    except EOFError:
        sys.stdout.write("\n")
        return ""
    except KeyboardInterrupt:
        sys.stderr.write(f"\nirkit: interrupted at the question: {did}\n")
        raise typer.Exit(INTERRUPTED) from None


def executable() -> str:
    """How irkit is called from here: by its name, or by its path where the name is not found."""
    beside = Path(sys.executable).parent / "irkit"
    if which("irkit") or not beside.exists():
        return "irkit"
    here = Path.cwd()
    return shlex.quote(str(beside.relative_to(here)) if beside.is_relative_to(here) else str(beside))
