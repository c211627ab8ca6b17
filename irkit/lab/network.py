"""The network of a simulated cluster: who reaches whom, as policies and what listens let them.

It knows pods, nodes, Services, namespaces and NetworkPolicies as objects of the world, and nothing of how irkit judges
policies: it is the other side. The client API cannot reach it; tools that run in pods (`irkit.lab.programs`) and the
control plane can. Behaviour that clusters differ in is set (`irkit.lab.behaviour`).
Sources: Kubernetes documentation, "Network Policies"; for established connections what was measured with agents that
keep or cut them, and refuse or drop.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from irkit.lab.policies import Policies, Side
from irkit.lab.vpc_cni import Agents
from irkit.lab.world import Entry, World
from irkit.model.kube import NODES, PODS, SERVICES

Answer = Literal["open", "refused", "timeout"]
Life = Literal["alive", "silent", "reset", "closed"]
Doc = dict[str, Any]

_PRIVATE: Final = [
    ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
]


@dataclass(frozen=True, slots=True)
class Flow:
    """An established connection. `tracked` are the nodes whose connection tables hold it; `ended` is its last state.

    `policed` are the uids of those of its pods that were under a policy when it was last let through.
    """

    number: int
    source: Side
    target: Side
    port: int
    protocol: str
    tracked: frozenset[str]
    ended: Literal["", "reset", "closed"] = ""
    policed: frozenset[str] = frozenset()


NetworkState = tuple[dict[int, Flow], frozenset[tuple[str, int, str]], Agents]
"""A snapshot: the flows, what listens undeclared, and the books of VPC CNI's agents."""


