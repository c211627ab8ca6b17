"""Finding the object that a reference means: the one with its uid, not whoever bears its name today."""

from __future__ import annotations

import hashlib
from typing import Literal, TypeVar

from pydantic import ValidationError

from irkit.errors import Malformed
from irkit.model.base import Model
from irkit.model.doc import Doc
from irkit.model.effects import Access, Resource
from irkit.model.plans import Receipts, Refuse, Settled, Verdict
from irkit.model.ports import KubeReader
from irkit.model.refs import NamespaceRef, PodRef, ServiceAccountRef, TargetRef

Presence = Literal["here", "gone", "replaced"]
"""`replaced`: another object bears the name now (domain.md, hardest test 22)."""

M = TypeVar("M", bound=Model)
UID_LIMIT = 63
NAME_LIMIT = 253
FARGATE_LABEL = "eks.amazonaws.com/fargate-profile"
"""On every pod that runs on Fargate (EKS user guide, "Fargate profiles")."""
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
"""On the API's copy of a static pod (kubelet): deleting the copy does not stop the pod."""
COMPUTE_LABEL = "eks.amazonaws.com/compute-type"
"""On nodes: `fargate` on Fargate's virtual ones, each of which has one pod; `auto` on Auto Mode's (domain.md §3)."""
OS_LABEL = "kubernetes.io/os"
"""On nodes: their operating system (Kubernetes documentation, "Well-Known Labels")."""
_ENDED = frozenset({"Succeeded", "Failed"})


def access(resource: Resource, *verbs: str) -> tuple[Access, ...]:
    """The permissions for these verbs on a resource."""
    return tuple(Access(group=resource.group, resource=resource.plural, verb=verb) for verb in verbs)


def name_of(doc: Doc) -> str:
    """An object's name."""
    return doc.text("metadata", "name", limit=NAME_LIMIT)


def uid_of(doc: Doc) -> str:
    """An object's uid."""
    return doc.text("metadata", "uid", limit=UID_LIMIT)


def find(kube: KubeReader, resource: Resource, ref: TargetRef) -> tuple[Presence, Doc | None]:
    """The object and whether it is the one that is meant; a reference without uid means whatever is there."""
    doc = kube.get(resource, ref.name, getattr(ref, "namespace", ""))
    if doc is None:
        return "gone", None
    if ref.uid and uid_of(doc) != ref.uid:
        return "replaced", None
    return "here", doc


def absent(ref: TargetRef, presence: Presence) -> Refuse:
    """The refusal to act on something that is not there, or is not what was meant."""
    if presence == "replaced":
        return Refuse(
            f"{ref} is another object now: the one with uid {ref.uid} is gone",
            hint="respond to the new one only if it is suspect itself; its predecessor's disk and memory are gone",
        )
    hint = "look for its replacement with kubectl get pods -o wide, and for its logs in your log store"
    if isinstance(ref, NamespaceRef | ServiceAccountRef):
        hint = "the API server's audit log says who deleted it"
    return Refuse(f"{ref} does not exist any more", hint=hint)


def vanished(ref: TargetRef, presence: Presence, mine: Receipts, verdict: Verdict | None = None) -> Settled | Refuse:
    """What is left to say of a target that is not there: settled where irkit did its part before it went."""
    if presence == "gone" and mine:
        return Settled(f"{ref} is gone", verdict or Verdict.proven(f"{ref} no longer exists"))
    return absent(ref, presence)


def nothing_to_restore(ref: TargetRef) -> Settled:
    """The answer to the undo of a change to something that is not there."""
    return Settled(f"{ref} is gone: nothing to restore", Verdict.proven(f"{ref} no longer exists"))


def unpinned(ref: TargetRef) -> Refuse | None:
    """The refusal to write to something that is known by name only."""
    if ref.uid:
        return None
    return Refuse(
        f"{ref} has no uid: irkit writes only to objects that are pinned", hint="resolve it with a scope step"
    )


def make(model: type[M], doc: Doc, **fields: object) -> M:
    """A validated value from parts of an answer. Raises Malformed, which names the field and not the value."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Malformed(doc.what, where, f"usable in a {model.__name__}", first["type"]) from None


def living(pod: Doc) -> bool:
    """Whether a pod has not ended."""
    return pod.text("status", "phase", default="", limit=NAME_LIMIT) not in _ENDED


def named(verb: str, pod: PodRef) -> str:
    """An effect's name, different for each pod of a mark that serves many."""
    return f"{verb}-{hashlib.sha256(pod.key.encode()).hexdigest()[:10]}"
