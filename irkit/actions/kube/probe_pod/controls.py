"""What should answer where the pod does not: without it, silence says nothing.

Sources: Amazon VPC user guide, "DNS attributes for your VPC" (the resolver is at 169.254.169.253, in UDP and TCP);
aws/amazon-vpc-cni-k8s, ENABLE_V4_EGRESS: pods of an IPv6 cluster have a way out in IPv4 that is in no pod's status.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from irkit.actions.kube.engines import AGENT_READS, STANDING_READS
from irkit.actions.kube.objects import NAME_LIMIT, access, find, living, name_of, uid_of
from irkit.actions.kube.pods import addresses, endpoints, families, is_ip, join, port_of, ready
from irkit.errors import Denied
from irkit.model.doc import Doc
from irkit.model.kube import CASE_LABEL, NETWORK_POLICIES, PODS, SERVICES
from irkit.model.ports import KubeReader, Listing

if TYPE_CHECKING:
    from irkit.actions.kube.probe_pod import Params

READS = (
    *access(PODS, "get", "list"), *access(NETWORK_POLICIES, "list"), *access(SERVICES, "get"), *STANDING_READS,
)  # fmt: skip
SYSTEM = AGENT_READS
OPTIONAL = (*access(SERVICES, "get"), *STANDING_READS)
"""The API server's own Service is one more control, if it may be read."""
_SIBLINGS = 5
"""More prove nothing more."""
_RESOLVER = "169.254.169.253:53"
"""On EC2 it answers whoever has a way out in IPv4. Elsewhere nothing is there, and so it counts for nothing."""


def controls(kube: KubeReader, p: Params, pod: Doc, targets: tuple[str, ...]) -> tuple[str, ...]:
    """Siblings on the pod's own ports, and the API server's Service: any pod may call that.

    Where nobody says who its siblings are, those that run the same containers: a pod that was released before has no
    controller any more that would name them. For a pod without an address in IPv4 also what would answer if it had a
    way out there all the same.
    """
    ports, service = {port_of(one) for one in targets}, None
    found: list[str] = [_RESOLVER] if families(addresses(pod)) == ("IPv6",) else []
    named = [doc for ref in p.controls[:_SIBLINGS] if (doc := find(kube, PODS, ref)[1]) is not None]
    beside = [doc for doc in named if _answers(doc)]
    if not beside:
        alike = kube.list(PODS, p.pod.namespace).derive(_by_containers).get(_containers(pod), ())
        beside = [doc for doc in alike if uid_of(doc) != uid_of(pod)][:_SIBLINGS]
    for doc in beside:
        found += [one for one in endpoints(doc, ports) if port_of(one) in ports]
    with suppress(Denied):
        service = kube.get(SERVICES, "kubernetes", "default")
    if service is not None:
        ip = service.text("spec", "clusterIP", default="", limit=64)
        found += [join(ip, port.integer("port")) for port in service.each("spec", "ports") if is_ip(ip)]
    return tuple(sorted(set(found)))


def _answers(doc: Doc) -> bool:
    return CASE_LABEL not in doc.labels("metadata", "labels") and living(doc) and ready(doc)


def _containers(doc: Doc) -> tuple[str, ...]:
    found = doc.each("spec", "containers")
    return tuple(f"{one.text('name', limit=NAME_LIMIT)} {one.text('image', default='')}" for one in found)


def _by_containers(listing: Listing) -> Mapping[tuple[str, ...], tuple[Doc, ...]]:
    """Those that answer, by what they run; a few of each, by name."""
    found: dict[tuple[str, ...], list[Doc]] = {}
    for doc in sorted(filter(_answers, listing.items), key=name_of):
        found.setdefault(_containers(doc), []).append(doc)
    return {key: tuple(docs[: _SIBLINGS + 1]) for key, docs in found.items()}
