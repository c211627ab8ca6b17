"""What an undo is about to release, looked at before anybody says yes. Reads only, and journals nothing."""

from __future__ import annotations

from irkit.app.check import CheckReader
from irkit.app.runs import App
from irkit.app.undo import undo_playbook
from irkit.engine.decide import crowd, units
from irkit.engine.look import Looked, Task, look, prepare
from irkit.journal.blobs import Blobs
from irkit.journal.state import RunState
from irkit.model.plans import Change, Impact


def warned(app: App, case: str, only: str = "") -> tuple[Impact, ...]:
    """What the steps of the undo warn of, each once. What cannot be looked at now says nothing: the undo itself will.

    Raises UsageError where `only` names no step, ClientError where nothing can be asked at all.
    """
    state = app.cases.load(case)
    playbook, of, _ = undo_playbook(state, Blobs(app.cases.folder(case)).get, app.parts.catalog, only)
    run = RunState(
        id="r0", mode="undo", name=playbook.name, playbook="", checked="", inputs={}, who=app.who, opened="", asked="",
        undoes=of, actions={},
    )  # fmt: skip
    tasks = [prepare(unit, playbook, state, run, app.parts.catalog) for unit in units(playbook, run)]
    known = [task for task in tasks if isinstance(task, Task)]
    reader = CheckReader(app, case, crowd(task.unit for task in known))
    found: dict[Impact, None] = {}
    for task in known:
        seen = look(task, reader, app.limits)
        if isinstance(seen, Looked) and isinstance(seen.plan, Change):
            found |= dict.fromkeys(one for one in seen.plan.impact if one.warn)
    return tuple(found)