class Network:
    """Connections of a world. Everything is under the world's lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._flows: dict[int, Flow] = {}
        self._listening: frozenset[tuple[str, int, str]] = frozenset()
        self.agents = Agents(world)

    # -- new connections ---------------------------------------------------------------------------------------------

    def connect(self, source: str, address: str, port: int, protocol: str = "TCP") -> Answer:
        """How a new connection ends. `source` is NAMESPACE/POD, a node's name, or an address off the cluster.

        Raises:
            LookupError: there is no such pod or node, or it is not running.
        """
        with self._world.lock:
            return self.connect_from(self.side(source), address, port, protocol)

    def connect_from(self, source: Side, address: str, port: int, protocol: str = "TCP") -> Answer:
        """The same from an end that is known. Raises ValueError for what is no address."""
        with self._world.lock:
            return self._try(source, str(ipaddress.ip_address(address)), port, protocol)[0]

    def _try(self, source: Side, address: str, port: int, protocol: str) -> tuple[Answer, Side, int]:
        end, port, otherwise = self._reach(address, port, protocol)
        if self._denied_at(source, end, port, protocol):
            return ("refused" if self._world.behaviour.refuse == "reject" else "timeout"), end, port
        if otherwise:
            return otherwise, end, port
        return ("open" if self._listens(end, port, protocol) else "refused"), end, port

    def _denied_at(self, source: Side, target: Side, port: int, protocol: str) -> frozenset[str]:
        """The nodes on which a policy denies this; none where nobody enforces any."""
        if self._world.behaviour.enforcement == "none":
            return frozenset()
        obeyed = self.agents.guarding if self.agents.active else None
        return Policies(self._world, obeyed).denied(source, target, port, protocol)

    def _reach(
        self, address: str, port: int, protocol: str
    ) -> tuple[Side, int, Literal["", "open", "refused", "timeout"]]:
        """Which end and port an address leads to, behind Services and host ports.

        The last part is the answer where no end of the cluster gives it: from outside, or because there is none.
        """
        for service in self._world.entries(SERVICES):
            if address in {service.doc["spec"].get("clusterIP"), *service.doc["spec"].get("externalIPs", ())}:
                found, number = self._behind(service.doc, port, protocol)
                return (found, number, "") if found else (Side(address), port, "refused")
        nodes = [each.doc["metadata"]["name"] for each in self._world.entries(NODES) if address in addresses(each.doc)]
        for pod in self._world.entries(PODS):
            if not is_live(pod.doc):
                continue
            if pod.doc["status"].get("podIP") == address and not pod.doc["spec"].get("hostNetwork"):
                return Side.of(pod.doc), port, ""
            if pod.doc["spec"].get("nodeName") in nodes and (inside := _host_port(pod.doc, port, protocol)):
                return Side.of(pod.doc), inside, ""
        if nodes:
            return Side(address, node=nodes[0]), port, ""
        return Side(address), port, "open" if self._answers_outside(address, port) else "timeout"

    def _behind(self, service: Doc, port: int, protocol: str) -> tuple[Side | None, int]:
        wanted = service["spec"].get("selector", {})
        for each in service["spec"].get("ports", ()):
            if each["port"] != port or each.get("protocol", "TCP") != protocol or not wanted:
                continue
            for pod in self._world.entries(PODS, service["metadata"]["namespace"]):
                if wanted.items() <= pod.doc["metadata"].get("labels", {}).items() and is_ready(pod.doc):
                    target = each.get("targetPort", port)
                    return Side.of(pod.doc), target if isinstance(target, int) else named(pod.doc, target, protocol)
        return None, port

    def _answers_outside(self, address: str, port: int) -> bool:
        """Whether somebody off the cluster answers; `*` does not mean addresses that only a cluster can have."""
        found, listed = ipaddress.ip_address(address), set(self._world.behaviour.outside)
        inside = any(found in net for net in _PRIVATE if net.version == found.version)
        return bool({address, f"{address}:{port}"} & listed) or ("*" in listed and not inside)

    def _listens(self, side: Side, port: int, protocol: str) -> bool:
        """What containers declare, listens; so does what was told to (`listen`)."""
        if side.pod is None:
            return any(
                pod.doc["spec"].get("hostNetwork")
                and pod.doc["spec"].get("nodeName") == side.node
                and is_live(pod.doc)
                and self._serves(pod.doc, port, protocol)
                for pod in self._world.entries(PODS)
            )
        return self._serves(side.pod, port, protocol)

    def _serves(self, pod: Doc, port: int, protocol: str) -> bool:
        if (pod["metadata"]["uid"], port, protocol) in self._listening:
            return True
        return any(
            (each["containerPort"], each.get("protocol", "TCP")) == (port, protocol)
            for container in pod["spec"]["containers"]
            for each in container.get("ports", ())
        )

    def listen(self, pod: str, port: int, protocol: str = "TCP") -> None:
        """Something in a pod listens that no container declares. Raises LookupError."""
        with self._world.lock:
            found = self._pod(pod).doc["metadata"]["uid"]
            self._listening |= {(found, port, protocol)}

    # -- the ends ----------------------------------------------------------------------------------------------------

    def side(self, name: str) -> Side:
        """The end that a name stands for. Raises LookupError."""
        if "/" in name:
            return Side.of(self._pod(name).doc)
        node = self._world.get(NODES, "", name)
        if node is not None:
            return Side(addresses(node.doc)[0], node=name)
        try:
            return Side(str(ipaddress.ip_address(name)))
        except ValueError:
            msg = f"there is no node or address {name}"
            raise LookupError(msg) from None

    def _pod(self, name: str) -> Entry:
        entry = self._world.get(PODS, *name.split("/", maxsplit=1))
        if entry is None or not is_live(entry.doc):
            msg = f"there is no running pod {name}"
            raise LookupError(msg)
        return entry

    # -- connections that last ---------------------------------------------------------------------------------------

    def hold(self, source: str, address: str, port: int, protocol: str = "TCP") -> int:
        """Open a connection that is used without pause; gives its number.

        Raises:
            LookupError: no such source.
            ValueError: it cannot be opened.
        """
        with self._world.lock:
            begin = self.side(source)
            answer, end, inside = self._try(begin, address, port, protocol)
            if answer != "open":
                msg = f"{source} to {address}:{port}: {answer}"
                raise ValueError(msg)
            number = max(self._flows, default=0) + 1
            nodes = frozenset(each.node for each in (begin, end) if each.node)
            policed = self.agents.policed(begin.pod, end.pod)
            self._flows[number] = Flow(number, begin, end, inside, protocol, nodes, policed=policed)
            return number

    def alive(self, flow: int) -> Life:
        """What becomes of the next bytes: they arrive, vanish (silent), or find the connection ended.

        Raises:
            LookupError: there is no such flow.
        """
        with self._world.lock:
            if flow not in self._flows:
                msg = f"there is no flow {flow}"
                raise LookupError(msg)
            return self._judge(self._flows[flow])[1]

    def forget(self, address: str, node: str) -> int:
        """Remove an address from a node's connection table, as `conntrack -D` does; gives how many entries went."""
        with self._world.lock:
            hit = [
                flow
                for flow in self._flows.values()
                if not flow.ended and node in flow.tracked and address in {flow.source.address, flow.target.address}
            ]
            for flow in hit:
                self._flows[flow.number] = replace(flow, tracked=flow.tracked - {node})
            self.pass_time()
            return len(hit)

    def established(self, address: str) -> int:
        """How many connections the table of whoever has this address shows: also those that nothing passes any more."""
        with self._world.lock:
            self.pass_time()
            return len(self._open(address))

    def destroy(self, address: str) -> int:
        """End the sockets of whoever has this address, which resets the other ends too; gives how many there were."""
        with self._world.lock:
            found = self._open(address)
            for flow in found:
                self._flows[flow.number] = replace(flow, ended="reset")
            return len(found)

    def _open(self, address: str) -> list[Flow]:
        return [
            flow
            for flow in self._flows.values()
            if not flow.ended and address in {flow.source.address, flow.target.address}
        ]

    def pass_time(self) -> None:
        """Every flow sends something: what is denied without being answered waits, everything else shows."""
        self.agents.follow()
        for number, flow in self._flows.items():
            self._flows[number] = self._judge(flow)[0]

    def _judge(self, flow: Flow) -> tuple[Flow, Life]:
        if flow.ended:
            return flow, flow.ended
        source, target = self._now(flow.source), self._now(flow.target)
        if source is None or target is None:
            return replace(flow, ended="closed"), "closed"
        denying = self._denied_at(source, target, flow.port, flow.protocol)
        policed = self.agents.policed(source.pod, target.pod)
        lives_on = self.agents.active and policed == flow.policed
        if self._world.behaviour.enforcement == "keep" or lives_on:
            denying -= flow.tracked
        if not denying:
            nodes = frozenset(each.node for each in (source, target) if each.node)
            return replace(flow, tracked=nodes, policed=policed), "alive"
        if self._world.behaviour.refuse == "reject":
            return replace(flow, ended="reset"), "reset"
        return flow, "silent"

    def _now(self, side: Side) -> Side | None:
        """The end as it is now: its pod's labels may have changed, or it is gone."""
        if side.pod is None:
            return side
        meta = side.pod["metadata"]
        entry = self._world.get(PODS, meta["namespace"], meta["name"])
        return Side.of(entry.doc) if entry is not None and entry.uid == meta["uid"] and is_live(entry.doc) else None

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def capture(self) -> NetworkState:
        """A snapshot."""
        return dict(self._flows), self._listening, self.agents.copy()

    def restore(self, state: NetworkState) -> None:
        """Be as the snapshot says."""
        self._flows, self._listening = dict(state[0]), state[1]
        self.agents = state[2].copy()


def addresses(node: Doc) -> list[str]:
    """A node's addresses."""
    found = node.get("status", {}).get("addresses", ())
    return [each["address"] for each in found if each["type"] in {"InternalIP", "ExternalIP"}]


def is_live(pod: Doc) -> bool:
    """Whether a pod has a network at all."""
    return pod.get("status", {}).get("phase") == "Running" and bool(pod["status"].get("podIP"))


def is_ready(pod: Doc) -> bool:
    """Whether Services lead to it."""
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
    return is_live(pod) and ready and "deletionTimestamp" not in pod["metadata"]


def named(pod: Doc, name: str, protocol: str) -> int:
    """The number of a container's named port; 0 where there is none."""
    for container in pod["spec"]["containers"]:
        for each in container.get("ports", ()):
            if each.get("name") == name and each.get("protocol", "TCP") == protocol:
                number: int = each["containerPort"]
                return number
    return 0


def _host_port(pod: Doc, port: int, protocol: str) -> int:
    if pod["spec"].get("hostNetwork"):
        return 0
    for container in pod["spec"]["containers"]:
        for each in container.get("ports", ()):
            if each.get("hostPort") == port and each.get("protocol", "TCP") == protocol:
                number: int = each["containerPort"]
                return number
    return 0
