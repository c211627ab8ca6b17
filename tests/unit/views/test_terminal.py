"""Nothing from outside can move a cursor, forge a line or reorder text."""

from __future__ import annotations

import json
import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.views.progress import json_safe
from irkit.views.terminal import Line, Span, cells, clip, commands, field, hanging, neutral, pad, paint, tagged, wrap

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


COPIED = re.compile(r"[!-~ ]{1,240}")


@given(HOSTILE, st.integers(min_value=10, max_value=80))
def test_wrapping_loses_nothing_and_fits(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cells(line) <= width or COPIED.fullmatch(line) for line in lines)
    assert "".join(lines).replace(" ", "") == neutral(text).replace(" ", "")


@pytest.mark.parametrize(
    "whole",
    [
        "/var/lib/someone/state/irkit/drills/compromised-pod-20261121T145153/report.html",
        "0d131b6e9a1e1567c0e75e08f6f138a5b64757b687f651dab6f4c4379b215270",
        "irkit report IR-20261120-k7f2 -o /srv/reports/of/the/incident/report.html",
        "export IRKIT_CONFIG=/var/lib/someone/state/irkit/lab/irkit.yaml",
    ],
)
def test_what_somebody_copies_is_never_broken(whole: str) -> None:
    for lines in (
        field("Label", f"it was stored: {whole}, just now"),
        hanging(" " * 21, f"read back: {whole}"),
        commands("Next", [whole]),
    ):
        shown = paint(lines, colour=False).splitlines()
        assert 1 == sum(whole in line for line in shown)
        assert all(cells(line) <= 80 for line in shown)


def test_a_command_in_a_sentence_ends_where_the_sentence_goes_on() -> None:
    text = "say which one: irkit status IR-20261120-k7f2, or irkit contain pod shop/web-1"
    assert wrap(text, 40) == [
        "say which one:",
        "irkit status IR-20261120-k7f2, or",
        "irkit contain pod shop/web-1",
    ]


def test_an_option_stays_with_its_value() -> None:
    text = "add it to irkit.yaml, or say it of a context: --cluster prod-eu --context NAME; or leave it"
    assert wrap(text, 60) == [
        "add it to irkit.yaml, or say it of a context:",
        "--cluster prod-eu --context NAME; or leave it",
    ]


def test_words_are_broken_only_where_nobody_could_copy_them() -> None:
    assert wrap("x" * 300, 80) == ["x" * 80, "x" * 80, "x" * 80, "x" * 60]
    assert wrap("\u00a0" * 90, 80) == ["\u00a0" * 80, "\u00a0" * 10]  # blanks that could forge a line of their own


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=string.printable.strip()), max_size=200))
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


def test_lines_that_come_one_by_one_say_lab_and_stay_in_their_column() -> None:
    lines = hanging("  ✓ isolate ", "proven " * 15, width=76)
    shown = tagged(lines, colour=False).splitlines()
    assert shown[0].startswith("LAB   ✓ isolate proven")
    assert all(line.startswith(" " * 16 + "proven") and cells(line) <= 80 for line in shown[1:])


def test_a_command_is_never_wrapped() -> None:
    long = "irkit report IR-20261120-k7f2 -o " + "x" * 100
    assert long in paint(commands("Next", [long]), colour=False)
