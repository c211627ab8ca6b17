"""Before a run is opened: which cluster this is, and what it would not let this identity do."""

from __future__ import annotations

from collections.abc import Mapping

from irkit.actions.catalog import Catalog
from irkit.app.asks import Ask, under_way
from irkit.app.cases import Cases
from irkit.engine.aside import Aside, outcome
from irkit.engine.preflight import WAVE, Preflight, grants, needs, review
from irkit.errors import Denied
from irkit.model.base import Json
from irkit.model.playbooks import Playbook, When
from irkit.model.ports import Kube
from irkit.model.refs import NamespaceRef, TargetRef
from irkit.playbook.conditions import holds


def namespace_of(target: TargetRef) -> str:
    """The namespace that a run about this target writes to; "" where it is in none."""
    return target.name if isinstance(target, NamespaceRef) else str(getattr(target, "namespace", ""))


def permissions(  # noqa: PLR0913 -- what is asked about, and how it is asked
    kube: Kube, playbook: Playbook, catalog: Catalog, target: TargetRef, inputs: Mapping[str, Json] | None = None,
    *, wave: int = WAVE,
) -> Preflight:  # fmt: skip
    """What the API would not allow of all that the playbook and its undo need.

    It is asked for in the target's namespace, and in that of tool pods where these inputs name another. Steps that
    these inputs leave out by their `when` need nothing, now or later.
    """
    book = playbook if inputs is None else _remaining(playbook, inputs)
    return review(kube.reader, needs(grants([book], catalog, inputs), namespace_of(target)), wave)


def _remaining(playbook: Playbook, inputs: Mapping[str, Json]) -> Playbook:
    """The playbook without the steps that these inputs leave out, whatever other steps find."""
    given = {name: value for name, value in inputs.items() if value is not None}
    known = {one.name: one.default for one in playbook.inputs} | given
    steps = tuple(step for step in playbook.steps if step.when is None or not _never(step.when, known))
    return playbook.model_copy(update={"steps": steps})


def _never(when: When, inputs: Mapping[str, Json]) -> bool:
    return all(name[0] == "inputs" for name in when.names) and holds(when, inputs, {}, {}) is False


def joins(cases: Cases, ask: Ask, playbook: Playbook, inputs: dict[str, Json]) -> bool:
    """Whether the run that is asked for is under way already: then it was checked when it was opened."""
    found = cases.find(ask.target)
    if found is None or not (cases.folder(found.case) / "journal.jsonl").exists():
        return False
    return under_way(cases.load(found.case), playbook, inputs, ask.asked) is not None


def look_before(
    kube: Kube, playbook: Playbook, catalog: Catalog, ask: Ask, *, check: bool
) -> tuple[str, Preflight | None]:
    """What the cluster really is, and the preflight: asked side by side, so that neither waits for the other.

    With `check` False only the first.

    Raises:
        ClientError: the cluster's identity cannot be read.
        Refused: the cluster would not allow something that must not fail.
    """
    if not check:
        return kube.identity(), None
    with Aside(1, thread_name_prefix="irkit-preflight") as pool:
        asked = pool.submit(permissions, kube, playbook, catalog, ask.target, ask.inputs)
        try:
            uid = kube.identity()
        except Denied:
            outcome(asked).check(ask.playbook_name)  # names all that is missing, this among it
            raise
        found = outcome(asked)
    found.check(ask.playbook_name)
    return uid, found
