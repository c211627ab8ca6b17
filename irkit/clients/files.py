"""Files of evidence: private, never followed through a symbolic link, never overwritten."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from irkit.journal.durable import failure, sync_folder


@contextmanager
def reported(what: str) -> Iterator[None]:
    """An OSError inside becomes a JournalError that says what failed."""
    try:
        yield
    except OSError as error:
        raise failure(error, what) from error


def new_part(folder: Path) -> tuple[Path, IO[bytes]]:
    """A new file of no name yet: `.<nonce>.part`, 0600."""
    part = folder / f".{secrets.token_hex(8)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return part, os.fdopen(os.open(part, flags, 0o600), "wb")


def open_file(path: Path) -> IO[bytes]:
    """Open a regular name for reading; a symbolic link is an OSError."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


def copy(chunks: Iterable[bytes], file: IO[bytes]) -> tuple[str, int]:
    """Write chunks; gives their hex SHA-256 and size."""
    hashed, size = hashlib.sha256(), 0
    for chunk in chunks:
        file.write(chunk)
        hashed.update(chunk)
        size += len(chunk)
    return hashed.hexdigest(), size


def sync(file: IO[bytes]) -> None:
    """Bytes, size and mode reach the disk."""
    file.flush()
    os.fsync(file.fileno())


def publish(part: Path, path: Path) -> None:
    """Give a synced file its name, durably. Where the name is taken, the file there stays and the part goes."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        pass
    finally:
        part.unlink()
    sync_folder(path.parent)
