"""One pod of a snapshot as a row: what it runs, as whom, where, and what in it leads to its node.

What an attacker can choose freely, such as an image's name or a variable's value, never stops a scope: it is left
out where it is nothing that irkit could act on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from irkit.actions.kube.objects import FARGATE_LABEL, MIRROR_ANNOTATION, NAME_LIMIT, OS_LABEL, living
from irkit.actions.kube.owners import Controller, controller, pod_ref
from irkit.model.doc import Doc
from irkit.model.kube import PODS
from irkit.model.ports import KubeReader
from irkit.model.refs import ClusterRef, ImageRef, PodRef

ContainerKind = Literal["container", "init", "ephemeral"]
_CONTAINERS: tuple[tuple[ContainerKind, str, str], ...] = (
    ("container", "containers", "containerStatuses"),
    ("init", "initContainers", "initContainerStatuses"),
    ("ephemeral", "ephemeralContainers", "ephemeralContainerStatuses"),
)
_PINNED = re.compile(r"@sha256:([0-9a-f]{64})\Z", re.ASCII)
_BARE = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)
_ROLE = re.compile(r"arn:aws[a-z-]{0,16}:iam::\d{12}:role/[\w+=,.@/-]{1,576}", re.ASCII)
_ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
_IMAGE_LIMIT = 4096
Shown = Annotated[str, Field(max_length=NAME_LIMIT)]
"""A name for people and later reads."""
Escape = Literal["privileged", "host-pid", "host-ipc", "host-path"]


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod.

    `digest` is the manifest's, in hex, as the runtime says that it runs, else as the spec asks for. `ids` are all
    that the image can be recognised by: a runtime that has no manifest of it names its configuration's digest.
    """

    name: str
    kind: ContainerKind
    image: str
    digest: str
    ids: tuple[str, ...]
    privileged: bool
    running: bool


@dataclass(frozen=True)
class Seen:
    """A pod that was read."""

    ref: PodRef
    doc: Doc

    @cached_property
    def living(self) -> bool:
        """Whether it has not ended."""
        return living(self.doc)

    @cached_property
    def node(self) -> str:
        """Its node's name, or "" while it waits for one."""
        return self.doc.text("spec", "nodeName", default="", limit=NAME_LIMIT)

    @cached_property
    def account(self) -> str:
        """Its service account's name."""
        return self.doc.text("spec", "serviceAccountName", default="default", limit=NAME_LIMIT)

    @cached_property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self.doc.labels("metadata", "labels")

    @cached_property
    def owner(self) -> Controller | None:
        """Its controller. A node is the controller of its mirror pods and no workload."""
        found = controller(self.doc)
        return None if found is None or found.kind == "Node" else found

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """All of them: ordinary, init and ephemeral ones."""
        return tuple(_containers(self.doc))

    @cached_property
    def host_network(self) -> bool:
        """Whether it is on its node's network, with its node's address."""
        return self.doc.flag("spec", "hostNetwork", default=False)

    @property
    def fargate(self) -> bool:
        """Whether it runs on Fargate, on a node of its own."""
        return FARGATE_LABEL in self.labels

    @cached_property
    def windows(self) -> bool:
        """Whether it says that it is for Windows."""
        wanted = self.doc.labels("spec", "nodeSelector").get(OS_LABEL, "linux")
        return "windows" in {self.doc.text("spec", "os", "name", default="linux", limit=NAME_LIMIT), wanted}

    @property
    def static(self) -> bool:
        """Whether it is the API's copy of a pod that its kubelet runs from a file."""
        return self.doc.has("metadata", "annotations", MIRROR_ANNOTATION)

    @cached_property
    def mounts_token(self) -> bool:
        """Whether one of its volumes has a token of its service account: what admission really put there."""
        return any(
            source.has("serviceAccountToken")
            for volume in self.doc.each("spec", "volumes")
            for source in volume.each("projected", "sources")
        )

    @cached_property
    def escapes(self) -> tuple[Escape, ...]:
        """What in its spec leads out of its containers to the node."""
        found: list[Escape] = []
        if any(one.privileged for one in self.containers):
            found.append("privileged")
        if self.doc.flag("spec", "hostPID", default=False):
            found.append("host-pid")
        if self.doc.flag("spec", "hostIPC", default=False):
            found.append("host-ipc")
        if any(one.has("hostPath") for one in self.doc.each("spec", "volumes")):
            found.append("host-path")
        return tuple(found)

    @cached_property
    def policed(self) -> bool:
        """Whether NetworkPolicies can govern it: not on a node's network, on Fargate or on Windows (domain.md §1)."""
        return not (self.host_network or self.fargate or self.windows)


