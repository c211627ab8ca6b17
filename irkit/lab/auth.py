"""Bearer tokens and what each may do.

A rule is as in RBAC: verbs on resources of groups, everywhere or in named namespaces, for all names or some.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from pydantic import Field

from irkit.lab.routes import Call
from irkit.lab.status import ApiError, forbidden, unauthorized
from irkit.model.base import Model


class Rule(Model):
    """What is allowed; `*` stands for all. A subresource is written `pods/eviction`."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ("",)
    resources: tuple[str, ...]
    namespaces: tuple[str, ...] = ("*",)
    names: tuple[str, ...] = ("*",)

    def allows(self, call: Call) -> bool:
        """Whether this rule covers the request. One across all namespaces is covered by `*` only."""
        return (
            _in(call.verb, self.verbs)
            and _in(call.resource.group, self.groups)
            and _in(call.plural, self.resources)
            and _in(call.namespace, self.namespaces)
            and _in(call.name, self.names)
        )


def _in(value: str, allowed: tuple[str, ...]) -> bool:
    return "*" in allowed or value in allowed


class Identity(Model):
    """Who a token is, and what it may do."""

    user: str
    groups: tuple[str, ...] = ("system:authenticated",)
    rules: tuple[Rule, ...] = Field(default=())


_READ: Final = ("get", "list")
_READ_RULES: Final = (
    Rule(
        verbs=_READ,
        resources=(
            "pods", "nodes", "namespaces", "services", "serviceaccounts", "configmaps", "events",
        ),
    ),
    Rule(verbs=_READ, groups=("apps",), resources=("replicasets", "deployments", "statefulsets", "daemonsets")),
    Rule(verbs=_READ, groups=("batch",), resources=("jobs", "cronjobs")),
    Rule(verbs=_READ, groups=("networking.k8s.io",), resources=("networkpolicies",)),
    Rule(verbs=_READ, groups=("policy",), resources=("poddisruptionbudgets",)),
    Rule(verbs=_READ, groups=("rbac.authorization.k8s.io",), resources=("rolebindings", "clusterrolebindings")),
)  # fmt: skip
DEFAULT: Final[dict[str, Identity]] = {
    "responder": Identity(
        user="irkit-responder",
        groups=("irkit:responders", "system:authenticated"),
        rules=(
            *_READ_RULES,
            Rule(verbs=("patch",), resources=("pods", "nodes")),
            Rule(verbs=("delete",), resources=("pods",)),
            Rule(verbs=("create", "patch", "delete"), groups=("networking.k8s.io",), resources=("networkpolicies",)),
        ),
    ),
    "admin": Identity(
        user="kubernetes-admin",
        groups=("system:masters", "system:authenticated"),
        rules=(Rule(verbs=("*",), groups=("*",), resources=("*",)),),
    ),
    "viewer": Identity(user="viewer", rules=_READ_RULES),
}
"""The identities of a new lab, by token name."""

ANONYMOUS: Final = Identity(user="system:anonymous", groups=("system:unauthenticated",))
_BASIC: Final = frozenset(
    {
        ("authorization.k8s.io", "selfsubjectaccessreviews"),
        ("authentication.k8s.io", "selfsubjectreviews"),
    }
)
"""What the role system:basic-user lets every authenticated user create."""


class Tokens:
    """The lab's tokens by name. A token's text is random, and unknown to the API once it expired."""

    def __init__(self, identities: Mapping[str, Identity]) -> None:
        self.text: dict[str, str] = {name: f"lab-{name}-{secrets.token_hex(16)}" for name in identities}
        self._identities = dict(identities)
        self._names = {text: name for name, text in self.text.items()}
        self._expired: set[str] = set()

    def who(self, header: str) -> Identity:
        """The identity behind an Authorization header. Raises ApiError 401; without a header it is anonymous."""
        if not header:
            return ANONYMOUS
        scheme, _, text = header.partition(" ")
        name = self._names.get(text.strip(), "")
        if scheme.lower() != "bearer" or not name or name in self._expired:
            raise unauthorized()
        return self._identities[name]

    def add(self, name: str, identity: Identity) -> str:
        """Make (or replace) an identity; gives its token."""
        text = self.text.setdefault(name, f"lab-{name}-{secrets.token_hex(16)}")
        self._names[text] = name
        self._identities[name] = identity
        return text

    def expire(self, name: str) -> None:
        """From now on the API answers 401 to this token."""
        self._expired.add(name)

    def expire_bearer(self, header: str) -> None:
        """The token in this Authorization header expires."""
        name = self._names.get(header.partition(" ")[2].strip())
        if name:
            self.expire(name)

    def revive(self) -> None:
        """All tokens are good again."""
        self._expired.clear()


def allowed(who: Identity, call: Call) -> bool:
    """Whether this identity may do this."""
    resource = call.resource
    if who is not ANONYMOUS and call.verb == "create" and (resource.group, resource.plural) in _BASIC:
        return True
    return any(rule.allows(call) for rule in who.rules)


def denied(who: Identity, call: Call) -> ApiError:
    """403 in the API's words."""
    scope = f'in the namespace "{call.namespace}"' if call.namespace else "at the cluster scope"
    return forbidden(
        call.resource,
        call.name,
        f'User "{who.user}" cannot {call.verb} resource "{call.plural}" in API group "{call.resource.group}" {scope}',
    )
