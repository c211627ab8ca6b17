"""What the linter says: file, line, column, what is wrong, the line itself, and the remedy under a caret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

MAX_SHOWN = 100
"""So many diagnostics of one file are kept: a hostile file must not flood a terminal or a log."""
WIDTH = 100
"""Characters of a source line that an excerpt shows."""
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # YAML 1.1's line breaks, by which the parser counts

Place = tuple[int, int]
"""Line and column, both from 1."""


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One finding of the linter; `str` gives it as people read it. A `warning` does not stop a run.

    `excerpt` is the source line and the caret with the remedy, or "" where the place has no line.
    """

    file: str
    line: int
    column: int
    message: str
    remedy: str = ""
    warning: bool = False
    excerpt: str = ""

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        head = f"{visible(self.file)}:{self.line}:{self.column}: {kind}{self.message}"
        return f"{head}\n{self.excerpt}" if self.excerpt else head


class Problems:
    """Collects diagnostics of one file, so that all are reported at once. Without `data` there are no excerpts."""

    def __init__(self, name: str = "", data: bytes = b"") -> None:
        self.name = name
        self._source = _BREAK.split(data.decode(errors="replace").removeprefix("\ufeff"))
        self._found: set[Diagnostic] = set()
        self._more = 0
        self.errors = False

    def add(self, at: Place, message: str, remedy: str = "", *, warning: bool = False) -> None:
        """Something is wrong at this line and column."""
        self.errors |= not warning
        one = Diagnostic(self.name, at[0], at[1], visible(message), visible(remedy), warning)
        if len(self._found) < MAX_SHOWN:
            self._found.add(one)
        elif one not in self._found:
            self._more += 1

    @property
    def all(self) -> tuple[Diagnostic, ...]:
        """In the order of the file."""
        found = [replace(one, excerpt=self._excerpt(one)) for one in sorted(self._found)]
        if self._more:
            last = found[-1]
            message = f"{self._more} more problems are not shown"
            found.append(Diagnostic(self.name, last.line, last.column, message, warning=not self.errors))
        return tuple(found)

    def _excerpt(self, one: Diagnostic) -> str:
        if one.line > len(self._source) or not self._source[one.line - 1]:
            return f"      {one.remedy}" if one.remedy else ""
        line, at = visible(self._source[one.line - 1]), one.column - 1
        start = max(0, at - WIDTH * 2 // 3) if len(line) > WIDTH else 0
        text = line[start : start + WIDTH]
        return f"{one.line:>5} | {text}\n      | {' ' * (at - start)}^ {one.remedy}".rstrip()


def visible(text: str) -> str:
    """One line without control characters: what comes from a file must not steer a terminal."""
    return "".join(
        char if char.isprintable() else " " if char in "\t\n\r" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def suggest(word: str, known: Iterable[str], otherwise: str) -> str:
    """`did you mean …?` where a known word is near, else another remedy."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else otherwise
