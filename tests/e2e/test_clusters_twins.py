"""One case in two clusters whose pods have equal uids, as static pods of one manifest have."""

from __future__ import annotations

from pathlib import Path

import pytest

from irkit.engine.perform import Closed
from irkit.lab import process
from irkit.lab.seed import Seed
from tests.e2e.plays import make_probeable
from tests.e2e.stage import Stage, verdicts
from tests.e2e.two import US, Two
from tests.support.shop import shop

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]


def twin() -> Seed:
    """The same seed makes the same names and uids; what tells clusters apart is that of kube-system."""
    seed = shop(cluster=US)
    home = next(one for one in seed.objects if (one["kind"], one["metadata"]["name"]) == ("Namespace", "kube-system"))
    home["metadata"]["uid"] = "5e7f0000-0000-4000-8000-000000000001"
    return seed


def test_each_is_proven_by_a_proof_of_its_own(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "twin"
    info = process.up(folder, twin())
    try:
        with info.control() as control:
            there = Stage(info, control, stage.state)
            for one in (stage, there):
                make_probeable(one)
            two = Two(stage, there, {})
            assert {one.uid for one in stage.pods} == {one.uid for one in there.pods}

            end = two.advance(two.open())
    finally:
        process.down(folder)

    assert isinstance(end, Closed)
    assert end.run.outcome == "complete"
    proofs = {step: found for step, found in verdicts(end.run).items() if step.startswith(("cut", "probe", "isolate"))}
    assert (len(proofs), set(proofs.values())) == (6, {"proven"})
