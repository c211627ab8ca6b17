"""A model of how the Amazon VPC CNI's node agents keep their books, with what that does to isolation.

Not the agent: a model of its bookkeeping, for tests and drills, as its source reads (aws/aws-network-policy-agent,
`controllers/policyendpoints_controller.go` and `EnforceNpToPod` in `pkg/rpc/rpc_handler.go`). On each node rules are
kept by pod identifier, which is a pod's name less its last segment, and its namespace. They are the union of every
policy that was mapped to the identifier: by a pod of this node, and, when a policy is processed, by any pod. An
identifier that a policy leaves on this node is unmapped; its rules are written again when a policy of a pod of this
node is processed. So a pod keeps what its siblings on the node are allowed, and one whose siblings are elsewhere is
opened again later. What is simpler than there: peers are always the present ones; policies are processed in the order
of their names.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from irkit.lab.selectors import from_object, matches
from irkit.lab.world import Entry, World
from irkit.model.kube import NETWORK_POLICIES, PODS

Doc = dict[str, Any]
Key = tuple[str, str]
"""A policy: namespace and name."""


@dataclass(frozen=True, slots=True)
class Local:
    """A running pod, as a policy's endpoints name it."""

    uid: str
    name: str
    namespace: str
    node: str

    @property
    def identifier(self) -> Key:
        """What the agent keys its maps by (`utils.GetPodIdentifier`)."""
        return self.namespace, self.name.rpartition("-")[0] or self.name


@dataclass(slots=True)
class Agent:
    """One node's. The names of the agent's own maps stand beside each."""

    node: str
    mapped: dict[Key, list[Key]] = field(default_factory=dict)  # podIdentifierToPolicyEndpointMap
    targets: dict[Key, set[Local]] = field(default_factory=dict)  # policyEndpointSelectorMap
    identifiers: dict[Key, set[Key]] = field(default_factory=dict)  # networkPolicyToPodIdentifierMap
    attached: set[Local] = field(default_factory=set)  # pods with probes
    rules: dict[Key, tuple[Doc, ...]] = field(default_factory=dict)  # the eBPF maps: the policies that they hold

    def process(self, key: Key, selected: Iterable[Local], policies: dict[Key, Doc]) -> None:
        """A policy came, changed, or went; `selected` are its pods on all nodes."""
        pods = sorted(selected, key=lambda one: one.name)
        here = {one for one in pods if one.node == self.node}
        for one in pods:
            known = self.mapped.setdefault(one.identifier, [])
            known += [key] if key not in known else []
        now = {one.identifier for one in here}
        left = self.identifiers.get(key, set()) - now
        for identifier in left if key in policies else ():
            self._unmap(identifier, key)
        self.identifiers[key] = now
        gone = {one for one in self.targets.get(key, set()) - here if one.identifier not in now}
        self.targets[key] = here
        for one in gone:
            self._write(one.identifier, policies, without=key if key not in policies else None)
            if not self.rules.get(one.identifier):
                self.attached.discard(one)
            self._unmap(one.identifier, key)
        self.attached |= here
        for identifier in now:
            self._write(identifier, policies)

    def start(self, pod: Local, policies: dict[Key, Doc]) -> None:
        """A pod begins: it obeys what is mapped to its identifier already, whoever mapped it."""
        first = all(one.identifier != pod.identifier for one in self.attached)
        self.attached.add(pod)
        if first and self.mapped.get(pod.identifier):
            self._write(pod.identifier, policies)

    def end(self, pod: Local) -> None:
        """A pod is gone: with the last of its identifier go the rules, and not what is mapped."""
        self.attached.discard(pod)
        if all(one.identifier != pod.identifier for one in self.attached):
            self.rules.pop(pod.identifier, None)

    def _unmap(self, identifier: Key, key: Key) -> None:
        self.mapped[identifier] = [one for one in self.mapped.get(identifier, ()) if one != key]

    def _write(self, identifier: Key, policies: dict[Key, Doc], *, without: Key | None = None) -> None:
        known = (one for one in self.mapped.get(identifier, ()) if one != without)
        self.rules[identifier] = tuple(policies[one] for one in known if one in policies)

    def guarding(self, pod: Local) -> tuple[Doc, ...]:
        """The policies that a pod really obeys."""
        return self.rules.get(pod.identifier, ()) if pod in self.attached else ()


