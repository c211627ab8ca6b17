"""What runs on a node, and what of it has to stay."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from irkit.actions.kube.evictions import Evictee, budgets, evictee
from irkit.actions.kube.objects import NAME_LIMIT, Presence, find
from irkit.actions.kube.pods import ready
from irkit.model.kube import NODES, PODS
from irkit.model.ports import Reader
from irkit.model.refs import NodeRef


@dataclass(frozen=True, slots=True)
class Facts:
    """`pods` are all of the node, by namespace and name; `ready` is whether its kubelet answers."""

    presence: Presence
    cordoned: bool = False
    ready: bool = True
    pods: tuple[Evictee, ...] = ()


def observe(node: NodeRef, reader: Reader) -> Facts:
    """Read them. Raises Malformed."""
    kube = reader.kube(node.cluster)
    presence, doc = find(kube, NODES, node)
    if doc is None:
        return Facts(presence)
    here = [
        one for one in kube.list(PODS).items if one.text("spec", "nodeName", default="", limit=NAME_LIMIT) == node.name
    ]
    known = budgets(kube) if here else ()
    pods = (evictee(node.cluster, one, known) for one in here)
    return Facts(
        presence,
        cordoned=doc.flag("spec", "unschedulable", default=False),
        ready=ready(doc),
        pods=tuple(sorted(pods, key=lambda one: (one.ref.namespace, one.ref.name))),
    )


def split(pods: Iterable[Evictee], keep: Collection[str]) -> tuple[tuple[Evictee, ...], tuple[tuple[str, str], ...]]:
    """Those that have to go, and those that stay: what they are, and why."""
    going: list[Evictee] = []
    staying: list[tuple[str, str]] = []
    for pod in pods:
        why = _stays(pod, keep)
        if why:
            staying.append((pod.ref.path, why))
        elif not pod.ended:
            going.append(pod)
    return tuple(going), tuple(staying)


def _stays(pod: Evictee, keep: Collection[str]) -> str:
    if pod.case:
        return "evidence"
    if pod.static:
        return "static"
    if pod.owner.startswith("DaemonSet "):
        return "DaemonSet"
    return "kept namespace" if pod.ref.namespace in keep else ""
