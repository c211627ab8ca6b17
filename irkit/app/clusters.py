"""Several clusters in one case: which they are, that each is the one that was meant, and a run that spans them.

The first cluster is the case's own; it is looked at before anything else. The others have their steps in the same run:
one that does not answer, or answers as another, parks those steps and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from typing import TypeVar

from irkit.actions.catalog import Catalog
from irkit.app.asks import Ask
from irkit.app.cases import Cases
from irkit.app.preflight import joins, look_before, permissions
from irkit.engine.aside import outcome
from irkit.engine.preflight import Preflight
from irkit.errors import ClientError, Refused, UsageError
from irkit.journal.state import CaseState
from irkit.model.base import Json
from irkit.model.playbooks import Playbook
from irkit.model.ports import Kube
from irkit.model.refs import ClusterRef, Reached, TargetRef
from irkit.playbook import load_playbook
from irkit.playbook.bindings import REFERENCES, check_inputs
from irkit.playbook.spread import places, spread

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds that the first cluster's containment waits for the others to say what they are."""


def checked(ask: Ask, catalog: Catalog) -> tuple[Playbook, dict[str, Json]]:
    """The playbook that is asked for and its inputs: spread over the clusters where there are several.

    Raises PlaybookError; UsageError for inputs that it does not take, or a playbook that cannot be spread.
    """
    playbook = load_playbook(ask.playbook, ask.playbook_name, catalog)
    if not ask.beside:
        return playbook, check_inputs(playbook, ask.inputs)
    about = _about(ask)
    twice = [one.cluster for one in (ask.target, *ask.beside)]
    if not about or len({one.id for one in twice}) < len(twice):
        msg = "a case has each cluster once" if about else f"playbook {playbook.name} takes no {ask.target}"
        raise UsageError(msg, did="nothing was changed")
    made, names = spread(playbook, about, places(ask.target.cluster.name, [one.cluster.name for one in ask.beside]))
    further: dict[str, Json] = {name: one.dump() for name, one in zip(names, ask.beside, strict=True)}
    return made, check_inputs(made, {**ask.inputs, **further})


def _about(ask: Ask) -> str:
    """The input that names what the run is about; "" where none does."""
    return next((name for name, value in ask.inputs.items() if value == ask.target.dump()), "")


@dataclass(frozen=True, slots=True)
class Spanning:
    """A run as it is to be opened: spread, and with what its clusters said they are.

    `uid` is what the first one is, `kubernetes` the user that it sees.
    """

    ask: Ask
    playbook: Playbook
    inputs: dict[str, Json]
    uid: str
    kubernetes: str
    beside: dict[str, Reached]

    def changed(self, state: CaseState) -> str:
        """The cluster that is another one than it was for this case, or ""."""
        if state.cluster_uid != self.uid:
            return str(self.ask.target.cluster)
        for cluster, now in self.beside.items():
            known = state.clusters.get(cluster)
            if known is not None and known.uid and now.uid not in {"", known.uid}:
                return cluster
        return ""


def look_around(
    reach: Callable[[ClusterRef], Kube], cases: Cases, catalog: Catalog, ask: Ask, *, preflight: bool
) -> tuple[Spanning, Preflight | None]:
    """The run to be opened, every cluster asked what it is and (`preflight`) what it would not allow, side by side.

    A further cluster that gives no answer in time has no uid, and is told from others once it answers.

    Raises:
        PlaybookError, UsageError: as `checked`.
        ClientError: what the first cluster is, or whom it sees, cannot be read.
        Refused: a cluster would not allow something that must not fail; or two of them are one.
    """
    playbook, inputs = checked(ask, catalog)
    one = load_playbook(ask.playbook, ask.playbook_name, catalog) if ask.beside else playbook  # for each cluster
    check = preflight and not joins(cases, ask, playbook, inputs)
    pool, first = ThreadPoolExecutor(2 * len(ask.beside) + 1, thread_name_prefix="irkit-clusters"), ask.target.cluster
    ends = time.monotonic() + PATIENCE
    user = pool.submit(lambda: reach(first).whoami())
    who = {it.cluster: pool.submit(_reached, reach, it.cluster) for it in ask.beside}
    may = {it.cluster: pool.submit(_permissions, reach, one, catalog, it, ask) for it in ask.beside if check}
    pool.shutdown(wait=False)
    uid, found = look_before(reach(first), one, catalog, ask, check=check)
    for cluster, asked in may.items():
        _allowed(_in_time(asked, ends), cluster, playbook)
    beside = {cluster.id: _in_time(asked, ends) or Reached() for cluster, asked in who.items()}
    _distinct({first.id: uid, **{cluster: one.uid for cluster, one in beside.items() if one.uid}})
    return Spanning(ask, playbook, inputs, uid, outcome(user), beside), found


def _distinct(uids: Mapping[str, str]) -> None:
    """Raises Refused where two names lead to one cluster: the other would be told as contained, and never touched."""
    seen: dict[str, str] = {}
    for cluster, uid in uids.items():
        if uid in seen:
            msg = f"{cluster} and {seen[uid]} are the same cluster: both contexts lead to one API server"
            raise Refused(msg, did="nothing was changed", hint="check their contexts in irkit.yaml and the kubeconfig")
        seen[uid] = cluster


def _permissions(
    reach: Callable[[ClusterRef], Kube], playbook: Playbook, catalog: Catalog, target: TargetRef, ask: Ask
) -> Preflight:
    """Of a further cluster, with the inputs of its own steps: its target, and no object of the first one (`spread`)."""
    objects = {one.name for one in playbook.inputs if one.type in REFERENCES}
    inputs = {name: value for name, value in ask.inputs.items() if name not in objects}
    return permissions(reach(target.cluster), playbook, catalog, target, {**inputs, _about(ask): target.dump()})


def _reached(reach: Callable[[ClusterRef], Kube], cluster: ClusterRef) -> Reached:
    kube = reach(cluster)
    return Reached(uid=kube.identity(), kubernetes=kube.whoami())


def _in_time(asked: Future[T], ends: float) -> T | None:
    """What was answered, or None: it did not answer, and its steps will say so."""
    try:
        return asked.result(max(ends - time.monotonic(), 0.0))
    except (ClientError, TooLate):
        return None


def _allowed(found: Preflight | None, cluster: ClusterRef, playbook: Playbook) -> None:
    try:
        (found or Preflight()).check(playbook.name)
    except Refused as error:
        msg = f"{cluster}: {error.message}"
        raise Refused(msg, hint=error.hint) from error
