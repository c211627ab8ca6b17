"""Evidence in a folder: whole or not at all, never overwritten, readable by its owner only."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.clients.objects import DirectoryEvidence
from irkit.errors import JournalCorrupt, JournalError
from irkit.model.effects import Store
from irkit.model.ports import Artefact

KEY = "IR-1/export/pod.json"


def store(data: bytes, key: str = KEY, **changes: object) -> Store:
    effect = Store(
        name="export", key=key, spool="s", sha256=hashlib.sha256(data).hexdigest(), size=len(data),
        media_type="application/json",
    )  # fmt: skip
    return effect.model_copy(update=changes)


@pytest.fixture
def evidence(tmp_path: Path) -> DirectoryEvidence:
    return DirectoryEvidence(tmp_path / "case" / "artefacts")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_was_put_is_found_and_read_back(evidence: DirectoryEvidence) -> None:
    kept = evidence.put(store(b"abcdef"), [b"abc", b"", b"def"])

    assert kept == evidence.find(KEY)
    assert (kept.key, kept.size, kept.media_type, kept.complete) == (KEY, 6, "application/json", True)
    assert b"".join(evidence.read(KEY)) == b"abcdef"


def test_nothing_is_none(evidence: DirectoryEvidence) -> None:
    assert evidence.find(KEY) is None
    with pytest.raises(JournalError, match="no artefact"):
        list(evidence.read(KEY))


def test_whether_anything_was_ever_stored_below_a_folder(evidence: DirectoryEvidence) -> None:
    assert not evidence.any("IR-1")
    evidence.put(store(b"x"), [b"x"])
    assert evidence.any("IR-1")
    assert evidence.any("IR-1/export")
    assert not evidence.any("IR-2")
    with pytest.raises(JournalError, match="no artefact key"):
        evidence.any("../outside")


def test_only_the_owner_may_read(evidence: DirectoryEvidence, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        evidence.put(store(b"x"), [b"x"])
    finally:
        os.umask(old)

    for path in (tmp_path / "case").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_manifest_lies_beside_the_bytes(evidence: DirectoryEvidence, tmp_path: Path) -> None:
    evidence.put(store(b"x"), [b"x"])

    folder = tmp_path / "case" / "artefacts"
    assert files(folder) == [KEY, f"{KEY}.manifest.json"]
    assert json.loads((folder / f"{KEY}.manifest.json").read_text()) == {
        "sha256": hashlib.sha256(b"x").hexdigest(), "size": 1, "media_type": "application/json", "complete": True,
    }  # fmt: skip


def test_the_same_bytes_again_are_adopted_and_not_written(evidence: DirectoryEvidence, tmp_path: Path) -> None:
    first = evidence.put(store(b"x"), [b"x"])
    before = (tmp_path / "case" / "artefacts" / KEY).stat()

    def never() -> Iterator[bytes]:
        pytest.fail("the bytes were read again")
        yield b""

    assert evidence.put(store(b"x"), never()) == first
    after = (tmp_path / "case" / "artefacts" / KEY).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_other_bytes_never_replace_evidence(evidence: DirectoryEvidence) -> None:
    evidence.put(store(b"first"), [b"first"])

    with pytest.raises(JournalError, match="other bytes"):
        evidence.put(store(b"other"), [b"other"])

    assert b"".join(evidence.read(KEY)) == b"first"


@pytest.mark.parametrize("given_bytes", [b"", b"tru", b"true and more", b"tree"])
def test_bytes_that_are_not_those_of_the_effect_are_not_stored(
    evidence: DirectoryEvidence, tmp_path: Path, given_bytes: bytes
) -> None:
    with pytest.raises(JournalError, match="not those that"):
        evidence.put(store(b"true"), [given_bytes])

    assert evidence.find(KEY) is None
    assert files(tmp_path / "case") == []


def test_a_source_that_fails_leaves_nothing(evidence: DirectoryEvidence, tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"some"
        msg = "gone"
        raise JournalError(msg)

    with pytest.raises(JournalError, match="gone"):
        evidence.put(store(b"some more"), failing())

    assert files(tmp_path / "case") == []


class _PowerCutError(BaseException):
    pass


def test_killed_at_any_system_call_it_is_whole_or_absent_and_the_next_put_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends before each of the calls that change the disk, one after the other."""
    module = sys.modules[DirectoryEvidence.__module__]
    calls = {name: getattr(module, name) for name in ("sync", "publish", "new_part", "make_folder")}
    points = 0
    for number in range(20):
        folder = tmp_path / str(number)
        left = number
        for name, real in calls.items():

            def stopping(*args: object, real: object = real) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    raise _PowerCutError
                return real(*args)  # type: ignore[operator] # one of the functions above

            monkeypatch.setattr(module, name, stopping)
        evidence = DirectoryEvidence(folder)
        try:
            evidence.put(store(b"whole"), [b"whole"])
            finished = True
        except _PowerCutError:
            finished = False
            points += 1
        monkeypatch.undo()
        found = evidence.find(KEY)
        assert (found is not None and found.complete) == finished
        assert evidence.put(store(b"whole"), [b"whole"]).complete
        assert b"".join(evidence.read(KEY)) == b"whole"
        if finished:
            break
    assert points == 7  # the folder; part, sync and publish of the bytes and of the manifest


