"""What is found of a pod, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from irkit.actions.kube.netpol import Policy, Selector
from irkit.actions.kube.objects import FARGATE_LABEL, MIRROR_ANNOTATION, NAME_LIMIT, UID_LIMIT, Presence, find, make
from irkit.actions.kube.owners import chain, pod_ref, siblings
from irkit.model.base import Model
from irkit.model.doc import Doc
from irkit.model.kube import NETWORK_POLICIES, NODES, PDBS, PODS, SERVICE_ACCOUNTS, SERVICES
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import NodeRef, PodRef, ServiceAccountRef, WorkloadRef

_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
Shown = Annotated[str, Field(max_length=NAME_LIMIT)]


class Outputs(Model):
    """What later steps act on, and what people are shown.

    `owners` go from the nearest controller to the farthest; `siblings` are the farthest one's other pods.
    """

    pod: PodRef
    node: NodeRef | None
    service_account: ServiceAccountRef
    owners: tuple[WorkloadRef, ...]
    siblings: tuple[PodRef, ...]
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]
    pod_ip: Annotated[str, Field(pattern=r"^[0-9a-f.:]{0,45}$")]
    host_network: bool
    fargate: bool
    static: bool
    services: tuple[Shown, ...]
    pdbs: tuple[Shown, ...]
    policies: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """`found` is None where the pod is not there."""

    presence: Presence
    found: Outputs | None = None
    as_of: str = ""


def observe(wanted: PodRef, reader: Reader) -> Facts:
    """Read the pod and everything it is part of. Raises Malformed."""
    kube = reader.kube(wanted.cluster)
    presence, doc = find(kube, PODS, wanted)
    if doc is None:
        return Facts(presence)
    pod = pod_ref(wanted.cluster, doc)
    labels = doc.labels("metadata", "labels")
    owners, _ = chain(kube, pod.cluster, doc)
    policies = kube.list(NETWORK_POLICIES, pod.namespace)
    phase = doc.text("status", "phase", default="Unknown", limit=40)
    found = make(
        Outputs, doc,
        pod=pod, node=_node(kube, pod, doc), service_account=_service_account(kube, pod, doc),
        owners=owners, siblings=siblings(kube, pod, owners),
        phase=phase if phase in _PHASES else "Unknown",
        pod_ip=doc.text("status", "podIP", default="", limit=45).lower(),
        host_network=doc.flag("spec", "hostNetwork", default=False),
        fargate=FARGATE_LABEL in labels, static=doc.has("metadata", "annotations", MIRROR_ANNOTATION),
        services=_services(kube, pod, labels), pdbs=_pdbs(kube, pod, labels),
        policies=tuple(
            sorted(one.name for one in map(Policy.read, policies.items) if one.selector.matches(labels))
        ),
    )  # fmt: skip
    return Facts("here", found, policies.as_of)


def _node(kube: KubeReader, pod: PodRef, doc: Doc) -> NodeRef | None:
    name = doc.text("spec", "nodeName", default="", limit=NAME_LIMIT)
    if not name:
        return None
    node = kube.get(NODES, name)
    uid = "" if node is None else node.text("metadata", "uid", limit=UID_LIMIT)
    return make(NodeRef, doc, cluster=pod.cluster, name=name, uid=uid)


def _service_account(kube: KubeReader, pod: PodRef, doc: Doc) -> ServiceAccountRef:
    name = doc.text("spec", "serviceAccountName", default="default", limit=NAME_LIMIT)
    account = kube.get(SERVICE_ACCOUNTS, name, pod.namespace)
    uid = "" if account is None else account.text("metadata", "uid", limit=UID_LIMIT)
    return make(ServiceAccountRef, doc, cluster=pod.cluster, namespace=pod.namespace, name=name, uid=uid)


def _services(kube: KubeReader, pod: PodRef, labels: dict[str, str]) -> tuple[str, ...]:
    """A Service without a selector selects nothing."""
    return tuple(
        sorted(
            one.text("metadata", "name", limit=NAME_LIMIT)
            for one in kube.list(SERVICES, pod.namespace).items
            if (selector := one.labels("spec", "selector")) and Selector.equals(selector).matches(labels)
        )
    )


def _pdbs(kube: KubeReader, pod: PodRef, labels: dict[str, str]) -> tuple[str, ...]:
    """An empty selector selects every pod of the namespace; a missing one none (policy/v1)."""
    return tuple(
        sorted(
            one.text("metadata", "name", limit=NAME_LIMIT)
            for one in kube.list(PDBS, pod.namespace).items
            if one.has("spec", "selector") and Selector.read(one.part("spec", "selector")).matches(labels)
        )
    )
