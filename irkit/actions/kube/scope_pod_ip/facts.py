"""Who has an address, and how it is found."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from irkit.actions.kube.objects import NAME_LIMIT, make, name_of, uid_of
from irkit.actions.kube.pods import addresses
from irkit.actions.kube.seen import Seen, pods
from irkit.model.base import Model
from irkit.model.doc import Doc
from irkit.model.kube import NODES, SERVICE_ACCOUNTS
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import NodeRef, PodAddressRef, PodRef, ServiceAccountRef

_TIME = r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?$"
_NETWORKED = "PodReadyToStartContainers"
"""The condition that the pod's sandbox and network are there. A node that restarts gives a pod another address."""


class Outputs(Model):
    """What later steps act on, and what people are shown."""

    pod: PodRef
    node: NodeRef | None
    service_account: ServiceAccountRef
    since: Annotated[
        str, Field(max_length=40, description="when its kubelet took it on, UTC: it had no address before")
    ]
    former: tuple[PodRef, ...] = Field(description="pods that ended and are still listed with this address")


@dataclass(frozen=True, slots=True)
class Facts:
    """`found` is set where exactly one living pod has the address for itself.

    `node` has it where it is a node's; `shared` are then the living pods on that node's network. `holders` are the
    living pods with this address where there is not exactly one, `former` those that ended with it.
    """

    found: Outputs | None = None
    node: NodeRef | None = None
    shared: tuple[PodRef, ...] = ()
    holders: tuple[PodRef, ...] = ()
    former: tuple[PodRef, ...] = ()
    as_of: str = ""


def observe(address: PodAddressRef, reader: Reader) -> Facts:
    """Read all pods and nodes. Raises Malformed."""
    kube = reader.kube(address.cluster)
    listed, as_of = pods(kube, address.cluster)
    having = [one for one in listed if address.ip in _canonical(addresses(one.doc))]
    alive = [one for one in having if one.living]
    former = _refs([one for one in having if not one.living and not one.host_network])
    nodes = {name_of(one): one for one in kube.list(NODES).items}
    owner = next((name for name in sorted(nodes) if address.ip in _node_addresses(nodes[name])), None)
    if owner is None and alive and all(one.host_network for one in alive):
        owner = alive[0].node or None  # a node that says nothing of its address
    if owner is not None:
        node = _node(address, nodes, owner, alive)
        return Facts(node=node, shared=_refs(alive), former=former, as_of=as_of)
    own = [one for one in alive if not one.host_network]
    if len(own) != 1 or len(alive) != 1:
        return Facts(holders=_refs(alive), former=former, as_of=as_of)
    one = own[0]
    found = make(
        Outputs, one.doc,
        pod=one.ref, node=_node(address, nodes, one.node, own) if one.node else None,
        service_account=_account(kube, one), former=former,
        since=_since(one.doc),
    )  # fmt: skip
    return Facts(found=found, former=former, as_of=as_of)


def _canonical(ips: tuple[str, ...]) -> set[str]:
    return {str(ipaddress.ip_address(one)) for one in ips}


def _node_addresses(doc: Doc) -> set[str]:
    found: set[str] = set()
    for one in doc.each("status", "addresses"):
        try:
            found.add(str(ipaddress.ip_address(one.text("address", limit=NAME_LIMIT))))
        except ValueError:
            continue  # a host name
    return found


def _node(address: PodAddressRef, nodes: dict[str, Doc], name: str, found: list[Seen]) -> NodeRef:
    doc = nodes.get(name)
    uid = "" if doc is None else uid_of(doc)
    return make(NodeRef, doc or found[0].doc, cluster=address.cluster, name=name, uid=uid)


def _account(kube: KubeReader, one: Seen) -> ServiceAccountRef:
    space = one.ref.namespace
    doc = kube.get(SERVICE_ACCOUNTS, one.account, space)
    uid = "" if doc is None else uid_of(doc)
    return make(ServiceAccountRef, one.doc, cluster=one.ref.cluster, namespace=space, name=one.account, uid=uid)


def _refs(found: list[Seen]) -> tuple[PodRef, ...]:
    return tuple(one.ref for one in found)


def _since(doc: Doc) -> str:
    """When the kubelet took the pod on, or set its network up anew since."""
    times = [doc.text("status", "startTime", default="", limit=40)]
    times += [
        one.text("lastTransitionTime", default="", limit=40)
        for one in doc.each("status", "conditions")
        if one.text("type", limit=NAME_LIMIT) == _NETWORKED
    ]
    return max(times)
