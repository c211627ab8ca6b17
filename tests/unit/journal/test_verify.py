from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.errors import ConfigError, JournalError
from irkit.journal.heads import Head
from irkit.journal.keys import local_signer, public_keys
from irkit.journal.lines import body_bytes, frame, genesis, line_hash
from irkit.journal.seal import sign_head
from irkit.journal.store import FileJournal
from irkit.journal.verify import VerifyReport, verify, verify_bytes
from irkit.model import records as r
from tests.support.journals import bodies, lines, note, opened
from tests.support.records import CASE, NOTHING, START, case_opened, intended, run_opened


class Bench:
    """A sealed case with a blob and an artefact, and what it takes to verify it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / CASE
        self.signer = local_signer(root / "keys")
        with self.open() as journal:
            playbook, checked = journal.put_blob(b"playbook"), journal.put_blob(b"checked")
            journal.append([case_opened(), run_opened(playbook=playbook, checked=checked), note("é" * 2000)])
            (self.folder / "artefacts" / "findings").mkdir()
            (self.folder / "artefacts" / "findings" / "a.json").write_bytes(b"evidence")
            journal.append([self.stored("findings/a.json"), *bodies(6)[1:]])
            self.seal(journal)

    def open(self) -> FileJournal:
        return opened(self.root)

    def add(self, *more: Any) -> None:
        with self.open() as journal:
            journal.append(more)

    def seal(self, journal: FileJournal) -> None:
        journal.append([sign_head(journal, self.signer, self.folder)])

    @staticmethod
    def stored(location: str, data: bytes = b"evidence", **more: Any) -> r.ArtefactStored:
        given: dict[str, Any] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        return r.ArtefactStored(name="finding", location=location, media_type="application/json", **(given | more))

    def note(self, size: int = 9) -> bytes:
        return (self.folder / "heads" / f"{size}.note").read_bytes()

    def verify(self, *heads: bytes, **more: Any) -> VerifyReport:
        return verify(self.folder, heads, public_keys=public_keys(self.root / "keys"), **more)

    def faults(self, *heads: bytes) -> list[str]:
        report = self.verify(*heads)
        assert ("broken" == report.status) == bool(report.faults)
        assert report.fault_count == len(report.faults)
        return [str(fault) for fault in report.faults]


@pytest.fixture
def case(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# -- intact ------------------------------------------------------------------------------------------


def test_an_intact_case_without_a_head_held_elsewhere_has_an_unanchored_tail(case: Bench) -> None:
    report = case.verify()
    assert ("unanchored", CASE, 10) == (report.status, report.case, report.records)
    assert (0, 9) == (report.anchored, report.unanchored)
    assert (3, 1, 0, 1) == (report.blobs, report.artefacts, report.elsewhere, report.seals)
    assert line_hash(lines(case.folder)[-1]) == report.head
    (head,) = report.heads
    assert ("heads/9.note", "good", True, False) == (head.name, head.signature, head.agrees, head.held)


def test_a_head_held_elsewhere_anchors_all_but_the_journals_own_seal(case: Bench) -> None:
    report = case.verify(case.note())
    assert ("anchored", 9, 0) == (report.status, report.anchored, report.unanchored)
    case.add(note("later"))
    report = case.verify(case.note())
    assert ("unanchored", 9, 1) == (report.status, report.anchored, report.unanchored)


def test_a_held_head_whose_key_is_not_given_anchors_nothing_but_still_accuses(case: Bench) -> None:
    report = verify(case.folder, [case.note()])
    assert ("unanchored", 0, (case.signer.key_id,)) == (report.status, report.anchored, report.unknown_keys)
    (case.folder / "journal.jsonl").write_bytes(b"".join(lines(case.folder)[:5]))
    report = verify(case.folder, [case.note()])
    assert ("broken", 5) == (report.status, report.first_missing)


def test_a_line_that_is_being_written_is_no_fault(case: Bench) -> None:
    with (case.folder / "journal.jsonl").open("ab") as file:
        file.write(b'{"body":')
    report = case.verify(case.note())
    assert ("anchored", 8, 10) == (report.status, report.torn, report.records)


def test_a_case_that_was_only_just_created_is_empty_and_unanchored(tmp_path: Path) -> None:
    opened(tmp_path).close()
    report = verify(tmp_path / CASE)
    assert ("unanchored", 0, "", CASE) == (report.status, report.records, report.head, report.case)


def test_a_recovered_journal_verifies_with_its_cut_bytes(case: Bench) -> None:
    with (case.folder / "journal.jsonl").open("ab") as file:
        file.write(b"torn")
    with case.open() as journal:
        cut: Any = journal.records[-1].body
    assert [] == case.faults(case.note())
    assert 4 == case.verify().blobs
    (case.folder / "blobs" / cut.blob).unlink()
    assert [
        f"record 10 (byte {sum(map(len, lines(case.folder)[:-1]))}): blob {cut.blob[:12]} is missing"
    ] == case.faults()


def test_a_copy_under_another_name_verifies(case: Bench) -> None:
    case.folder.rename(case.root / "for counsel")
    report = verify(case.root / "for counsel", public_keys=public_keys(case.root / "keys"))
    assert ("unanchored", CASE) == (report.status, report.case)


# -- evidence beside the journal ---------------------------------------------------------------------


def test_a_changed_or_missing_blob_is_named_with_its_record(case: Bench) -> None:
    playbook = hashlib.sha256(b"playbook").hexdigest()
    path = case.folder / "blobs" / playbook
    at = len(lines(case.folder)[0])
    path.write_bytes(b"playbooK")
    assert [f"record 1 (byte {at}): blob {playbook[:12]} does not have the digest that was recorded"] == case.faults()
    path.unlink()
    assert [f"record 1 (byte {at}): blob {playbook[:12]} is missing"] == case.faults()
    os.mkfifo(path)
    assert [f"record 1 (byte {at}): blob {playbook[:12]} cannot be read"] == case.faults()
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert [f"record 1 (byte {at}): blob {playbook[:12]} cannot be read"] == case.faults()


def test_a_call_or_an_envelope_that_stands_in_a_blob_needs_it(case: Bench) -> None:
    gone = "c" * 64
    call = intended("isolate").model_copy(update={"call": {"blob": gone}})
    asked = r.ApprovalAsked(run="r1", step="isolate", turn=1, digest=NOTHING, envelope={"blob": gone}, reason="x")
    case.add(call, asked)
    assert 2 == len(case.faults())
    assert all(f"blob {gone[:12]} is missing" in fault for fault in case.faults())


def test_a_body_in_a_blob_is_looked_into(case: Bench) -> None:
    large = case.stored("findings/b.json").model_copy(update={"name": "x" * 4000})
    case.add(large)
    assert ["its artefact is missing"] == [fault.reason for fault in case.verify().faults]
    (case.folder / "artefacts" / "findings" / "b.json").write_bytes(b"evidence")
    assert [] == case.faults()


@pytest.mark.parametrize(
    ("location", "data", "says"),
    [
        ("findings/a.json", b"evidencE", "does not have the digest that was recorded"),
        ("findings/a.json", b"evidence!", "has not the size that was recorded"),
        ("findings/none", b"evidence", "is missing"),
        ("findings", b"evidence", "cannot be read"),
        ("..", b"evidence", "cannot be read"),
        ("findings/../../journal.jsonl", b"evidence", "is not below the case's folder"),
        ("../journal.jsonl", b"evidence", "is not below the case's folder"),
        ("/etc/hostname", b"evidence", "is not below the case's folder"),
        ("", b"evidence", "is not below the case's folder"),
        ("a\0b", b"evidence", "is not below the case's folder"),
        ("out/hostname", b"evidence", "is not below the case's folder"),
        ("x" * 300, b"evidence", "cannot be read"),
    ],
)
def test_an_artefact_that_is_not_as_recorded_is_named(case: Bench, location: str, data: bytes, says: str) -> None:
    (case.folder / "artefacts" / "out").symlink_to("/etc")
    case.add(case.stored(location, data))
    at = sum(map(len, lines(case.folder)[:-1]))
    assert [f"record 10 (byte {at}): its artefact {says}"] == case.faults()
    assert () == case.verify(artefacts=False).faults


def test_an_artefact_in_another_store_is_counted_not_checked(case: Bench) -> None:
    case.add(case.stored("s3://evidence/IR/a"))
    report = case.verify()
    assert (0, 1) == (report.fault_count, report.elsewhere)


# -- heads and seals ---------------------------------------------------------------------------------


def forged(case: Bench, size: int) -> bytes:
    head = Head(CASE, size, "ab" * 32)
    return head.signed([(case.signer.key_id, case.signer.sign(head.message))]).note


def test_the_earliest_head_that_disagrees_is_named_be_it_held_or_local(case: Bench) -> None:
    (case.folder / "heads" / "4.note").write_bytes(forged(case, 4))
    (case.folder / "heads" / "12.note").write_bytes(forged(case, 12))
    report = case.verify(case.note(), forged(case, 6))
    assert report.first_disagreeing is not None
    assert "heads/4.note" == report.first_disagreeing.name
    assert ["head: heads/4.note: the first 4 records are not those that were signed"] == case.faults(case.note())
    assert ["head: held head 1: the first 3 records are not those that were signed"] == case.faults(forged(case, 3))
    (case.folder / "heads" / "4.note").unlink()
    assert ["head: heads/12.note: only 10 of the 12 records that were signed are here"] == case.faults()
    assert 10 == case.verify().first_missing


def test_a_head_tells_which_side_of_the_last_break_was_changed(case: Bench) -> None:
    *stored, last = lines(case.folder)
    before, prev, after = last.partition(b'"prev":"')
    changed = before + prev + b"0000" + after[4:]
    path = case.folder / "journal.jsonl"
    path.write_bytes(b"".join(stored) + changed)
    assert [9] == [fault.seq for fault in case.verify(case.note()).faults]  # the head of nine vouches for the eighth
    path.write_bytes(b"".join(stored[:-1]) + stored[-1].replace(b'"time":"2026', b'"time":"2027') + last)
    report = case.verify(case.note())
    assert report.first_bad is not None
    assert 8 == report.first_bad.seq


def test_a_signature_that_does_not_fit_is_named_and_accuses_nobody_else(case: Bench) -> None:
    bad = Head(CASE, 3, "ab" * 32, ((case.signer.key_id, case.signer.sign(b"other")),)).note
    report = case.verify(bad)
    assert report.first_disagreeing is None
    assert [f"head: held head 1: the signature of key {case.signer.key_id} does not fit"] == case.faults(bad)
    assert 0 == report.anchored


@pytest.mark.parametrize("data", [b"", b"\x1b[31m", b"x" * 100_000])
def test_a_note_that_is_none_is_named_without_repeating_it(case: Bench, data: bytes) -> None:
    assert ["head: held head 1 is no note of a signed head"] == case.faults(data)
    (case.folder / "heads" / "7.note").write_bytes(data)
    assert ["head: a file in heads/ is no note of a signed head"] == case.faults()


def test_a_note_under_another_size_or_of_another_case_is_named(case: Bench) -> None:
    (case.folder / "heads" / "7.note").write_bytes(case.note())
    assert ["head: a file in heads/ is no note of a signed head"] == case.faults()
    (case.folder / "heads" / "7.note").unlink()
    other = Head("IR-20261121-zzzz", 9, "ab" * 32)
    held = other.signed([(case.signer.key_id, case.signer.sign(other.message))]).note
    assert ["head: held head 1 is of another case"] == case.faults(held)


def test_a_planted_pipe_in_heads_is_named(case: Bench) -> None:
    os.mkfifo(case.folder / "heads" / "1.note")
    assert ["head: a file in heads/ is no note of a signed head"] == case.faults()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"size": 11}, ["it seals other records than those before it", "its note heads/11.note is missing",
                        "its signature does not fit"]),
        ({"head": "ab" * 32}, ["it seals other records than those before it", "its signature does not fit"]),
        ({"signature": "AAAA"}, ["its signature does not fit"]),
        ({"signature": "no base64 \x1b"}, ["its signature does not fit"]),
        ({"key": "0" * 16}, []),
    ],
)  # fmt: skip
def test_a_seal_that_does_not_fit_is_named(case: Bench, change: dict[str, Any], says: list[str]) -> None:
    with case.open() as journal:
        sealed = sign_head(journal, case.signer, case.folder)
        journal.append([sealed.model_copy(update=change)])
    report = case.verify()
    assert says == [fault.reason for fault in report.faults]
    assert {10} >= {fault.seq for fault in report.faults}
    assert (("0" * 16,) if "key" in change else ()) == report.unknown_keys


def test_a_seals_note_that_was_removed_is_missed(case: Bench) -> None:
    (case.folder / "heads" / "9.note").unlink()
    assert ["its note heads/9.note is missing"] == [fault.reason for fault in case.verify().faults]


def test_an_older_seal_is_compared_with_the_records_that_it_names(case: Bench) -> None:
    with case.open() as journal:
        sealed = sign_head(journal, case.signer, case.folder)
        journal.append([note("between")])
        journal.append([sealed])
    assert [] == case.faults()
    with case.open() as journal:
        sealed = sign_head(journal, case.signer, case.folder)
        journal.append([note("between")])
        journal.append([sealed.model_copy(update={"head": "ab" * 32})])
    assert "it seals other records than those before it" in [fault.reason for fault in case.verify().faults]


# -- what is no journal of this case -----------------------------------------------------------------


def test_another_cases_journal_in_this_folder_is_found(case: Bench) -> None:
    case.folder.rename(case.root / "IR-20261121-zzzz")
    report = verify(case.root / "IR-20261121-zzzz")
    assert report.first_bad is not None
    assert "record 0 (byte 0): it does not begin this case" == str(report.first_bad)


@pytest.mark.parametrize("first", [note("x"), case_opened().model_copy(update={"case": "IR-20261121-zzzz"})])
def test_a_journal_that_does_not_open_its_case_is_broken(tmp_path: Path, first: Any) -> None:
    with opened(tmp_path) as journal:
        journal.append([first, note("x")])
    report = verify(tmp_path / CASE)
    assert ["record 0 (byte 0): it does not open this case"] == [str(fault) for fault in report.faults]


def test_a_removed_journal_is_missed_where_heads_remain(case: Bench) -> None:
    held = case.note()
    (case.folder / "journal.jsonl").unlink()
    assert ["head: heads/9.note: only 0 of the 9 records that were signed are here"] == case.faults()
    (case.folder / "heads" / "9.note").unlink()
    assert 0 == case.verify(held).first_missing
    with pytest.raises(JournalError, match="there is no journal in"):
        case.verify()


@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/etc/hostname")])
def test_what_is_no_file_is_told(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    plant(tmp_path / "journal.jsonl")
    with pytest.raises(JournalError, match=r"the journal in .* cannot be read"):
        verify(tmp_path)


def test_a_public_key_that_is_none_is_told(case: Bench) -> None:
    with pytest.raises(ConfigError):
        verify(case.folder, public_keys=[b"x"])


# -- anything at all ---------------------------------------------------------------------------------


def chained(*contents: tuple[str, bytes]) -> bytes:
    """Lines that chain, whatever their kinds and bodies."""
    prev, out = genesis(CASE), b""
    for seq, (kind, body) in enumerate(contents):
        line = frame(kind, 1, body, seq, START, prev, "w")
        out, prev = out + line, line_hash(line)
    return out


OPENING = ("case.opened", body_bytes(case_opened()))
JUNK = st.sampled_from(
    [
        b"{}", b"[]", b"1", b'""', b"null", b'"a"', b"[1]", b'{"blob":1}', b'{"blob":"../x"}', b'{"call":1}',
        b'{"call":{"blob":[]}}', b'{"blob":"' + b"a" * 64 + b'"}', b'{"size":1e400}', b'{"location":"\\u0000"}',
        b'{"seq":' + b"9" * 400 + b"}", b'{"a":' * 200 + b"1" + b"}" * 200, b'{"size":-1,"head":[]}', b"{",
    ]
)  # fmt: skip
KINDS = st.sampled_from([*r.KINDS, "step.dreamt", "", '"', "note\\n"])


@given(st.lists(st.tuples(KINDS, JUNK), max_size=6))
def test_any_body_of_any_kind_is_survived(
    tmp_path_factory: pytest.TempPathFactory, junk: list[tuple[str, bytes]]
) -> None:
    data = chained(OPENING, *junk)
    assert verify_bytes(data).records <= 1 + len(junk)
    folder = tmp_path_factory.mktemp("junk")
    (folder / "journal.jsonl").write_bytes(data)
    verify(folder, [b"", data[:100]])


@given(st.binary(), st.binary(), st.sampled_from([b"", b"\n", b"{}\n", b"x" * 5000, b"\n" * 50]))
def test_no_bytes_break_verification(before: bytes, after: bytes, between: bytes) -> None:
    whole = chained(OPENING, ("note", b"{}"), ("note", b"{}"))
    for data in (before, before + whole, whole + between + after, whole[:-1] + before, before + between + after):
        report = verify_bytes(data, case=CASE)
        assert data == whole or report.status == "broken" or report.torn or not report.records or b"\n" not in data


@given(st.integers(0, 2**70), st.sampled_from(["1.0", "true", "null", '"1"', "-1", "1e0"]))
def test_no_number_in_the_place_of_a_sequence_breaks_it(number: int, other: str) -> None:
    whole = chained(OPENING, ("note", b"{}"), ("note", b"{}"))
    for text in (str(number), other):
        data = whole.replace(b'"seq":1,', f'"seq":{text},'.encode())
        report = verify_bytes(data)
        assert (report.status == "broken") == (data != whole)
        if data != whole:
            assert report.first_bad is not None
            assert 1 == report.first_bad.seq


def test_a_line_too_long_is_bad_even_if_it_is_json_and_chains(tmp_path: Path) -> None:
    first = chained(OPENING)
    line = frame("note", 1, b"{}", 1, START, line_hash(first), "w")[:-1]
    long = line + b" " * (4096 - len(line))
    for data, torn in ((first + long + b"\n" + line, len(line)), (first + long, 0), (first + line, len(line))):
        report = verify_bytes(data)
        assert torn == report.torn
        assert (len(data) == len(first + line)) == (report.first_bad is None)
        assert report.first_bad is None or (1, len(first)) == (report.first_bad.seq, report.first_bad.offset)
        assert 1 == report.records


def test_faults_are_counted_and_kept_in_bounds(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append([case_opened(), *(intended("isolate").model_copy(update={"call": {"blob": "c" * 64}}),) * 300])
    report = verify(tmp_path / CASE)
    assert (300, 100) == (report.fault_count, len(report.faults))


def test_an_intent_without_a_call_is_bad_and_one_of_a_newer_kind_is_not() -> None:
    report = verify_bytes(chained(OPENING, ("effect.intended", b'{"call":1,"run":"r1"}'), ("note", b"{}")))
    assert "record 1" in str(report.first_bad)
    assert "its call is none" in str(report.first_bad)
    assert (
        0 == verify_bytes(chained(OPENING, ("effect.intended", b'{"run":"r1","what":1}'), ("note", b"{}"))).fault_count
    )


def test_a_body_in_a_blob_that_is_no_object_is_named(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        name = journal.put_blob(b"[1]")
    (tmp_path / CASE / "journal.jsonl").write_bytes(chained(OPENING, ("sealed", b'{"blob":"%b"}' % name.encode())))
    assert ["the blob with its body holds no object"] == [fault.reason for fault in verify(tmp_path / CASE).faults]
