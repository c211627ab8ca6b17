"""Every point at which irkit can die while it contains a pod, one real SIGKILL each."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from irkit.engine.perform import Engine
from irkit.engine.turns import Job, close
from irkit.errors import IrkitError
from irkit.journal.state import RunState
from irkit.model import records as r
from irkit.model.effects import KubeCall
from irkit.model.plans import Verdict
from irkit.model.refs import ClusterRef
from tests.crash import invariants
from tests.crash.harness import Scene, world_of
from tests.crash.matrix import fresh, uninterrupted, violated

pytestmark = [pytest.mark.timeout(900), pytest.mark.e2e]
SHARES = [("two", 0, 1), *(("whole", share, 8) for share in range(8))]
"""The points of a scene in so many equal shares: workers take them side by side."""


def matrix(scene: Scene, folder: Path, share: int = 0, of: int = 1) -> Iterator[tuple[str, list[str]]]:
    points, wanted = uninterrupted(scene, folder)
    for point in points[share::of]:
        yield point, violated(scene, folder, wanted, [point])


def test_there_are_so_many_points(two: Scene, whole: Scene, tmp_path: Path) -> None:
    """A new record or effect must show here: somebody then knows that it was crashed too."""
    for scene, wanted in ((two, POINTS_OF_TWO), (whole, POINTS_OF_WHOLE)):
        points, _ = uninterrupted(scene, tmp_path / "state")
        assert wanted == len(points)
        assert len(set(points)) == len(points)


POINTS_OF_TWO = 46
POINTS_OF_WHOLE = 277


@pytest.mark.parametrize(("name", "share", "of"), SHARES)
def test_every_single_crash(name: str, share: int, of: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    scene: Scene = request.getfixturevalue(name)
    assert [] == [(point, broken) for point, broken in matrix(scene, tmp_path / "state", share, of) if broken]


def seconds(scene: Scene, folder: Path, first: str) -> list[str]:
    """The points that a process passes which resumes what died at `first`."""
    fresh(scene, folder)
    scene.child(scene.respond, first)
    return scene.child(scene.respond).points


def pairs(scene: Scene, folder: Path) -> list[tuple[str, str]]:
    """All pairs: die, resume, die again at any point that the resumed process passes."""
    points, _ = uninterrupted(scene, folder)
    return [(first, second) for first in points for second in seconds(scene, folder, first)]


def test_a_sample_of_double_crashes(two: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    _, wanted = uninterrupted(two, folder)
    every = pairs(two, folder)
    chosen = random.Random(20261121).sample(every, 120)
    assert [] == [(pair, broken) for pair in chosen if (broken := violated(two, folder, wanted, pair))]


def test_a_sample_of_double_crashes_of_the_whole_playbook(whole: Scene, tmp_path: Path) -> None:
    folder, seeded = tmp_path / "state", random.Random(20261121)
    points, wanted = uninterrupted(whole, folder)
    after = {first: seconds(whole, folder, first) for first in seeded.sample(points, 50)}
    chosen = [(first, seeded.choice(found)) for first, found in after.items() if found]
    assert len(chosen) >= 45  # nothing is left to pass after the last records
    assert [] == [(pair, broken) for pair in chosen if (broken := violated(whole, folder, wanted, pair))]


@pytest.mark.crash_all
@pytest.mark.parametrize("name", ["two", "whole"])
def test_every_double_crash(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    scene: Scene = request.getfixturevalue(name)
    folder = tmp_path / "state"
    _, wanted = uninterrupted(scene, folder)
    every = pairs(scene, folder)
    assert [] == [(pair, broken) for pair in every if (broken := violated(scene, folder, wanted, pair))]


# -- engines that are wrong in one method: the same matrix must catch each by name --------------------------


class BlindReissue(Engine):
    """Sends again what was intended, without looking whether it took place."""

    def doubt_open_intents(self) -> None:
        for effect in list(self.state.effects.values()):
            if effect.status == "intended" and isinstance(effect.call, dict):
                call: Any = KubeCall.parse(effect.call)
                with contextlib.suppress(IrkitError):
                    self.setting.world.kube(ClusterRef(id=call.cluster)).perform(call, {}, 10.0)
        super().doubt_open_intents()


class NoIntent(Engine):
    """Sends without having said so."""

    def act(self, run: RunState, acting: Sequence[Job], before: Sequence[r.AnyBody]) -> None:
        if before:
            self.append(*before)
        for job in acting:
            self.fly(job)


class IntentAfterEffect(Engine):
    """Says so afterwards."""

    def act(self, run: RunState, acting: Sequence[Job], before: Sequence[r.AnyBody]) -> None:
        intents = [self.intent(run, job) for job in acting]
        for job in acting:
            self.fly(job)
        self.flight.settle()
        if before or intents:
            self.append(*before, *intents)


class Unverified(Engine):
    """Believes the reply."""

    def after_effects(self, run: RunState, job: Job, *, ok: bool) -> list[r.AnyBody]:
        return [close(run, job.unit, Verdict.proven("the call returned 200"))] if ok else []


@pytest.mark.parametrize(
    ("engine", "invariant"),
    [
        (BlindReissue, invariants.ONCE),
        (NoIntent, invariants.INTENT),
        (IntentAfterEffect, invariants.INTENT),
        (Unverified, invariants.LOOKED),
    ],
)
def test_a_broken_engine_is_caught_by_name(engine: type[Engine], invariant: str, two: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    points, wanted = uninterrupted(two, folder)  # by the right engine
    two.engine = engine
    broken = itertools.chain.from_iterable(violated(two, folder, wanted, [point]) for point in points)
    assert invariant in broken


# -- undo ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "share", "of"), SHARES)
def test_undo_from_every_crash_brings_the_world_back(
    name: str, share: int, of: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    scene: Scene = request.getfixturevalue(name)
    folder = tmp_path / "state"
    points, _ = uninterrupted(scene, folder)
    wrong = []
    for point in points[share::of]:
        fresh(scene, folder)
        before = world_of(scene.control)
        scene.child(scene.respond, point)
        if not scene.case().effects:
            continue  # it died before it wanted anything
        life = scene.child(scene.undo)
        if life.code != 0 or world_of(scene.control) != before:
            wrong.append((point, life.code))
    assert [] == wrong


def test_undo_survives_every_crash_of_its_own(two: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    fresh(two, folder)
    before = world_of(two.control)
    two.child(two.respond)
    points = two.child(two.undo).points
    wrong = []
    for point in points:
        fresh(two, folder)
        two.child(two.respond)
        first = two.child(two.undo, point)
        again = two.child(two.undo if not _undone(two) else _nothing)
        if not first.killed or again.code != 0 or world_of(two.control) != before:
            wrong.append((point, first.code, again.code))
    assert [] == wrong


def test_undo_lets_go_of_what_it_put_back_after_any_crash_in_between(whole: Scene, tmp_path: Path) -> None:
    """The pod's labels: put back by one patch, and by another no longer irkit's."""
    folder = tmp_path / "state"
    fresh(whole, folder)
    before = world_of(whole.control)
    whole.child(whole.respond)
    points = [point for point in whole.child(whole.undo).points if "/disown" in point or "/give-back" in point]
    assert any("/disown" in point for point in points)
    wrong = []
    for point in points:
        fresh(whole, folder)
        whole.child(whole.respond)
        first = whole.child(whole.undo, point)
        again = whole.child(whole.undo if not _undone(whole) else _nothing)
        if not first.killed or again.code != 0 or world_of(whole.control) != before or _owns(whole):
            wrong.append((point, first.code, again.code))
    assert [] == wrong


def _owns(scene: Scene) -> bool:
    pod = scene.case().target
    found = scene.control.get("pods", pod.name, "shop") if pod is not None else None
    return found is None or "irkit" in {one["manager"] for one in found["metadata"]["managedFields"]}


def _undone(scene: Scene) -> bool:
    return any(run.mode == "undo" and run.outcome == "complete" for run in scene.case().runs.values())


def _nothing(_app: object) -> bool:
    return True


def test_two_runs_then_undo_returns_the_first_originals(two: Scene, tmp_path: Path) -> None:
    fresh(two, tmp_path / "state")
    before = world_of(two.control)
    assert 0 == two.child(two.respond).code
    two.asked = two.case().runs["r1"].closed
    assert 0 == two.child(two.respond).code
    assert 2 == len(two.case().runs)
    assert 0 == two.child(two.undo).code
    assert before == world_of(two.control)


def test_somebody_elses_later_edit_stops_the_undo_and_is_shown(two: Scene, tmp_path: Path) -> None:
    fresh(two, tmp_path / "state")
    two.child(two.respond)
    pod = two.case().target
    assert pod is not None
    label = {"metadata": {"labels": {"irkit.dev/case": "mine-now"}}}
    two.control.merge("pods", pod.name, label, "shop")
    two.child(two.undo)
    (undo,) = [run for run in two.case().runs.values() if run.mode == "undo"]
    drift = [one for step in undo.steps.values() for one in step.drift]
    assert "partial" == undo.outcome
    assert [("mine-now", "IR-20261121-test", None)] == [(one.now, one.ours, one.original) for one in drift]
    found = two.control.get("pods", pod.name, "shop")
    assert found is not None
    assert "mine-now" == found["metadata"]["labels"]["irkit.dev/case"]
