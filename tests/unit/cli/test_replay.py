"""Who goes on with a run, or joins it, is shown what happens now; what was done before is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from irkit.model import records as r
from irkit.views.progress import before_lines
from irkit.views.terminal import paint
from tests.support.screens import case_file, closed, playbook

BOOK = playbook(*((f"s{number}", "read") for number in range(14)))


@pytest.mark.parametrize(
    ("bodies", "told"),
    [
        ([], ""),
        ([closed("s0", "proven")], "  1 step done before\n"),
        ([closed(f"s{number}", "proven") for number in range(12)], "  12 steps done before\n"),
        (
            [closed("s0", "proven"), closed("s1", "leaky"), closed("s2", "unproven"), closed("s3", "skipped")],
            "  4 steps done before, 2 of them not proven\n",
        ),
    ],
)
def test_what_was_done_before_is_one_line(tmp_path: Path, bodies: list[r.AnyBody], told: str) -> None:
    case, _ = case_file(tmp_path, BOOK, bodies)
    assert paint(before_lines(case, "r1"), colour=False) == told
    assert before_lines(case, "r9") == []
