"""The embedded worlds of this machine: which folders have cases of their own, and whether the selected one still lives.

A lab's world ends with its process, a drill's with the drill. Their cases stay, and so does what must be said of them.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from irkit.errors import Refused

if TYPE_CHECKING:
    from irkit.cli.context import Context

DRILL = "drill"
"""The file in a drill's folder that holds the drill's name."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A world that is no more. `drill` is the drill whose world it was, or "" for a lab."""

    folder: Path
    drill: str

    @property
    def why(self) -> str:
        """What became of it."""
        if self.drill:
            return f"it was that of the drill {self.drill}, and ended with it"
        return f"the lab in {self.folder} has ended"

    @property
    def again(self) -> str:
        """What makes a world to work in."""
        if self.drill:
            return f"irkit drill run {self.drill} --keep"
        return f"irkit lab up --folder {shlex.quote(str(self.folder))}"


def home(own: Context) -> Path:
    """Where labs and drills are: the state folder that --state or IRKIT_STATE names, else the user's."""
    named = own.state or os.environ.get("IRKIT_STATE", "")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_STATE_HOME") or str(Path("~").expanduser() / ".local" / "state")
    return Path(base) / "irkit"


def gone(own: Context) -> Gone | None:
    """The selected world if it is an embedded one that has ended, else None."""
    file = own.settings.file
    if not own.settings.lab or file is None or not (file.parent / "world.json").exists():
        return None
    from irkit.lab import process  # noqa: PLC0415 -- only where a lab is selected

    if process.status(file.parent) is not None:
        return None
    marker = file.parent / DRILL
    name = marker.read_text(encoding="utf-8", errors="replace").strip()[:60] if marker.is_file() else ""
    return Gone(file.parent, name)


def require(own: Context, case: str = "") -> None:
    """Stop a command that needs the selected world where that is gone. Raises Refused."""
    found = gone(own)
    if found is None:
        return
    if case:
        msg = f"{case} can be read, but its world is gone: {found.why}"
        raise Refused(msg, hint=f"a world that lives: {found.again}")
    msg = f"the world that {own.settings.origins['file']} selects is gone: {found.why}"
    raise Refused(msg, hint=f"begin another: {found.again}")


def configurations(own: Context) -> list[Path]:
    """The configurations of labs and drills here that have cases, the selected one left out; newest first."""
    base = home(own)
    found = [path for path in (base / "lab", *(base / "drills").glob("*")) if (path / "state" / "cases").is_dir()]
    found = [path for path in found if (path / "irkit.yaml").is_file() and path / "state" != own.settings.state]
    return sorted((path / "irkit.yaml" for path in found), key=lambda path: path.stat().st_mtime, reverse=True)


def of_case(own: Context, case: str) -> Path | None:
    """The configuration of the lab or drill here that has this case, or None."""
    for config in configurations(own):
        if (config.parent / "state" / "cases" / case / "journal.jsonl").is_file():
            return config
    return None
