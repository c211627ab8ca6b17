"""Who selects a pod by its labels, who controls it, and who would take it back if it had its labels again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from irkit.actions.kube.alter import read_exact
from irkit.actions.kube.fields import Field, Fields
from irkit.actions.kube.netpol import Policy, Selector
from irkit.actions.kube.objects import MIRROR_ANNOTATION, find, uid_of
from irkit.actions.kube.owners import controller
from irkit.actions.kube.pods import ready
from irkit.actions.kube.ranking import active
from irkit.actions.kube.release_pod.seats import Room, room
from irkit.actions.kube.release_pod.selecting import budgets, listed, services
from irkit.model.doc import Doc
from irkit.model.effects import Mark
from irkit.model.kube import CONTROLLERS, DOMAIN, NETWORK_POLICIES, PODS
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import PodRef

RELEASING = ("DaemonSet", "Job", "ReplicaSet", "StatefulSet")
"""Controllers that let go of a pod which their selector does not match any more (controller_ref_manager.go)."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The pod's controller. `there`: it exists; `holds`: its selector would match without the labels too."""

    kind: str
    name: str
    there: bool = True
    holds: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """`fields` are all labels but irkit's own; `strip` the keys by which something selects the pod.

    `services` select it, `listed` have it in an EndpointSlice, `budgets` cover it. Without the labels: `freed` are
    the policies that do not select it any more, `gained` those that do from then on, `opened` the directions that
    nothing polices. All are sorted. `room` has who would adopt it; it is read only where the pod has no controller.
    """

    fields: Fields
    strip: tuple[str, ...] = ()
    static: bool = False
    running: bool = True
    ready: bool = False
    owner: Owner | None = None
    services: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    freed: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    budgets: tuple[str, ...] = ()
    room: Room | None = None


def stripped(key: str) -> Field:
    """A label that has to go."""
    return Field(("metadata", "labels", key), None)


def observe(pod: PodRef, mark: Mark, reader: Reader) -> Facts:
    """Read them. Raises Malformed."""
    kube = reader.kube(pod.cluster)
    presence, doc = find(kube, PODS, pod)
    if doc is None:
        return Facts(Fields(presence))
    labels = doc.labels("metadata", "labels")
    policies = [Policy.read(one) for one in kube.list(NETWORK_POLICIES, pod.namespace).items]
    selectors = services(kube, pod.namespace)
    owner, of_owner = _owner(kube, doc, pod.namespace)
    selecting = [
        one for one in (*selectors.values(), *(each.selector for each in policies), *of_owner) if one.matches(labels)
    ]
    strip = tuple(sorted({key for one in selecting for key in _keys(one, labels)}))
    rest = {key: value for key, value in labels.items() if key not in strip}
    return Facts(
        fields=read_exact(doc, [stripped(key) for key in sorted(labels) if not _own(key)], mark.case),
        strip=strip,
        static=doc.has("metadata", "annotations", MIRROR_ANNOTATION),
        running=active(doc),
        ready=ready(doc),
        owner=Owner(owner.kind, owner.name, owner.there, any(one.matches(rest) for one in of_owner)) if owner else None,
        services=tuple(sorted(name for name, selector in selectors.items() if selector.matches(labels))),
        listed=listed(kube, pod),
        freed=_names(one for one in policies if one.selector.matches(labels) and not one.selector.matches(rest)),
        gained=_names(one for one in policies if one.selector.matches(rest) and not one.selector.matches(labels)),
        opened=tuple(sorted(_policed(policies, labels) - _policed(policies, rest))),
        budgets=budgets(kube, pod.namespace, labels, rest),
        room=room(kube, pod) if owner is None else None,
    )


def _own(key: str) -> bool:
    return key.partition("/")[0] == DOMAIN


def _keys(selector: Selector, labels: Mapping[str, str]) -> Iterable[str]:
    """The labels without which the selector would not match. A label that must be missing is no help."""
    return (
        one.key
        for one in selector.requirements
        if one.operator in {"In", "Exists"} and one.key in labels and not _own(one.key)
    )


def _names(policies: Iterable[Policy]) -> tuple[str, ...]:
    return tuple(sorted(one.name for one in policies))


def _policed(policies: Iterable[Policy], labels: Mapping[str, str]) -> set[str]:
    return {kind.lower() for one in policies if one.selector.matches(labels) for kind in one.types}


def _owner(kube: KubeReader, doc: Doc, namespace: str) -> tuple[Owner | None, tuple[Selector, ...]]:
    found = controller(doc)
    if found is None:
        return None, ()
    resource = CONTROLLERS.get(found.kind) if found.kind in RELEASING else None
    made = kube.get(resource, found.name, namespace) if resource is not None else None
    if made is None or uid_of(made) != found.uid:
        return Owner(found.kind, found.name, there=False), ()
    return Owner(found.kind, found.name), (Selector.read(made.part("spec", "selector")),)
