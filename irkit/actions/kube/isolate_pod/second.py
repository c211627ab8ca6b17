"""The way out that no policy governs: VPC CNI gives pods of an IPv6 cluster one in IPv4, and the other way round.

It is a network interface of the pod's own behind the node's address, in no pod's status. The policy agent polices the
cluster's family alone (domain.md §1; aws/aws-network-policy-agent#55, #408), and so does a ClusterNetworkPolicy.
"""

from __future__ import annotations

from irkit.actions.kube.isolate_pod.facts import Facts
from irkit.actions.kube.pods import IpFamily

_RANGES: dict[IpFamily, str] = {"IPv4": "169.254.172.0/22", "IPv6": "fd00::ac:00/118"}


def second_ways(facts: Facts) -> tuple[str, ...]:
    """Those that are known to be there, and that no try has shown to be closed."""
    closed = facts.probe.closed_out if facts.probe else ()
    return tuple(
        f"egress in {way} is not policed: by VPC CNI's settings pods have a way out in it ({_RANGES[way]} behind the "
        f"node) that no policy governs; drop it on the node, or contain the node"
        for way in facts.engine.second or ()
        if way not in closed
    )


def unseen_ways(facts: Facts) -> tuple[str, ...]:
    """A pod with addresses in IPv6 alone may be EKS's: where nobody saw how it is set, that is a gap in a proof."""
    closed = facts.probe.closed_out if facts.probe else ()
    if facts.engine.second is not None or facts.families != ("IPv6",) or "IPv4" in closed:
        return ()
    way = f"VPC CNI gives pods of an IPv6 cluster one ({_RANGES['IPv4']} behind the node) that no policy governs"
    return (f"nobody saw whether it has a way out in IPv4: {way}",)
