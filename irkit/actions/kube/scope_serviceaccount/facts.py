"""What is found of a service account, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from irkit.actions.kube.identity import Account, Actor, Right, actors, is_admin, read_rbac, rights
from irkit.actions.kube.inventory import Fleet, fleet
from irkit.actions.kube.objects import NAME_LIMIT, Presence, find, make, name_of, uid_of
from irkit.actions.kube.seen import Shown, annotated_role, injected_roles, pods
from irkit.errors import Denied
from irkit.model.doc import Doc
from irkit.model.kube import SECRETS, SERVICE_ACCOUNTS
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import ServiceAccountRef

_OF_ACCOUNT = "kubernetes.io/service-account.name"
"""On every Secret of the type below: whose token it is."""
_TOKENS = "kubernetes.io/service-account-token"


class Outputs(Fleet):
    """What later steps act on, and what people are shown. `pods` are those that run as it."""

    service_account: ServiceAccountRef
    rights: tuple[Right, ...] = Field(description="what RBAC lets it do, its own rules before those of its groups")
    admin: bool = Field(description="one rule lets it do everything everywhere")
    actors: tuple[Actor, ...] = Field(description="who can act as it and by which binding, direct ways first")
    actor_accounts: tuple[ServiceAccountRef, ...] = Field(
        description="the service accounts among those that have a direct way, by name: they are in no snapshot of ours"
    )
    legacy_tokens: tuple[Shown, ...] = Field(description="names of Secrets with a token of it that does not expire")
    secrets_seen: bool = Field(description="whether the names of Secrets could be listed")
    annotated_role: Shown = Field(description="the IAM role that it is annotated with today")
    aws_roles: tuple[Shown, ...] = Field(description="IAM roles whose credentials were injected into its living pods")
    automounts: bool = Field(description="its token is mounted into pods that do not say otherwise")


@dataclass(frozen=True, slots=True)
class Facts:
    """`found` is None where the account is not there."""

    presence: Presence
    found: Outputs | None = None
    as_of: str = ""


def observe(wanted: ServiceAccountRef, reader: Reader) -> Facts:
    """Read the account, its pods, and all of RBAC. Raises Malformed."""
    kube, cluster, space, name = reader.kube(wanted.cluster), wanted.cluster, wanted.namespace, wanted.name
    presence, doc = find(kube, SERVICE_ACCOUNTS, wanted)
    if doc is None:
        return Facts(presence)
    listed, as_of = pods(kube, cluster, space)
    own = [one for one in listed if one.account == name]
    shared = fleet(kube, cluster, own, space)
    secrets = _tokens(kube, doc, space, name)
    rbac = read_rbac(kube)
    account = Account(
        space, name,
        pods=tuple(one.name for one in shared.pods), nodes=tuple(one.name for one in shared.nodes), secrets=secrets,
    )  # fmt: skip
    acting = actors(rbac, account)
    found = make(
        Outputs, doc,
        **dict(shared),
        service_account=wanted.model_copy(update={"uid": uid_of(doc)}),
        rights=rights(rbac, space, name), admin=is_admin(rbac, space, name), actors=acting,
        actor_accounts=_accounts(wanted, doc, acting),
        legacy_tokens=secrets or (), secrets_seen=secrets is not None, annotated_role=annotated_role(doc),
        aws_roles=tuple(sorted({role for one in own if one.living for role in injected_roles(one)})),
        automounts=doc.flag("automountServiceAccountToken", default=True),
    )  # fmt: skip
    return Facts("here", found, as_of)


def _tokens(kube: KubeReader, account: Doc, namespace: str, name: str) -> tuple[str, ...] | None:
    """The names of its token Secrets, from their metadata; None where they may not be listed."""
    try:
        listed = kube.list_metadata(SECRETS, namespace, fields={"type": _TOKENS}).items
    except Denied:
        return None
    found = {one.text("name", default="", limit=NAME_LIMIT) for one in account.each("secrets")}
    there = {name_of(one): one.labels("metadata", "annotations").get(_OF_ACCOUNT) for one in listed}
    return tuple(sorted(secret for secret, owner in there.items() if owner == name or secret in found))


def _accounts(wanted: ServiceAccountRef, doc: Doc, found: tuple[Actor, ...]) -> tuple[ServiceAccountRef, ...]:
    """Those that an API object can be of: a binding may name what is no name."""
    names = {(one.namespace, one.name) for one in found if one.kind == "ServiceAccount" and one.direct}
    names.discard((wanted.namespace, wanted.name))
    return tuple(
        make(ServiceAccountRef, doc, cluster=wanted.cluster, namespace=space, name=name)
        for space, name in sorted(names)
    )
