"""Peers in other namespaces: whom the policies that stay open let through there today.

Only for the words of a verdict, so containment waits for a few small answers at most: where it would take more, or
somebody may not look, nothing is counted and nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from irkit.actions.kube.isolate_pod.lists import crowd
from irkit.actions.kube.netpol import Crowd, Pod, Policy, Selector
from irkit.actions.kube.netpol.evaluate import NAME_OF_NAMESPACE, Namespaces, selects
from irkit.actions.kube.objects import access, name_of
from irkit.errors import BadResponse, Denied, Malformed, ServerFault
from irkit.model.kube import NAMESPACES, PODS
from irkit.model.ports import KubeReader, Listing

PEER_READS = access(NAMESPACES, "list")
_MOST = 3
"""So many other namespaces are looked into; a rule about more of them is about the cluster."""
_NOT_SEEN = (Denied, Malformed, ServerFault, BadResponse)


def peers(kube: KubeReader, target: Pod, policies: Sequence[Policy]) -> tuple[tuple[Crowd, ...], Namespaces | None]:
    """The living pods of each other namespace that rules at the target are about, and the labels of all namespaces.

    The second is None where they were not counted. Raises CredentialsExpired, Unreachable or Throttled.
    """
    wanted = tuple(_selectors(target, policies))
    if not wanted:
        return (), None
    try:
        labels = kube.list(NAMESPACES).derive(_labels)
        names = [
            name for name, its in labels.items()
            if name != target.namespace and any(one.matches({NAME_OF_NAMESPACE: name, **its}) for one in wanted)
        ]  # fmt: skip
        if len(names) > _MOST:
            return (), None
        return tuple(kube.list(PODS, name).derive(crowd) for name in sorted(names)), labels
    except _NOT_SEEN:
        return (), None


def _selectors(target: Pod, policies: Sequence[Policy]) -> Iterator[Selector]:
    for policy in policies:
        if selects(policy, target):
            for direction in ("Ingress", "Egress"):
                for rule in policy.rules(direction) or ():
                    yield from (one.namespaces for one in rule.peers if one.namespaces is not None)


def _labels(listing: Listing) -> dict[str, dict[str, str]]:
    return {name_of(doc): doc.labels("metadata", "labels") for doc in listing.items}
