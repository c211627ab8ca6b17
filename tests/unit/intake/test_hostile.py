"""Whatever a finding holds: a typed finding or a FindingError, and nothing that acts in it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from irkit.errors import FindingError
from irkit.intake import Received, parse_all, receive
from irkit.model.findings import Finding
from tests.support import guardduty as g

ACTING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in texts(item)]


def harmless(text: str) -> bool:
    return not ACTING & {unicodedata.category(character) for character in text}


def packed(document: Any) -> bytes:
    try:
        return orjson.dumps(document)
    except TypeError:  # an integer beyond 64 bits or a lone surrogate: JSON can say it, orjson cannot
        return json.dumps(document).encode()


def check(data: bytes, name: str = "f.json") -> Finding | None:
    found: Received | FindingError
    try:
        found = receive(data, source_name=name)
    except FindingError as error:
        found = error
    if isinstance(found, FindingError):
        assert harmless(found.message + found.hint + found.field)
        assert len(found.message) < 2000
        return None
    finding = found.finding
    assert Finding.parse(finding.dump()) == finding  # every reference and text holds its own rules
    assert all(harmless(text) and len(text) <= 1024 for text in texts(finding.dump()))
    assert finding.cluster is None or (finding.cluster.account, finding.cluster.region) == (
        finding.account,
        finding.region,
    )
    assert finding.target is None or finding.target.cluster == finding.cluster
    return finding


@slow
@given(g.documents())
def test_payloads_in_every_free_text_change_nothing_but_text(document: Any) -> None:
    finding = check(packed(document))

    assert finding is not None
    assert finding.target is not None
    assert (finding.target.name, finding.target.uid) == (g.POD["Name"], g.POD["Uid"])


@slow
@given(g.documents(damaged=True))
def test_a_damaged_finding_is_read_or_refused(document: Any) -> None:
    check(packed(document))


@given(g.ANY_JSON)
def test_any_json_is_read_or_refused(document: Any) -> None:
    check(packed(document))


@given(st.binary(max_size=200), st.text(max_size=30))
def test_any_bytes_under_any_name_are_refused(data: bytes, name: str) -> None:
    assert check(data, name) is None


@slow
@given(g.documents(damaged=True))
def test_reading_all_of_a_document_never_breaks_off(document: Any) -> None:
    try:
        found = parse_all(packed([document, g.drill()]))
    except FindingError:
        return
    assert isinstance(found[-1], Finding)
