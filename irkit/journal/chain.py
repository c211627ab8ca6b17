"""Walking a journal's stored bytes: does each record follow from the one before, and if not, where does it break?

Streaming: memory does not grow with the journal. Nothing here needs to know a record's kind or version, so that the
journal of a newer irkit can be walked too.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO

import orjson

from irkit.journal.lines import FIELDS, LIMIT, Envelope, envelope, genesis, line_hash

NOTABLE = frozenset((
    "case.opened", "run.opened", "approval.asked", "artefact.stored", "journal.recovered", "sealed",
))  # fmt: skip
"""Kinds of records that always speak of something outside their own line."""

_MAX_RUNS = 10_000

Look = Callable[[int, int, str, Any, str], None]
"""Takes a notable record as it passes: seq, byte offset, kind, body, prev. Must not raise."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not verify. `seq` and `offset` (bytes) are -1 where it is not about one record."""

    what: str  # record, blob, artefact, head or sealed
    reason: str
    seq: int = -1
    offset: int = -1

    def __str__(self) -> str:
        where = f"record {self.seq}" if self.seq >= 0 else self.what
        at = f" (byte {self.offset})" if self.offset >= 0 else ""
        return f"{where}{at}: {self.reason}"


@dataclass(slots=True)
class Chain:
    """What a walk found.

    Attributes:
        size: how many records chain, from the first.
        head: the hash of the last of them.
        at: size -> hash of the last of so many records, for the sizes asked for that the intact part reaches.
        torn: bytes after the last newline: a line being written, or cut.
        bad: the first bad record, or None.
        missing: the first seq that is nowhere in the file though a later one is, or -1.
        repeated: the first seq that is there twice, or -1.
        end: one more than the highest seq that is there.
    """

    size: int = 0
    head: str = ""
    at: dict[int, str] = field(default_factory=dict)
    torn: int = 0
    bad: Fault | None = None
    missing: int = -1
    repeated: int = -1
    end: int = 0


def walk(file: BinaryIO, case: str, trusted: Mapping[int, str], wanted: Collection[int], look: Look) -> Chain:
    """Walk to the end, or to the first break and then on to learn what kind of break it is.

    `trusted` are hashes by size that somebody signed: they tell which side of a break was changed. `look` gets the
    records of `NOTABLE` kinds, and those whose body or call is a blob.
    """
    prev, found, seq = genesis(case), "", 0
    before = line = b""
    chain = Chain()
    stops = iter(sorted(wanted))
    stop = next(stops, -1)
    sha256, loads, notable, fields, obj = hashlib.sha256, orjson.loads, NOTABLE, len(FIELDS), dict  # locals are fast
    for line in iter(partial(file.readline, LIMIT), b""):
        if seq == stop:
            chain.at[seq] = prev
            stop = next(stops, -1)
        try:
            value = loads(line)
            kind = value["kind"]
            body = value["body"]
            if value["prev"] != prev or value["seq"] != seq or type(body) is not obj or len(value) != fields:
                break
            if len(body) == 1 or kind in notable or (kind == "effect.intended" and len(body.get("call") or ()) == 1):
                look(seq, file.tell() - len(line), kind, body, prev)
        except (ValueError, TypeError, KeyError):
            break
        found = prev
        prev = sha256(line).hexdigest()
        seq += 1
        before = line
    else:
        line = b""
    if before and not before.endswith(b"\n"):  # a torn or overlong line that happens to be JSON: not one of the chain
        file.seek(-len(line), os.SEEK_CUR)
        line, prev, seq = before, found, seq - 1
    elif seq == stop:
        chain.at[seq] = prev
    chain.size = chain.end = seq
    chain.head = prev
    if line:
        _broken(file, chain, _Break(line, before, file.tell() - len(line), trusted))
    return chain


@dataclass(frozen=True, slots=True)
class _Break:
    """Where the walk stopped: the line that does not go on from `before`."""

    line: bytes
    before: bytes
    offset: int
    trusted: Mapping[int, str]