def test_bytes_without_a_manifest_are_torn_and_are_adopted_if_they_are_the_same(
    evidence: DirectoryEvidence, tmp_path: Path
) -> None:
    path = tmp_path / "case" / "artefacts" / KEY
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    assert evidence.find(KEY) == Artefact(KEY, hashlib.sha256(b"x").hexdigest(), 1, "", complete=False)

    with pytest.raises(JournalError, match="other bytes"):
        evidence.put(store(b"y"), [b"y"])
    assert evidence.put(store(b"x"), [b"x"]).size == 1


def test_a_small_artefact_is_read_whole_and_a_large_one_is_not(evidence: DirectoryEvidence) -> None:
    evidence.put(store(b"small"), [b"small"])
    assert evidence.content(KEY, 5) == b"small"
    with pytest.raises(JournalError, match="5 bytes, more than 4"):
        evidence.content(KEY, 4)
    with pytest.raises(JournalError, match="no artefact"):
        evidence.content("other", 4)


def test_a_torn_part_is_left_alone(evidence: DirectoryEvidence, tmp_path: Path) -> None:
    folder = tmp_path / "case" / "artefacts" / "IR-1" / "export"
    folder.mkdir(parents=True)
    (folder / ".0123.part").write_bytes(b"torn")

    evidence.put(store(b"x"), [b"x"])

    assert (folder / ".0123.part").read_bytes() == b"torn"


def test_altered_evidence_is_noticed(evidence: DirectoryEvidence, tmp_path: Path) -> None:
    evidence.put(store(b"true"), [b"true"])
    path = tmp_path / "case" / "artefacts" / KEY

    path.write_bytes(b"fals")
    with pytest.raises(JournalCorrupt, match="not the bytes"):
        list(evidence.read(KEY))
    with pytest.raises(JournalError, match="other bytes"):
        evidence.put(store(b"true"), [b"true"])
    path.write_bytes(b"longer")
    with pytest.raises(JournalCorrupt, match="6 bytes, its manifest says 4"):
        evidence.find(KEY)
    path.unlink()
    with pytest.raises(JournalCorrupt, match="gone"):
        evidence.find(KEY)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sha256": "x"}', "\x00", '{"size": 1}' + " " * 9000])
def test_a_damaged_manifest_is_noticed(evidence: DirectoryEvidence, tmp_path: Path, text: str) -> None:
    evidence.put(store(b"x"), [b"x"])
    (tmp_path / "case" / "artefacts" / f"{KEY}.manifest.json").write_text(text)

    with pytest.raises(JournalCorrupt, match="damaged"):
        evidence.find(KEY)


