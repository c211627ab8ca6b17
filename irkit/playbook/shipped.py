"""The playbooks that come with irkit, and files of the user's own."""

from __future__ import annotations

from pathlib import Path

from irkit.errors import UsageError
from irkit.playbook.diagnostics import suggest
from irkit.playbook.yamltree import MAX_BYTES

_NOT_PLAYBOOKS = frozenset({"routes"})


def folder() -> Path:
    """Where they are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_playbooks"
    return installed if installed.is_dir() else package.parent / "playbooks"


def names() -> tuple[str, ...]:
    """Their names, sorted."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml") if path.stem not in _NOT_PLAYBOOKS))


def load(name_or_path: str) -> tuple[bytes, str]:
    """The bytes of a shipped playbook or of a file, and what to call it.

    Raises UsageError where there is no such playbook, or the file cannot be read.
    """
    path = Path(name_or_path)
    name = name_or_path.removesuffix(".yaml")  # screens show the file's name: it may be typed as well
    if name_or_path in names() or (name in names() and not path.exists()):
        return (folder() / f"{name}.yaml").read_bytes(), f"{name}.yaml"
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1), path.name
    except (OSError, ValueError) as error:
        msg = f"there is no playbook {name_or_path[:80]!r}, shipped or as a file"
        hint = suggest(name_or_path, names(), f"shipped: {', '.join(names())}")
        raise UsageError(msg, did="nothing was run", hint=hint) from error
