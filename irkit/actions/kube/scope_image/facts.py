"""Where an image is found, and how."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from irkit.actions.kube.inventory import Fleet, fleet
from irkit.actions.kube.objects import make, name_of, uid_of
from irkit.actions.kube.scope_image.names import digest_of, normal
from irkit.actions.kube.seen import Container, ContainerKind, Seen, Shown, pods
from irkit.model.base import Model
from irkit.model.doc import Doc
from irkit.model.kube import NAMESPACES, NODES
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import ImageRef, NamespaceRef, NodeRef, PodRef

_LIMIT = 4096
Text = Annotated[str, Field(max_length=_LIMIT)]
"""As somebody wrote it into a pod: for people only."""


class Use(Model):
    """One container that runs the image, or is told to. `digest` is what its runtime says that it runs."""

    pod: PodRef
    container: Shown
    kind: ContainerKind
    image: Text
    digest: Shown
    running: bool


class Outputs(Fleet):
    """What later steps act on, and what people are shown. `pods` are those with a container of it."""

    image: ImageRef = Field(description="as it was given, with the digest where exactly one is known")
    digests: tuple[Shown, ...] = Field(description="the digest that was given, or all that run under the tag")
    aliases: tuple[Shown, ...] = Field(
        description="other digests that nodes say are the same content: a node can lie, so they were not followed"
    )
    names: tuple[Text, ...] = Field(description="every name under which pods ask for it, and nodes have it")
    uses: tuple[Use, ...]
    namespaces: tuple[NamespaceRef, ...] = Field(description="where living pods run it")
    cached: tuple[NodeRef, ...] = Field(
        description="nodes that have it; each says so of the 50 largest images only (the kubelet's default)"
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found, which may be nothing."""

    found: Outputs
    as_of: str = ""


def observe(wanted: ImageRef, reader: Reader) -> Facts:
    """Read all pods, and what nodes say of their images. Raises Malformed."""
    kube, cluster = reader.kube(wanted.cluster), wanted.cluster
    listed, as_of = pods(kube, cluster)
    stored = [
        (node, image.texts("names")) for node in kube.list(NODES).items for image in node.each("status", "images")
    ]
    ids = _ids(wanted, listed)
    uses = [(seen, one) for seen in listed for one in seen.containers if _is(wanted, ids, one)]
    own = [seen for seen in listed if any(seen is one for one, _ in uses)]
    same = [(node, names) for node, names in stored if _same(wanted, ids, names)]
    names = {one.image for _, one in uses} | {name for _, each in same for name in each}
    doc = Doc({}, str(wanted))
    found = make(
        Outputs, doc,
        **dict(fleet(kube, cluster, own)),
        image=wanted.model_copy(update={"uid": next(iter(ids))}) if not wanted.uid and len(ids) == 1 else wanted,
        digests=_written(ids), aliases=_written(_digests(names) - ids), names=tuple(sorted(names)),
        uses=tuple(_use(seen, one) for seen, one in uses),
        namespaces=_namespaces(kube, wanted, own), cached=_nodes(wanted, [node for node, _ in same]),
    )  # fmt: skip
    return Facts(found, as_of)


def _ids(wanted: ImageRef, listed: Sequence[Seen]) -> set[str]:
    """All digests of the image, in hex: those of its tag where only that is known."""
    if wanted.uid:
        return {wanted.uid}
    return {one.ids[0] for seen in listed for one in seen.containers if one.ids and _tagged(wanted, one.image)}


def _written(ids: set[str]) -> tuple[str, ...]:
    return tuple(f"sha256:{one}" for one in sorted(ids))


def _digests(names: Iterable[str]) -> set[str]:
    return {digest for name in names if (digest := digest_of(name))}


def _tagged(wanted: ImageRef, name: str) -> bool:
    return normal(name) == normal(wanted.name)


def _is(wanted: ImageRef, ids: set[str], one: Container) -> bool:
    """A container whose image was never pulled is known by its name alone."""
    if one.ids:
        return not ids.isdisjoint(one.ids)
    return not wanted.uid and _tagged(wanted, one.image)


def _same(wanted: ImageRef, ids: set[str], names: tuple[str, ...]) -> bool:
    digests = _digests(names)
    if digests:
        return not ids.isdisjoint(digests)
    return not wanted.uid and any(_tagged(wanted, name) for name in names)


def _use(seen: Seen, one: Container) -> Use:
    digest = f"sha256:{one.ids[0]}" if one.ids else ""
    return make(
        Use, seen.doc,
        pod=seen.ref, container=one.name, kind=one.kind, image=one.image, digest=digest, running=one.running,
    )  # fmt: skip


def _namespaces(kube: KubeReader, wanted: ImageRef, own: Sequence[Seen]) -> tuple[NamespaceRef, ...]:
    names = sorted({one.ref.namespace for one in own if one.living})
    if not names:
        return ()
    uids = {name_of(one): uid_of(one) for one in kube.list(NAMESPACES).items}
    return tuple(
        make(NamespaceRef, own[0].doc, cluster=wanted.cluster, name=name, uid=uids.get(name, "")) for name in names
    )


def _nodes(wanted: ImageRef, cached: Sequence[Doc]) -> tuple[NodeRef, ...]:
    refs = {
        make(
            NodeRef, doc, cluster=wanted.cluster,
            name=name_of(doc), uid=uid_of(doc),
        )
        for doc in cached
    }  # fmt: skip
    return tuple(sorted(refs, key=lambda one: one.name))
