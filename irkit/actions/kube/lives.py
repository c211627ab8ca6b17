"""Whether a pod's containers still are those that irkit found.

A container that is started again has another process: what was in memory and in the writable layer is gone. Isolation
itself may be the cause, by a liveness probe that needs the network (domain.md §2). The counts of before are in the
journal: the reply of the patch with which irkit first marked the pod, which is older than anything irkit cuts off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from irkit.errors import Malformed
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall
from irkit.model.plans import Impact, Receipts, Verdict

_STATUSES = "/status/containerStatuses"
_COUNTED = 8
"""Containers of one pod whose counts are kept: a record is small."""
_NAME, _TIME = 63, 40


@dataclass(frozen=True, slots=True)
class Life:
    """A container: how often it was started again, whether it runs, and how it last ended ("" and 0: it never did).

    `patience` is how many seconds its liveness probe may fail before the kubelet ends it; 0 where it has none.
    """

    name: str
    restarts: int = 0
    running: bool = True
    ended: str = ""
    code: int = 0
    patience: int = 0


def lives(pod: Doc) -> tuple[Life, ...]:
    """Those of a pod's containers that its status tells of, by name.

    None where one of them cannot be read: whoever owns the node writes them, and they must not hold up a containment.
    """
    try:
        probes = {one.text("name", limit=_NAME): _patience(one) for one in pod.each("spec", "containers")}
        found = (_life(one, probes) for one in pod.each("status", "containerStatuses"))
        return tuple(sorted(found, key=lambda one: one.name))
    except Malformed:
        return ()


def _life(status: Doc, probes: Mapping[str, int]) -> Life:
    name = status.text("name", limit=_NAME)
    state = "state" if status.has("state", "terminated") else "lastState"
    last = status.part(state, "terminated")
    return Life(
        name,
        restarts=status.integer("restartCount", default=0),
        running=status.has("state", "running"),
        ended=last.text("finishedAt", default="", limit=_TIME),
        code=last.integer("exitCode", default=0),
        patience=probes.get(name, 0),
    )


def _patience(container: Doc) -> int:
    """Kubernetes documentation, "Configure Liveness, Readiness and Startup Probes": every 10 s, 3 failures."""
    if not container.has("livenessProbe"):
        return 0
    probe = container.part("livenessProbe")
    times, seconds = probe.integer("failureThreshold", default=3), probe.integer("periodSeconds", default=10)
    return times * seconds + probe.integer("timeoutSeconds", default=1)


def counting(call: KubeCall, found: Sequence[Life]) -> KubeCall:
    """The same patch of a pod, of whose reply the journal keeps how often each container was started."""
    pointers = (
        f"{_STATUSES}/{index}/{field}"
        for index in range(min(len(found), _COUNTED))
        for field in ("name", "restartCount", "state/running/startedAt")
    )
    return call.model_copy(update={"keep": (*call.keep, *pointers)})


def lost(found: Iterable[Life], mine: Receipts, effect: str) -> str:
    """What became of containers since the effect of this name, in words; "" where all live on, or nobody counted."""
    before = _before(mine, effect)
    gone = [
        one
        for one in found
        if one.name in before and (one.restarts > before[one.name][0] or (before[one.name][1] and not one.running))
    ]
    if not gone:
        return ""
    return f"EVIDENCE LOST: {'; '.join(_words(one, before[one.name][0]) for one in gone)}"


def without(lost: str, found: Verdict) -> Verdict:
    """A verdict about something else, once evidence was lost: that first, and never proven, for it is no success."""
    status = "unproven" if found.status == "proven" else found.status
    return Verdict(status=status, why=f"{lost}; the rest: {found}") if lost else found


def _words(one: Life, before: int) -> str:
    times = one.restarts - before
    how = f" (it ended at {one.ended}, exit code {one.code})" if one.ended else ""
    what = f"was started again {times} times" if times > 1 else "was started again" if times else "has ended"
    return f"container {one.name} {what} since irkit marked the pod{how}: its memory and its own files are gone"


def _before(mine: Receipts, effect: str) -> dict[str, tuple[int, bool]]:
    """Restarts of each container and whether it ran, when irkit first marked the pod."""
    for receipt in mine.ended:
        found: dict[str, tuple[int, bool]] = {}
        for index in range(_COUNTED if receipt.effect == effect else 0):
            name = receipt.reply.get(f"{_STATUSES}/{index}/name")
            count = receipt.reply.get(f"{_STATUSES}/{index}/restartCount")
            if isinstance(name, str) and isinstance(count, int):
                found[name] = count, f"{_STATUSES}/{index}/state/running/startedAt" in receipt.reply
        if found:
            return found
    return {}


def endangered(found: Iterable[Life]) -> tuple[Impact, ...]:
    """Containers that the kubelet starts again if cutting the network off makes their liveness probe fail."""
    return tuple(
        Impact(
            who=f"container {one.name}",
            what=f"has a liveness probe: if that needs the network, it is started again within {one.patience} s and "
            "its memory is lost",
            warn=True,
        )
        for one in found
        if one.patience
    )
