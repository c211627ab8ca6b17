r"""One record, one line: how it is written, and how it is read back.

    {"body":{...},"kind":"...","prev":"<sha256>","seq":n,"time":"...Z","v":1,"writer":"..."}\n

A line is RFC 8785 canonical JSON. Its hash is the SHA-256 of the bytes as stored, newline included, so that
`sed -n 5p journal.jsonl | sha256sum` is the `prev` of the sixth line. Bytes are never serialised again to be hashed.
A line stays below 4 KiB: a larger body is stored first as a blob, and the line's body is `{"blob":"<sha256>"}`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from irkit.errors import JournalCorrupt, JournalError
from irkit.model.base import Model, canonical
from irkit.model.records import KINDS, Body, Record

LIMIT = 4096
"""A line is shorter than this many bytes, newline included: one write of less than a page was never seen torn."""

FIELDS = frozenset(("body", "kind", "prev", "seq", "time", "v", "writer"))
_RECORD_FIELDS = frozenset(Record.model_fields)
_FRAME = 300  # an envelope is never longer: 64 of hash, 27 of time, 16 of sequence, kind, version, nonce, names
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_KIND = re.compile(r"[a-z]{1,20}(\.[a-z]{1,20})?", re.ASCII)
_WRITER = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)

Blob = Callable[[str], bytes]
"""The bytes of this hex SHA-256, checked."""


def genesis(case: str) -> str:
    """`prev` of a case's first record."""
    return hashlib.sha256(case.encode()).hexdigest()


def line_hash(line: bytes) -> str:
    """What the next record carries as `prev`."""
    return hashlib.sha256(line).hexdigest()


def is_time(text: str) -> bool:
    """Whether this has the records' form of a time."""
    return _TIME.fullmatch(text) is not None


def is_writer(text: str) -> bool:
    """Whether this may be a writer's nonce."""
    return _WRITER.fullmatch(text) is not None


def is_sha256(value: object) -> bool:
    """Whether this is a SHA-256 in lower-case hex."""
    return type(value) is str and _SHA256.fullmatch(value) is not None


def body_bytes(body: Body) -> bytes:
    """Canonical JSON of a body. Raises ValueError where there is none (a float, an integer beyond 2**53-1).

    The bytes are those of `canonical(body.dump())`. What a body usually holds takes a shorter way to them, with one
    look at every value; anything else (text or keys beyond ASCII, a type that is no model and no JSON) the long one.
    """
    try:
        if _usual(body.__dict__.values()):
            data = orjson.dumps(body.__dict__, _fields, _OPTIONS)
            if data.isascii():
                return data
    except (TypeError, RecursionError):  # a key that is no text, an integer too large: the long way says which
        pass
    try:
        return canonical(orjson.loads(body.model_dump_json()))
    except RecursionError as error:
        msg = "no canonical form: nested too deeply"
        raise ValueError(msg) from error


_PLAIN = frozenset((str, bool, type(None), int))  # `_OPTIONS` refuses integers that not every reader keeps
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def _usual(values: Iterable[Any]) -> bool:
    """Whether these hold nothing but text, integers, flags, null, and models, objects and arrays of those."""
    for value in values:
        kind = type(value)
        if kind in _PLAIN:
            continue
        if kind is dict:
            inner: Iterable[Any] = value.values()
        elif kind is list or kind is tuple:
            inner = value
        elif isinstance(value, Model):
            inner = value.__dict__.values()
        else:
            return False
        if not _usual(inner):
            return False
    return True


def _fields(value: Model) -> dict[str, Any]:
    """What orjson asks of a value that it does not know: only models, as `_usual` saw."""
    return value.__dict__


def blob_of(body: Any) -> str:  # noqa: ANN401 -- a body as parsed, of any shape
    """The digest where this body stands in a blob, or ""."""
    if type(body) is dict and len(body) == 1 and is_sha256(body.get("blob")):
        return str(body["blob"])
    return ""


def fits(data: bytes) -> bool:
    """Whether a body of these bytes may stand in its line."""
    return len(data) < LIMIT - _FRAME


def frame(kind: str, version: int, body: bytes, seq: int, time: str, prev: str, writer: str) -> bytes:  # noqa: PLR0913, PLR0917 -- an envelope has this many fields
    """The line. All but `body` are plain ASCII without characters that JSON escapes, so this is canonical."""
    return b'{"body":%b,%b' % (
        body,
        f'"kind":"{kind}","prev":"{prev}","seq":{seq},"time":"{time}","v":{version},"writer":"{writer}"}}\n'.encode(),
    )


