"""What is worked out once of a list that all the looks of a wave share: each would else read 500 pods for itself."""

from __future__ import annotations

from contextlib import suppress

from irkit.actions.kube.engines import Sharers
from irkit.actions.kube.netpol import Crowd, Pod, Policy, Selector
from irkit.actions.kube.objects import living, name_of
from irkit.errors import Malformed
from irkit.model.ports import Listing


def policies(listing: Listing) -> tuple[Policy, ...]:
    """All of them, read."""
    return tuple(map(Policy.read, listing.items))


def selecting(listing: Listing) -> tuple[tuple[str, Selector], ...]:
    """The Services that select pods, by name; one without a selector selects none."""
    found = ((name_of(service), service.labels("spec", "selector")) for service in listing.items)
    return tuple((name, Selector.equals(wanted)) for name, wanted in sorted(found) if wanted)


def crowd(listing: Listing) -> Crowd:
    """The living pods, to count peers among."""
    return Crowd(listing.derive(_readable))


def sharers(listing: Listing) -> Sharers:
    """The living pods by whom they share VPC CNI's state with."""
    return Sharers(listing.derive(_readable))


def _readable(listing: Listing) -> tuple[Pod, ...]:
    """Bystanders that cannot be read are left out: they must not hold up the containment."""
    found: list[Pod] = []
    for doc in listing.items:
        with suppress(Malformed):
            if living(doc):
                found.append(Pod.read(doc))
    return tuple(found)
