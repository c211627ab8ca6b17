"""What is worked out once of a list that all the looks of a wave share: each would else read 500 pods for itself."""

from __future__ import annotations

from contextlib import suppress

from irkit.actions.kube.netpol import Pod, Policy, Selector
from irkit.actions.kube.objects import living, name_of
from irkit.actions.kube.owners import pod_ref
from irkit.errors import Malformed
from irkit.model.ports import Listing
from irkit.model.refs import ClusterRef


def policies(listing: Listing) -> tuple[Policy, ...]:
    """All of them, read."""
    return tuple(map(Policy.read, listing.items))


def marked_pods(listing: Listing, cluster: ClusterRef) -> tuple[tuple[str, str], ...]:
    """The living pods of the list, by name and key."""
    found = (pod_ref(cluster, doc) for doc in listing.items if living(doc))
    return tuple(sorted((pod.name, pod.key) for pod in found))


def selecting(listing: Listing) -> tuple[tuple[str, Selector], ...]:
    """The Services that select pods, by name; one without a selector selects none."""
    found = ((name_of(service), service.labels("spec", "selector")) for service in listing.items)
    return tuple((name, Selector.equals(wanted)) for name, wanted in sorted(found) if wanted)


def readable(listing: Listing) -> tuple[Pod, ...]:
    """Bystanders that cannot be read are left out: they must not hold up the containment."""
    found: list[Pod] = []
    for doc in listing.items:
        with suppress(Malformed):
            if living(doc):
                found.append(Pod.read(doc))
    return tuple(found)
