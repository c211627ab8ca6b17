"""What records speak of outside their own line: blobs, artefacts, seals. Checked while the chain is walked."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

import orjson
from pydantic import ValidationError

from irkit.journal.chain import Fault
from irkit.journal.lines import blob_of, is_sha256
from irkit.model.records import ArtefactStored, Sealed

_MAX_FAULTS = 100
_MAX_BODY = 64 * 1024 * 1024


def open_plain(path: Path) -> BufferedReader:
    """Open a regular file for reading. A planted pipe would wait for ever, a link could lead anywhere.

    Raises:
        OSError: as open(2), and where it is no regular file.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        msg = "not a regular file"
        raise OSError(0, msg, str(path))
    return os.fdopen(fd, "rb")


@dataclass(slots=True)
class Faults:
    """The first hundred faults, and how many there are."""

    kept: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, fault: Fault) -> None:
        """One more."""
        self.count += 1
        if len(self.kept) < _MAX_FAULTS:
            self.kept.append(fault)


@dataclass(frozen=True, slots=True)
class Seal:
    """A `sealed` record as it passed: where it stands, and the hash of the record before it."""

    seq: int
    offset: int
    prev: str
    body: Sealed


class References:
    """Looks at notable records of a case's folder; without a folder, only at what the lines themselves hold.

    Messages never carry a value from a record: a name in it may be hostile.
    """

    def __init__(self, folder: Path | None, faults: Faults, *, artefacts: bool) -> None:
        self._folder = folder
        self._faults = faults
        self._check_artefacts = artefacts and folder is not None
        self._seen: set[tuple[str, str]] = set()
        self.case = ""  # as the first record names it
        self.blobs = 0
        self.artefacts = 0
        self.elsewhere = 0
        self.seals: list[Seal] = []

    def look(self, seq: int, offset: int, kind: str, body: Any, prev: str) -> None:  # noqa: ANN401 -- a body as parsed, of any shape
        """Take a record as it passes. Never raises."""
        if type(body) is not dict:
            self._faults.add(Fault("record", "its body is no object", seq, offset))
            return
        name = blob_of(body)
        if name:
            if not self._blob(seq, offset, name):
                return
            body = self._body(name)
            if body is None:
                self._faults.add(Fault("blob", "the blob with its body holds no object", seq, offset))
                return
        if kind == "case.opened" and seq == 0:
            self.case = body["case"] if type(body.get("case")) is str else ""
        elif kind == "sealed":
            self._sealed(seq, offset, body, prev)
        elif kind == "artefact.stored":
            self._artefact(seq, offset, body)
        for needed in _blobs_in(kind, body):
            self._blob(seq, offset, needed)

    def _blob(self, seq: int, offset: int, name: str) -> bool:
        if self._folder is None:
            return False
        if ("blob", name) in self._seen:
            return True
        fault = _file_fault(self._folder / "blobs" / name, name)
        if fault:
            self._faults.add(Fault("blob", f"blob {name[:12]} {fault}", seq, offset))
            return False
        self.blobs += 1
        self._seen.add(("blob", name))
        return True

    def _body(self, name: str) -> dict[str, Any] | None:
        assert self._folder is not None  # noqa: S101 -- `_blob` answered for it
        try:
            with open_plain(self._folder / "blobs" / name) as file:
                value = orjson.loads(file.read(_MAX_BODY))
        except (OSError, ValueError):
            return None
        return value if type(value) is dict else None

    def _sealed(self, seq: int, offset: int, body: dict[str, Any], prev: str) -> None:
        try:
            self.seals.append(Seal(seq, offset, prev, Sealed.parse(body)))
        except (ValidationError, TypeError):
            self._faults.add(Fault("sealed", "its body is no seal", seq, offset))

    def _artefact(self, seq: int, offset: int, body: dict[str, Any]) -> None:
        try:
            stored = ArtefactStored.parse(body)
        except (ValidationError, TypeError):
            self._faults.add(Fault("artefact", "its body is no artefact", seq, offset))
            return
        if "://" in stored.location:
            self.elsewhere += 1
            return
        if not self._check_artefacts or (stored.location, stored.sha256) in self._seen:
            return
        assert self._folder is not None  # noqa: S101 -- `_check_artefacts` says so
        path = _below(self._folder / "artefacts", stored.location)
        fault = "is not below the case's folder" if path is None else _file_fault(path, stored.sha256, stored.size)
        if fault:
            self._faults.add(Fault("artefact", f"its artefact {fault}", seq, offset))
        else:
            self.artefacts += 1
            self._seen.add((stored.location, stored.sha256))


def _blobs_in(kind: str, body: dict[str, Any]) -> Iterator[str]:
    """The blobs that a record of this kind needs beside its own body."""
    names: list[Any]
    if kind == "effect.intended":
        names = [blob_of(body.get("call"))]
    elif kind == "approval.asked":
        names = [blob_of(body.get("envelope"))]
    elif kind == "run.opened":
        names = [body.get("playbook"), body.get("checked")]
    elif kind == "journal.recovered":
        names = [body.get("blob")]
    else:
        return
    for name in names:
        if is_sha256(name):
            yield str(name)


def _below(root: Path, location: str) -> Path | None:
    parts = PurePosixPath(location).parts
    if not parts or location.startswith("/") or "\0" in location:
        return None
    path = root.joinpath(*parts)
    try:
        inside = path.parent.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a loop of links
        return None
    return path if inside else None


def _file_fault(path: Path, sha256: str, size: int = -1) -> str:
    """What is wrong with a file that must have this digest, or ""."""
    try:
        with open_plain(path) as file:
            if size >= 0 and os.fstat(file.fileno()).st_size != size:
                return "has not the size that was recorded"
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "is missing"
    except OSError:
        return "cannot be read"
    return "" if found == sha256 else "does not have the digest that was recorded"
