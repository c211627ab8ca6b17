"""What the linter says: file, line, column, what is wrong, the line itself, and the remedy under a caret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One finding of the linter. `line` and `column` count from 1; `warning` does not stop a run."""

    line: int
    column: int
    message: str
    remedy: str = ""
    warning: bool = False

    def render(self, name: str, source: Sequence[str]) -> str:
        """Two to four lines for people; control characters of the source are shown, not sent."""
        kind = "warning: " if self.warning else ""
        rows = [f"{name}:{self.line}:{self.column}: {kind}{self.message}"]
        if 1 <= self.line <= len(source):
            text = _visible(source[self.line - 1])[:200]
            rows.append(f"{self.line:>5} | {text}")
            rows.append(f"      | {' ' * min(self.column - 1, 200)}^ {self.remedy}".rstrip())
        elif self.remedy:
            rows.append(f"      {self.remedy}")
        return "\n".join(rows)


def _visible(text: str) -> str:
    return "".join(
        char if char.isprintable() else " " if char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


class Problems:
    """Collects diagnostics; the linter reports all at once."""

    def __init__(self) -> None:
        self._found: set[Diagnostic] = set()

    def add(self, at: tuple[int, int], message: str, remedy: str = "", *, warning: bool = False) -> None:
        """Something is wrong at this line and column."""
        self._found.add(Diagnostic(at[0], at[1], message, remedy, warning))

    @property
    def all(self) -> tuple[Diagnostic, ...]:
        """In the order of the file."""
        return tuple(sorted(self._found))

    @property
    def errors(self) -> bool:
        """Whether anything stops a run."""
        return any(not one.warning for one in self._found)
