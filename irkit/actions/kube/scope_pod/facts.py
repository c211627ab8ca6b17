"""What is found of a pod, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from irkit.actions.kube.exposure import Exposure, budgets, exposure, host_ports, policies
from irkit.actions.kube.inventory import images
from irkit.actions.kube.objects import OS_LABEL, Presence, find, make, uid_of
from irkit.actions.kube.owners import chain, siblings
from irkit.actions.kube.seen import Escape, Seen, Shown, annotated_role, injected_roles, pod_identity, see
from irkit.model.base import Model
from irkit.model.kube import NODES, PODS, SERVICE_ACCOUNTS
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import ImageRef, NodeRef, PodRef, ServiceAccountRef, WorkloadRef

_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")


class Outputs(Model):
    """What later steps act on, and what people are shown."""

    pod: PodRef
    node: NodeRef | None
    service_account: ServiceAccountRef
    owners: tuple[WorkloadRef, ...] = Field(description="its controllers, from the nearest to the farthest")
    siblings: tuple[PodRef, ...] = Field(description="the farthest controller's other pods")
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]
    pod_ip: Annotated[str, Field(pattern=r"^[0-9a-f.:]{0,45}$")]
    host_network: bool = Field(description="it has its node's addresses, and no policy governs it")
    fargate: bool = Field(description="it runs on Fargate: no policy governs it, its node is its own")
    windows: bool
    static: bool = Field(description="the API's copy of a pod that its kubelet runs from a file: no API call stops it")
    daemonset: bool = Field(description="a DaemonSet makes it anew on its node, cordoned or not")
    escapes: tuple[Escape, ...] = Field(description="what in its spec leads to its node")
    images: tuple[ImageRef, ...]
    mounts_token: bool = Field(description="a token of its service account is mounted")
    aws_roles: tuple[Shown, ...] = Field(description="IAM roles whose credentials were injected when it was made")
    annotated_role: Shown = Field(description="the IAM role that its service account is annotated with today")
    pod_identity: bool = Field(description="EKS Pod Identity credentials were injected")
    services: tuple[Shown, ...] = Field(description="Services that select it")
    exposure: tuple[Exposure, ...] = Field(description="every Service that leads to it, by selector or by endpoint")
    host_ports: tuple[int, ...] = Field(description="ports of its node that lead to it")
    pdbs: tuple[Shown, ...]
    policies: tuple[Shown, ...] = Field(description="NetworkPolicies that select it")


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
    seen = see(wanted.cluster, doc)
    pod = seen.ref
    owners, _ = chain(kube, pod.cluster, doc)
    node, node_os = _node(kube, seen)
    account, role = _service_account(kube, seen)
    phase = doc.text("status", "phase", default="Unknown", limit=40)
    exposed = exposure(kube, pod.namespace, (seen,))
    selecting, as_of = policies(kube, pod.namespace, (seen,))
    found = make(
        Outputs, doc,
        pod=pod, node=node, service_account=account,
        owners=owners, siblings=siblings(kube, pod, owners),
        phase=phase if phase in _PHASES else "Unknown",
        pod_ip=doc.text("status", "podIP", default="", limit=45).lower(),
        host_network=seen.host_network, fargate=seen.fargate, windows=seen.windows or node_os == "windows",
        static=seen.static, daemonset=any(one.type == "DaemonSet" for one in owners), escapes=seen.escapes,
        images=images(pod.cluster, (seen,)), mounts_token=seen.mounts_token, aws_roles=injected_roles(seen),
        annotated_role=role, pod_identity=pod_identity(seen),
        services=tuple(one.service for one in exposed if one.selects), exposure=exposed, host_ports=host_ports(seen),
        pdbs=budgets(kube, pod.namespace, (seen,)), policies=selecting,
    )  # fmt: skip
    return Facts("here", found, as_of)


def _node(kube: KubeReader, seen: Seen) -> tuple[NodeRef | None, str]:
    """Its node, and the node's operating system where the node is known."""
    if not seen.node:
        return None, ""
    node = kube.get(NODES, seen.node)
    uid = "" if node is None else uid_of(node)
    ref = make(NodeRef, seen.doc, cluster=seen.ref.cluster, name=seen.node, uid=uid)
    return ref, "" if node is None else node.labels("metadata", "labels").get(OS_LABEL, "")


def _service_account(kube: KubeReader, seen: Seen) -> tuple[ServiceAccountRef, str]:
    """Whom it runs as, and the IAM role in that account's annotation."""
    space = seen.ref.namespace
    account = kube.get(SERVICE_ACCOUNTS, seen.account, space)
    uid = "" if account is None else uid_of(account)
    ref = make(ServiceAccountRef, seen.doc, cluster=seen.ref.cluster, namespace=space, name=seen.account, uid=uid)
    return ref, "" if account is None else annotated_role(account)
