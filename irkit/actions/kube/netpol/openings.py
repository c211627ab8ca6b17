"""What stays open at a pod, policy by policy, in words that an on-call reads.

Words come from objects that an attacker may have written: only what is a label, a name or an address is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from irkit.actions.kube.netpol.evaluate import NAME_OF_NAMESPACE, Namespaces, Pod, matches, selects
from irkit.actions.kube.netpol.policies import Block, Peer, Policy, Ports, Rule, network
from irkit.actions.kube.netpol.selectors import Requirement, Selector

SHOWN = 5
_PEERS_SHOWN = 3
_VALUES_SHOWN = 3
_PLAIN = re.compile(r"[A-Za-z0-9]?[A-Za-z0-9._/-]{0,119}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One allow rule of one policy that selects the pod.

    `pods` counts the living pods that it lets through today, the pod itself not among them; None where they were not
    counted. `outside` says that it is about addresses too, and so about ends that are no pods.
    """

    policy: str
    direction: Literal["ingress", "egress"]
    peers: str
    ports: str
    outside: bool = False
    pods: int | None = None

    def __str__(self) -> str:
        side = "from" if self.direction == "ingress" else "to"
        now = ""
        if self.pods is not None and not self.outside:
            now = f" ({self.pods} pod{'s' if self.pods != 1 else ''} now)" if self.pods else " (nobody now)"
        return f"{self.policy}: {self.direction} {side} {self.peers} on {self.ports}{now}"


class Crowd:
    """Living pods, among which a rule's peers are counted: once a rule, however many targets it is asked for."""

    def __init__(self, pods: Iterable[Pod]) -> None:
        self._pods = tuple(pods)
        self._spaces = tuple(sorted({one.namespace for one in self._pods}))
        self._passing: dict[object, frozenset[tuple[str, str]]] = {}

    def passing(self, rule: Rule, policy: Policy, namespaces: Namespaces) -> frozenset[tuple[str, str]]:
        """Whom the rule lets through today, by namespace and name. `namespaces` gives the labels of each."""
        labels = tuple(tuple(sorted(namespaces.get(one, {}).items())) for one in self._spaces)
        key = rule, policy.namespace, labels
        if key not in self._passing:
            self._passing[key] = frozenset(
                (one.namespace, one.name)
                for one in self._pods
                if not rule.peers or any(matches(peer, policy, one, namespaces) for peer in rule.peers)
            )
        return self._passing[key]


def openings(
    pod: Pod, policies: Iterable[Policy], crowds: Sequence[Crowd] = (), namespaces: Namespaces | None = None
) -> tuple[Opening, ...]:
    """What policies let through to or from a pod, sorted. A rule that matches nobody today is one all the same.

    Peers are counted among the pods of `crowds` where those are given; without the namespaces' labels only those of
    rules about the policy's own namespace.
    """
    found: list[Opening] = []
    for policy in sorted((one for one in policies if selects(one, pod)), key=lambda one: one.name):
        for direction in ("Ingress", "Egress"):
            for rule in policy.rules(direction) or ():
                whole = not rule.peers
                found.append(
                    Opening(
                        policy=plain(policy.name),
                        direction="ingress" if direction == "Ingress" else "egress",
                        peers=_some([_peer(one, policy) for one in rule.peers], _PEERS_SHOWN) or "anywhere",
                        ports=_some([_ports(one) for one in rule.ports], _PEERS_SHOWN) or "any port",
                        outside=whole or any(_outside(one) for one in rule.peers),
                        pods=_count(rule, policy, pod, crowds, namespaces),
                    )
                )
    return tuple(dict.fromkeys(found))


def in_words(found: Sequence[Opening]) -> tuple[str, ...]:
    """The first few, and how many more there are."""
    rest = len(found) - SHOWN
    return (*map(str, found[:SHOWN]), *((f"{rest} more opening{'s' if rest > 1 else ''}",) if rest > 0 else ()))


def plain(text: str) -> str:
    """A name or a label as it is, anything else as a mark that there was something."""
    return text if _PLAIN.fullmatch(text) else "…"


def _outside(peer: Peer) -> bool:
    return peer.block is not None or (peer.pods is None and peer.namespaces is None)


def _count(rule: Rule, policy: Policy, pod: Pod, crowds: Sequence[Crowd], namespaces: Namespaces | None) -> int | None:
    if not crowds or (namespaces is None and any(one.namespaces is not None for one in rule.peers)):
        return None
    itself, count = (pod.namespace, pod.name), 0
    for crowd in crowds:
        passing = crowd.passing(rule, policy, namespaces or {})
        count += len(passing) - (itself in passing)
    return count


def _peer(peer: Peer, policy: Policy) -> str:
    if peer.block is not None:
        return _block(peer.block)
    if peer.pods is None and peer.namespaces is None:
        return "anywhere"
    where = f"namespace {plain(policy.namespace)}" if peer.namespaces is None else _namespaces(peer.namespaces)
    if peer.pods is None:
        return f"all pods of {where}"
    return f"{where} pods {_selector(peer.pods)}" if peer.pods.requirements else f"all pods of {where}"


def _block(block: Block) -> str:
    cidr, holes = network(block.cidr), [str(hole) for hole in map(network, block.excepts) if hole is not None]
    if cidr is None:
        return "addresses that cannot be read"
    return f"{cidr}{f' except {_some(holes, _VALUES_SHOWN)}' if holes else ''}"


def _namespaces(selector: Selector) -> str:
    if not selector.requirements:
        return "any namespace"
    one = selector.requirements[0]
    if len(selector.requirements) == 1 and (one.key, one.operator) == (NAME_OF_NAMESPACE, "In"):
        return f"namespace {_some([plain(value) for value in one.values], _VALUES_SHOWN)}"
    return f"namespaces {_selector(selector)}"


def _selector(selector: Selector) -> str:
    return ",".join(map(_requirement, selector.requirements))


def _requirement(one: Requirement) -> str:
    key, values = plain(one.key), "|".join(map(plain, one.values[:_VALUES_SHOWN]))
    values += "|…" if len(one.values) > _VALUES_SHOWN else ""
    words = {"In": f"{key}={values}", "NotIn": f"{key}!={values}", "Exists": key, "DoesNotExist": f"!{key}"}
    return words[one.operator]


def _ports(ports: Ports) -> str:
    protocol = plain(ports.protocol)
    if ports.name:
        return f"{plain(ports.name)}/{protocol}"
    if not ports.first:
        return f"any {protocol} port"
    return f"{ports.first}/{protocol}" if ports.last == ports.first else f"{ports.first}-{ports.last}/{protocol}"


def _some(words: list[str], shown: int) -> str:
    rest = len(words) - shown
    return " or ".join(words[:shown]) + (f" or {rest} more" if rest > 0 else "")
