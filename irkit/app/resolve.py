"""From a name to the living object, pinned by its uid; an image is pinned by its digest."""

from __future__ import annotations

from irkit.actions.kube.seen import pods
from irkit.errors import Refused, UsageError
from irkit.model.effects import Resource
from irkit.model.kube import CONTROLLERS, NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS
from irkit.model.ports import KubeReader
from irkit.model.refs import (
    ImageRef,
    NamespaceRef,
    NodeRef,
    PodRef,
    ServiceAccountRef,
    TargetRef,
    WorkloadRef,
)

_SHOWN = 5


def resolve_target(reader: KubeReader, target: TargetRef) -> TargetRef:
    """The target with the uid of the object that lives under its name now, or with the image's digest.

    Raises:
        Refused: nothing lives there, or (where the target had a uid) something else does; a tag that leads to no
            digest, or to several.
        UsageError: a kind of workload that no action works on.
        ClientError: the API did not answer.
    """
    if isinstance(target, ImageRef):
        return target if target.uid else _by_tag(reader, target)
    resource = _resource(target)
    found = reader.get(resource, target.name, getattr(target, "namespace", ""))
    if found is None:
        msg = f"{target} does not exist in {target.cluster}"
        raise Refused(msg, hint=_where(target, resource))
    uid = found.text("metadata", "uid", limit=63)
    if target.uid and target.uid != uid:
        msg = f"{target} is another object now: its uid is {uid}, the finding is about {target.uid}"
        raise Refused(msg, hint="the one in the finding is gone; respond to the new one only if it is suspect itself")
    return target.model_copy(update={"uid": uid})


def _resource(target: NamespaceRef | NodeRef | PodRef | ServiceAccountRef | WorkloadRef) -> Resource:
    """Where objects of the target's kind are. Raises UsageError."""
    if isinstance(target, WorkloadRef):
        if target.type not in CONTROLLERS:
            msg = f"no action works on {target}: irkit knows {', '.join(CONTROLLERS)}"
            raise UsageError(msg, hint="name one of its pods: irkit contain pod NAMESPACE/NAME")
        return CONTROLLERS[target.type]
    kinds = {NamespaceRef: NAMESPACES, NodeRef: NODES, PodRef: PODS, ServiceAccountRef: SERVICE_ACCOUNTS}
    return kinds[type(target)]


def _where(target: TargetRef, resource: Resource) -> str:
    if isinstance(target, PodRef):
        return (f"see which there are: kubectl get pods -n {target.namespace}; one that is gone may have left its logs"
                " and events in your log store")  # fmt: skip
    namespace = getattr(target, "namespace", "")
    return f"see which there are: kubectl get {resource.plural}{f' -n {namespace}' if namespace else ''}"


def _by_tag(reader: KubeReader, image: ImageRef) -> ImageRef:
    """The image with the one digest that its name leads to here, as runtimes report it. Raises Refused."""
    from irkit.actions.kube.scope_image.names import normal  # noqa: PLC0415 -- a whole action, for images alone

    wanted = normal(image.name)
    seen, _ = pods(reader, image.cluster)
    digests = {
        one.ids[0] for pod in seen for one in pod.containers if one.image and one.ids and normal(one.image) == wanted
    }
    if len(digests) == 1:
        return image.model_copy(update={"uid": digests.pop()})
    if not digests:
        msg = f"nothing in {image.cluster} runs {image}, so its digest is not known"
    else:
        listed = ", ".join(f"sha256:{one}" for one in sorted(digests)[:_SHOWN])
        more = f" and {len(digests) - _SHOWN} more" if len(digests) > _SHOWN else ""
        msg = f"{image} is {len(digests)} images in {image.cluster}: {listed}{more}"
    raise Refused(msg, hint="give the digest: irkit contain image sha256:…")
