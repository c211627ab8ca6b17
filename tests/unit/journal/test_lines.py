from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from irkit.errors import JournalCorrupt, JournalError
from irkit.journal import lines as form
from irkit.journal.verify import verify_bytes
from irkit.model.base import MAX_SAFE_INTEGER, Model, canonical
from irkit.model.effects import Mark
from irkit.model.plans import Impact, Verdict
from irkit.model.records import KINDS, Body, EffectDone, Record, Touch
from irkit.model.refs import PodRef
from tests.support.journals import bodies, lines, note, opened
from tests.support.records import CASE, NOTHING, START, case_opened, done, planned

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(max_codepoint=127))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=20,
)
WRITER = "0123456789abcdef"


def body_with(reply: dict[str, Any]) -> EffectDone:
    return done("isolate").model_copy(update={"reply": reply})


def written(body: Body, seq: int = 0, prev: str = NOTHING) -> bytes:
    return form.frame(body.kind, body.version, form.body_bytes(body), seq, START, prev, WRITER)


def no_blob(_: str) -> bytes:
    pytest.fail("no blob is needed")


@given(st.dictionaries(KEYS, VALUES), st.integers(0, MAX_SAFE_INTEGER))
def test_a_line_is_the_canonical_json_of_its_parts(reply: dict[str, Any], seq: int) -> None:
    body = body_with(reply)
    whole: Any = {
        "body": body.dump(), "kind": "effect.done", "prev": NOTHING, "seq": seq, "time": START, "v": 1, "writer": WRITER,
    }  # fmt: skip
    assert rfc8785.dumps(whole) + b"\n" == written(body, seq)


@given(st.dictionaries(KEYS, VALUES))
def test_the_short_way_to_a_bodys_bytes_leads_to_the_same(reply: dict[str, Any]) -> None:
    for body in (body_with(reply), *bodies(5), planned("a", (Touch(target="t", field="f", value=reply),))):
        assert canonical(body.dump()) == form.body_bytes(body)


def models(kind: type[Model]) -> set[type[Model]]:
    """A model and all models in its fields."""
    found, new = set(), [kind]
    while new:
        one = new.pop()
        found.add(one)
        for field in one.model_fields.values():
            todo: list[Any] = [field.annotation]
            while todo:
                part = todo.pop()
                todo += [arg for arg in get_args(part) if arg is not part]
                if isinstance(part, type) and issubclass(part, Model) and part not in found:
                    new.append(part)
    return found


def test_no_body_has_a_json_form_of_its_own() -> None:
    """The short way takes a model's fields as they are."""
    everything = set().union(*map(models, KINDS.values()))
    assert {Mark, Verdict, PodRef, Impact} < everything
    for model in everything:
        decorators = model.__pydantic_decorators__
        assert not decorators.field_serializers
        assert not decorators.model_serializers
        assert not decorators.computed_fields
        for field in model.model_fields.values():
            assert (field.alias, field.serialization_alias, field.exclude) == (None, None, None)


def test_a_body_nested_too_deeply_is_refused() -> None:
    value: Any = "x"
    for _ in range(5000):
        value = [value]
    with pytest.raises(ValueError):
        form.body_bytes(EffectDone.model_construct(**(dict(done("a")) | {"reply": {"a": value}})))


def test_a_record_is_as_pydantic_itself_makes_it() -> None:
    body = note("x")
    made = form.record(3, START, NOTHING, WRITER, body, "a" * 64)
    given_: dict[str, Any] = {
        "seq": 3, "time": START, "prev": NOTHING, "writer": WRITER, "kind": "note", "body": body, "hash": "a" * 64,
    }  # fmt: skip
    for expected in (Record(**given_), Record.model_construct(**given_)):
        assert expected == made
        assert expected.dump() == made.dump()
        assert repr(expected) == repr(made)
        assert hash(expected) == hash(made)
        assert vars(expected) == vars(made)
        assert expected.model_fields_set == made.model_fields_set
        assert expected.model_copy(update={"seq": 4}) == made.model_copy(update={"seq": 4})
        assert expected == pickle.loads(pickle.dumps(made))  # noqa: S301 -- its own bytes
    with pytest.raises(ValidationError):
        made.seq = 4  # type: ignore[misc]


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_what_was_written_is_what_is_read(reply: dict[str, Any]) -> None:
    body = body_with(reply)
    line = written(body, 7)
    if len(line) >= form.LIMIT:
        return
    record = form.typed(form.envelope(line), form.line_hash(line), no_blob)
    expected = Record(
        seq=7, time=START, prev=NOTHING, writer=WRITER, kind="effect.done", body=body,
        hash=hashlib.sha256(line).hexdigest(),
    )  # fmt: skip
    assert expected == record


