"""Signing a journal's head. A chain alone does not show a cut tail; a signed head that is held elsewhere does."""

from __future__ import annotations

from pathlib import Path

from irkit.errors import JournalCorrupt, JournalError
from irkit.journal.durable import failure, make_folder, write_file
from irkit.journal.heads import Head, parse_note
from irkit.model.ports import JournalStore, Signer
from irkit.model.records import CaseOpened, Sealed


def sign_head(journal: JournalStore, signer: Signer, folder: Path) -> Sealed:
    """Sign the journal as it is now, write `heads/<size>.note` below the case's folder, and give the record to append.

    The note is durable when this returns, before any record speaks of it. Another key's signature of the same head
    is kept beside this one.

    Raises:
        JournalError: nothing to sign, or the note cannot be written.
        JournalCorrupt: a note of this size speaks of other records.
    """
    records = journal.records
    if not records or not isinstance(records[0].body, CaseOpened):
        msg = "a journal that does not begin with case.opened cannot be sealed"
        raise JournalError(msg, did="nothing was signed")
    head = Head(records[0].body.case, len(records), records[-1].hash)
    signature = signer.sign(head.message)
    path = folder / "heads" / f"{head.size}.note"
    try:
        make_folder(path.parent)
        there = path.read_bytes() if path.exists() else b""
        older = parse_note(there) if there else head
        if older is None or older.message != head.message:
            msg = f"heads/{path.name} speaks of other records than this journal holds"
            raise JournalCorrupt(msg, did="nothing was signed", hint=f"irkit verify {head.case}")
        signed = older.signed([(signer.key_id, signature)])
        if signed.note != there:
            write_file(path, signed.note)
    except OSError as error:
        raise failure(error, f"the head of {head.case} cannot be written") from error
    return Sealed(size=head.size, head=head.hash, key=signer.key_id, signature=signature)
