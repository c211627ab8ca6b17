"""The finding that the shipped drill starts from."""

from __future__ import annotations

import orjson

from irkit.intake import receive
from irkit.model.refs import PodRef
from tests.support import guardduty as g


def test_the_drills_finding_is_one_that_guardduty_could_send() -> None:
    assert g.problems(g.drill()) == ""


def test_the_shipped_file_is_that_finding_as_an_event() -> None:
    # after a change: python -m tests.support.guardduty
    assert orjson.loads(g.DRILL_FILE.read_bytes()) == g.event(g.drill())


def test_it_names_a_pod_by_its_uid() -> None:
    finding = receive(g.DRILL_FILE.read_bytes(), source_name="finding.json").finding

    assert isinstance(finding.target, PodRef)
    assert (finding.target.path, finding.target.uid) == ("shop/web-6c9f7d8b5-x2x4p", g.POD["Uid"])
