"""What revoking tokens needs to know, and which tokens it leaves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from irkit.actions.kube.objects import NAME_LIMIT, UID_LIMIT, Presence, find, living
from irkit.model.doc import Doc
from irkit.model.kube import PODS, SECRETS, SERVICE_ACCOUNTS
from irkit.model.plans import Impact, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import ServiceAccountRef

TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 -- a type's name
NAME_ANNOTATION = "kubernetes.io/service-account.name"
UID_ANNOTATION = "kubernetes.io/service-account.uid"
"""The token controller writes both; a token whose uid is another account's is no token of this one."""
_DEFAULT_SECONDS = 3600
"""Of a projected token whose volume says nothing (Kubernetes API reference, ServiceAccountTokenProjection)."""
_SHOWN = 5


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
    """`bound` are the account's living pods with a token of their own, and for how many seconds they ask at most."""

    presence: Presence
    tokens: tuple[Token, ...] = ()
    bound: tuple[tuple[str, int], ...] = ()
    as_of: str = ""


def observe(account: ServiceAccountRef, reader: Reader) -> Facts:
    """Read them. Raises Malformed."""
    kube = reader.kube(account.cluster)
    presence, doc = find(kube, SERVICE_ACCOUNTS, account)
    if doc is None:
        return Facts(presence)
    uid = doc.text("metadata", "uid", limit=UID_LIMIT)
    pods = [one for one in kube.list(PODS, account.namespace).items if living(one)]
    listing = kube.list_metadata(SECRETS, account.namespace, fields={"type": TOKEN_TYPE})
    tokens = [_token(one, pods) for one in listing.items if _is_of(one, account.name, uid)]
    mine = [one for one in pods if one.text("spec", "serviceAccountName", default="default") == account.name]
    bound = [(_name(one), seconds) for one in mine if (seconds := _projected(one))]
    return Facts(presence, tuple(sorted(tokens, key=lambda one: one.name)), tuple(sorted(bound)), listing.as_of)


def _is_of(secret: Doc, name: str, uid: str) -> bool:
    """A token that the controller has not filled yet has no uid; it will be one of this account."""
    annotations = secret.labels("metadata", "annotations")
    return annotations.get(NAME_ANNOTATION) == name and annotations.get(UID_ANNOTATION, uid) == uid


def _token(secret: Doc, pods: list[Doc]) -> Token:
    name = _name(secret)
    return Token(
        name,
        secret.text("metadata", "uid", limit=UID_LIMIT),
        deleting=secret.has("metadata", "deletionTimestamp"),
        used_by=tuple(sorted(_name(pod) for pod in pods if name in _secrets(pod))),
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


def _projected(pod: Doc) -> int:
    """The longest time that the pod's volumes ask a token for, in seconds; 0 where they ask for none."""
    seconds = [
        one.integer("serviceAccountToken", "expirationSeconds", default=_DEFAULT_SECONDS)
        for volume in pod.each("spec", "volumes")
        for one in volume.each("projected", "sources")
        if one.has("serviceAccountToken")
    ]
    return max(seconds, default=0)


def _name(doc: Doc) -> str:
    return doc.text("metadata", "name", limit=NAME_LIMIT)


def impact(tokens: tuple[Token, ...]) -> tuple[Impact, ...]:
    """Whoever holds one loses it: pods are known, programs outside the cluster are not."""
    inside = tuple(
        Impact(
            who=f"pods that use Secret {one.name}: {_some(one.used_by)}",
            what="lose its token; those that start later do not start without it",
            count=len(one.used_by),
            warn=True,
        )
        for one in tokens
        if one.used_by
    )
    outside = Impact(
        who="programs outside the cluster with a legacy token of it",
        what="can no longer log in; irkit cannot see them",
        warn=True,
    )
    return (*inside, outside)


def verdict(account: ServiceAccountRef, facts: Facts) -> Verdict:
    """Bound tokens are known to live on; tokens that somebody asked the API for are in no list at all."""
    asked = "tokens from the TokenRequest API are in no list: each ends at its own expiry, or with the service account"
    if not facts.bound:
        return Verdict.unproven(f"no legacy token and no pod's token is left; {asked}")
    longest = max(seconds for _, seconds in facts.bound)
    names = _some(tuple(name for name, _ in facts.bound))
    return Verdict.leaky(
        f"tokens of {names} are good while those pods live: asked for {longest} s at a time, and the API server may "
        f"issue them for up to a year (--service-account-extend-token-expiration); {asked}. What closes them at once "
        f"without losing the pods: kube.revoke_bindings of {account}"
    )


def _some(names: tuple[str, ...]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
