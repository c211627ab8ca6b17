"""What NetworkPolicies let pass: selectors, the union of all policies, openings in words, VPC CNI's shared state.

May live here: pure evaluation of networking.k8s.io/v1 policies, and how they are read from the API's objects. May
not: reads, writes, or what an engine really does with a policy; that only a probe can tell.

Policies are additive: a connection passes if no policy of a side polices its direction, or any of them allows it.
Sources: Kubernetes API reference (networking.k8s.io/v1) and the documentation's page "Network Policies".
"""

from irkit.actions.kube.netpol.evaluate import Address, Pod, permits
from irkit.actions.kube.netpol.openings import Crowd, Opening, in_words, openings, plain
from irkit.actions.kube.netpol.policies import Block, Peer, Policy, Ports, Rule
from irkit.actions.kube.netpol.selectors import Requirement, Selector

__all__ = [
    "Address", "Block", "Crowd", "Opening", "Peer", "Pod", "Policy", "Ports", "Requirement", "Rule", "Selector",
    "in_words", "openings", "permits", "plain",
]  # fmt: skip
