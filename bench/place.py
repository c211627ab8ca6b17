"""Where things are measured: a folder on a disk, and what file system that is."""

from __future__ import annotations

import platform
from pathlib import Path

IN_MEMORY = frozenset(("tmpfs", "ramfs"))


def file_system(folder: Path) -> str:
    """The type of the file system that holds a folder (proc(5), mountinfo), or "unknown"."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    best = ("", "unknown")
    for line in lines:
        before, _, after = line.partition(" - ")
        mount = before.split(" ")[4].encode().decode("unicode_escape")  # a space in a path is \040 there
        if folder.resolve().is_relative_to(mount) and len(mount) >= len(best[0]):
            best = (mount, after.split(" ")[0])
    return best[1]


def machine() -> str:
    """Interpreter and system, without a host name."""
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.release()}"
