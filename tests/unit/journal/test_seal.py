from __future__ import annotations

import base64
import hashlib
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from hypothesis import given
from hypothesis import strategies as st

from irkit.errors import ConfigError, JournalCorrupt, JournalError
from irkit.journal.heads import MAX_NOTE, Head, parse_note
from irkit.journal.keys import KnownKeys, LocalSigner, local_signer, public_keys
from irkit.journal.seal import sign_head
from irkit.model.ports import Signer
from tests.support.journals import bodies, note, opened
from tests.support.records import CASE, case_opened

HASH = "4b1e" * 16


def raw_public(pem: bytes) -> bytes:
    return load_pem_public_key(pem).public_bytes(Encoding.Raw, PublicFormat.Raw)


# -- keys --------------------------------------------------------------------------------------------


def test_a_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "keys"
    signer: Signer = local_signer(folder)
    assert signer.key_id == local_signer(folder).key_id
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert 0o600 == stat.S_IMODE((folder / "ed25519.pem").stat().st_mode)
    (pem,) = public_keys(folder)
    assert hashlib.sha256(raw_public(pem)).hexdigest()[:16] == signer.key_id
    assert b"PRIVATE" not in pem


def test_a_lost_public_key_is_written_again(tmp_path: Path) -> None:
    signer = local_signer(tmp_path)
    (tmp_path / f"{signer.key_id}.pub.pem").unlink()
    assert () == public_keys(tmp_path)
    local_signer(tmp_path)
    assert (signer.public_pem,) == public_keys(tmp_path)


def test_a_key_that_others_can_read_signs_nothing(tmp_path: Path) -> None:
    local_signer(tmp_path)
    (tmp_path / "ed25519.pem").chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others") as caught:
        local_signer(tmp_path)
    assert "chmod 600" in caught.value.hint


def pem(key: Ed25519PrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> bytes:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


@pytest.mark.parametrize("kind", ["garbage", "empty", "password", "rsa", "public"])
def test_a_file_that_is_no_key_is_told(tmp_path: Path, kind: str) -> None:
    kinds: dict[str, Callable[[], bytes]] = {
        "garbage": lambda: b"-----BEGIN PRIVATE KEY-----\nxxxx\n-----END PRIVATE KEY-----\n",
        "empty": lambda: b"",
        "password": lambda: pem(Ed25519PrivateKey.generate(), b"secret"),
        "rsa": lambda: pem(rsa.generate_private_key(65537, 2048)),
        "public": lambda: local_signer(tmp_path / "other").public_pem,
    }
    data = kinds[kind]()
    (tmp_path / "ed25519.pem").write_bytes(data)
    (tmp_path / "ed25519.pem").chmod(0o600)
    with pytest.raises(ConfigError, match=r"ed25519\.pem holds no"):
        local_signer(tmp_path)
    assert data == (tmp_path / "ed25519.pem").read_bytes()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("in the way")
    with pytest.raises(JournalError, match=r"the signing key in .* cannot be used"):
        local_signer(tmp_path / "keys")


@pytest.mark.parametrize("data", [b"", b"x", b"-----BEGIN PUBLIC KEY-----\nxxxx\n-----END PUBLIC KEY-----\n"])
def test_a_public_key_that_is_none_is_told(data: bytes) -> None:
    with pytest.raises(ConfigError, match="a key to verify with is no"):
        KnownKeys([data])
    other = rsa.generate_private_key(65537, 2048).public_key()
    with pytest.raises(ConfigError, match="is no Ed25519 key"):
        KnownKeys([other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)])


@given(st.text())
def test_a_signature_fits_only_its_own_key_and_message(garbage: str) -> None:
    signer, other = LocalSigner(Ed25519PrivateKey.generate()), LocalSigner(Ed25519PrivateKey.generate())
    known = KnownKeys([signer.public_pem])
    assert known.check(signer.key_id, b"m", signer.sign(b"m")) is True
    assert known.check(signer.key_id, b"n", signer.sign(b"m")) is False
    assert known.check(signer.key_id, b"m", other.sign(b"m")) is False
    assert known.check(signer.key_id, b"m", garbage) is False
    assert known.check(other.key_id, b"m", other.sign(b"m")) is None


# -- notes -------------------------------------------------------------------------------------------


def test_a_note_reads_as_documented() -> None:
    head = Head(CASE, 61, HASH, (("9d0c2a55aa01b3c4", "AAAA"), ("0000000000000000", "BBB=")))
    assert (
        f"irkit/{CASE}\n61\n{HASH}\n\n— irkit/9d0c2a55aa01b3c4 AAAA\n— irkit/0000000000000000 BBB=\n".encode()
        == head.note
    )
    assert head == parse_note(head.note)
    assert head.note.partition(b"\n\n")[0] + b"\n" == head.message