@pytest.mark.parametrize("value", [1.5, float("nan"), float("inf"), 2**53, 2**70, "\ud800", {"é": 1}])
def test_a_value_without_canonical_form_is_refused_and_the_journal_goes_on(tmp_path: Path, value: Any) -> None:
    with opened(tmp_path) as journal:
        journal.append([case_opened()])
        with pytest.raises(JournalError, match=r"effect\.done") as caught:
            journal.append([note("before"), body_with({"a": [value]})])
        assert not isinstance(caught.value, JournalCorrupt)
        assert caught.value.did == "nothing was written"
        assert "é" not in caught.value.message
        journal.append([note("after")])
        assert ["case.opened", "note"] == [record.kind for record in journal.records]


@pytest.mark.parametrize("length", [*range(1600, 2001, 50), *range(1795, 1815)])
def test_no_line_reaches_four_kilobytes(tmp_path: Path, length: int) -> None:
    with opened(tmp_path) as journal:
        journal.append([case_opened(), note("é" * length)])
        stored = lines(journal.folder)
        assert max(map(len, stored)) < 4096
        in_blob = orjson.loads(stored[1])["body"].keys() == {"blob"}
        assert in_blob or length < 1900
        assert not in_blob or length > 1700
    with opened(tmp_path) as again:
        assert note("é" * length) == again.records[1].body


def test_a_large_body_stands_in_a_blob_named_by_its_canonical_bytes(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        large = body_with({"a": "x" * 5000})
        journal.append([case_opened(), large])
        name = hashlib.sha256(rfc8785.dumps(large.dump())).hexdigest()
        assert {"blob": name} == orjson.loads(lines(journal.folder)[1])["body"]
        assert rfc8785.dumps(large.dump()) == journal.get_blob(name)
        assert "effect.done" == journal.records[1].kind


def test_the_chain_begins_with_the_case_and_goes_on_with_the_stored_lines(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append([case_opened(), note("a"), note("b")])
        stored = lines(journal.folder)
    prevs = [orjson.loads(line)["prev"] for line in stored]
    assert [hashlib.sha256(data).hexdigest() for data in (CASE.encode(), stored[0], stored[1])] == prevs
    assert [hashlib.sha256(line).hexdigest() for line in stored] == [record.hash for record in journal.records]


def test_no_kind_can_be_taken_for_a_blob_or_outgrows_the_envelope() -> None:
    for kind, body in KINDS.items():
        assert {"blob"} != set(body.model_fields)
        line = form.frame(kind, 999, b"", 10**16, START, NOTHING, "w" * 64)
        assert len(line) < form._FRAME
        assert kind == form.envelope(form.frame(kind, 1, b"{}", 0, START, NOTHING, "w")).kind


def changed(**fields: Any) -> bytes:
    value = orjson.loads(written(done("isolate"))) | fields
    return orjson.dumps({key: item for key, item in value.items() if item is not ...}) + b"\n"


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\n", b"x\n", b"[]\n", b"{}\n", b"\xff\n", b"[" * 4000 + b"\n", changed()[:-1], b" " * 4096 + changed(),
        changed(seq=-1), changed(seq=True), changed(seq=1.0), changed(seq="1"), changed(body=[]), changed(body=None),
        changed(kind="\x1b[31mnote"), changed(kind=["note"]), changed(prev="x"), changed(prev=None), changed(time="now"),
        changed(time=START + "\n"), changed(v=0), changed(v="1"), changed(v=True), changed(writer=""),
        changed(writer="a\nb"), changed(more=1), orjson.dumps({"seq": 1}) + b"\n",
    ],
)  # fmt: skip
def test_a_line_that_is_no_record_is_refused_without_repeating_it(line: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        form.envelope(line)
    assert "\x1b" not in str(caught.value)
    assert "now" not in str(caught.value)


@pytest.mark.parametrize("change", [{"kind": "step.dreamt"}, {"v": 2}, {"kind": "note", "v": 99}])
def test_a_newer_irkits_record_is_not_read_but_its_chain_verifies(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = tmp_path / CASE
    with opened(tmp_path) as journal:
        journal.append([case_opened()])
        prev = journal.records[0].hash
    newer = orjson.loads(written(done("isolate"), 1, prev)) | change
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(rfc8785.dumps(newer) + b"\n")
    with pytest.raises(JournalError, match=r"record 1 is of .* does not know") as caught:
        opened(tmp_path)
    assert not isinstance(caught.value, JournalCorrupt)
    assert "newer irkit" in caught.value.hint
    report = verify_bytes((folder / "journal.jsonl").read_bytes())
    assert ("unanchored", 2) == (report.status, report.records)


def test_a_known_kind_with_a_foreign_body_is_corrupt() -> None:
    line = changed(body={"run": "r1"})
    with pytest.raises(JournalCorrupt, match=r"record 0 .* its body is no effect\.done"):
        form.typed(form.envelope(line), NOTHING, no_blob)
