"""Six ways to tamper with a journal, two thousand seeded cases each, all found up to the held head.

What must be named comes from an oracle that compares the tampered bytes with the true ones line by line. It shares no
code with verification, and the one who rewrites makes records with the standard library alone.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from irkit.journal.heads import Head
from irkit.journal.keys import LocalSigner
from irkit.journal.verify import VerifyReport, verify_bytes
from tests.support.journals import bodies, lines, opened
from tests.support.records import CASE

CASES = 2000
SIZES = (1, 2, 3, 4, 5, 8, 13, 21, 34)


@dataclass(frozen=True)
class Genuine:
    """A true journal: its lines and a signed head for every size."""

    lines: list[bytes]
    notes: list[bytes]
    pem: bytes

    @property
    def data(self) -> bytes:
        return b"".join(self.lines)


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> list[Genuine]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    signer = LocalSigner(Ed25519PrivateKey.generate())
    made = []
    for size in SIZES:
        with opened(tmp_path_factory.mktemp("case")) as journal:
            journal.append(bodies(size))
            stored = lines(journal.folder)
        heads = [Head(CASE, n, hashlib.sha256(line).hexdigest()) for n, line in enumerate(stored, 1)]
        notes = [head.signed([(signer.key_id, signer.sign(head.message))]).note for head in heads]
        made.append(Genuine(stored, notes, signer.public_pem))
    return made


@dataclass(frozen=True)
class Expected:
    """What the oracle says of tampered bytes.

    `bad` is the first line that is not the true one, and `offset` where it begins. `missing` is the first true line
    that is nowhere. `earliest` is the smallest held size whose records are no longer the first lines.
    """

    bad: int
    offset: int
    missing: int
    earliest: int


def oracle(true: list[bytes], tampered: bytes, held: list[int]) -> Expected:
    now = tampered.split(b"\n")[:-1]
    bad = 0
    while bad < min(len(now), len(true)) and now[bad] + b"\n" == true[bad]:
        bad += 1
    missing = next((n for n, line in enumerate(true) if line[:-1] not in now), -1)
    return Expected(
        bad, sum(len(line) + 1 for line in now[:bad]), missing, min((size for size in held if size > bad), default=-1)
    )


def look(true: Genuine, tampered: bytes, held: list[int]) -> VerifyReport:
    return verify_bytes(tampered, [true.notes[size - 1] for size in held], public_keys=[true.pem])


def named_head(report: VerifyReport, held: list[int]) -> int:
    """The size of the head that the report names; it must be one of those that were held."""
    assert report.first_disagreeing is not None
    assert report.first_disagreeing.held
    assert report.first_disagreeing.head.size in held
    return report.first_disagreeing.head.size


Tamper = Callable[[random.Random, Genuine, int], bytes]
"""Tamper with one of the first `reach` records."""


def flip(rng: random.Random, true: Genuine, reach: int) -> bytes:
    data = bytearray(true.data)
    at = rng.randrange(sum(map(len, true.lines[:reach])))
    data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def delete(rng: random.Random, true: Genuine, reach: int) -> bytes:
    first = rng.randrange(reach)
    last = first + 1 if rng.random() < 0.7 else rng.randint(first + 1, reach)
    return b"".join(true.lines[:first] + true.lines[last:])


def reorder(rng: random.Random, true: Genuine, reach: int) -> bytes:
    now = list(true.lines)
    one = rng.randrange(reach)
    other = rng.choice([n for n in range(len(now)) if n != one])
    now[one], now[other] = now[other], now[one]
    return b"".join(now)


def duplicate(rng: random.Random, true: Genuine, reach: int) -> bytes:
    now = list(true.lines)
    now.insert(rng.randint(0, reach), rng.choice(true.lines))
    return b"".join(now)


def truncate(rng: random.Random, true: Genuine, reach: int) -> bytes:
    if rng.random() < 0.5:
        return b"".join(true.lines[: rng.randrange(reach)])
    return true.data[: rng.randrange(sum(map(len, true.lines[:reach])))]


def rewrite(rng: random.Random, true: Genuine, reach: int) -> bytes:
    first = rng.randrange(reach)
    values = [json.loads(line) for line in true.lines]
    values[first]["time"] = "2026-01-01T00:00:00.000000Z"
    if rng.random() < 0.3:
        values = values[: rng.randint(first + 1, len(values))]
    elif rng.random() < 0.3 and len(values) - first > 1:
        del values[first + 1]
    now = list(true.lines[:first])
    prev = values[first]["prev"]
    for seq, value in enumerate(values[first:], first):
        value |= {"prev": prev, "seq": seq}
        now.append(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
        prev = hashlib.sha256(now[-1]).hexdigest()
    return b"".join(now)


def cases(journals: list[Genuine], tamper: Tamper, fewest: int = 1) -> list[tuple[Genuine, bytes, list[int]]]:
    """Seeded cases: a journal, its tampered bytes, and the sizes of the heads that are held elsewhere."""
    rng = random.Random(f"irkit {tamper.__name__}")
    made: list[tuple[Genuine, bytes, list[int]]] = []
    while len(made) < CASES:
        true = rng.choice([each for each in journals if len(each.lines) >= fewest])
        reach = rng.randint(1, len(true.lines)) if rng.random() < 0.5 else len(true.lines)
        held = sorted({reach, *rng.sample(range(1, reach + 1), min(rng.randrange(3), reach))})
        tampered = tamper(rng, true, reach)
        if tampered != true.data:
            made.append((true, tampered, held))
    return made


pytestmark = pytest.mark.timeout(120)


def test_a_flipped_bit_is_found_and_its_record_named(journals: list[Genuine]) -> None:
    by_chain = 0
    for true, tampered, held in cases(journals, flip):
        report, expected = look(true, tampered, held), oracle(true.lines, tampered, held)
        assert "broken" == report.status
        assert expected.earliest == named_head(report, held)
        if report.first_bad is None:
            # the last record: nothing follows it, so a head alone can tell, or its newline is gone
            assert len(true.lines) - 1 == expected.bad
            assert report.torn == 0 or report.first_missing == expected.bad
        else:
            assert (expected.bad, expected.offset) == (report.first_bad.seq, report.first_bad.offset)
            assert expected.bad == report.records
            by_chain += 1
    assert by_chain > CASES * 0.8


def test_deleted_records_are_found_and_the_first_missing_is_named(journals: list[Genuine]) -> None:
    for true, tampered, held in cases(journals, delete):
        report, expected = look(true, tampered, held), oracle(true.lines, tampered, held)
        assert "broken" == report.status
        assert expected.missing == report.first_missing
        assert expected.earliest == named_head(report, held)
        assert -1 == report.repeated
        if tampered != b"".join(true.lines[: expected.bad]):  # otherwise the end is cut, which a chain does not show
            assert report.first_bad is not None
            assert (expected.bad, expected.offset) == (report.first_bad.seq, report.first_bad.offset)
            assert "it is missing" in report.first_bad.reason


def test_reordered_records_are_found_and_the_first_out_of_place_is_named(journals: list[Genuine]) -> None:
    for true, tampered, held in cases(journals, reorder, fewest=2):
        report, expected = look(true, tampered, held), oracle(true.lines, tampered, held)
        assert "broken" == report.status
        assert report.first_bad is not None
        assert (expected.bad, expected.offset) == (report.first_bad.seq, report.first_bad.offset)
        assert "out of order" in report.first_bad.reason
        assert (-1, -1) == (report.first_missing, report.repeated)
        assert expected.earliest == named_head(report, held)


def test_a_duplicated_record_is_found_and_named(journals: list[Genuine]) -> None:
    for true, tampered, held in cases(journals, duplicate):
        report, expected = look(true, tampered, held), oracle(true.lines, tampered, held)
        counts = [tampered.split(b"\n").count(line[:-1]) for line in true.lines]
        assert "broken" == report.status
        assert report.first_bad is not None
        assert (expected.bad, expected.offset) == (report.first_bad.seq, report.first_bad.offset)
        assert "stands here again" in report.first_bad.reason
        assert counts.index(2) == report.repeated
        assert -1 == report.first_missing
        if expected.earliest > 0:
            assert expected.earliest == named_head(report, held)


def test_a_truncated_journal_is_found_and_the_first_missing_is_named(journals: list[Genuine]) -> None:
    for true, tampered, held in cases(journals, truncate):
        report, expected = look(true, tampered, held), oracle(true.lines, tampered, held)
        assert "broken" == report.status
        assert expected.missing == expected.bad == report.first_missing == report.records
        assert expected.earliest == named_head(report, held)
        assert len(tampered) - expected.offset == report.torn
        assert report.first_bad is None


def test_a_journal_written_anew_is_found_by_the_earliest_head_that_disagrees(journals: list[Genuine]) -> None:
    for true, tampered, held in cases(journals, rewrite):
        report, expected = look(true, tampered, held), oracle(true.lines, tampered, held)
        assert "broken" == report.status
        assert expected.earliest == named_head(report, held)
        assert report.first_bad is None
        agreed = [check.head.size for check in report.heads if check.agrees]
        assert [size for size in held if size <= expected.bad] == agreed
        without = verify_bytes(tampered, public_keys=[true.pem])
        assert ("unanchored", 0) == (without.status, without.fault_count)  # which is why heads are held elsewhere


def test_what_nobody_tampered_with_is_intact(journals: list[Genuine]) -> None:
    for true in journals:
        count = len(true.lines)
        for held in range(count + 1):
            report = look(true, true.data, [held] if held else [])
            assert "anchored" == report.status if held == count else report.status == "unanchored"
            assert (count, held, count - held) == (report.records, report.anchored, report.unanchored)
            assert (0, -1, -1) == (report.fault_count, report.first_missing, report.repeated)
            assert hashlib.sha256(true.lines[-1]).hexdigest() == report.head
            for cut in range(held, count):  # a tail that no head covers can be cut unseen; hence "unanchored"
                assert look(true, b"".join(true.lines[:cut]), [held] if held else []).status != "broken"


def test_the_oracle_itself(journals: list[Genuine]) -> None:
    true = journals[-1].lines
    assert Expected(3, sum(map(len, true[:3])), 3, 5) == oracle(true, b"".join(true[:3] + true[4:]), [1, 3, 5, 9])
    assert Expected(34, sum(map(len, true)), -1, -1) == oracle(true, b"".join(true), [34])
