"""Validated references to things in a cluster or an account. Nothing untyped names a target.

Name rules: Kubernetes documentation, "Object Names and IDs" (RFC 1123 subdomain ≤ 253, label ≤ 63).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from irkit.model.base import Model

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DNS_LABEL = rf"^{_LABEL}$"
DNS_SUBDOMAIN = rf"^(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*$"
_ARN = re.compile(
    r"^arn:(?P<partition>aws[a-z-]{0,16}):eks:(?P<region>[a-z]{2}(-[a-z]+){1,3}-\d{1,2}):(?P<account>\d{12})"
    r":cluster/(?P<name>[0-9A-Za-z][0-9A-Za-z_-]{0,99})$",
    re.ASCII,
)
_DIGEST = re.compile(r"(?:^|@)sha256:(?P<hex>[0-9a-f]{64})$", re.ASCII)
_CONTEXT = re.compile(r"^context:(?P<name>[!-~]{1,200})$")

Namespace = Annotated[str, StringConstraints(pattern=DNS_LABEL, max_length=63)]
Name = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
Uid = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z-]{0,62}$")]
"""Usually a UUID; static pods carry a hash without dashes, so the form is not narrowed further."""
ImageName = Annotated[
    str,
    StringConstraints(pattern=r"^(?:sha256:[0-9a-f]{64}|[0-9A-Za-z][0-9A-Za-z._:/-]*[0-9A-Za-z_])$", max_length=512),
]
"""A repository with or without host and tag, or a bare digest. Without `@`: the digest has a field of its own."""
Account = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}$")]


class ClusterRef(Model):
    """A cluster: its EKS ARN, or `context:NAME` for one that is only known from a kubeconfig."""

    kind: Literal["Cluster"] = "Cluster"
    id: str

    @model_validator(mode="after")
    def _form(self) -> ClusterRef:
        if not (_ARN.fullmatch(self.id) or _CONTEXT.fullmatch(self.id)):
            msg = "must be an EKS cluster ARN (12-digit account) or context:NAME"
            raise ValueError(msg)
        return self

    @property
    def arn(self) -> str:
        """The ARN, or "" for a context."""
        return self.id if self.id.startswith("arn:") else ""

    def _part(self, name: str) -> str:
        found = _ARN.fullmatch(self.id)
        return found[name] if found else ""

    @property
    def account(self) -> str:
        """The 12-digit account, or ""."""
        return self._part("account")

    @property
    def region(self) -> str:
        """The region, or ""."""
        return self._part("region")

    @property
    def name(self) -> str:
        """The cluster's or the context's name."""
        return self._part("name") or self.id.partition(":")[2]

    @property
    def key(self) -> str:
        """What tells this cluster from all others."""
        return self.id

    def __str__(self) -> str:
        return self.id


class Reached(Model):
    """What a cluster beside the case's own really is: the uid of its kube-system, and who irkit is there.

    Both are empty while it has not answered.
    """

    uid: str = ""
    kubernetes: str = ""


class _InCluster(Model):
    """Something with an identity in one cluster. `uid` is empty until it was looked up."""

    cluster: ClusterRef
    name: Name
    uid: Uid | Literal[""] = ""

    @property
    def key(self) -> str:
        """cluster, kind and uid (or name): the identity that locks, originals and the case index use."""
        return f"{self.cluster.id}|{type(self).__name__.removesuffix('Ref')}|{self.uid or self.path}"

    @property
    def path(self) -> str:
        """namespace/name, or the name of a cluster-wide object."""
        namespace = getattr(self, "namespace", "")
        return f"{namespace}/{self.name}" if namespace else self.name


class NamespaceRef(_InCluster):
    """A namespace."""

    kind: Literal["Namespace"] = "Namespace"
    name: Namespace

    def __str__(self) -> str:
        return f"namespace {self.name}"


class NodeRef(_InCluster):
    """A node."""

    kind: Literal["Node"] = "Node"

    def __str__(self) -> str:
        return f"node {self.name}"


class PodRef(_InCluster):
    """A pod, pinned by uid once resolved: a name may be used again by another pod."""

    kind: Literal["Pod"] = "Pod"
    namespace: Namespace

    def __str__(self) -> str:
        return f"pod {self.path}"


class ServiceAccountRef(_InCluster):
    """A Kubernetes service account."""

    kind: Literal["ServiceAccount"] = "ServiceAccount"
    namespace: Namespace

    def __str__(self) -> str:
        return f"service account {self.path}"


class WorkloadRef(_InCluster):
    """A controller of pods: `type` is its Kubernetes kind (ReplicaSet, Deployment, DaemonSet, …)."""

    kind: Literal["Workload"] = "Workload"
    namespace: Namespace
    type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{0,62}$")]

    def __str__(self) -> str:
        return f"{self.type} {self.path}"


class ImageRef(_InCluster):
    """A container image, as far as a cluster runs it.

    `uid` is the SHA-256 of its manifest in hex, where it is known: the content, whatever the tag says today. A
    registry serves the same content under many names, and a tag names other content after every push.
    Source: OCI distribution specification, "Pulling manifests"; the grammar of references is distribution's.
    """

    kind: Literal["Image"] = "Image"
    name: ImageName
    uid: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | Literal[""] = ""

    @model_validator(mode="after")
    def _one_digest(self) -> ImageRef:
        if self.name.startswith("sha256:") and self.name != self.digest:
            msg = "a name that is a digest must be the digest of the uid"
            raise ValueError(msg)
        return self

    @classmethod
    def of(cls, cluster: ClusterRef, text: str) -> ImageRef:
        """From how people and pods write it: `web:1.2`, `registry/web@sha256:…`, `sha256:…`.

        Raises `pydantic.ValidationError`.
        """
        found = _DIGEST.search(text)
        name = text[: found.start()] if found else text
        return cls(cluster=cluster, name=name or text, uid=found["hex"] if found else "")

    @property
    def digest(self) -> str:
        """`sha256:…`, or "" where only a tag is known."""
        return f"sha256:{self.uid}" if self.uid else ""

    def __str__(self) -> str:
        return f"image {self.name}" if not self.uid or self.name == self.digest else f"image {self.name}@{self.digest}"


class PodAddressRef(Model):
    """An address that findings name where they know no pod. It is no identity: addresses are used again.

    The form is the canonical one (RFC 5952 for IPv6; IPv4 where it is mapped), so that two spellings are one.
    """

    kind: Literal["PodAddress"] = "PodAddress"
    cluster: ClusterRef
    ip: Annotated[str, Field(max_length=45)]

    @field_validator("ip")
    @classmethod
    def _canonical(cls, value: str) -> str:
        try:
            found = ipaddress.ip_address("" if "%" in value else value)
        except ValueError:
            msg = "must be an IPv4 or IPv6 address"
            raise ValueError(msg) from None
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        return str(mapped or found)

    @property
    def key(self) -> str:
        """cluster, kind and address."""
        return f"{self.cluster.id}|PodAddress|{self.ip}"

    def __str__(self) -> str:
        return f"pod address {self.ip}"


AnyRef = Annotated[
    ClusterRef | NamespaceRef | NodeRef | PodRef | ServiceAccountRef | WorkloadRef | ImageRef | PodAddressRef,
    Field(discriminator="kind"),
]
TargetRef = NamespaceRef | NodeRef | PodRef | ServiceAccountRef | WorkloadRef | ImageRef
Target = Annotated[
    NamespaceRef | NodeRef | PodRef | ServiceAccountRef | WorkloadRef | ImageRef, Field(discriminator="kind")
]
"""What a case can be about."""
