"""VPC CNI's shared state: a model of the node agent's bookkeeping.

The agent keeps eBPF programs and maps by pod identifier, which is the pod's name without its last segment, and its
namespace (aws/amazon-network-policy-agent, `utils.GetPodIdentifier`). All pods of one identifier on a node obey the
union of the policies of all of them. Pods of the identifier on other nodes add theirs too, once their policy is
processed again: an update, or a restart of the agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from irkit.actions.kube.companions import but
from irkit.actions.kube.netpol import Crowd, Opening, Pod, Policy, openings
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


@dataclass(frozen=True, slots=True)
class _Side:
    """Pods of one identifier on one side of a node's border: their names, sorted, and the first ones of each labels."""

    names: tuple[str, ...]
    firsts: tuple[tuple[Pod, ...], ...]  # two each, as one of them may be the target

    @classmethod
    def of(cls, pods: Sequence[Pod]) -> _Side:
        alike: dict[tuple[tuple[str, str], ...], list[Pod]] = {}
        for one in pods:
            alike.setdefault(one.labels, []).append(one)
        return cls(tuple(one.name for one in pods), tuple(tuple(group[:2]) for group in alike.values()))


class Sharers:
    """The pods of a list by whom they share state with: found once, however many of them are asked about."""

    def __init__(self, pods: Iterable[Pod]) -> None:
        self._families: dict[tuple[str, str], list[Pod]] = {}
        self._sides: dict[tuple[tuple[str, str], str], tuple[_Side, _Side]] = {}
        for one in sorted(pods, key=lambda one: one.name):
            if not one.host_network:
                self._families.setdefault(identifier(one.name, one.namespace), []).append(one)

    def around(self, target: Pod) -> tuple[_Side, _Side]:
        """Those of the target's identifier that are on its node, and the others. The target may be among them."""
        key, node = identifier(target.name, target.namespace), target.node
        if (key, node) not in self._sides:
            family = self._families.get(key, [])
            near = [one for one in family if node and one.node == node]
            far = [one for one in family if not node or one.node != node]
            self._sides[key, node] = _Side.of(near), _Side.of(far)
        return self._sides[key, node]


def sharing(
    target: Pod, sharers: Sharers, policies: Iterable[Policy], crowds: Sequence[Crowd] = (),
    namespaces: Namespaces | None = None,
) -> Sharing:  # fmt: skip
    """Who shares state with the target among the living pods of its namespace, and what that keeps open."""
    near, far = sharers.around(target)
    others = [one for one in policies if not selects(one, target)]
    return Sharing(
        prefix=identifier(target.name, target.namespace)[0],
        near=but(near.names, target.name),
        far=but(far.names, target.name),
        open_near=_through(near, target, others, crowds, namespaces),
        open_far=_through(far, target, others, crowds, namespaces),
    )


def _through(
    side: _Side, target: Pod, policies: Sequence[Policy], crowds: Sequence[Crowd], namespaces: Namespaces | None
) -> tuple[Opening, ...]:
    """The first pod that brings an opening is named; the others bring the same, those of equal labels all of it."""
    firsts = [next((one for one in alike if one.name != target.name), None) for alike in side.firsts]
    found: dict[Opening, Opening] = {}
    for pod in sorted((one for one in firsts if one is not None), key=lambda one: one.name):
        for one in openings(pod, policies, crowds, namespaces):
            found.setdefault(replace(one, pods=None), replace(one, policy=f"{one.policy} (by pod {pod.name})"))
    return tuple(found.values())
