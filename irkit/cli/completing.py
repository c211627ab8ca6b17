"""What the shell completes: cases, steps, playbooks. Nothing slow is imported; what goes wrong completes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

_CASE = re.compile(r"IR-[0-9]{8}-[a-z2-9]{4}", re.ASCII)
_STEP = re.compile(rb'"kind":"(?:approval\.asked|step\.planned|step\.closed|step\.parked|step\.waiting)"')
_NAME = re.compile(rb'"step":"([a-z][a-z0-9-]{0,40}(?:\[[0-9A-Za-z-]{1,64}\])?)"')
MAX_JOURNAL = 64 * 1024 * 1024


def cases(context: typer.Context, incomplete: str) -> list[str]:
    """Case ids of the state folder, the newest first: their folders' names, nothing is read."""
    return [name for name in _cases(context) if name.startswith(incomplete)]


def steps(context: typer.Context, incomplete: str) -> list[str]:
    """Step names of the case that was typed before, as its journal spells them; those that wait for an answer first."""
    case = context.params.get("case")
    if not isinstance(case, str) or not _CASE.fullmatch(case):
        return []
    return [name for name in _steps(_state(context) / "cases" / case / "journal.jsonl") if name.startswith(incomplete)]


def playbooks(incomplete: str) -> list[tuple[str, str]]:
    """Shipped playbooks, with their titles as they stand in the file. Files of your own are the shell's matter."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_playbooks"
    folder = installed if installed.is_dir() else package.parent / "playbooks"
    found = []
    for path in sorted(folder.glob("*.yaml")):
        if path.stem != "routes" and path.stem.startswith(incomplete):
            title = re.search(r"^  title: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            found.append((path.stem, title[1] if title else ""))
    return found


def _cases(context: typer.Context) -> list[str]:
    try:
        names = [entry.name for entry in os.scandir(_state(context) / "cases") if _CASE.fullmatch(entry.name)]
    except OSError:
        return []
    return sorted(names, reverse=True)


def _steps(journal: Path) -> list[str]:
    """Read as bytes: parsing a journal is too slow for a key press."""
    asked: dict[str, None] = {}
    found: dict[str, None] = {}
    for line in _lines(journal):
        kind, name = _STEP.search(line), _NAME.search(line)
        if kind is not None and name is not None:
            found[name[1].decode("ascii")] = None
            if b"approval.asked" in kind[0]:
                asked[name[1].decode("ascii")] = None
            elif b"step.closed" in kind[0]:
                asked.pop(name[1].decode("ascii"), None)
    return list(asked | found)


def _lines(journal: Path) -> Iterator[bytes]:
    try:
        if journal.stat().st_size <= MAX_JOURNAL:
            with journal.open("rb") as file:
                yield from file
    except OSError:
        return


def _state(context: typer.Context) -> Path:
    """The state folder, as the command itself would find it; the flags that were typed count."""
    from irkit.app.config import Flags, state_folder  # noqa: PLC0415 -- only where something is completed
    from irkit.errors import IrkitError  # noqa: PLC0415 -- as above

    given = context.find_root().params
    flags = Flags(config=given.get("config") or "", state=given.get("state") or "")
    try:
        return state_folder(flags, os.environ, Path.cwd())
    except (IrkitError, OSError):
        return Path(os.devnull)


Case = Annotated[str, typer.Argument(help="Case id, such as IR-20261120-k7f2.", metavar="CASE", autocompletion=cases)]
StepName = Annotated[str, typer.Argument(help="Step, as the screen names it.", metavar="STEP", autocompletion=steps)]
PlaybookName = Annotated[str, typer.Argument(help="Name or file.", autocompletion=playbooks)]
