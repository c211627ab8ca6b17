"""Who else feels it when a pod is isolated, and what is foreseen to stay open."""

from __future__ import annotations

from irkit.actions.kube.isolate_pod.facts import Facts
from irkit.actions.kube.lives import endangered
from irkit.model.plans import Impact

_SHOWN = 5


def impact(facts: Facts) -> tuple[Impact, ...]:
    """Who else feels it."""
    same = "carries the case's label too: the same policy applies to it"
    others = [Impact(who=f"pod {name}", what=same, warn=True) for name, _ in facts.others[:_SHOWN]]
    more = len(facts.others) - _SHOWN
    if more > 0:  # a fleet: each of its pods would name all the others
        others.append(Impact(who=f"{more} more pod{'s' if more > 1 else ''} of the namespace", what=same, warn=True))
    services = tuple(
        Impact(who=f"Service {name}", what="still counts the pod as an endpoint: requests sent to it time out")
        for name in facts.services
    )
    near = tuple(
        Impact(
            who=f"pod {name}",
            what="shares VPC CNI's state on the node: cut off too, less what policies allow it",
            warn=True,
        )
        for name in facts.sharing.near
    )
    names, rest = facts.sharing.far[:_SHOWN], len(facts.sharing.far) - _SHOWN
    far = Impact(
        who=f"pods {', '.join(names)}{f' and {rest} more' if rest > 0 else ''}",
        what="share VPC CNI's state on other nodes: cut off too, once the agents there process policies anew",
        warn=True,
    )
    later = Impact(
        who=f"new pods {facts.sharing.prefix}-*",
        what="may inherit the state: replace the workload from a new ReplicaSet, not by another replica",
        warn=True,
    )
    shared = (*near, *((far,) if names else ()), *((later,) if facts.sharing.prefix else ()))
    return (*_open(facts), *others, *services, *shared, *endangered(facts.lives))


def _open(facts: Facts) -> tuple[Impact, ...]:
    """What other policies go on allowing, said before anybody agrees; not where an object of the engine denies."""
    if any(seen.state not in {"absent", "hidden"} for seen in facts.denials):
        return ()
    found = dict.fromkeys((one.policy, one.direction) for one in facts.openings)
    return tuple(
        Impact(
            who=f"NetworkPolicy {policy}",
            what=f"still allows {direction}",
            warn=True,
        )
        for policy, direction in list(found)[:_SHOWN]
    )
