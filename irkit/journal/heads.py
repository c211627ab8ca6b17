"""Signed heads: what a journal was when somebody vouched for it, as a note that a person can read and file.

    irkit/IR-20261120-k7f2
    61
    4b1e…                        hash of the last of these 61 records

    — irkit/9d0c2a55aa01b3c4 <base64 of the signature over the first three lines, newlines included>

The form follows C2SP signed-note and tlog-checkpoint, with a hex hash and the plain signature of one key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_NOTE = 16 * 1024
"""A note is never larger, in bytes."""

_NOTE = re.compile(
    rb"irkit/(?P<case>[!-~]{1,64})\n(?P<size>[1-9][0-9]{0,14})\n(?P<hash>[0-9a-f]{64})\n\n"
    rb"(?P<signatures>(?:\xe2\x80\x94 irkit/[0-9a-f]{16} [0-9A-Za-z+/]{1,1024}={0,2}\n){1,8})"
)


@dataclass(frozen=True, slots=True)
class Head:
    """The hash of the last of `size` records of a case, and who signed that: (key id, base64 signature)."""

    case: str
    size: int
    hash: str
    signatures: tuple[tuple[str, str], ...] = ()

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return f"irkit/{self.case}\n{self.size}\n{self.hash}\n".encode()

    @property
    def note(self) -> bytes:
        """The whole note."""
        return self.message + b"\n" + "".join(f"— irkit/{key} {text}\n" for key, text in self.signatures).encode()

    def signed(self, signatures: Iterable[tuple[str, str]]) -> Head:
        """This head with these signatures added; one that is there already is not repeated."""
        return Head(self.case, self.size, self.hash, tuple(dict.fromkeys((*self.signatures, *signatures))))


def parse_note(data: bytes) -> Head | None:
    """The head that a note holds, or None where it is no such note."""
    found = _NOTE.fullmatch(data) if len(data) <= MAX_NOTE else None
    if found is None:
        return None
    signatures = []
    for line in found["signatures"].decode().splitlines():
        _, key, text = line.split(" ")
        signatures.append((key.removeprefix("irkit/"), text))
    return Head(found["case"].decode(), int(found["size"]), found["hash"].decode(), tuple(signatures))
