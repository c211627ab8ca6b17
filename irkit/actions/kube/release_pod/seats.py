"""Which controllers would adopt a pod that got its labels back, and whether they would then delete it.

A controller adopts what its selector matches and nobody controls; then it has one too many and deletes one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from irkit.actions.kube.netpol import Selector
from irkit.actions.kube.objects import NAME_LIMIT, name_of, uid_of
from irkit.actions.kube.owners import controller
from irkit.actions.kube.ranking import Standing, active, endangered, likely
from irkit.model.doc import Doc
from irkit.model.kube import DAEMON_SETS, JOBS, PODS, REPLICA_SETS, STATEFUL_SETS
from irkit.model.ports import KubeReader
from irkit.model.refs import PodRef

_ENDED = frozenset({"Complete", "Failed"})


@dataclass(frozen=True, slots=True)
class Seat:
    """A controller that may adopt. `wanted` is how many pods it shall have, from the ordinal `first` on.

    `top` is what people scale: its own controller, or itself, as `kind/name`. `family` is the uid of that.
    `revision` is the template's that it replaces older pods for.
    """

    kind: str
    name: str
    uid: str
    selector: Selector
    wanted: int
    top: str
    family: str
    first: int = 0
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """The controllers of a namespace, and its pods as they would rank them; `ours` is the pod in question."""

    ours: Standing
    seats: tuple[Seat, ...] = ()
    pods: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class Danger:
    """What adopting would do: `pod` may be deleted by `seat`, and why. "" where it surely is not."""

    seat: Seat
    pod: str = ""
    why: str = ""
    victims: tuple[str, ...] = ()


def room(kube: KubeReader, pod: PodRef) -> Room | None:
    """Read it; None where the pod itself is not in the list of its namespace."""
    listing = kube.list(PODS, pod.namespace)
    pods = tuple(Standing.read(one, listing.as_of) for one in listing.items if active(one))
    ours = next((one for one in pods if one.uid == pod.uid), None)
    seats = [
        _seat(doc, resource.kind)
        for resource in (REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS)
        for doc in kube.list(resource, pod.namespace).items
        if not doc.has("metadata", "deletionTimestamp") and not _ended(doc)
    ]
    if ours is None:
        return None
    others = tuple(sorted((one for one in pods if one.uid != pod.uid), key=lambda one: one.uid))
    return Room(ours, tuple(sorted(seats, key=lambda one: (one.kind, one.name))), others)


def _seat(doc: Doc, kind: str) -> Seat:
    name = name_of(doc)
    above, uid = controller(doc), uid_of(doc)
    rolls = doc.text("spec", "updateStrategy", "type", default="RollingUpdate", limit=63) == "RollingUpdate"
    return Seat(
        kind=kind,
        name=name,
        uid=uid,
        selector=Selector.read(doc.part("spec", "selector")),
        wanted=doc.integer("spec", "parallelism" if kind == "Job" else "replicas", default=1),
        top=f"{above.kind.lower()}/{above.name}" if above else f"{kind.lower()}/{name}",
        family=above.uid if above else uid,
        first=doc.integer("spec", "ordinals", "start", default=0),
        revision=doc.text("status", "updateRevision", default="", limit=NAME_LIMIT) if rolls else "",
    )


def _ended(doc: Doc) -> bool:
    return any(
        one.text("type", limit=NAME_LIMIT) in _ENDED and one.text("status", limit=16) == "True"
        for one in doc.each("status", "conditions")
    )


def dangers(labels: Mapping[str, str], found: Room) -> tuple[Danger, ...]:
    """What each controller would do that adopts the pod once it has these labels."""
    taking = (seat for seat in found.seats if seat.selector.matches(labels))
    judged = (_of_set(seat, labels, found) if seat.kind in _BY_NAME else _of_count(seat, found) for seat in taking)
    return tuple(one for one in judged if one is not None)


_BY_NAME = frozenset({"StatefulSet", "DaemonSet"})


def _of_set(seat: Seat, labels: Mapping[str, str], found: Room) -> Danger | None:
    """Controllers that give each pod a place of its own: an ordinal, or a node."""
    ours, hash_ = found.ours, labels.get("controller-revision-hash", "")
    if seat.kind == "StatefulSet":
        stem, _, ordinal = ours.name.rpartition("-")
        if stem != seat.name or not (ordinal.isascii() and ordinal.isdecimal()):
            return None  # it adopts only what bears one of its names
        if not seat.first <= int(ordinal) < seat.first + seat.wanted:
            return Danger(seat, ours.name, f"it has no replica {ordinal} any more and deletes it")
        if seat.revision and hash_ != seat.revision:
            return Danger(seat, ours.name, "its template changed since, and it replaces older pods")
        return Danger(seat)
    here = [one for one in found.pods if one.owner == seat.uid and one.node == ours.node]
    if any(one.revision != hash_ for one in here):
        return Danger(seat, ours.name, "its template changed since, and it replaces older pods")
    if any(one.age >= ours.age for one in here):
        return Danger(seat, ours.name, "it keeps the oldest of its pods on a node, and that is another one")
    return Danger(seat, victims=tuple(one.name for one in here))


def _of_count(seat: Seat, found: Room) -> Danger:
    """Controllers that only count. Other released pods are counted too: somebody may be giving them back as well."""
    relatives = {one.uid for one in found.seats if one.family == seat.family}
    owned = [one for one in found.pods if one.owner == seat.uid]
    returning = sum(one.evidence and not one.owner and one.name.startswith(f"{seat.name}-") for one in found.pods)
    excess = len(owned) + 1 + returning - seat.wanted
    crowd = Counter(one.node for one in (*(one for one in found.pods if one.owner in relatives), found.ours))
    ours = replace(found.ours, evidence=True)
    lost = endangered((*owned, ours), excess, crowd)
    victims = likely((*owned, ours), excess - returning, crowd)
    if lost is None:
        return Danger(seat, victims=victims)
    return Danger(seat, lost.name, f"it wants {seat.wanted} and would have {len(owned) + 1}", victims)
