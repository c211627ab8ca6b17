"""Bytes become bounded JSON, or an error that says what is wrong with them and quotes nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import orjson
import pytest
from botocore.model import Shape
from hypothesis import given
from hypothesis import strategies as st

from irkit.errors import FindingError
from irkit.intake import read_finding
from irkit.intake.documents import MAX_BYTES, MAX_DEPTH, camel
from irkit.intake.text import clean
from tests.support import guardduty as g


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{", "is no JSON"),
        (b"[1,]", "is no JSON"),
        (b"{} {}", "is no JSON"),
        (b'{"a": NaN}', "is no JSON"),
        (b'{"a": 1e999}', "is no JSON"),
        (b'"\xff"', "is no JSON"),
        (rb'"\ud800"', "is no JSON"),
        ("{}".encode("utf-16"), "is UTF-16"),
        (b" " * (MAX_BYTES + 1), "is larger than 1024 KiB"),
        (b"[" * 2000 + b"]" * 2000, "is no JSON"),
        (b"[" * 800 + b"]" * 800, f"is nested deeper than {MAX_DEPTH} levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, f"is nested deeper than {MAX_DEPTH} levels"),
        (b"7", "must be an object"),
        (b"[]", "holds no finding"),
        (b"[[]]", "must be an object"),
    ],
)
def test_bytes_that_are_no_document_are_refused_with_the_reason(data: bytes, says: str) -> None:
    with pytest.raises(FindingError) as caught:
        read_finding(data, source_name="finding.json")

    assert says in caught.value.message
    assert caught.value.message.startswith("finding.json")
    assert caught.value.did == "nothing was changed"


def test_a_document_of_the_largest_size_and_depth_is_read() -> None:
    value = g.finding(3)
    nested: object = 1
    for _ in range(MAX_DEPTH - 1):
        nested = [nested]
    value["Extra"] = nested
    data = orjson.dumps(value)

    found = read_finding(data + b" " * (MAX_BYTES - len(data)), source_name="f")

    assert found.account == g.ACCOUNT


def test_a_byte_order_mark_is_no_reason_to_refuse() -> None:
    assert read_finding(b"\xef\xbb\xbf" + orjson.dumps(g.finding(1)), source_name="f").region == g.REGION


def test_the_name_of_the_source_cannot_move_a_cursor() -> None:
    with pytest.raises(FindingError) as caught:
        read_finding(b"", source_name="a\x1b[2Jb" + "c" * 999)

    assert caught.value.message.startswith("a\ufffd[2Jb")
    assert len(caught.value.message) < 300


def names(of: Shape, seen: set[str]) -> Iterator[tuple[str, str, str]]:
    if of.name in seen:
        return
    seen.add(of.name)
    for name, member in getattr(of, "members", {}).items():
        yield of.name, name, member.serialization.get("name", name)
        yield from names(member, seen)
    for inner in ("member", "value"):
        if hasattr(of, inner):
            yield from names(getattr(of, inner), seen)


def test_api_names_become_the_events_names_as_the_service_model_has_them() -> None:
    odd = [f"{owner}.{name}" for owner, name, wire in names(g.shape(), set()) if camel(name) != wire]

    # names that mean two things, or that the event spells with a capital: nothing that irkit reads
    assert odd == [
        "ProductCode.Code",
        "ProductCode.ProductType",
        "RdsLoginAttemptAction.LoginAttributes",
        "Account.Name",
        "Ec2Instance.IamInstanceProfile",
    ]


@pytest.mark.parametrize("key", ["accountId", "AWS::EC2::Instance", "aws:eks:cluster-name", "a B", "", "ÄPfel"])
def test_names_that_are_no_api_names_stay(key: str) -> None:
    assert camel(key) == key


@given(st.text(max_size=3000))
def test_text_for_people_is_short_printable_and_otherwise_unchanged(text: str) -> None:
    cleaned = clean(text)

    assert len(cleaned) == min(len(text), 1024)
    assert not {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} & {unicodedata.category(character) for character in cleaned}
    assert all(new in (old, "\ufffd", "…") for new, old in zip(cleaned, text, strict=False))


@pytest.mark.parametrize(
    "character", ["\x00", "\x1b", "\x7f", "\x9b", "\n", "\u202e", "\u2066", "\u200b", "\u2028", "\U000e0041"]
)
def test_characters_that_act_or_hide_are_replaced(character: str) -> None:
    assert clean(f"a{character}b") == "a\ufffdb"
