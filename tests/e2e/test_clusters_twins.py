"""One case in two clusters whose pods have equal uids, as static pods of one manifest have."""

from __future__ import annotations

from pathlib import Path

import pytest

from irkit.app import clock
from irkit.app.runs import Ask
from irkit.engine.perform import Closed
from irkit.lab import process
from irkit.lab.behaviour import TOOLS
from irkit.lab.seed import Seed
from irkit.model.base import Json
from tests.e2e.plays import make_probeable, why
from tests.e2e.stage import Stage, book, verdicts
from tests.e2e.two import US, Two
from tests.support.shop import shop

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]
PROBE = book(f'    - {{id: probe, uses: kube.probe_pod, with: {{pod: "${{inputs.pod}}", image: "{TOOLS}"}}}}\n')


def twin() -> Seed:
    """The same seed makes the same names and uids; what tells clusters apart is that of kube-system."""
    seed = shop(cluster=US)
    home = next(one for one in seed.objects if (one["kind"], one["metadata"]["name"]) == ("Namespace", "kube-system"))
    home["metadata"]["uid"] = "5e7f0000-0000-4000-8000-000000000001"
    return seed


def test_each_has_a_proof_of_its_own(stage: Stage, tmp_path: Path) -> None:
    """Tried without isolating it: no policy, whose uid would differ, is in the circumstances."""
    folder = tmp_path / "twin"
    info = process.up(folder, twin())
    try:
        with info.control() as control:
            there = Stage(info, control, stage.state)
            for one in (stage, there):
                make_probeable(one)
            two = Two(stage, there, {})
            assert {one.uid for one in stage.pods} == {one.uid for one in there.pods}
            given: dict[str, Json] = {"pod": two.pod("here").dump()}
            ask = Ask(two.pod("here"), PROBE.encode(), "test.yaml", given, clock.now(), beside=(two.pod("there"),))
            end = two.advance(two.app().open_run(ask))
    finally:
        process.down(folder)

    assert isinstance(end, Closed)
    kept = {step: why(end.run, step) for step in end.run.steps}
    assert set(verdicts(end.run).values()) == {"leaky"}, kept
    assert len(kept) == 2
