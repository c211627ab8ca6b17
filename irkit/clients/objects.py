"""Evidence in a folder.

An artefact is `<key>` and, beside it, `<key>.manifest.json` with its digest, size and media type. Both are written
to a temporary file first, synced, and linked to their name: a name never leads to half an artefact and is never
written twice. The bytes come first: an artefact counts once its manifest is there. A put that was ended between
the two leaves a torn artefact: `find` says so, and whoever reads anew stores beside it.
An interrupted put may also leave a `.<nonce>.part` file, which no later put touches.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field, ValidationError

from irkit.clients.files import copy, new_part, open_file, publish, reported, sync
from irkit.clients.spool import Spool
from irkit.errors import JournalCorrupt, JournalError
from irkit.journal.durable import make_folder, sync_folder
from irkit.model.base import Model, canonical
from irkit.model.effects import Sha256, Store
from irkit.model.ports import Artefact

__all__ = ["DirectoryEvidence", "Manifest", "Spool"]

_CHUNK = 1024 * 1024
_SUFFIX = ".manifest.json"
_MAX_KEY = 512
_MAX_MANIFEST = 4096
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,180}", re.ASCII)


class Manifest(Model):
    """What the evidence store knows of an artefact."""

    sha256: Sha256
    size: int = Field(ge=0)
    media_type: str = Field(max_length=200)
    complete: bool


class DirectoryEvidence:
    """Implements the `Evidence` port in a folder that only its owner may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str) -> Artefact | None:
        """The artefact at this key, or None. Bytes without a manifest are torn: not `complete`, of unknown type.

        Raises:
            JournalCorrupt: its manifest is damaged, or the bytes are gone or of another size.
            JournalError: it cannot be read, or the key is none.
        """
        path = self._path(key)
        manifest = _read_manifest(path, key)
        if manifest is None:
            return self._torn(path, key)
        with reported(f"artefact {key} cannot be read"):
            try:
                size = path.lstat().st_size
            except FileNotFoundError:
                size = -1
        if size != manifest.size:
            what = (
                f"has {size} bytes, its manifest says {manifest.size}" if size >= 0 else "is gone, its manifest is not"
            )
            raise _corrupt(key, what)
        return Artefact(key, manifest.sha256, manifest.size, manifest.media_type, manifest.complete)

    def any(self, folder: str) -> bool:
        """Whether anything was ever stored below. Raises JournalError where the folder is no key."""
        return self._path(folder).is_dir()

    def put(self, effect: Store, chunks: Iterable[bytes]) -> Artefact:
        """Store bytes, whole or not at all. The same bytes again are adopted, by whomever they were stored.

        Raises:
            JournalError: cannot be written, other bytes are there already, or they are not what the effect says.
        """
        path = self._path(effect.key)
        with reported(f"artefact {effect.key} cannot be stored"):
            make_folder(path.parent)
            if not os.path.lexists(path):
                self._publish(_written(path.parent, effect, chunks), path)
            if _digest(path) != effect.sha256:
                msg = f"artefact {effect.key} is there already, with other bytes"
                raise JournalError(msg, did="it was left as it is")
            beside = _manifest_path(path)
            if not os.path.lexists(beside):
                manifest = Manifest(sha256=effect.sha256, size=effect.size, media_type=effect.media_type, complete=True)
                part, file = new_part(path.parent)
                with file:
                    file.write(canonical(manifest.dump()))
                    sync(file)
                self._publish(part, beside)
            sync_folder(path.parent)  # whoever put it there may have died before this
        kept = self.find(effect.key)
        if kept is None or kept.sha256 != effect.sha256:
            raise _corrupt(effect.key, "has the manifest of other bytes")
        return kept

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes of an artefact, in chunks.

        Raises:
            JournalError: there is none.
            JournalCorrupt: after the last chunk, where they are not what the manifest says.
        """
        found = self.find(key)
        if found is None:
            msg = f"there is no artefact {key}"
            raise JournalError(msg)
        hashed = hashlib.sha256()
        with reported(f"artefact {key} cannot be read"), open_file(self._path(key)) as file:
            while chunk := file.read(_CHUNK):
                hashed.update(chunk)
                yield chunk
        if hashed.hexdigest() != found.sha256:
            raise _corrupt(key, "is not the bytes that were stored")

    def content(self, key: str, limit: int) -> bytes:
        """A small artefact, whole. Raises JournalCorrupt, and JournalError where there is none or it is too large."""
        found = self.find(key)
        if found is not None and found.size > limit:
            msg = f"artefact {key} has {found.size} bytes, more than {limit}"
            raise JournalError(msg)
        return b"".join(self.read(key))

    @staticmethod
    def _torn(path: Path, key: str) -> Artefact | None:
        with reported(f"artefact {key} cannot be read"):
            try:
                return Artefact(key, _digest(path), path.lstat().st_size, "", complete=False)
            except (FileNotFoundError, NotADirectoryError):
                return None

    def _publish(self, part: Path, path: Path) -> None:
        publish(part, path)

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if len(key) > _MAX_KEY or key.endswith(_SUFFIX) or not all(_SEGMENT.fullmatch(part) for part in parts):
            msg = f"{key[:80]!a} is no artefact key: A-Z a-z 0-9 . _ - between slashes, no part begins with a dot"
            raise JournalError(msg, did="nothing was stored")
        return self._folder.joinpath(*parts)


def _written(folder: Path, effect: Store, chunks: Iterable[bytes]) -> Path:
    """A synced part that holds just the bytes of the effect."""
    part, file = new_part(folder)
    try:
        with file:
            sha256, size = copy(chunks, file)
            sync(file)
    except BaseException:
        part.unlink()
        raise
    if (sha256, size) != (effect.sha256, effect.size):
        part.unlink()
        msg = f"artefact {effect.key}: the bytes are not those that the effect was planned with"
        raise JournalError(msg, did="nothing was stored", hint="irkit resume reads them anew")
    return part


def _digest(path: Path) -> str:
    hashed = hashlib.sha256()
    with open_file(path) as file:
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
    return hashed.hexdigest()


def _manifest_path(path: Path) -> Path:
    return path.with_name(path.name + _SUFFIX)


def _read_manifest(path: Path, key: str) -> Manifest | None:
    with reported(f"the manifest of artefact {key} cannot be read"):
        try:
            with open_file(_manifest_path(path)) as file:
                data = file.read(_MAX_MANIFEST)
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        return Manifest.model_validate_json(data)
    except ValidationError:
        raise _corrupt(key, "has a damaged manifest") from None


def _corrupt(key: str, what: str) -> JournalCorrupt:
    return JournalCorrupt(f"artefact {key} {what}", did="nothing was repaired", hint="irkit verify says what else")
