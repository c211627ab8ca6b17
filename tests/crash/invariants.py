"""What must hold after any crash and a resume, each by its name. Checked from outside: journal, audit log, world."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from irkit.journal.state import CaseState
from irkit.journal.store import read_journal
from irkit.journal.verify import verify
from irkit.model import records as r
from tests.crash.harness import Ended, Scene, world_of, writes_of

INTENT = "no write without a durable intent"
VERIFIES = "the journal verifies"
CLOSED = "the run is closed, once"
VERDICTS = "verdicts as in the uninterrupted run"
OUTPUTS = "outputs as in the uninterrupted run"
ORIGINALS = "originals as in the uninterrupted run"
RECEIPTS = "one receipt per mark"
ONCE = "each write once"
WORLD = "the world as after the uninterrupted run"
LOOKED = "looked at again before it was closed"
KEPT = "every artefact in the folder is journaled, whole or torn"
SERVED = "nothing was asked that the lab does not serve"

_DIGEST = re.compile("[0-9a-f]{64}")
_TAKE = re.compile(r"-\d{1,2}(?=\.jsonl?$)")  # of an artefact, where an earlier take was torn
_CIRCUMSTANCES = re.compile(r"-[0-9a-f]{10}(?=\.json$)")  # a real API server gives each policy another uid
_HELD = re.compile(r"held \d+ TCP connections? before")  # by a real pod: those of a kubelet's probes come and go
_VOLATILE_OUTPUTS = frozenset({"sha256", "size"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an uninterrupted run leads to."""

    verdicts: dict[str, str]
    outputs: dict[str, Any]
    originals: dict[Any, Any]
    receipts: Counter[str]
    writes: list[str]
    world: dict[str, Any]


def outcome(scene: Scene) -> Outcome:
    """What there is now."""
    case = scene.case()
    steps = {f"{run.mode}/{key}": step for run in case.runs.values() for key, step in run.steps.items()}
    return Outcome(
        verdicts={key: _words(str(step.verdict), scene) for key, step in sorted(steps.items())},
        outputs={key: _stable(_outputs(key, step.outputs, scene), scene) for key, step in sorted(steps.items())},
        originals=_originals(scene),
        receipts=_receipts(scene),
        writes=writes_of(scene.control),
        world=world_of(scene.control),
    )


def _words(verdict: str, scene: Scene) -> str:
    said = _DIGEST.sub("<digest>", verdict)
    return said if scene.simulated else _HELD.sub("held <n> TCP connections before", said)


def _outputs(key: str, outputs: dict[str, Any] | None, scene: Scene) -> dict[str, Any] | None:
    """Less how many connections a real pod had before they were cut: as `_HELD`."""
    if outputs is None or scene.simulated or key != "apply/cut":
        return outputs
    return {name: value for name, value in outputs.items() if name != "before"}


def _stable(value: Any, scene: Scene) -> Any:
    if isinstance(value, dict):
        return {key: _stable(item, scene) for key, item in value.items() if key not in _VOLATILE_OUTPUTS}
    if isinstance(value, list):
        return [_stable(item, scene) for item in value]
    if not isinstance(value, str):
        return value
    taken = _TAKE.sub("", value)
    return taken if scene.simulated else _CIRCUMSTANCES.sub("", taken)


def _originals(scene: Scene) -> dict[Any, Any]:
    """Read from the records themselves: the fold forgets them once they are restored."""
    kept = [record.body.original for record in read_journal(scene.folder) if isinstance(record.body, r.OriginalKept)]
    first: dict[Any, Any] = {}
    for one in kept:
        first.setdefault((one.target, one.field), one.value)
    return first


def _receipts(scene: Scene) -> Counter[str]:
    return Counter(record.body.key for record in read_journal(scene.folder) if isinstance(record.body, r.EffectDone))


def after_crash(scene: Scene) -> list[str]:
    """What must hold at the moment of death: every write that took effect was intended, durably."""
    intended = {_write_of(e.call) for e in CaseState().fold(read_journal(scene.folder)).effects.values()}
    return [] if set(writes_of(scene.control)) <= intended else [INTENT]


def _write_of(call: Any) -> str:
    if not isinstance(call, dict) or call["type"] != "kube":
        return ""
    return f"{call['verb']} {call['resource']['plural']} {call['namespace']}/{call['object']}"


def after_resume(scene: Scene, wanted: Outcome, lives: list[Ended]) -> list[str]:
    """The names of the invariants that do not hold."""
    found = outcome(scene)
    case = scene.case()
    checks = {
        VERIFIES: verify(scene.folder).status != "broken",
        CLOSED: all(run.outcome == "complete" for run in case.runs.values()),
        VERDICTS: found.verdicts == wanted.verdicts,
        OUTPUTS: found.outputs == wanted.outputs,
        ORIGINALS: found.originals == wanted.originals,
        RECEIPTS: found.receipts == wanted.receipts and set(found.receipts.values()) <= {1},
        ONCE: found.writes == wanted.writes,
        WORLD: found.world == wanted.world,
        LOOKED: all(looked_before_closing(life) for life in lives),
        KEPT: _artefacts_kept(scene) == _artefacts_journaled(scene),
        SERVED: not scene.control.unserved(),
    }
    return [name for name, holds in checks.items() if not holds]


def _artefacts_kept(scene: Scene) -> set[tuple[str, bool]]:
    """What is in the folder, and whether it has its manifest."""
    folder, end = scene.folder / "artefacts", ".manifest.json"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".part"}
    return {(name, name + end in names) for name in names if not name.endswith(end)}


def _artefacts_journaled(scene: Scene) -> set[tuple[str, bool]]:
    stored = [record.body for record in read_journal(scene.folder) if isinstance(record.body, r.ArtefactStored)]
    return {(one.location, one.complete) for one in stored}


def looked_before_closing(life: Ended) -> bool:
    """Between a step's last effect and its end, this process read something."""
    looked: dict[str, bool] = {}
    for line in life.told:
        if line.startswith("look GET"):
            looked = dict.fromkeys(looked, True)
        elif line.startswith("sent effect "):
            looked[line.split()[2].split("/")[0]] = False
        elif line.startswith("before step.closed ") and not looked.get(line.split()[2], True):
            return False
    return True