@dataclass(frozen=True, slots=True)
class Envelope:
    """A line's envelope, its body not yet understood."""

    body: Any
    kind: str
    prev: str
    seq: int
    time: str
    version: int
    writer: str


def envelope(line: bytes) -> Envelope:
    """Take a line's envelope apart. Raises ValueError saying what is wrong, never with a value from the line."""
    if len(line) >= LIMIT or not line.endswith(b"\n"):
        msg = f"it is no line of less than {LIMIT} bytes"
        raise ValueError(msg)
    try:
        value = orjson.loads(line)
    except ValueError as error:
        msg = "it is not JSON"
        raise ValueError(msg) from error
    if type(value) is not dict or value.keys() != FIELDS:
        msg = "it has not the fields of a record"
        raise ValueError(msg)
    for name, good in (
        ("body", type(value["body"]) is dict),
        ("kind", type(value["kind"]) is str and _KIND.fullmatch(value["kind"])),
        ("prev", is_sha256(value["prev"])),
        ("seq", type(value["seq"]) is int and value["seq"] >= 0),
        ("time", type(value["time"]) is str and is_time(value["time"])),
        ("v", type(value["v"]) is int and value["v"] >= 1),
        ("writer", type(value["writer"]) is str and is_writer(value["writer"])),
    ):
        if not good:
            msg = f'its "{name}" is not of the form that records have'
            raise ValueError(msg)
    return Envelope(
        value["body"], value["kind"], value["prev"], value["seq"], value["time"], value["v"], value["writer"]
    )


def typed(found: Envelope, hashed: str, blob: Blob) -> Record:
    """The typed record of an envelope.

    Raises:
        JournalError: the record is of a kind or version that this irkit does not know.
        JournalCorrupt: the body is not what its kind and version say, or its blob is missing or altered.
    """
    kind = KINDS.get(found.kind)
    if kind is None or found.version > kind.version:
        what = f"kind {found.kind}" if kind is None else f"version {found.version} of {found.kind}"
        msg = f"record {found.seq} is of {what}, which this irkit does not know"
        raise JournalError(
            msg,
            did="the journal was not changed",
            hint="use a newer irkit; irkit verify still checks the chain",
        )
    body = found.body
    stored = blob_of(body)
    try:
        parsed: Any = kind.model_validate_json(blob(stored) if stored else orjson.dumps(body))
    except ValidationError as error:
        raise corrupt(found.seq, f"its body is no {found.kind}") from error
    return record(found.seq, found.time, found.prev, found.writer, parsed, hashed)


def record(seq: int, time: str, prev: str, writer: str, body: Any, hashed: str) -> Record:  # noqa: PLR0913, PLR0917, ANN401 -- a record has this many fields; its body is one of KINDS, as its caller knows
    """A record of checked parts, as `Record.model_construct` makes it, in a quarter of the time."""
    made = Record.__new__(Record)
    put = object.__setattr__
    put(
        made,
        "__dict__",
        {
            "seq": seq,
            "time": time,
            "prev": prev,
            "writer": writer,
            "kind": type(body).kind,
            "body": body,
            "hash": hashed,
        },
    )
    put(made, "__pydantic_fields_set__", set(_RECORD_FIELDS))
    put(made, "__pydantic_extra__", None)
    put(made, "__pydantic_private__", None)
    return made


def chained(data: bytes, seq: int, prev: str, blob: Blob) -> Iterator[Record]:
    """The records of whole lines, which must go on from record `seq` - 1 with hash `prev` ("": not known).

    Raises:
        JournalCorrupt: names the first record that does not.
        JournalError: as `typed`.
    """
    for piece in data.split(b"\n")[:-1]:  # not splitlines: it knows more ends of lines than this one
        line = piece + b"\n"
        try:
            found = envelope(line)
        except ValueError as error:
            raise corrupt(seq, str(error)) from error
        if found.seq != seq:
            raise corrupt(seq, f"record {found.seq} stands in its place")
        if prev and found.prev != prev:
            raise corrupt(seq, "it does not follow from what stands before it" if seq else "it begins another case")
        prev = line_hash(line)
        yield typed(found, prev, blob)
        seq += 1


def corrupt(seq: int, why: str) -> JournalCorrupt:
    """The error that names a bad record."""
    return JournalCorrupt(
        f"record {seq} of the journal does not verify: {why}",
        did="nothing was written or repaired",
        hint="irkit verify says more; keep the folder as it is",
    )
