"""What every command shares: the global options, the settings, the composed app, and where text goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from irkit.app.config import Settings
    from irkit.app.runs import App
    from irkit.views.casefile import CaseFile
    from irkit.views.terminal import Line


@dataclass(slots=True)
class Context:
    """One invocation of irkit."""

    config: str = ""
    state: str = ""
    operator: str = ""
    context: str = ""
    cluster: str = ""
    max_targets: int | None = None
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
                cluster=self.cluster, max_targets=self.max_targets,
            )  # fmt: skip
            self._settings = load_settings(flags, os.environ, Path.cwd())
        return self._settings

    @property
    def app(self) -> App:
        """irkit, composed. Nothing is connected to yet."""
        if self._app is None:
            from irkit.app.config import build_app  # noqa: PLC0415 -- start-up time of --help

            self._app = build_app(self.settings)
        return self._app

    def case(self, name: str) -> CaseFile:
        """A case as views show it. Raises UsageError where there is none."""
        from irkit.views.casefile import CaseFile  # noqa: PLC0415 -- start-up time of --help

        self.app.cases.load(name)
        return CaseFile.read(self.app.cases.folder(name), self.app.parts.catalog)

    def show(self, lines: Iterable[Line], *, lab: bool | None = None, err: bool = False) -> None:
        """Print a screen, neutralised."""
        from irkit.views.terminal import paint  # noqa: PLC0415 -- start-up time of --help

        stream = sys.stderr if err else sys.stdout
        mark = self.settings.lab if lab is None else lab
        stream.write(paint(lines, colour=colourful(stream), lab=mark))
        stream.flush()


def colourful(stream: TextIO) -> bool:
    """Whether colour is wanted here: a terminal, and no NO_COLOR (no-color.org: any non-empty value)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def interactive() -> bool:
    """Whether a question can be asked and answered."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def confirm(question: str) -> str:
    """The answer to a question, stripped and in lower case; "" where there is none."""
    try:
        return input(question).strip().lower()
    except EOFError:
        return ""
