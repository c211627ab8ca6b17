"""Every case file of every action: facts in, effects out."""

from __future__ import annotations

import pytest

from tests.support.action_cases import ActionCase, all_cases


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.id)
def test_the_action_answers_as_its_case_file_says(case: ActionCase) -> None:
    assert [] == case.problems()