def test_a_manifest_of_other_bytes_is_noticed(evidence: DirectoryEvidence, tmp_path: Path) -> None:
    evidence.put(store(b"x"), [b"x"])
    path = tmp_path / "case" / "artefacts" / f"{KEY}.manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": "0" * 64}))

    with pytest.raises(JournalCorrupt):
        evidence.put(store(b"x"), [b"x"])


def test_a_symbolic_link_is_never_followed(evidence: DirectoryEvidence, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    path = tmp_path / "case" / "artefacts" / KEY
    path.parent.mkdir(parents=True)
    path.symlink_to(secret)

    with pytest.raises(JournalError):
        evidence.put(store(b"x"), [b"x"])

    assert path.is_symlink()


def test_a_manifest_that_is_a_link_is_never_followed(evidence: DirectoryEvidence, tmp_path: Path) -> None:
    evidence.put(store(b"x"), [b"x"])
    beside = tmp_path / "case" / "artefacts" / f"{KEY}.manifest.json"
    elsewhere = beside.rename(tmp_path / "manifest")
    beside.symlink_to(elsewhere)

    with pytest.raises(JournalError, match="symbolic link"):
        evidence.find(KEY)


def test_who_comes_first_stays(evidence: DirectoryEvidence, tmp_path: Path) -> None:
    path = tmp_path / "case" / "artefacts" / KEY

    def overtaken() -> Iterator[bytes]:
        path.write_bytes(b"first")
        yield b"later"

    with pytest.raises(JournalError, match="other bytes"):
        evidence.put(store(b"later"), overtaken())

    assert path.read_bytes() == b"first"
    assert files(tmp_path / "case" / "artefacts") == [KEY]


@pytest.mark.parametrize(
    "key",
    [
        "", "/etc/passwd", "../x", "a/../x", "a//b", "a/", "/a", ".hidden", "a/.hidden", "a\0b", "a b", "ä", "a\\b",
        "a\n", "x.manifest.json", "a" * 600, "a/" * 300 + "a",
    ],
)  # fmt: skip
def test_a_key_that_leads_elsewhere_is_refused(evidence: DirectoryEvidence, tmp_path: Path, key: str) -> None:
    for use in (
        lambda: evidence.put(store(b"x", key), [b"x"]),
        lambda: evidence.find(key),
        lambda: list(evidence.read(key)),
    ):
        with pytest.raises(JournalError, match="no artefact key"):
            use()

    assert files(tmp_path) == []


@given(st.text(max_size=30))
def test_no_key_ever_leaves_the_folder(key: str) -> None:
    folder = Path("/nowhere/artefacts")
    try:
        path = DirectoryEvidence(folder)._path(key)
    except JournalError as error:
        shown = str(error)
    else:
        shown = ""
        assert os.path.normpath(path) == str(path)
        assert path.is_relative_to(folder)
        assert path != folder
    assert shown.isprintable()


def test_many_writers_of_the_same_bytes_all_have_them(evidence: DirectoryEvidence, tmp_path: Path) -> None:
    kept, failed = [], []

    def put() -> None:
        try:
            kept.append(evidence.put(store(b"same" * 1000), [b"same"] * 1000))
        except JournalError as error:
            failed.append(error)

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(set(kept)) == 1
    assert files(tmp_path / "case" / "artefacts") == [KEY, f"{KEY}.manifest.json"]


def test_many_writers_of_other_bytes_one_wins(evidence: DirectoryEvidence) -> None:
    outcomes: list[str] = []

    def put(data: bytes) -> None:
        try:
            evidence.put(store(data), [data])
            outcomes.append("kept")
        except JournalError:
            outcomes.append("refused")

    threads = [threading.Thread(target=put, args=(b"%d" % index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["kept"] + ["refused"] * 5


def test_a_folder_that_cannot_be_made_is_a_journal_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(JournalError, match="cannot be stored"):
        DirectoryEvidence(tmp_path / "file" / "artefacts").put(store(b"x"), [b"x"])
