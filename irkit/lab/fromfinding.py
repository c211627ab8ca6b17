"""The world that a finding describes: its cluster and target as it names them, with neighbours around.

What the finding does not say is made up harmlessly. A pod that is named as Deployments name theirs is one of three of
its Deployment, which has a Service and a policy; any other target has no owner, no service account of its own, and
nothing selects it. Beside it runs a Deployment with a Service and a policy, so that a plan has bystanders.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from irkit.errors import FindingError
from irkit.lab.builder import build_world
from irkit.lab.scenario import (
    MemberShape,
    NamespaceShape,
    NodesShape,
    PodShape,
    ServiceAccountShape,
    ServiceShape,
    WorkloadShape,
    WorldShape,
)
from irkit.lab.seed import Seed
from irkit.model.findings import Finding
from irkit.model.refs import (
    DNS_LABEL,
    NamespaceRef,
    NodeRef,
    PodRef,
    ServiceAccountRef,
    WorkloadRef,
)

NODES: Final = 3
REPLICAS: Final = 3
PORT: Final = 8080
_MADE: Final = re.compile(
    r"(?P<deployment>[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?)-(?P<template>[bcdf-hj-np-tv-xz2456789]{6,10})-[bcdf-hj-np-tv-xz2456789]{5}",
    re.ASCII,
)
"""DEPLOYMENT-HASH-SUFFIX. Both ends are of Kubernetes' safe alphabet (apimachinery, `util/rand`)."""
_WORKLOADS: Final = {
    "Deployment": "deployments",
    "ReplicaSet": "replicaSets",
    "StatefulSet": "statefulSets",
    "DaemonSet": "daemonSets",
    "Job": "jobs",
}


def world_from_finding(finding: Finding, *, seed: int = 1, now: datetime | None = None) -> Seed:
    """The seed of a lab in which this finding is true.

    Raises:
        FindingError: it names no cluster, or a kind of target that the lab cannot show.
    """
    if finding.cluster is None or not finding.cluster.arn:
        msg = "the finding names no EKS cluster, so there is no world to build from it"
        raise FindingError(msg, field="cluster", hint="irkit lab up --scenario NAME")
    spaces: dict[str, dict[str, Any]] = {}
    target = finding.target
    home = getattr(target, "namespace", "") or (target.name if isinstance(target, NamespaceRef) else "default")
    nodes: list[NodesShape] = []
    space = spaces.setdefault(home, {})
    shape = _pod_shape(finding)
    if isinstance(target, PodRef):
        shape = shape.model_copy(update={"events": True})
        if made := _MADE.fullmatch(target.name):
            member = MemberShape(name=target.name, template=made["template"], uid=target.uid)
            whole = WorkloadShape(images=shape.images, replicas=REPLICAS, ports=(PORT,), events=True, member=member)
            space["deployments"] = {made["deployment"]: whole}
            _add_front(space, made["deployment"])
        else:
            space["pods"] = {target.name: shape.model_copy(update={"uid": target.uid})}
    elif isinstance(target, WorkloadRef):
        kind = _WORKLOADS.get(target.type)
        if kind is None:
            msg = f"the lab cannot show a workload of type {target.type}"
            raise FindingError(msg, field="target", hint="it shows " + ", ".join(_WORKLOADS))
        space[kind] = {target.name: _workload(shape, target)}
    elif isinstance(target, ServiceAccountRef):
        space["serviceAccounts"] = {target.name: ServiceAccountShape(uid=target.uid)}
        space["pods"] = {f"{target.name}-user": shape.model_copy(update={"service_account": target.name})}
    elif isinstance(target, NodeRef):
        nodes.append(NodesShape(name=target.name, uid=target.uid))
        space["pods"] = {"suspect": shape.model_copy(update={"node": target.name})}
    elif isinstance(target, NamespaceRef):
        space["uid"] = target.uid
    _add_actor(spaces, finding)
    _add_neighbours(space)
    nodes.append(NodesShape(count=NODES - len(nodes)))
    world = WorldShape(
        cluster=finding.cluster.id,
        nodes=tuple(nodes),
        namespaces={name: NamespaceShape(**parts) for name, parts in spaces.items()},
    )
    return build_world(world, seed, now)


def _pod_shape(finding: Finding) -> PodShape:
    """The target's containers as named; a name that no container can have is replaced, the image kept as it is."""
    images: dict[str, str] = {}
    for index, each in enumerate(finding.images):
        name = each.container if re.match(DNS_LABEL, each.container) else f"container-{index}"
        images[name] = each.image.strip() or "lab.invalid/unknown:1"
    return PodShape(images=images)


def _workload(shape: PodShape, target: WorkloadRef) -> WorkloadShape:
    return WorkloadShape(images=shape.images, replicas=3, uid=target.uid)


def _add_actor(spaces: dict[str, dict[str, Any]], finding: Finding) -> None:
    account = finding.actor.service_account if finding.actor else None
    if account is not None and account.name != "default":
        there = spaces.setdefault(account.namespace, {}).setdefault("serviceAccounts", {})
        there.setdefault(account.name, ServiceAccountShape(uid=account.uid))


def _add_neighbours(space: dict[str, Any]) -> None:
    taken = {name for part in space.values() if isinstance(part, dict) for name in part}
    name = next(each for each in ("web", "shop-front", "bystander") if each not in taken)
    own = space.setdefault("deployments", {})
    own[name] = WorkloadShape(image="lab.invalid/web:1", replicas=REPLICAS, ports=(PORT,))
    _add_front(space, name)


def _add_front(space: dict[str, Any], name: str) -> None:
    """What leads users to a Deployment."""
    space.setdefault("services", {})[name] = ServiceShape(selector={"app": name}, port=PORT)
    space.setdefault("networkPolicies", {})[f"allow-{name}"] = {
        "podSelector": {"matchLabels": {"app": name}},
        "ingress": [{"ports": [{"port": PORT, "protocol": "TCP"}]}],
        "policyTypes": ["Ingress"],
    }
