"""Nothing from outside can move a cursor, forge a line or reorder text."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.views.progress import json_safe
from irkit.views.terminal import Line, Span, cells, clip, commands, field, hanging, neutral, pad, paint, wrap

HOSTILE = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\x07\r\n\t\x9b\u202e\u2066\u200b\ufeff\u2028\U000e0041"))
)
ACTIVE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def active(text: str) -> set[str]:
    return {character for character in text if unicodedata.category(character) in ACTIVE}


@given(HOSTILE)
def test_nothing_active_is_left(text: str) -> None:
    assert active(neutral(text)) == set()


@given(HOSTILE)
def test_neutralising_twice_changes_nothing_more(text: str) -> None:
    assert neutral(neutral(text)) == neutral(text)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb", "a\\x0ab"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\U000e0041", "\\U000e0041"),
        ("é✓日本", "é✓日本"),
    ],
)
def test_what_it_looks_like(hostile: str, shown: str) -> None:
    assert neutral(hostile) == shown


@given(HOSTILE, HOSTILE, st.booleans())
def test_a_painted_screen_holds_only_our_own_escapes(one: str, two: str, lab: bool) -> None:
    lines: list[Line] = [*field(one, two), *hanging(one, two), *commands(one, [two]), [Span(one, "bad"), two]]
    text = paint(lines, colour=False, lab=lab)
    assert active(text.replace("\n", "")) == set()
    assert text.count("\n") >= len(lines)


@given(HOSTILE)
def test_colour_adds_only_sgr_of_ours(text: str) -> None:
    painted = paint([[Span(text, "bad")]], colour=True)
    assert active(painted.replace("\x1b[1;31m", "").replace("\x1b[0m", "").rstrip("\n")) == set()


@given(HOSTILE, st.integers(min_value=2, max_value=60))
def test_clip_and_pad_keep_to_their_columns(text: str, width: int) -> None:
    assert cells(clip(text, width)) <= width
    assert cells(pad(text, width)) == width


@given(HOSTILE, st.integers(min_value=10, max_value=80))
def test_wrapping_loses_nothing_and_fits(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cells(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == neutral(text).replace(" ", "")


@given(st.text(min_size=1, max_size=200))
def test_fields_fit_eighty_columns(text: str) -> None:
    for line in paint(field("Label", text), colour=False).splitlines():
        assert cells(line) <= 80


@given(HOSTILE)
def test_json_stays_the_same_json(text: str) -> None:
    line = json.dumps({"x": text}, ensure_ascii=False)
    safe = json_safe(line)
    assert active(safe) == set()
    assert json.loads(safe) == json.loads(line)


def test_lab_screens_say_so_first() -> None:
    short = paint([[""], ["one"]], colour=False, lab=True)
    long = paint([["a"], ["b"], ["c"], ["d"]], colour=False, lab=True)
    assert short.splitlines() == ["", "LAB one"]
    assert long.splitlines()[0].startswith("LAB ")
    assert long.splitlines()[1:] == ["a", "b", "c", "d"]


def test_a_command_is_never_wrapped() -> None:
    long = "irkit report IR-20261120-k7f2 -o " + "x" * 100
    assert long in paint(commands("Next", [long]), colour=False)
