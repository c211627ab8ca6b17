"""One cell of the matrix: a world as it was, a run to its end, a run that dies somewhere and is resumed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.crash.harness import Ended, Scene
from tests.crash.invariants import Outcome, after_crash, after_resume, outcome


def fresh(scene: Scene, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    scene.reset(folder)


def uninterrupted(scene: Scene, folder: Path) -> tuple[list[str], Outcome]:
    fresh(scene, folder)
    life = scene.child(scene.respond)
    assert life.code == 0
    return life.points, outcome(scene)


def violated(scene: Scene, folder: Path, wanted: Outcome, points: Sequence[str]) -> list[str]:
    """Die at each point in turn, then resume to the end; what does not hold."""
    fresh(scene, folder)
    lives: list[Ended] = []
    found: list[str] = []
    for point in points:
        life = scene.child(scene.respond, point)
        lives.append(life)
        if not life.killed and (life.code != 0 or len(lives) == 1):  # a second one may be passed by: steps race
            return [f"the point was not reached (status {life.code})"]
        found.extend(after_crash(scene))
    lives.append(scene.child(scene.respond))
    if lives[-1].code != 0:
        return [*found, f"the resumed run did not end (status {lives[-1].code})"]
    return found + after_resume(scene, wanted, lives)
