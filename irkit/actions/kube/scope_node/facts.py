"""What is found of a node, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from irkit.actions.kube.inventory import Fleet, fleet
from irkit.actions.kube.objects import COMPUTE_LABEL, NAME_LIMIT, OS_LABEL, Presence, find, make, uid_of
from irkit.actions.kube.seen import Seen, Shown, injected_roles, pods
from irkit.model.doc import Doc
from irkit.model.kube import NODES
from irkit.model.ports import Reader
from irkit.model.refs import NodeRef, PodRef

_INSTANCE = re.compile(r"aws:///[a-z0-9-]{1,40}/(?P<id>i-[0-9a-f]{8,17})", re.ASCII)


class Outputs(Fleet):
    """What later steps act on, and what people are shown."""

    node: NodeRef
    unschedulable: bool = Field(description="it is cordoned")
    ready: bool
    fargate: bool = Field(description="one pod's own node: nobody can log in, cordoning means nothing")
    windows: bool
    auto: bool = Field(description="EKS Auto Mode runs it: no login, no change of its network or profile")
    instance: Annotated[str, Field(max_length=19, description="the EC2 instance's id, or empty")]
    addresses: tuple[Shown, ...]
    kubelet: Shown
    runtime: Shown
    escaping: tuple[PodRef, ...] = Field(description="living pods with something in their spec that leads to the node")
    daemonset_pods: tuple[PodRef, ...] = Field(description="living pods that come back, cordoned or not")
    static_pods: tuple[PodRef, ...] = Field(description="living pods that the kubelet runs from files")
    aws_roles: tuple[Shown, ...] = Field(description="IAM roles whose credentials were injected into its living pods")


@dataclass(frozen=True, slots=True)
class Facts:
    """`found` is None where the node is not there."""

    presence: Presence
    found: Outputs | None = None
    as_of: str = ""


def observe(wanted: NodeRef, reader: Reader) -> Facts:
    """Read the node and all pods: a list by node is no list that every API serves. Raises Malformed."""
    kube = reader.kube(wanted.cluster)
    presence, doc = find(kube, NODES, wanted)
    if doc is None:
        return Facts(presence)
    listed, as_of = pods(kube, wanted.cluster)
    here = [one for one in listed if one.node == wanted.name]
    alive = [one for one in here if one.living]
    labels = doc.labels("metadata", "labels")
    instance = _INSTANCE.fullmatch(doc.text("spec", "providerID", default="", limit=NAME_LIMIT))
    found = make(
        Outputs, doc,
        **dict(fleet(kube, wanted.cluster, here)),
        node=wanted.model_copy(update={"uid": uid_of(doc)}),
        unschedulable=doc.flag("spec", "unschedulable", default=False), ready=_ready(doc),
        fargate=labels.get(COMPUTE_LABEL) == "fargate", windows=labels.get(OS_LABEL) == "windows",
        auto=labels.get(COMPUTE_LABEL) == "auto", instance=instance["id"] if instance else "",
        addresses=tuple(one.text("address", limit=NAME_LIMIT) for one in _addresses(doc)),
        kubelet=doc.text("status", "nodeInfo", "kubeletVersion", default="", limit=NAME_LIMIT),
        runtime=doc.text("status", "nodeInfo", "containerRuntimeVersion", default="", limit=NAME_LIMIT),
        escaping=_refs(one for one in alive if one.escapes or one.host_network),
        daemonset_pods=_refs(one for one in alive if one.owner is not None and one.owner.kind == "DaemonSet"),
        static_pods=_refs(one for one in alive if one.static),
        aws_roles=tuple(sorted({role for one in alive for role in injected_roles(one)})),
    )  # fmt: skip
    return Facts("here", found, as_of)


def _ready(doc: Doc) -> bool:
    return any(
        one.text("type", limit=NAME_LIMIT) == "Ready" and one.text("status", limit=NAME_LIMIT) == "True"
        for one in doc.each("status", "conditions")
    )


def _addresses(doc: Doc) -> list[Doc]:
    found = [one for one in doc.each("status", "addresses") if one.text("type", limit=NAME_LIMIT) != "Hostname"]
    return sorted(found, key=lambda one: one.text("address", limit=NAME_LIMIT))


def _refs(found: Iterable[Seen]) -> tuple[PodRef, ...]:
    return tuple(one.ref for one in found)
