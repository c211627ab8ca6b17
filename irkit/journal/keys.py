"""Local Ed25519 keys (RFC 8032), made on first use.

A key of this machine proves nothing against its own user: heads signed with it count once they are held elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from irkit.errors import ConfigError
from irkit.journal.durable import failure, make_folder, write_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PRIVATE = "ed25519.pem"
_PUBLIC_END = ".pub.pem"


class LocalSigner:
    """Signs with the machine's own key. Implements `irkit.model.ports.Signer`."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._id = key_id(private.public_key().public_bytes_raw())

    @property
    def key_id(self) -> str:
        """Names the public key: the first 16 hex digits of the SHA-256 of its 32 raw bytes."""
        return self._id

    @property
    def public_pem(self) -> bytes:
        """The public key, for whoever verifies."""
        return _public_pem(self._private.public_key())

    def sign(self, message: bytes) -> str:
        """A base64 signature."""
        return base64.b64encode(self._private.sign(message)).decode()


def key_id(raw: bytes) -> str:
    """What names a public key."""
    return hashlib.sha256(raw).hexdigest()[:16]


def local_signer(folder: Path) -> LocalSigner:
    """The signer with this machine's key, which is created where there is none; twenty processes get the same one.

    Raises:
        ConfigError: the key file is readable by others, or holds no Ed25519 key.
        JournalError: the key cannot be written or read.
    """
    path = folder / PRIVATE
    try:
        make_folder(folder)
        _create(path)
        if path.stat().st_mode & 0o077:
            msg = f"the private key {path} can be read by others"
            raise ConfigError(
                msg, did="nothing was signed", hint=f"chmod 600 {path}, if nobody read it; else remove it"
            )
        signer = LocalSigner(_load_private(path))
        public = folder / f"{signer.key_id}{_PUBLIC_END}"
        if not public.exists():
            write_file(public, signer.public_pem)
    except OSError as error:
        raise failure(error, f"the signing key in {folder} cannot be used") from error
    return signer


def public_keys(folder: Path) -> tuple[bytes, ...]:
    """The public keys kept in a folder, as PEM; none where there is no such folder. Raises JournalError."""
    try:
        return tuple(path.read_bytes() for path in sorted(folder.glob(f"*{_PUBLIC_END}")))
    except OSError as error:
        raise failure(error, f"the public keys in {folder} cannot be read") from error


class KnownKeys:
    """Public keys to check signatures with."""

    def __init__(self, pems: Iterable[bytes]) -> None:
        """Raises ConfigError where one of the PEMs is no Ed25519 public key."""
        self._keys: Mapping[str, Ed25519PublicKey] = dict(_load_public(pem) for pem in pems)

    def check(self, key: str, message: bytes, signature: str) -> bool | None:
        """Whether this key signed this message; None where the key is not known."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- start-up time

        public = self._keys.get(key)
        if public is None:
            return None
        try:
            public.verify(base64.b64decode(signature, validate=True), message)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def _create(path: Path) -> None:
    """Put a new private key in place unless there is one; under a lock, so that all processes read the first one's."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 -- start-up time
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 -- start-up time
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    if path.exists():
        return
    fd = os.open(path.parent / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        if not path.exists():
            private = Ed25519PrivateKey.generate()
            write_file(path, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    finally:
        os.close(fd)


def _load_private(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- start-up time
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 -- start-up time
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 -- start-up time

    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(path, "holds no private key that opens without a password") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise _no_key(path, "holds no Ed25519 key")
    return private


def _load_public(pem: bytes) -> tuple[str, Ed25519PublicKey]:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- start-up time
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 -- start-up time
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415 -- start-up time

    try:
        public = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(None, why="is no PEM of a public key") from error
    if not isinstance(public, Ed25519PublicKey):
        raise _no_key(None, why="is no Ed25519 key")
    return key_id(public.public_bytes_raw()), public


def _no_key(path: Path | None, why: str) -> ConfigError:
    return ConfigError(
        f"{path or 'a key to verify with'} {why}",
        did="nothing was signed or verified",
        hint="irkit keys lists what is there",
    )


def _public_pem(public: Ed25519PublicKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 -- start-up time

    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
