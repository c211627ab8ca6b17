"""What revoking tokens needs to know, and how it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from irkit.actions.kube.bindings import read_bindings, rights_by_group
from irkit.actions.kube.netpol import plain
from irkit.actions.kube.objects import Presence, find, living, name_of, uid_of
from irkit.errors import Denied
from irkit.model.doc import Doc
from irkit.model.kube import PODS, SECRETS, SERVICE_ACCOUNTS
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import ServiceAccountRef

TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 -- a type's name
NAME_ANNOTATION = "kubernetes.io/service-account.name"
UID_ANNOTATION = "kubernetes.io/service-account.uid"
"""The token controller writes both; a token whose uid is another account's is no token of this one."""
_DEFAULT_SECONDS = 3600
"""Of a projected token whose volume says nothing (Kubernetes API reference, ServiceAccountTokenProjection)."""
_API_AUDIENCES = frozenset({
    "", "https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local", "kubernetes.default.svc",
})  # fmt: skip
"""Of a token that the API server takes for a login; a source that says none gets one for it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A legacy token's Secret. `used_by` are living pods that mount it or take their environment from it."""

    name: str
    uid: str
    deleting: bool = False
    used_by: tuple[str, ...] = ()

    @property
    def effect(self) -> str:
        """The name of its deletion: Secrets' names may be longer than an effect's."""
        return f"delete-{hashlib.sha256(self.name.encode()).hexdigest()[:10]}"


@dataclass(frozen=True, slots=True)
class Facts:
    """`bound` are the account's living pods with a token of their own, and for how many seconds they ask at most.

    `elsewhere` are the audiences other than the API's that its pods have tokens for, with the seconds and the pods.
    `rights` are what bindings still give the account, in words; None where nobody could look.
    """

    presence: Presence
    tokens: tuple[Token, ...] = ()
    bound: tuple[tuple[str, int], ...] = ()
    elsewhere: tuple[tuple[str, int, tuple[str, ...]], ...] = ()
    rights: tuple[str, ...] | None = None
    as_of: str = ""


def observe(account: ServiceAccountRef, reader: Reader) -> Facts:
    """Read them. Raises Malformed."""
    kube = reader.kube(account.cluster)
    presence, doc = find(kube, SERVICE_ACCOUNTS, account)
    if doc is None:
        return Facts(presence)
    uid = uid_of(doc)
    pods = [one for one in kube.list(PODS, account.namespace).items if living(one)]
    listing = kube.list_metadata(SECRETS, account.namespace, fields={"type": TOKEN_TYPE})
    tokens = [_token(one, pods) for one in listing.items if _is_of(one, account.name, uid)]
    mine = [one for one in pods if one.text("spec", "serviceAccountName", default="default") == account.name]
    asked = {name_of(one): _projected(one) for one in mine}
    return Facts(
        presence,
        tuple(sorted(tokens, key=lambda one: one.name)),
        bound=tuple(sorted((name, audiences[""]) for name, audiences in asked.items() if "" in audiences)),
        elsewhere=_elsewhere(asked),
        rights=_rights(kube, account),
        as_of=listing.as_of,
    )


def _rights(kube: KubeReader, account: ServiceAccountRef) -> tuple[str, ...] | None:
    try:
        found = read_bindings(kube)
    except Denied:
        return None
    return (*(str(one) for one in found if one.ours(account)), *rights_by_group(found, account))


def _elsewhere(asked: Mapping[str, Mapping[str, int]]) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    audiences = {one for each in asked.values() for one in each if one}
    return tuple(
        (
            audience,
            max(each.get(audience, 0) for each in asked.values()),
            tuple(sorted(name for name, each in asked.items() if audience in each)),
        )
        for audience in sorted(audiences)
    )


def _is_of(secret: Doc, name: str, uid: str) -> bool:
    """A token that the controller has not filled yet has no uid; it will be one of this account."""
    annotations = secret.labels("metadata", "annotations")
    return annotations.get(NAME_ANNOTATION) == name and annotations.get(UID_ANNOTATION, uid) == uid


def _token(secret: Doc, pods: list[Doc]) -> Token:
    name = name_of(secret)
    return Token(
        name,
        uid_of(secret),
        deleting=secret.has("metadata", "deletionTimestamp"),
        used_by=tuple(sorted(name_of(pod) for pod in pods if name in _secrets(pod))),
    )


def _secrets(pod: Doc) -> set[str]:
    """Names of the Secrets that a pod mounts or takes its environment from."""
    found = {one.text("secret", "secretName", default="") for one in pod.each("spec", "volumes")}
    for volume in pod.each("spec", "volumes"):
        found |= {one.text("secret", "name", default="") for one in volume.each("projected", "sources")}
    for kind in ("containers", "initContainers"):
        for container in pod.each("spec", kind):
            found |= {one.text("secretRef", "name", default="") for one in container.each("envFrom")}
            found |= {one.text("valueFrom", "secretKeyRef", "name", default="") for one in container.each("env")}
    return found


def _projected(pod: Doc) -> dict[str, int]:
    """The longest time that the pod's volumes ask a token for, in seconds, by audience; "" is the API's own."""
    found: dict[str, int] = {}
    for volume in pod.each("spec", "volumes"):
        for one in volume.each("projected", "sources"):
            if one.has("serviceAccountToken"):
                seconds = one.integer("serviceAccountToken", "expirationSeconds", default=_DEFAULT_SECONDS)
                audience = one.text("serviceAccountToken", "audience", default="")
                audience = "" if audience in _API_AUDIENCES else plain(audience)
                found[audience] = max(seconds, found.get(audience, 0))
    return found