def mutated(note: bytes) -> list[bytes]:
    return [
        b"", note[:-1], note + b"\n", note + b"x", b" " + note, note.replace(b"\n\n", b"\n"), note.replace(b"\n", b"\r\n"),
        note.replace(b"61", b"061"), note.replace(b"61", b"0"), note.replace(b"61", b"-1"), note.replace(b"61", b"6" * 16),
        note.replace(b"4b", b"4B"), note.replace(b"4b1e", b"4b1", 1), note.replace(b"irkit", b"other", 1),
        note.replace("—".encode(), b"-"), note.replace(b" AAAA", b""), note.replace(CASE.encode(), b"a\x1b[31m"),
        note.replace(CASE.encode(), b""), note.partition(b"\xe2")[0], note + note, note[:-1] + b"A" * MAX_NOTE + b"\n",
    ]  # fmt: skip


@pytest.mark.parametrize("data", mutated(Head(CASE, 61, HASH, (("9d0c2a55aa01b3c4", "AAAA"),)).note))
def test_what_is_not_exactly_a_note_is_none(data: bytes) -> None:
    assert parse_note(data) is None


@given(st.binary())
def test_no_bytes_break_the_reading_of_a_note(data: bytes) -> None:
    assert parse_note(data) is None


# -- sealing -----------------------------------------------------------------------------------------


def test_a_seal_signs_the_head_and_can_be_checked_with_nothing_of_irkit(tmp_path: Path) -> None:
    signer = local_signer(tmp_path / "keys")
    with opened(tmp_path) as journal:
        journal.append(bodies(5))
        sealed = sign_head(journal, signer, journal.folder)
        journal.append([sealed])
        last = (journal.folder / "journal.jsonl").read_bytes().splitlines(keepends=True)[4]
        written = journal.folder / "heads" / "5.note"
        assert 0o600 == stat.S_IMODE(written.stat().st_mode)
    text, _, signature = written.read_bytes().partition(b"\n\n")
    assert [f"irkit/{CASE}", "5", hashlib.sha256(last).hexdigest()] == text.decode().splitlines()
    dash, key, encoded = signature.decode().split()
    assert ("—", f"irkit/{signer.key_id}", sealed.signature) == (dash, key, encoded)
    assert (5, hashlib.sha256(last).hexdigest(), signer.key_id) == (sealed.size, sealed.head, sealed.key)
    key_file = load_pem_public_key((tmp_path / "keys" / f"{signer.key_id}.pub.pem").read_bytes())
    key_file.verify(base64.b64decode(encoded), text + b"\n")  # type: ignore[union-attr, call-arg]
    with pytest.raises(InvalidSignature):
        key_file.verify(base64.b64decode(encoded), text)  # type: ignore[union-attr, call-arg]


def test_sealing_again_changes_nothing_and_another_key_signs_beside(tmp_path: Path) -> None:
    one, two = local_signer(tmp_path / "one"), local_signer(tmp_path / "two")
    with opened(tmp_path) as journal:
        journal.append(bodies(2))
        path = journal.folder / "heads" / "2.note"
        sealed = sign_head(journal, one, journal.folder)
        before = path.read_bytes()
        assert sealed == sign_head(journal, one, journal.folder)
        assert before == path.read_bytes()
        sign_head(journal, two, journal.folder)
        head = parse_note(path.read_bytes())
        assert head is not None
        assert [one.key_id, two.key_id] == [key for key, _ in head.signatures]
        assert path.read_bytes().startswith(before)


@pytest.mark.parametrize("data", [b"garbage", Head(CASE, 2, HASH, (("0" * 16, "AAAA"),)).note])
def test_a_note_of_other_records_is_not_overwritten(tmp_path: Path, data: bytes) -> None:
    with opened(tmp_path) as journal:
        journal.append(bodies(2))
        path = journal.folder / "heads" / "2.note"
        path.write_bytes(data)
        with pytest.raises(JournalCorrupt, match=r"heads/2\.note speaks of other records"):
            sign_head(journal, local_signer(tmp_path / "keys"), journal.folder)
        assert data == path.read_bytes()


def test_there_must_be_something_to_seal(tmp_path: Path) -> None:
    signer = local_signer(tmp_path / "keys")
    with opened(tmp_path) as journal:
        with pytest.raises(JournalError, match="cannot be sealed"):
            sign_head(journal, signer, journal.folder)
        journal.append([note("no opening")])
        with pytest.raises(JournalError, match="cannot be sealed"):
            sign_head(journal, signer, journal.folder)


def test_a_note_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append([case_opened()])
        (journal.folder / "heads").rmdir()
        (journal.folder / "heads").write_text("in the way")
        with pytest.raises(JournalError, match=f"the head of {CASE} cannot be written"):
            sign_head(journal, local_signer(tmp_path / "keys"), journal.folder)
