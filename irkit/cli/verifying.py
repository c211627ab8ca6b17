"""`irkit verify`: offline, of a case or of any folder that holds one."""

from __future__ import annotations

from pathlib import Path

from irkit.cli.context import Context
from irkit.errors import UsageError
from irkit.journal.keys import public_keys
from irkit.journal.reading import JOURNAL
from irkit.journal.verify import VerifyReport, verify
from irkit.views.verification import verification_json, verification_lines

BROKEN = 7


def verify_case(own: Context, case: str, heads: list[Path], keys: list[Path]) -> int:
    """Print what was found; 7 where the evidence does not verify, else 0."""
    found = verified(own, folder_of(own, case), heads, keys)
    if own.json:
        own.tell(verification_json(found))
    else:
        own.show(verification_lines(found))
    return BROKEN if found.status == "broken" else 0


def verified(own: Context, folder: Path, heads: list[Path], keys: list[Path]) -> VerifyReport:
    """Verify with this machine's public keys and those given. Raises UsageError, JournalError, ConfigError."""
    known = (*public_keys(own.app.cases.state / "keys"), *(_read(path) for path in keys))
    return verify(folder, tuple(_read(path) for path in heads), public_keys=known)


def folder_of(own: Context, case: str) -> Path:
    """A case's folder, by its id or as a path. Raises UsageError."""
    path = Path(case)
    if (path / JOURNAL).is_file() or (path.is_dir() and (path / "heads").is_dir()):
        return path.absolute()
    folder = own.app.cases.folder(case)
    if not folder.is_dir():
        msg = f"there is no case {case} under {own.app.cases.state}"
        raise UsageError(msg, hint="list cases with `irkit status`; or name a case's folder")
    return folder


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64 * 1024)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise UsageError(msg, did="nothing was verified", hint="name a .note file, or a public key in PEM") from error
