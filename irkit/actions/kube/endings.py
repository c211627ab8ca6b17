"""Deletions that were decided and wait: who is released while its node is away ends when the node is back.

A kubelet carries out a deletion only when it hears of it. While its node cannot reach the API server, taint eviction
asks for the deletion of what runs there (after 300 s by default); once the network is back, the kubelet does as asked,
and memory and writable layer are lost (domain.md §3; seen on a real cluster). Source of the condition: Kubernetes
documentation, "Disruptions", pod disruption conditions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from irkit.actions.kube.objects import NAME_LIMIT, living
from irkit.errors import Malformed
from irkit.model.doc import Doc
from irkit.model.plans import Impact

UNREACHABLE = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
"""Taints of a node that does not answer (Kubernetes documentation, "Taints and Tolerations")."""
_SHOWN = 10
_TIME = 40


@dataclass(frozen=True, slots=True)
class Ending:
    """A pod that is to end. `at` is when its deletion was asked for, "" where that was denied so far."""

    pod: str
    at: str = ""


def ending(pod: Doc) -> Ending | None:
    """Whether it is wanted deleted: it was asked for, or tried by what evicts from nodes that are away."""
    try:
        path = f"{pod.text('metadata', 'namespace', limit=NAME_LIMIT)}/{pod.text('metadata', 'name', limit=NAME_LIMIT)}"
        at = pod.text("metadata", "deletionTimestamp", default="", limit=_TIME)
        tried = any(
            one.text("type", limit=NAME_LIMIT) == "DisruptionTarget" and one.text("status", limit=16) == "True"
            for one in pod.each("status", "conditions")
        )
    except Malformed:
        return None  # a bystander that cannot be read holds no release up
    return Ending(path, at) if living(pod) and (at or tried) else None


def endings(pods: Iterable[Doc]) -> tuple[Ending, ...]:
    """Those of many, by name."""
    return tuple(sorted((one for one in map(ending, pods) if one is not None), key=lambda one: one.pod))


def away(node: Doc) -> bool:
    """Whether a node bears a taint by which its pods are evicted for its silence."""
    return any(
        one.text("key", limit=NAME_LIMIT) in UNREACHABLE and one.text("effect", limit=16) == "NoExecute"
        for one in node.each("spec", "taints")
    )


def warnings(found: Iterable[Ending]) -> tuple[Impact, ...]:
    """What a release must say of each."""
    known = tuple(found)
    said = [Impact(who=f"pod {one.pod}", what=_words(one), warn=True) for one in known[:_SHOWN]]
    if len(known) > _SHOWN:
        said.append(Impact(who=f"{len(known) - _SHOWN} more pods", what="end in the same way", warn=True))
    return tuple(said)


def _words(one: Ending) -> str:
    if one.at:
        return (
            f"its deletion was asked for at {one.at} and waits: once its node answers again, its kubelet ends it, and "
            "its memory and its own files are lost"
        )
    return (
        "its deletion was tried and denied, and is tried again: once its node answers again or nothing denies it any "
        "more, it ends, and its memory and its own files are lost"
    )
