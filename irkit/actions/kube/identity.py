"""Who can still act as a service account: what RBAC gives it, and whom RBAC lets become it. Pure, but for one read.

An account is only as closed as the widest way to it. Ways are direct (they end with its token, or with code that runs
under it) or indirect (they give whoever takes them the rights to take a direct one).

Sources: Kubernetes documentation, "Role Based Access Control Good Practices" (privilege escalation risks), "User
Impersonation", "Certificates and Certificate Signing Requests"; `pkg/registry/rbac/escalation_check.go` for where
`bind` and `escalate` are asked; `apiserver/pkg/endpoints/filters/impersonation.go`: to impersonate a service account
is asked of `serviceaccounts`, never of `users`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from irkit.actions.kube.rbac import Binding, Granted, Identity, Rbac, Request, Subject, SubjectKind
from irkit.model.base import Model
from irkit.model.kube import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from irkit.model.ports import KubeReader

Way = Literal[
    "mint-token",
    "impersonate",
    "read-secrets",
    "create-secrets",
    "enter-pod",
    "change-pod",
    "node-proxy",
    "run-pod",
    "admission",
    "certificate",
    "impersonate-others",
    "escalate",
    "bind",
]
MEANING: Mapping[Way, str] = MappingProxyType({
    "mint-token": "creates tokens of it",
    "impersonate": "acts as it by impersonation",
    "read-secrets": "reads its legacy tokens from Secrets",
    "create-secrets": "has a legacy token of it made, by creating a Secret",
    "enter-pod": "enters pods that run as it, or reaches their ports",
    "change-pod": "changes the image of pods that run as it",
    "node-proxy": "runs commands in its pods through their kubelet, past audit and admission",
    "run-pod": "starts pods that run as it",
    "admission": "changes pods while they are created, by a webhook or policy",
    "certificate": "approves client certificates in any name",
    "impersonate-others": "acts as users or groups that may do the above",
    "escalate": "gives roles more rights than it has itself",
    "bind": "binds roles with more rights than it has itself",
})  # fmt: skip
INDIRECT: frozenset[Way] = frozenset({"impersonate-others", "escalate", "bind"})
_ORDER = {way: number for number, way in enumerate(MEANING)}
_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_WRITE = ("create", "update", "patch")
_WORKLOADS = (
    ("", "replicationcontrollers"), ("apps", "deployments"), ("apps", "replicasets"), ("apps", "statefulsets"),
    ("apps", "daemonsets"), ("batch", "jobs"), ("batch", "cronjobs"),
)  # fmt: skip
_MUTATING = ("mutatingwebhookconfigurations", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings")
_SIGNERS = ("kubernetes.io/kube-apiserver-client", "kubernetes.io/*")
"""A certificate of this signer is a login in the name that it bears; the second form stands for all of the domain."""

Told = Annotated[str, Field(max_length=1300)]


class Right(Model):
    """One rule that the account has. `namespace` is "" where it holds everywhere.

    `through` is "" for the account itself, else the group by which it has the rule.
    """

    verbs: tuple[Told, ...]
    groups: tuple[Told, ...]
    resources: tuple[Told, ...]
    names: tuple[Told, ...]
    urls: tuple[Told, ...]
    namespace: Told
    binding: Told
    role: Told
    through: Told


class Actor(Model):
    """Somebody who can act as the account, and by which binding. `namespace` is that of a service account."""

    kind: SubjectKind
    name: Told
    namespace: Told
    ways: tuple[Way, ...]
    direct: bool
    binding: Told
    role: Told


@dataclass(frozen=True, slots=True)
class Account:
    """The account in question, and what is now of it: names of its pods, of their nodes, of its legacy tokens.

    `secrets` is None where nobody could look.
    """

    namespace: str
    name: str
    pods: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    secrets: tuple[str, ...] | None = ()


def read_rbac(kube: KubeReader) -> Rbac:
    """All of RBAC, by four lists. Raises Malformed."""
    listed = (kube.list(one).items for one in (ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS))
    return Rbac.read(*listed)


def rights(rbac: Rbac, namespace: str, name: str) -> tuple[Right, ...]:
    """What the account may do, rule by rule, its own rules before those of its groups."""
    granted = rbac.rules_of(Identity.service_account(namespace, name))
    return tuple(_right(one) for one in sorted(granted, key=lambda one: (one.subject.kind == "Group", one)))


def is_admin(rbac: Rbac, namespace: str, name: str) -> bool:
    """Whether one rule lets the account do everything everywhere."""
    return any(
        not one.binding.namespace
        and not one.rule.names
        and all("*" in part for part in (one.rule.verbs, one.rule.groups, one.rule.resources))
        for one in rbac.rules_of(Identity.service_account(namespace, name))
    )


def actors(rbac: Rbac, account: Account) -> tuple[Actor, ...]:
    """Who can act as the account, one row for each subject and binding; direct ways first.

    A right that is not enough by itself counts too: RBAC does not say in which groups a user is, so nobody can tell
    from it who lacks the rest.
    """
    found: dict[tuple[Subject, Binding], set[Way]] = {}
    for way, request in requests(account):
        for one in rbac.who(request):
            found.setdefault((one.subject, one.binding), set()).add(way)
    rows = [_actor(subject, binding, ways) for (subject, binding), ways in found.items()]
    return tuple(sorted(rows, key=lambda one: (not one.direct, one.kind, one.namespace, one.name, one.binding)))


def requests(account: Account) -> Iterator[tuple[Way, Request]]:
    """What somebody would ask the API for, to act as the account."""
    space, name = account.namespace, (account.name,)
    yield "mint-token", Request("create", "", "serviceaccounts", "token", space, name)
    yield "impersonate", Request("impersonate", "", "serviceaccounts", "", space, name)
    # constrained impersonation (KEP-5284, on by default from 1.36) has a verb and a group of its own
    constrained = "impersonate:serviceaccount"
    yield "impersonate", Request(constrained, "authentication.k8s.io", "serviceaccounts", "", space, name)
    yield from _of_secrets(account)
    if account.pods:
        for part in ("exec", "attach", "portforward"):
            # a WebSocket begins with GET, SPDY with POST: the first asks for `get`, the other for `create`
            yield from (
                ("enter-pod", Request(verb, "", "pods", part, space, account.pods)) for verb in ("get", "create")
            )
        for verb in ("update", "patch"):
            yield "enter-pod", Request(verb, "", "pods", "ephemeralcontainers", space, account.pods)
            yield "change-pod", Request(verb, "", "pods", "", space, account.pods)
    if account.nodes:
        yield from (
            ("node-proxy", Request(verb, "", "nodes", "proxy", "", account.nodes)) for verb in ("get", "create")
        )
    yield "run-pod", Request("create", "", "pods", "", space)
    for group, resource in _WORKLOADS:
        yield from (("run-pod", Request(verb, group, resource, "", space, _any(verb))) for verb in _WRITE)
    for resource in _MUTATING:
        yield from (("admission", Request(verb, _ADMISSION, resource, "", "", _any(verb))) for verb in _WRITE)
    yield "certificate", Request("approve", "certificates.k8s.io", "signers", "", "", _SIGNERS)
    for resource in ("users", "groups"):
        yield "impersonate-others", Request("impersonate", "", resource, "", "", None)
    yield "escalate", Request("escalate", _RBAC, "roles", "", space, None)
    yield "escalate", Request("escalate", _RBAC, "clusterroles", "", "", None)
    yield from (("bind", Request("bind", _RBAC, resource, "", space, None)) for resource in ("roles", "clusterroles"))


def _any(verb: str) -> tuple[str, ...] | None:
    """A create names no object; a change of whichever one will do."""
    return () if verb == "create" else None


def _of_secrets(account: Account) -> Iterator[tuple[Way, Request]]:
    """A list shows every Secret of the namespace; where nobody could look, each may be a token of the account."""
    yield "create-secrets", Request("create", "", "secrets", "", account.namespace)
    if account.secrets != ():
        yield "read-secrets", Request("get", "", "secrets", "", account.namespace, account.secrets)
        for verb in ("list", "watch"):
            yield "read-secrets", Request(verb, "", "secrets", "", account.namespace, account.secrets)
            yield "read-secrets", Request(verb, "", "secrets", "", account.namespace)


def _actor(subject: Subject, binding: Binding, ways: Iterable[Way]) -> Actor:
    listed = tuple(sorted(ways, key=_ORDER.__getitem__))
    return Actor(
        kind=subject.kind,
        name=subject.name,
        namespace=subject.namespace,
        ways=listed,
        direct=not INDIRECT.issuperset(listed),
        binding=str(binding),
        role=_role(binding),
    )


def _right(one: Granted) -> Right:
    rule = one.rule
    return Right(
        verbs=rule.verbs,
        groups=rule.groups,
        resources=rule.resources,
        names=rule.names,
        urls=rule.urls,
        namespace=one.binding.namespace,
        binding=str(one.binding),
        role=_role(one.binding),
        through=one.subject.name if one.subject.kind == "Group" else "",
    )


def _role(binding: Binding) -> str:
    home = f"{binding.namespace}/" if binding.role_kind == "Role" else ""
    return f"{binding.role_kind} {home}{binding.role}"
