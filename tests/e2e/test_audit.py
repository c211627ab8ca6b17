"""What the API's audit log says of irkit: each request about a case bears the case in its user agent."""

from __future__ import annotations

import pytest

from irkit.app import clock
from irkit.app.check import check
from tests.e2e.stage import ISOLATE, LABEL, Stage, book

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]
# Asked before the case has a name: may we, as whom, and which cluster.
BEFORE = {"selfsubjectaccessreviews", "selfsubjectreviews", "namespaces"}


def unnamed(stage: Stage, case: str) -> set[str]:
    """What was asked without the case."""
    return {one["resource"] for one in stage.control.audit() if f"({case})" not in one["user_agent"]}


def test_once_there_is_a_case_every_request_names_it(stage: Stage) -> None:
    stage.control.clear_audit()
    ticket, _ = stage.run(book(LABEL + ISOLATE))
    assert unnamed(stage, ticket.case) <= BEFORE
    stage.control.clear_audit()

    check(stage.app(), ticket.case)
    stage.advance(stage.app().open_undo(ticket.case, clock.now()))

    assert stage.control.audit()
    assert unnamed(stage, ticket.case) == set()
