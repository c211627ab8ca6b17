"""Lines for a terminal. Every value passes `neutral`: nothing from outside can move a cursor or forge a line."""

from __future__ import annotations

import re
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
_SHORT = 1
"""Screens of more lines than this get a line of their own that says LAB."""
_GLUE = "\x00"
"""Stands for a space inside what must stay on one line; no neutralised text holds it."""
_COPIED = re.compile(r"[!-~\x00]{1,240}")
"""What somebody may copy (a path, an id, a digest, a command): never broken. Longer ones are nobody's to copy, and
without spaces of any kind nothing in them can look like a line of irkit's where the terminal breaks them."""
VERBS = (
    "abort", "actions", "approve", "check", "close", "config", "contain", "deny", "doctor", "drill", "export",
    "handover", "keys", "lab", "note", "permissions", "plan", "playbook", "report", "respond", "resume", "status",
    "takeover", "undo", "verify",
)  # fmt: skip
"""What may follow `irkit` in a command."""
OWN_WORLD = frozenset({"actions", "drill", "keys", "lab", "playbook"})
"""Those of them that are about no case and no configured cluster."""
_WORD = r"[^\s,;·`()]+"
_COMMAND = re.compile(
    r"\bexport [A-Z_]+=\S+"
    rf"|\birkit (?:--[a-z-]+ \S+ )*(?:{'|'.join(VERBS)})\b(?: {_WORD})*"
    rf"|--[a-z-]+ {_WORD}(?: --[a-z-]+ {_WORD})*"
)
"""What is one thing to copy, although there are spaces in it: an assignment, a command, options with values."""


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


def fill(text: str, width: int) -> str:
    """The neutralised text, filled to so many columns; whole where it is wider: steps are typed by their names."""
    text = neutral(text)
    return text + " " * (width - cells(text))


def wrap(text: str, width: int) -> list[str]:
    """The neutralised text in lines of at most so many columns, broken at spaces.

    A path, an id or a command that is wider than that stands whole on a line of its own.
    """
    lines: list[str] = []
    current = ""
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _GLUE), neutral(text))
    for word in whole.split(" "):
        if current and cells(current) + 1 + cells(word) <= width:
            current = f"{current} {word}"
            continue
        if current:
            lines.append(current)
        *full, current = _pieces(word, width)
        lines.extend(full)
    if current or not lines:
        lines.append(current)
    return [line.replace(_GLUE, " ") for line in lines]


def _pieces(word: str, width: int) -> list[str]:
    if cells(word) <= width or _COPIED.fullmatch(word):
        return [word]
    found: list[str] = []
    while cells(word) > width:
        head = _head(word, width)
        found.append(head)
        word = word[len(head) :]
    return [*found, word] if word else found


def _head(text: str, width: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += _cell(character)
        if used > width:
            return text[: max(index, 1)]
    return text


def field(label: str, text: str, *, style: str = "", width: int = WIDTH, column: int = 10) -> list[Line]:
    """`Label     text`, with the text wrapped under itself."""
    return _under(Span(pad(label, column - 1) + " ", "bold"), wrap(text, width - column), style, width)


def commands(label: str, lines: Sequence[str], *, column: int = 10) -> list[Line]:
    """A label, then one command a line. Never wrapped: a command must survive being copied."""
    return _under(Span(pad(label, column - 1) + " ", "bold"), lines, "", WIDTH)


def hanging(lead: str, text: str, *, style: str = "", width: int = WIDTH) -> list[Line]:
    """A lead, then the text wrapped under itself."""
    indent = cells(neutral(lead))
    return _under(Span(lead, style), wrap(text, max(width - indent, 20)), style, width)


def _under(lead: Span, lines: Sequence[str], style: str, width: int) -> list[Line]:
    """The lines beside and under a lead; one that does not fit there gets a line of its own, further to the left."""
    indent = cells(neutral(lead.text))
    found: list[Line] = []
    for index, line in enumerate(lines):
        taken = cells(neutral(line))
        if not index and (indent + taken <= width or not lead.text.strip(" ")):
            found.append([lead, Span(line, style)])
            continue
        if not index:
            found.append([lead])
        left = indent if indent + taken <= width or taken > width else width - taken
        found.append([" " * left, Span(line, style)])
    return found


def tagged(lines: Iterable[Line], *, colour: bool) -> str:
    """Lines of the embedded world that come one by one: LAB before the first, the others under it."""
    return "".join(f"{_lab(colour) if not index else '   '} {row}" for index, row in enumerate(_rows(lines, colour)))


def paint(lines: Iterable[Line], *, colour: bool, lab: bool = False) -> str:
    """The lines as text that ends in a newline; LAB before each screen of the embedded world."""
    found = _rows(lines, colour)
    if lab and found:
        first = next((index for index, text in enumerate(found) if text.strip()), 0)
        if len(found) - first > _SHORT:
            found.insert(first, f"{_lab(colour)} · a simulated cluster\n")
        else:
            found[first] = f"{_lab(colour)} {found[first]}"
    return "".join(found)


def _lab(colour: bool) -> str:
    return f"\x1b[{_SGR['warn']}mLAB\x1b[0m" if colour else "LAB"


def _rows(lines: Iterable[Line], colour: bool) -> list[str]:
    found = []
    for line in lines:
        parts = []
        for span in line:
            text, style = (span.text, span.style) if isinstance(span, Span) else (span, "")
            safe = neutral(text)
            code = _SGR[style]
            parts.append(f"\x1b[{code}m{safe}\x1b[0m" if colour and code and safe else safe)
        found.append("".join(parts).rstrip() + "\n")
    return found
