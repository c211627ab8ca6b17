"""Lines for a terminal. Every value passes `neutral`: nothing from outside can move a cursor or forge a line."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH = 80
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that a terminal may act on, hide or reorder text by: controls (C0, C1, DEL), format
characters (bidirectional overrides, zero-width, tags), surrogates, private use, unassigned, line separators."""
_SGR = {
    "": "",
    "bold": "1",
    "dim": "2",
    "good": "32",
    "warn": "33",
    "bad": "1;31",
    "head": "1;36",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line in one style."""

    text: str
    style: str = ""


Line = Sequence[Span | str]
"""One line of a screen; plain strings have no style."""
_SHORT = 3
"""Screens of more lines than this get a line of their own that says LAB."""


def neutral(text: str) -> str:
    """The text with everything that a terminal could act on shown as a visible escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE:
        return character
    code = ord(character)
    if code < 0x100:  # noqa: PLR2004 -- two hex digits are enough below it
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 -- as above


def cells(text: str) -> int:
    """How many columns a neutralised text takes."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def clip(text: str, width: int) -> str:
    """The neutralised text, shortened to so many columns with an ellipsis."""
    text = neutral(text)
    if cells(text) <= width:
        return text
    kept, used = "", 0
    for character in text:
        if used + _cell(character) > width - 1:
            break
        kept += character
        used += _cell(character)
    return kept + "…"


def pad(text: str, width: int) -> str:
    """The neutralised text, clipped or filled to exactly so many columns."""
    text = clip(text, width)
    return text + " " * (width - cells(text))


def wrap(text: str, width: int) -> list[str]:
    """The neutralised text in lines of at most so many columns, broken at spaces where possible."""
    lines: list[str] = []
    current = ""
    for word in neutral(text).split(" "):
        rest = word
        if current and cells(current) + 1 + cells(rest) <= width:
            current = f"{current} {rest}"
            continue
        if current:
            lines.append(current)
        while cells(rest) > width:
            head = _head(rest, width)
            lines.append(head)
            rest = rest[len(head) :]
        current = rest
    if current or not lines:
        lines.append(current)
    return lines


def _head(text: str, width: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += _cell(character)
        if used > width:
            return text[: max(index, 1)]
    return text


def field(label: str, text: str, *, style: str = "", width: int = WIDTH, column: int = 10) -> list[Line]:
    """`Label     text`, with the text wrapped under itself."""
    lines = wrap(text, width - column)
    found: list[Line] = [[Span(pad(label, column - 1) + " ", "bold"), Span(lines[0], style)]]
    found.extend([" " * column, Span(line, style)] for line in lines[1:])
    return found


def commands(label: str, lines: Sequence[str], *, column: int = 10) -> list[Line]:
    """A label, then one command a line. Never wrapped: a command must survive being copied."""
    heads = [pad(label, column - 1) + " ", *[" " * column] * max(len(lines) - 1, 0)]
    return [[Span(head, "bold"), line] for head, line in zip(heads, lines, strict=False)]


def hanging(lead: str, text: str, *, style: str = "", width: int = WIDTH) -> list[Line]:
    """A lead, then the text wrapped under itself."""
    indent = cells(neutral(lead))
    lines = wrap(text, max(width - indent, 20))
    found: list[Line] = [[Span(lead, style), Span(lines[0], style)]]
    found.extend([" " * indent, Span(line, style)] for line in lines[1:])
    return found


def paint(lines: Iterable[Line], *, colour: bool, lab: bool = False) -> str:
    """The lines as text that ends in a newline; LAB before each screen of the embedded world."""
    found = []
    for line in lines:
        parts = []
        for span in line:
            text, style = (span.text, span.style) if isinstance(span, Span) else (span, "")
            safe = neutral(text)
            code = _SGR[style]
            parts.append(f"\x1b[{code}m{safe}\x1b[0m" if colour and code and safe else safe)
        found.append("".join(parts).rstrip() + "\n")
    if lab and found:
        mark = f"\x1b[{_SGR['warn']}mLAB\x1b[0m" if colour else "LAB"
        first = next((index for index, text in enumerate(found) if text.strip()), 0)
        if len(found) - first > _SHORT:
            found.insert(first, f"{mark} · a simulated cluster\n")
        else:
            found[first] = f"{mark} {found[first]}"
    return "".join(found)
