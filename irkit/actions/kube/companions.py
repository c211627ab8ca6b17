"""The other pods of a case. A fleet's pods are many, and each is asked for all the others: they are compared once."""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeVar

from irkit.actions.kube.objects import living
from irkit.actions.kube.owners import pod_ref
from irkit.model.kube import CASE_LABEL, PODS
from irkit.model.ports import KubeReader, Listing
from irkit.model.refs import ClusterRef, PodRef

_T = TypeVar("_T", str, tuple[str, str])


def companions(kube: KubeReader, pod: PodRef, case: str) -> tuple[tuple[str, str], ...]:
    """The other living pods of its namespace with the case's label, by name and key."""
    marked = kube.list(PODS, pod.namespace, {CASE_LABEL: case}).derive(_marked, pod.cluster)
    return but(marked, (pod.name, pod.key))


def but(found: tuple[_T, ...], itself: _T) -> tuple[_T, ...]:
    """Sorted things without one of them, if it is there."""
    at = bisect_left(found, itself)
    return found[:at] + found[at + 1 :] if found[at : at + 1] == (itself,) else found


def _marked(listing: Listing, cluster: ClusterRef) -> tuple[tuple[str, str], ...]:
    found = (pod_ref(cluster, doc) for doc in listing.items if living(doc))
    return tuple(sorted((pod.name, pod.key) for pod in found))
