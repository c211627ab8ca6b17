"""What a group answers, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `measured` and `baseline` are for people, units included; `ratio` is what counts.

    `goal` is the least that the ratio may be, or with `at_most` the most.
    """

    name: str
    measured: str
    baseline: str
    ratio: float
    goal: float
    at_most: bool = False

    @property
    def ok(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio <= self.goal if self.at_most else self.ratio >= self.goal


def table(rows: Sequence[Row]) -> str:
    """Aligned plain text, a line each."""
    cells = [("figure", "measured", "baseline", "ratio", "goal", "")]
    cells += [
        (row.name, row.measured, row.baseline, f"{row.ratio:.2f}", f"{'≤' if row.at_most else '≥'} {row.goal:g}",
         "ok" if row.ok else "missed")
        for row in rows
    ]  # fmt: skip
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    right = {3}
    return "".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        + "\n"
        for line in cells
    )
