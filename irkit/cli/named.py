"""References as people type them, and as kubectl shows them."""

from __future__ import annotations

import re

from irkit.errors import UsageError
from irkit.model.kube import CONTROLLERS
from irkit.model.refs import (
    ClusterRef,
    ImageRef,
    NamespaceRef,
    NodeRef,
    PodAddressRef,
    PodRef,
    ServiceAccountRef,
    TargetRef,
    WorkloadRef,
)

FORMS: dict[str, str] = {
    "pod": "NAMESPACE/NAME",
    "serviceaccount": "NAMESPACE/NAME",
    "workload": "KIND/NAMESPACE/NAME, such as deployment/shop/web",
    "node": "NAME",
    "namespace": "NAME",
    "image": "sha256:DIGEST, or as pods name it: REPOSITORY:TAG, REPOSITORY@sha256:DIGEST",
    "podaddress": "an IPv4 or IPv6 address",
}
"""What each kind of reference is typed as."""
_SHORT = {"deploy": "Deployment", "rs": "ReplicaSet", "sts": "StatefulSet", "ds": "DaemonSet", "cj": "CronJob"}
_KINDS = {name: kind for kind in CONTROLLERS for name in (kind.lower(), f"{kind.lower()}s")} | _SHORT
"""Kinds of workloads as kubectl takes them: singular, plural and short."""
_HEX = re.compile(r"(?:sha256:)?[0-9a-f]*", re.ASCII | re.IGNORECASE)
_LONGEST_NAME = 40  # a longer word of hexadecimal digits was meant for a digest


def parse_target(kind: str, text: str, cluster: ClusterRef) -> TargetRef:
    """What a command can be about. Raises UsageError."""
    found = parse_reference(kind, text, cluster)
    if isinstance(found, PodAddressRef):
        msg = f"{text[:300]!r} is an address, and no object: addresses are used again"
        raise UsageError(msg, did="nothing was changed", hint="find its pod: kubectl get pods -A -o wide")
    return found


def parse_reference(kind: str, text: str, cluster: ClusterRef) -> TargetRef | PodAddressRef:
    """A typed reference, not looked up yet. Raises UsageError."""
    try:
        return _parse(kind, text, cluster)
    except ValueError:  # pydantic's error is one
        article, name = "an" if kind == "image" else "a", kind.replace("serviceaccount", "service account")
        msg = f"{text[:300]!r} does not name {article} {name}"
        hint = f"{article} {name} is given as {FORMS[kind]}"
        raise UsageError(msg, did="nothing was changed", hint=hint) from None


def _parse(kind: str, text: str, cluster: ClusterRef) -> TargetRef | PodAddressRef:
    """Raises ValueError."""
    if kind == "image":
        return _image(text, cluster)
    if kind == "podaddress":
        return PodAddressRef(cluster=cluster, ip=text)
    *spaces, name = text.split("/")
    match kind, spaces:
        case "pod", [namespace]:
            return PodRef(cluster=cluster, namespace=namespace, name=name)
        case "serviceaccount", [namespace]:
            return ServiceAccountRef(cluster=cluster, namespace=namespace, name=name)
        case "workload", [type_, namespace]:
            return WorkloadRef(cluster=cluster, namespace=namespace, name=name, type=_KINDS.get(type_.lower(), type_))
        case "node", []:
            return NodeRef(cluster=cluster, name=name)
        case "namespace", []:
            return NamespaceRef(cluster=cluster, name=name)
    raise ValueError(kind)


def _image(text: str, cluster: ClusterRef) -> ImageRef:
    """A digest that was cut short or mistyped would pass for a repository's name."""
    text = text.removeprefix("docker-pullable://")
    found = ImageRef.of(cluster, text)
    mistyped = text.lower().startswith("sha256:") or len(text) > _LONGEST_NAME
    if not found.uid and mistyped and _HEX.fullmatch(text):
        raise ValueError(text)
    return found
