"""Offline verification: chain, heads, seals, blobs and artefacts of one case. Reads only; trusts nothing it reads.

A chain shows a change, not a cut tail or a journal written anew: for these, heads are compared that somebody holds
elsewhere. Heads in the case's own folder are checked too, but whoever can cut the journal can remove those as well.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

from irkit.errors import JournalError
from irkit.journal.chain import Chain, Fault, walk
from irkit.journal.durable import failure
from irkit.journal.heads import MAX_NOTE, Head, parse_note
from irkit.journal.keys import KnownKeys
from irkit.journal.lines import LIMIT, envelope
from irkit.journal.reading import JOURNAL, case_of
from irkit.journal.references import Faults, References, Seal, open_plain


@dataclass(frozen=True, slots=True)
class HeadCheck:
    """One signature of one head. `held`: it was handed in, so it comes from outside the writer's reach.

    `agrees` says whether the journal still begins with the records that were signed.
    """

    name: str
    held: bool
    head: Head
    key: str
    signature: Literal["good", "bad", "unknown key"]
    agrees: bool

    @property
    def counts(self) -> bool:
        """Whether it proves anything of the journal: signed by a key that was given."""
        return self.signature == "good"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What verification found.

    Attributes:
        case: the case id, or "" where not even that can be told.
        status: `anchored`: intact, and heads held elsewhere cover all of it but its own seals. `unanchored`: intact,
            but nobody outside vouches for the last `unanchored` records. `broken`: see `faults`.
        records: how many records chain, from the first. head: the hash of the last of them.
        torn: bytes after the last newline. A writer may be at it; if not, the next opening cuts and journals them.
        first_bad: the first bad record. first_missing: the first seq that is not there, or -1.
        first_disagreeing: the earliest validly signed (or at least held) head that the journal no longer fits.
        faults: the first hundred, of `fault_count`.
        blobs, artefacts, seals: how many were checked. elsewhere: artefacts that are not kept in this folder.
        unknown_keys: keys whose signatures could not be checked, because their public halves were not given.
    """

    case: str
    status: Literal["anchored", "unanchored", "broken"]
    records: int
    head: str
    torn: int
    anchored: int
    unanchored: int
    first_bad: Fault | None
    first_missing: int
    repeated: int
    first_disagreeing: HeadCheck | None
    heads: tuple[HeadCheck, ...]
    faults: tuple[Fault, ...]
    fault_count: int
    blobs: int
    artefacts: int
    elsewhere: int
    seals: int
    unknown_keys: tuple[str, ...]


def verify(
    folder: Path, heads: Sequence[bytes] = (), *, public_keys: Iterable[bytes] = (), artefacts: bool = True
) -> VerifyReport:
    """Verify a case's folder. `heads` are notes held elsewhere; `public_keys` are PEMs; memory use is flat.

    Without `artefacts`, the digests of artefacts (which may be many gigabytes) are left unchecked.

    Raises:
        JournalError: there is no journal, or it cannot be read.
        ConfigError: a public key is none.
    """
    notes = _notes(folder)
    try:
        with open_plain(folder / JOURNAL) as file:
            return _verify(file, case_of(folder), heads, notes, KnownKeys(public_keys), folder, artefacts=artefacts)
    except FileNotFoundError as error:
        if heads or notes:
            keys = KnownKeys(public_keys)
            return _verify(io.BytesIO(), case_of(folder), heads, notes, keys, folder, artefacts=False)
        msg = f"there is no journal in {folder}"
        raise JournalError(msg, hint="irkit status lists the cases") from error
    except OSError as error:
        raise failure(error, f"the journal in {folder} cannot be read") from error


def verify_bytes(
    data: bytes, heads: Sequence[bytes] = (), *, case: str = "", public_keys: Iterable[bytes] = ()
) -> VerifyReport:
    """Verify a journal by its bytes alone: chain, seals and heads; blobs and artefacts are out of sight."""
    return _verify(io.BytesIO(data), case, heads, {}, KnownKeys(public_keys), None, artefacts=False)