def see(cluster: ClusterRef, doc: Doc) -> Seen:
    """A pod as a row. Raises Malformed."""
    return Seen(pod_ref(cluster, doc), doc)


def pods(kube: KubeReader, cluster: ClusterRef, namespace: str = "") -> tuple[tuple[Seen, ...], str]:
    """The pods of a namespace or of the cluster, by namespace and name, and the cluster's time."""
    listing = kube.list(PODS, namespace)
    found = (see(cluster, doc) for doc in listing.items)
    return tuple(sorted(found, key=lambda one: (one.ref.namespace, one.ref.name))), listing.as_of


def _containers(doc: Doc) -> Iterable[Container]:
    for kind, specs, statuses in _CONTAINERS:
        told = {one.text("name", limit=NAME_LIMIT): one for one in doc.each("status", statuses)}
        for one in doc.each("spec", specs):
            name = one.text("name", limit=NAME_LIMIT)
            status = told.get(name)
            image = one.text("image", default="", limit=_IMAGE_LIMIT)
            running = "" if status is None else status.text("imageID", default="", limit=_IMAGE_LIMIT)
            pinned = [found[1] for text in (running, image) if (found := _PINNED.search(text))]
            bare = _BARE.fullmatch(running)
            yield Container(
                name=name,
                kind=kind,
                image=image,
                digest=pinned[0] if pinned else "",
                ids=tuple(dict.fromkeys((*pinned, *([bare[1]] if bare else [])))),
                privileged=one.flag("securityContext", "privileged", default=False),
                running=status is not None and status.has("state", "running"),
            )


def image_ref(cluster: ClusterRef, one: Container) -> ImageRef | None:
    """The image, pinned to what runs where the runtime says so; None where the name is no name of an image."""
    name = one.image.partition("@")[0]
    try:
        return ImageRef(cluster=cluster, name=name, uid=one.digest)
    except ValidationError:
        return None


def injected_roles(one: Seen) -> tuple[str, ...]:
    """The IAM roles whose credentials were injected when the pod was made (domain.md §5: not today's annotation)."""
    found = (env.text("value", default="", limit=_IMAGE_LIMIT) for env in _environment(one.doc, "AWS_ROLE_ARN"))
    return tuple(sorted({text for text in found if _ROLE.fullmatch(text)}))


def pod_identity(one: Seen) -> bool:
    """Whether credentials of an EKS Pod Identity association were injected (EKS user guide, "EKS Pod Identity")."""
    return any(True for _ in _environment(one.doc, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"))


def _environment(doc: Doc, name: str) -> Iterable[Doc]:
    """The variables of this name in any container."""
    for _, specs, _ in _CONTAINERS:
        for container in doc.each("spec", specs):
            for env in container.each("env"):
                if env.text("name", limit=_IMAGE_LIMIT) == name:
                    yield env


def annotated_role(account: Doc) -> str:
    """The IAM role that an account is annotated with, or "" (EKS user guide, "IAM roles for service accounts")."""
    text = account.labels("metadata", "annotations").get(_ROLE_ANNOTATION, "")
    return text if _ROLE.fullmatch(text) else ""
