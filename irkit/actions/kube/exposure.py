"""What leads to pods, and what else selects them: Services, EndpointSlices, node ports, budgets, policies.

Sources: Kubernetes API reference, core/v1 Service and discovery.k8s.io/v1 EndpointSlice. A slice may be written by
anybody: it can lead to a pod that no selector names, and be kept when the labels are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from irkit.actions.kube.netpol import Policy, Selector
from irkit.actions.kube.objects import NAME_LIMIT, UID_LIMIT, access, make, name_of
from irkit.actions.kube.pods import addresses
from irkit.actions.kube.seen import Seen, Shown
from irkit.model.base import Model
from irkit.model.doc import Doc
from irkit.model.kube import ENDPOINT_SLICES, NETWORK_POLICIES, PDBS, SERVICES
from irkit.model.ports import KubeReader

READS = tuple(
    one for resource in (SERVICES, ENDPOINT_SLICES, PDBS, NETWORK_POLICIES) for one in access(resource, "list")
)
"""What this module lists."""
_SERVICE_LABEL = "kubernetes.io/service-name"
_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")


class Exposure(Model):
    """A Service that leads to at least one of the pods.

    `selects`: by its selector; `lists`: in an EndpointSlice; `serving`: some endpoint among them takes traffic.
    `outside` are its load balancers' names and addresses and its external addresses.
    """

    service: Shown
    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "none"]
    selects: bool
    lists: bool
    serving: bool
    ports: tuple[Annotated[str, Field(max_length=80)], ...]
    outside: tuple[Shown, ...]


def exposure(kube: KubeReader, namespace: str, found: Sequence[Seen]) -> tuple[Exposure, ...]:
    """The Services of a namespace that lead to one of these pods of it, by name. Raises Malformed."""
    listed = _endpoints(kube, namespace, found)
    rows: list[Exposure] = []
    known: set[str] = set()
    for doc in kube.list(SERVICES, namespace).items:
        name = name_of(doc)
        known.add(name)
        selector = doc.labels("spec", "selector")
        # a Service without a selector selects nothing
        selects = bool(selector) and any(Selector.equals(selector).matches(one.labels) for one in found)
        if selects or name in listed:
            kind = doc.text("spec", "type", default="ClusterIP", limit=NAME_LIMIT)
            rows.append(
                make(
                    Exposure, doc, service=name, type=kind if kind in _TYPES else "none", selects=selects,
                    lists=name in listed, serving=listed.get(name, False), ports=_ports(doc), outside=_outside(doc),
                )
            )  # fmt: skip
    # of a Service that is gone, or of none: mesh and ingress controllers read such slices too
    rows.extend(
        Exposure(service=name, type="none", selects=False, lists=True, serving=listed[name], ports=(), outside=())
        for name in listed.keys() - known
    )
    return tuple(sorted(rows, key=lambda one: one.service))


def _endpoints(kube: KubeReader, namespace: str, pods: Sequence[Seen]) -> dict[str, bool]:
    """The Services whose slices list one of the pods, and whether it takes traffic there."""
    uids = {one.ref.uid for one in pods}
    own = {ip for one in pods if not one.host_network for ip in addresses(one.doc)}
    found: dict[str, bool] = {}
    for doc in kube.list(ENDPOINT_SLICES, namespace).items:
        name = doc.text("metadata", "labels", _SERVICE_LABEL, default="", limit=NAME_LIMIT)
        service = name or name_of(doc)
        for one in doc.each("endpoints"):
            by_uid = one.text("targetRef", "uid", default="", limit=UID_LIMIT) in uids
            if by_uid or not own.isdisjoint(one.texts("addresses")):
                ready = one.flag("conditions", "ready", default=True)  # unknown counts as ready
                found[service] = found.get(service, False) or one.flag("conditions", "serving", default=ready)
    return found


def _ports(doc: Doc) -> tuple[str, ...]:
    """`80/TCP`, and `80:30080/TCP` where every node listens too."""
    found = []
    for one in doc.each("spec", "ports"):
        port, node = one.integer("port"), one.integer("nodePort", default=0)
        where = f"{port}:{node}" if node else str(port)
        found.append(f"{where}/{one.text('protocol', default='TCP', limit=16)}")
    return tuple(sorted(found))


def _outside(doc: Doc) -> tuple[str, ...]:
    found = set(doc.texts("spec", "externalIPs"))
    for one in doc.each("status", "loadBalancer", "ingress"):
        found |= {one.text(key, default="", limit=NAME_LIMIT) for key in ("ip", "hostname")}
    return tuple(sorted(found - {""}))


def host_ports(one: Seen) -> tuple[int, ...]:
    """The ports of its node that lead to it. On the node's network every port that it opens is one, unseen here."""
    found = {
        port.integer("hostPort", default=0)
        for kind in ("containers", "initContainers")
        for container in one.doc.each("spec", kind)
        for port in container.each("ports")
    }
    return tuple(sorted(found - {0}))


def budgets(kube: KubeReader, namespace: str, found: Sequence[Seen]) -> tuple[str, ...]:
    """The PodDisruptionBudgets that select one of these pods.

    An empty selector selects every pod of the namespace; a missing one none (policy/v1).
    """
    labels = [one.labels for one in found]
    return tuple(
        sorted(
            name_of(doc)
            for doc in kube.list(PDBS, namespace).items
            if doc.has("spec", "selector") and any(map(Selector.read(doc.part("spec", "selector")).matches, labels))
        )
    )


def policies(kube: KubeReader, namespace: str, found: Sequence[Seen]) -> tuple[tuple[str, ...], str]:
    """The NetworkPolicies that select one of these pods, and the cluster's time. Raises Malformed."""
    labels = [one.labels for one in found]
    listing = kube.list(NETWORK_POLICIES, namespace)
    read = map(Policy.read, listing.items)
    return tuple(sorted(one.name for one in read if any(map(one.selector.matches, labels)))), listing.as_of