class Agents:
    """Those of all nodes, while the cluster behaves so. They hear of what changed when `follow` is called."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._nodes: dict[str, Agent] = {}
        self._running: set[Local] = set()
        self._seen: dict[Key, tuple[Doc, frozenset[Local]]] = {}

    @property
    def active(self) -> bool:
        """Whether the cluster has them."""
        return self._world.behaviour.enforcement == "vpc-cni"

    def follow(self) -> None:
        """Catch up: pods that ended or began, then policies that changed or select others than before."""
        if not self.active:
            self._nodes, self._running, self._seen = {}, set(), {}
            return
        running, policies = self._pods(), self._policies()
        for pod in sorted(self._running - running, key=lambda one: one.name):
            self._at(pod.node).end(pod)
        for pod in sorted(running - self._running, key=lambda one: one.name):
            self._at(pod.node).start(pod, policies)
        self._running = running
        now = {key: (doc, self._selected(doc, running)) for key, doc in policies.items()}
        changed = [key for key in sorted({*now, *self._seen}) if now.get(key) != self._seen.get(key)]
        self._seen = now
        for key in changed:
            self._process(key, policies, self._nodes)

    def restart(self, node: str) -> None:
        """The agent of a node starts again: it knows nothing, probes and rules stay, every policy is processed.

        Raises:
            LookupError: there is none.
        """
        if not self.active:
            msg = f"no such agent runs on {node}"
            raise LookupError(msg)
        old = self._at(node)
        self._nodes[node] = Agent(node, attached=old.attached, rules=old.rules)
        for key in sorted(self._seen):
            self._process(key, self._policies(), (node,))

    def guarding(self, pod: Doc) -> tuple[Doc, ...]:
        """The policies that a running pod really obeys, whether or not they select it."""
        local = _local(pod)
        return self._at(local.node).guarding(local)

    def policed(self, *pods: Doc | None) -> frozenset[str]:
        """The uids of those pods that are under a policy; none where there are no agents."""
        known = [one for one in pods if one is not None] if self.active else []
        return frozenset(one["metadata"]["uid"] for one in known if self.guarding(one))

    def _process(self, key: Key, policies: dict[Key, Doc], nodes: Iterable[str]) -> None:
        selected = self._seen[key][1] if key in self._seen else frozenset()
        for node in sorted(nodes):
            self._at(node).process(key, selected, policies)

    def _at(self, node: str) -> Agent:
        return self._nodes.setdefault(node, Agent(node))

    def _pods(self) -> set[Local]:
        found = {_local(one.doc) for one in self._world.entries(PODS) if _has_network(one)}
        for one in found:
            self._at(one.node)
        return found

    def _policies(self) -> dict[Key, Doc]:
        found = (one.doc for one in self._world.entries(NETWORK_POLICIES))
        return {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in found}

    def _selected(self, policy: Doc, running: set[Local]) -> frozenset[Local]:
        namespace, wanted = policy["metadata"]["namespace"], from_object(policy["spec"].get("podSelector", {}))
        pods = (one for one in self._world.entries(PODS, namespace) if _has_network(one))
        chosen = {_local(one.doc) for one in pods if matches(wanted, one.doc["metadata"].get("labels", {}))}
        return frozenset(chosen & running)

    def copy(self) -> Agents:
        """The same, to be gone back to."""
        made = Agents(self._world)
        made._nodes = copy.deepcopy(self._nodes)
        made._running, made._seen = set(self._running), dict(self._seen)
        return made


def _has_network(pod: Entry) -> bool:
    spec, status = pod.doc["spec"], pod.doc.get("status", {})
    return status.get("phase") == "Running" and bool(status.get("podIP")) and not spec.get("hostNetwork")


def _local(pod: Doc) -> Local:
    meta = pod["metadata"]
    return Local(meta["uid"], meta["name"], meta["namespace"], pod["spec"].get("nodeName", ""))
