"""VPC CNI's shared state: a model of the node agent's bookkeeping.

The agent keeps eBPF programs and maps by pod identifier, which is the pod's name without its last segment, and its
namespace (aws/amazon-network-policy-agent, `utils.GetPodIdentifier`). All pods of one identifier on a node obey the
union of the policies of all of them. Pods of the identifier on other nodes add theirs too, once their policy is
processed again: an update, or a restart of the agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from irkit.actions.kube.netpol import Opening, Pod, Policy, openings
from irkit.actions.kube.netpol.evaluate import Namespaces, selects


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who shares the pod's state. `near` are on its node, `far` are not; by name.

    `open_near` is what policies that select a near pod and not the target keep open for the target, `open_far` what
    those of a far one may open again.
    """

    prefix: str = ""
    near: tuple[str, ...] = ()
    far: tuple[str, ...] = ()
    open_near: tuple[Opening, ...] = ()
    open_far: tuple[Opening, ...] = ()


def identifier(name: str, namespace: str) -> tuple[str, str]:
    """What the agent keys its state by: the name less its last `-segment`, and the namespace."""
    return (name.rpartition("-")[0] or name, namespace)


def sharing(
    target: Pod, pods: Sequence[Pod], policies: Iterable[Policy], namespaces: Namespaces | None = None
) -> Sharing:
    """Who shares state with the target among the living pods of its namespace, and what that keeps open."""
    key, known = identifier(target.name, target.namespace), tuple(policies)
    family = sorted(
        (one for one in pods if not one.host_network and one.name != target.name and _key(one) == key),
        key=lambda one: one.name,
    )
    near = [one for one in family if target.node and one.node == target.node]
    far = [one for one in family if one not in near]
    others = [one for one in known if not selects(one, target)]
    return Sharing(
        prefix=key[0],
        near=tuple(one.name for one in near),
        far=tuple(one.name for one in far),
        open_near=_through(near, others, pods, namespaces),
        open_far=_through(far, others, pods, namespaces),
    )


def _key(pod: Pod) -> tuple[str, str]:
    return identifier(pod.name, pod.namespace)


def _through(
    family: Sequence[Pod], policies: Sequence[Policy], pods: Sequence[Pod], namespaces: Namespaces | None
) -> tuple[Opening, ...]:
    """The first pod that brings an opening is named; the others bring the same."""
    found: dict[Opening, Opening] = {}
    for pod in family:
        for one in openings(pod, policies, pods, namespaces):
            found.setdefault(replace(one, pods=None), replace(one, policy=f"{one.policy} (by pod {pod.name})"))
    return tuple(found.values())
