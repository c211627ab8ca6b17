"""Files that are there after a power cut once the call returns, readable by their owner only."""

from __future__ import annotations

import errno
import os
import secrets
import sys
from pathlib import Path

from irkit.errors import JournalError

TEMPORARY = ".tmp-"
"""How the names of unfinished files begin. Nothing refers to such a file; a leftover is of a writer that died."""

_MEANINGS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EIO: "the disk reports an error",
    errno.EMFILE: "this process has too many files open",
    errno.ELOOP: "a symbolic link stands where a file must be",
}

if sys.platform == "darwin":
    import fcntl

    def sync_data(fd: int) -> None:
        """Bytes and size reach the disk; plain fsync leaves them in the drive's cache here (fcntl(2), F_FULLFSYNC)."""
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)

else:

    def sync_data(fd: int) -> None:
        """Bytes and size reach the disk (fdatasync(2))."""
        os.fdatasync(fd)


def failure(error: OSError, what: str) -> JournalError:
    """The error to raise for a system call that failed while doing `what`."""
    reason = _MEANINGS.get(error.errno or 0, os.strerror(error.errno or 0))
    return JournalError(
        f"{what}: {reason}",
        did="nothing more is written, and no effect follows",
        hint="mend the disk, then irkit resume",
    )


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(path: Path) -> None:
    """Create a folder and what is missing above it, 0700 and durable. One that is there is left as it is."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


def write_all(fd: int, data: bytes) -> None:
    """Write all bytes. A short write is followed by another, until the bytes are out or the system says no."""
    done = os.write(fd, data)
    if done < len(data):
        rest = memoryview(data)[done:]
        while rest:
            rest = rest[os.write(fd, rest) :]


def write_file(path: Path, data: bytes) -> None:
    """Put a whole file in place, 0600: written aside, synced, renamed, its folder synced."""
    aside = path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(6)}")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
