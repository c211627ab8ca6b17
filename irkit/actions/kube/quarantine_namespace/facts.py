"""What quarantining a namespace needs to know, and what it means."""

from __future__ import annotations

from dataclasses import dataclass

from irkit.actions.kube.made import ABSENT, Found, Own, own_name, read_own
from irkit.actions.kube.netpol import Pod, Policy, in_words, openings
from irkit.actions.kube.objects import FARGATE_LABEL, MIRROR_ANNOTATION, Presence, find, living, name_of
from irkit.model.doc import Doc
from irkit.model.effects import Mark
from irkit.model.kube import NAMESPACES, NETWORK_POLICIES, PODS, RESOURCE_QUOTAS, SERVICES
from irkit.model.plans import Impact, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import NamespaceRef

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Facts:
    """`pods` and `services` are counted. `open` says what other policies let through, pod by pod the same once.

    `unpoliced` are living pods to which no NetworkPolicy applies, and `static` those that a quota does not stop.
    `enforced`: the quota's own status shows the limit.
    """

    presence: Presence
    quota: Found = ABSENT
    policy: Found = ABSENT
    enforced: bool = False
    pods: int = 0
    services: int = 0
    open: tuple[str, ...] = ()
    unpoliced: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    as_of: str = ""


def objects(namespace: NamespaceRef, mark: Mark) -> tuple[Own, Own]:
    """The quota and the policy."""
    name, cluster = own_name(mark), namespace.cluster
    return (
        Own("quota", cluster, RESOURCE_QUOTAS, name, {"hard": {"pods": "0"}}, namespace.name),
        Own(
            "policy", cluster, NETWORK_POLICIES, name, {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
            namespace.name,
        ),
    )  # fmt: skip


def observe(namespace: NamespaceRef, mark: Mark, reader: Reader) -> Facts:
    """Read them. Raises Malformed."""
    kube = reader.kube(namespace.cluster)
    presence, doc = find(kube, NAMESPACES, namespace)
    if doc is None:
        return Facts(presence)
    quota, policy = objects(namespace, mark)
    limit = kube.get(RESOURCE_QUOTAS, quota.name, namespace.name)
    listing = kube.list(NETWORK_POLICIES, namespace.name)
    found = next((one for one in listing.items if name_of(one) == policy.name), None)
    others = [Policy.read(one) for one in listing.items if name_of(one) != policy.name]
    pods = [one for one in kube.list(PODS, namespace.name).items if living(one)]
    words = {words for one in pods for words in in_words(openings(Pod.read(one), others))}
    return Facts(
        presence,
        quota=read_own(limit, quota, mark),
        policy=read_own(found, policy, mark),
        enforced=limit is not None and limit.labels("status", "hard").get("pods") == "0",
        pods=len(pods),
        services=len(kube.list(SERVICES, namespace.name).items),
        open=tuple(sorted(words)),
        unpoliced=tuple(sorted(name_of(one) for one in pods if _unpoliced(one))),
        static=tuple(sorted(name_of(one) for one in pods if one.has("metadata", "annotations", MIRROR_ANNOTATION))),
        as_of=listing.as_of,
    )


def _unpoliced(pod: Doc) -> bool:
    """Pods on their node's network, and on Fargate (domain.md §1, hardest test 5)."""
    return pod.flag("spec", "hostNetwork", default=False) or FARGATE_LABEL in pod.labels("metadata", "labels")


def impact(namespace: NamespaceRef, facts: Facts) -> tuple[Impact, ...]:
    """Everybody in it feels it."""
    found = [
        Impact(who=f"pods of {namespace}", what="lose all network traffic", count=facts.pods, warn=facts.pods > 0),
        Impact(
            who=f"controllers in {namespace}",
            what="start no replacement: what ends stays ended until the quarantine is undone",
            warn=facts.pods > 0,
        ),
    ]
    if facts.services:
        found.append(
            Impact(
                who=f"Services of {namespace}",
                what="keep their endpoints: requests sent to them time out",
                count=facts.services,
                warn=True,
            )
        )
    return tuple(found)


def verdict(facts: Facts) -> Verdict:
    """Leaky where something is known to stay open; else unproven, for nobody looked at the traffic."""
    leaks = list(facts.open[:_SHOWN])
    if len(facts.open) > _SHOWN:
        leaks.append(f"{len(facts.open) - _SHOWN} more rules of other policies allow something")
    if facts.unpoliced:
        leaks.append(f"no NetworkPolicy applies to {_some(facts.unpoliced)} (node's network or Fargate)")
    if facts.static:
        leaks.append(f"the quota does not stop static pods: {_some(facts.static)}")
    if leaks:
        return Verdict.leaky("; ".join(leaks))
    if not facts.enforced:
        return Verdict.unproven("the quota's status does not show its limit yet: until then new pods may start")
    return Verdict.unproven("no engine's enforcement was observed; connections that were open may live on")


def _some(names: tuple[str, ...]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
