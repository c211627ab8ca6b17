"""Bytes by content, in `blobs/<sha256>`: record bodies too large for a line, playbooks, cut tails."""

from __future__ import annotations

import hashlib
from pathlib import Path

from irkit.errors import JournalCorrupt
from irkit.journal.durable import TEMPORARY, failure, sync_folder, write_file
from irkit.journal.lines import is_sha256


class Blobs:
    """The blobs of one case."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "blobs"

    def put(self, data: bytes) -> str:
        """Store bytes, durable when it returns. The same bytes again are no error.

        Raises:
            JournalError: cannot be written.
            JournalCorrupt: other bytes stand under this digest already.
        """
        name = hashlib.sha256(data).hexdigest()
        path = self._folder / name
        try:
            if path.exists():
                self.get(name)
                sync_folder(self._folder)  # whoever put it there may have died before this
            else:
                write_file(path, data)
        except OSError as error:
            raise failure(error, f"blob {name[:12]} cannot be written") from error
        return name

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises JournalCorrupt where they are gone or altered, JournalError where they cannot be read."""
        if not is_sha256(sha256):
            raise _corrupt(None, why="is not named by a SHA-256")
        try:
            data = (self._folder / sha256).read_bytes()
        except FileNotFoundError as error:
            raise _corrupt(sha256, "is missing") from error
        except OSError as error:
            raise failure(error, f"blob {sha256[:12]} cannot be read") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _corrupt(sha256, "does not have the digest that it is named by")
        return data

    def sweep(self) -> None:
        """Remove what a dead writer left unfinished. Only the holder of the case's lock may."""
        for path in self._folder.glob(f"{TEMPORARY}*"):
            path.unlink(missing_ok=True)


def _corrupt(name: str | None, why: str) -> JournalCorrupt:
    what = f"blob {name[:12]}" if name else "a blob"
    return JournalCorrupt(
        f"{what} {why}", did="nothing was repaired", hint="irkit verify names the records that need it"
    )