def _verify(  # noqa: PLR0913, PLR0917 -- what there is to compare with
    file: BinaryIO,
    case: str,
    held: Sequence[bytes],
    notes: dict[str, bytes],
    keys: KnownKeys,
    folder: Path | None,
    *,
    artefacts: bool,
) -> VerifyReport:
    faults = Faults()
    heads = [*_heads(held, keys, faults), *_local(notes, keys, faults)]
    case = case or next((each.head.case for each in heads if each.held), "") or _case_in(file)
    for each in heads:
        if each.head.case != case:
            faults.add(Fault("head", f"{each.name} is of another case"))
    heads = [each for each in heads if each.head.case == case]
    trusted: dict[int, str] = {}
    for each in heads:
        if each.counts:
            trusted.setdefault(each.head.size, each.head.hash)
    references = References(folder, faults, artefacts=artefacts)
    chain = walk(file, case, trusted, {each.head.size for each in heads}, references.look)
    if chain.bad is not None:
        faults.add(chain.bad)
    elif chain.size and references.case != case:
        faults.add(Fault("record", "it does not open this case", 0, 0))
    heads = [replace(each, agrees=chain.at.get(each.head.size) == each.head.hash) for each in heads]
    earliest = _disagreeing(heads, chain, faults)
    unknown = {each.key for each in heads if each.signature == "unknown key"}
    unknown |= _check_seals(references.seals, case, chain, keys, faults, notes if folder else None)
    anchored = max((each.head.size for each in heads if each.held and each.counts and each.agrees), default=0)
    tail = max(chain.size - anchored, 0) - sum(anchored <= seal.seq < chain.size for seal in references.seals)
    short = earliest is not None and earliest.head.size > chain.end
    return VerifyReport(
        case=case,
        status="broken" if faults.count else "unanchored" if tail or not chain.size else "anchored",
        records=chain.bad.seq if chain.bad else chain.size,
        head=chain.head if chain.size and not chain.bad else "",
        torn=chain.torn,
        anchored=anchored,
        unanchored=tail,
        first_bad=chain.bad,
        first_missing=chain.end if chain.missing < 0 and short else chain.missing,
        repeated=chain.repeated,
        first_disagreeing=earliest,
        heads=tuple(heads),
        faults=tuple(faults.kept),
        fault_count=faults.count,
        blobs=references.blobs,
        artefacts=references.artefacts,
        elsewhere=references.elsewhere,
        seals=len(references.seals),
        unknown_keys=tuple(sorted(unknown)),
    )


def _heads(held: Sequence[bytes], keys: KnownKeys, faults: Faults) -> Iterator[HeadCheck]:
    """The heads that were handed in."""
    for number, note in enumerate(held, 1):
        name = f"held head {number}"
        head = parse_note(note)
        if head is None:
            faults.add(Fault("head", f"{name} is no note of a signed head"))
        else:
            yield from _signatures(name, head, keys, faults, held=True)


def _local(notes: dict[str, bytes], keys: KnownKeys, faults: Faults) -> Iterator[HeadCheck]:
    """The heads in the case's folder; each file is named by its size."""
    for name, note in notes.items():
        head = parse_note(note)
        if head is None or name != f"heads/{head.size}.note":
            faults.add(Fault("head", "a file in heads/ is no note of a signed head"))
        else:
            yield from _signatures(name, head, keys, faults, held=False)


def _signatures(name: str, head: Head, keys: KnownKeys, faults: Faults, *, held: bool) -> Iterator[HeadCheck]:
    for key, text in head.signatures:
        good = keys.check(key, head.message, text)
        if good is False:
            faults.add(Fault("head", f"{name}: the signature of key {key} does not fit"))
        yield HeadCheck(
            name, held, head, key, "unknown key" if good is None else "good" if good else "bad", agrees=False
        )


def _disagreeing(heads: Sequence[HeadCheck], chain: Chain, faults: Faults) -> HeadCheck | None:
    """The earliest head that the journal no longer fits. A bad signature says nothing of the journal."""
    against = [each for each in heads if not each.agrees and each.signature != "bad"]
    if not against:
        return None
    earliest = min(against, key=lambda each: (each.head.size, not each.held))
    size = earliest.head.size
    if size > chain.end:
        why = f"only {chain.end} of the {size} records that were signed are here"
    else:
        agreed = max((each.head.size for each in heads if each.agrees and each.head.size < size), default=0)
        why = f"the first {size} records are not those that were signed"
        why += f"; the first {agreed} are" if agreed else ""
    faults.add(Fault("head", f"{earliest.name}: {why}"))
    return earliest


def _check_seals(  # noqa: PLR0913, PLR0917 -- a seal is compared with all of these
    seals: Sequence[Seal], case: str, chain: Chain, keys: KnownKeys, faults: Faults, notes: dict[str, bytes] | None
) -> set[str]:
    """Seals against the chain, their signatures and their notes. Gives the keys that are not known."""
    unknown = set()
    for seal in seals:
        body = seal.body
        there = seal.prev if body.size == seal.seq else chain.at.get(body.size, "")
        if body.size > seal.seq or (there and there != body.head):
            faults.add(Fault("sealed", "it seals other records than those before it", seal.seq, seal.offset))
        if notes is not None and f"heads/{body.size}.note" not in notes:
            faults.add(Fault("sealed", f"its note heads/{body.size}.note is missing", seal.seq, seal.offset))
        good = keys.check(body.key, Head(case, body.size, body.head).message, body.signature)
        if good is None:
            unknown.add(body.key)
        elif not good:
            faults.add(Fault("sealed", "its signature does not fit", seal.seq, seal.offset))
    return unknown


def _notes(folder: Path) -> dict[str, bytes]:
    """The files in heads/, smallest size first; b"" for one that cannot be read."""
    found = {}
    try:
        paths = sorted(folder.glob("heads/*.note"), key=lambda path: (len(path.name), path.name))
    except OSError:
        return {}
    for path in paths:
        try:
            with open_plain(path) as file:
                found[f"heads/{path.name}"] = file.read(MAX_NOTE + 1)
        except OSError:
            found[f"heads/{path.name}"] = b""
    return found


def _case_in(file: BinaryIO) -> str:
    """The case that the first record names, or ""."""
    line = file.readline(LIMIT)
    file.seek(0)
    try:
        body = envelope(line).body
    except ValueError:
        return ""
    return body["case"] if type(body.get("case")) is str else ""