def _broken(file: BinaryIO, chain: Chain, at: _Break) -> None:
    """Name what is wrong at the first line that does not go on, and what is missing or repeated from there."""
    after = file.readline(LIMIT)
    if not after and not at.line.endswith(b"\n") and len(at.line) < LIMIT:
        chain.torn = len(at.line)
        return
    seq, found = chain.size, _read(at.line)
    runs = _Runs(seq)
    if isinstance(found, str):
        chain.bad = Fault("record", found, seq, at.offset)
        runs.unreadable()
    elif found.prev == chain.head:
        why = f"it is numbered {found.seq}, and it stands where {seq} must" if found.seq != seq else "its call is none"
        chain.bad = Fault("record", why, seq, at.offset)
        runs.unreadable()
    elif found.seq == seq:
        chain.bad = _changed(at, chain, after)
        runs.readable(seq)
    else:
        runs.readable(found.seq)
    _scan(file, after, runs, chain)
    chain.missing, chain.repeated, chain.end = runs.verdict()
    if chain.bad is None and isinstance(found, Envelope):
        if chain.repeated == found.seq:
            why = f"record {found.seq} stands here again"
        elif chain.missing == seq:
            why = f"it is missing; record {found.seq} stands in its place"
        else:
            why = f"record {found.seq} stands in its place: the records are out of order"
        chain.bad = Fault("record", why, seq, at.offset)


def _changed(at: _Break, chain: Chain, after: bytes) -> Fault:
    """Numbers are right and the hash is not: this record's `prev` was changed, or anything of the one before."""
    seq = chain.size
    here = Fault("record", "it does not carry the hash of the record before it", seq, at.offset)
    if seq == 0:
        return Fault("record", "it does not begin this case", 0, 0)
    there = Fault(
        "record", "it was changed: the record after it carries another hash", seq - 1, at.offset - len(at.before)
    )
    if seq in at.trusted:
        return here if at.trusted[seq] == chain.head else there
    if seq + 1 in at.trusted:
        return there if at.trusted[seq + 1] == line_hash(at.line) else here
    if not after:
        return there  # nothing tells; far more of the bytes are on that side
    follower = _read(after)
    return there if isinstance(follower, Envelope) and follower.prev == line_hash(at.line) else here


def _scan(file: BinaryIO, line: bytes, runs: _Runs, chain: Chain) -> None:
    while line:
        following = file.readline(LIMIT)
        if not following and not line.endswith(b"\n") and len(line) < LIMIT:
            chain.torn = len(line)
            return
        found = _read(line)
        if isinstance(found, Envelope):
            runs.readable(found.seq)
        elif line.endswith(b"\n"):
            runs.unreadable()
        line = following


def _read(line: bytes) -> Envelope | str:
    try:
        return envelope(line)
    except ValueError as error:
        return str(error)


class _Runs:
    """Which numbers are there, as stretches of consecutive ones. An unreadable line stands for the next number."""

    def __init__(self, size: int) -> None:
        self._runs = [[0, size - 1]] if size else []

    def readable(self, seq: int) -> None:
        if self._runs and self._runs[-1][1] + 1 == seq:
            self._runs[-1][1] = seq
        elif len(self._runs) < _MAX_RUNS:  # beyond that it is garbage, and memory stays bounded
            self._runs.append([seq, seq])

    def unreadable(self) -> None:
        self.readable(self._runs[-1][1] + 1 if self._runs else 0)

    def verdict(self) -> tuple[int, int, int]:
        """First missing, first repeated (-1 where none), and one more than the highest."""
        missing = repeated = -1
        end = 0
        for low, high in sorted(self._runs):
            if low > end and missing < 0:
                missing = end
            if low < end and repeated < 0:
                repeated = low
            end = max(end, high + 1)
        return missing, repeated, end
