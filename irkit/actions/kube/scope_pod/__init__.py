"""kube.scope_pod: what a pod is part of, so that later steps and people know what they act on. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from irkit.actions.api import ActionSpec, NoUndo
from irkit.actions.kube.netpol import Policy, Selector
from irkit.actions.kube.objects import NAME_LIMIT, UID_LIMIT, Presence, absent, access, find, make
from irkit.actions.kube.owners import chain, pod_ref, siblings
from irkit.model.base import Model
from irkit.model.doc import Doc
from irkit.model.effects import Mark
from irkit.model.kube import CONTROLLERS, NETWORK_POLICIES, NODES, PDBS, PODS, SERVICE_ACCOUNTS, SERVICES
from irkit.model.plans import Plan, Receipts, Settled, Verdict
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import NodeRef, PodRef, ServiceAccountRef, WorkloadRef

FARGATE_LABEL = "eks.amazonaws.com/fargate-profile"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
"""On the API's copy of a static pod (kubelet): deleting the copy does not stop the pod."""
_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")

Shown = Annotated[str, Field(max_length=NAME_LIMIT)]


class Params(Model):
    """The pod to look at."""

    pod: PodRef


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


class ScopePod(NoUndo):
    """Follows a pod to its node, identity, controllers, siblings, and whatever selects it."""

    spec = ActionSpec(
        id="kube.scope_pod",
        version=1,
        title="See what a pod is part of",
        purpose="read",
        params=Params,
        outputs=Outputs,
        reads=(
            *access(PODS, "get", "list"),
            *access(NODES, "get"),
            *access(SERVICE_ACCOUNTS, "get"),
            *(one for resource in CONTROLLERS.values() for one in access(resource, "get", "list")),
            *access(SERVICES, "list"),
            *access(PDBS, "list"),
            *access(NETWORK_POLICIES, "list"),
        ),
        risk="none",
        no_undo="it only reads",
        example="pod: ${inputs.pod}",
    )

    def target(self, p: Params) -> PodRef:
        """The pod."""
        return p.pod

    def scope(self, p: Params) -> str:
        """The pod's uid."""
        return p.pod.uid or p.pod.path

    def locks(self, p: Params) -> tuple[str, ...]:  # noqa: ARG002 -- the port's
        """None: nothing is written."""
        return ()

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """The pod and everything it is part of."""
        kube = reader.kube(p.pod.cluster)
        presence, doc = find(kube, PODS, p.pod)
        if doc is None:
            return Facts(presence)
        pod = pod_ref(p.pod.cluster, doc)
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

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Settled at once, with what was found."""
        if facts.found is None:
            return absent(p.pod, facts.presence)
        owner = f", of {facts.found.owners[-1]}" if facts.found.owners else ", of no controller"
        where = f" on {facts.found.node}" if facts.found.node else ", on no node yet"
        return Settled(
            f"{facts.found.phase}{where}{owner}", Verdict.proven("read from the Kubernetes API"), facts.found
        )


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


ACTION = ScopePod()
