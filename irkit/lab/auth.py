"""Bearer tokens, and what whoever holds one may do: by a table of the scenario, or by roles and bindings.

A rule of the table is as in RBAC: verbs on resources of groups, everywhere or in named namespaces, for all names or
some. Tokens of service accounts are also what their Secrets hold.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pydantic import Field

from irkit.lab import rbac
from irkit.lab.controllers.cluster import ACCOUNT_NAME, ACCOUNT_UID, TOKEN_TYPE
from irkit.lab.rbac import Answer, Attributes
from irkit.lab.routes import Call
from irkit.lab.status import ApiError, forbidden, unauthorized, unserved
from irkit.lab.world import World
from irkit.model.base import Model
from irkit.model.effects import Resource
from irkit.model.kube import SECRETS, SERVICE_ACCOUNTS


class Rule(Model):
    """What is allowed; `*` stands for all. A subresource is written `pods/eviction`."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ("",)
    resources: tuple[str, ...]
    namespaces: tuple[str, ...] = ("*",)
    names: tuple[str, ...] = ("*",)

    def allows(self, asked: Attributes) -> bool:
        """Whether this rule covers the request. One across all namespaces is covered by `*` only."""
        return not asked.path and (
            _in(asked.verb, self.verbs)
            and _in(asked.group, self.groups)
            and _in(asked.plural, self.resources)
            and _in(asked.namespace, self.namespaces)
            and _in(asked.name, self.names)
        )

    def policy(self, namespace: str) -> list[rbac.Rule]:
        """The same as RBAC's rules, as far as it holds in a namespace ("" for the cluster)."""
        if not _in(namespace, self.namespaces):
            return []
        found = {"verbs": list(self.verbs), "apiGroups": list(self.groups), "resources": list(self.resources)}
        return [found if "*" in self.names else {**found, "resourceNames": list(self.names)}]


def _in(value: str, allowed: tuple[str, ...]) -> bool:
    return "*" in allowed or value in allowed


class Identity(Model):
    """Who a token is, and what it may do."""

    user: str
    groups: tuple[str, ...] = ("system:authenticated",)
    rules: tuple[Rule, ...] = Field(default=())


_READ: Final = ("get", "list")
_RBAC: Final = ("rolebindings", "clusterrolebindings", "roles", "clusterroles")
_READ_RULES: Final = (
    Rule(
        verbs=_READ,
        resources=(
            "pods", "nodes", "namespaces", "services", "serviceaccounts", "configmaps", "events", "resourcequotas",
        ),
    ),
    Rule(verbs=_READ, groups=("apps",), resources=("replicasets", "deployments", "statefulsets", "daemonsets")),
    Rule(verbs=_READ, groups=("autoscaling",), resources=("horizontalpodautoscalers",)),
    Rule(verbs=_READ, groups=("batch",), resources=("jobs", "cronjobs")),
    Rule(verbs=_READ, groups=("discovery.k8s.io",), resources=("endpointslices",)),
    Rule(verbs=_READ, groups=("networking.k8s.io",), resources=("networkpolicies",)),
    Rule(verbs=_READ, groups=("policy",), resources=("poddisruptionbudgets",)),
    Rule(verbs=_READ, groups=(rbac.GROUP,), resources=_RBAC),
    Rule(
        verbs=_READ,
        groups=("admissionregistration.k8s.io",),
        resources=("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
    ),
    Rule(
        verbs=_READ,
        groups=("networking.k8s.aws", "crd.projectcalico.org", "projectcalico.org", "cilium.io"),
        resources=("*",),
    ),
)  # fmt: skip
_WORKLOADS: Final = ("deployments", "statefulsets", "daemonsets")
_SCALES: Final = ("deployments/scale", "replicasets/scale", "statefulsets/scale")
DEFAULT: Final[dict[str, Identity]] = {
    "responder": Identity(
        user="irkit-responder",
        groups=("irkit:responders", "system:authenticated"),
        rules=(
            *_READ_RULES,
            Rule(verbs=("patch",), resources=("pods", "nodes", "namespaces", "serviceaccounts")),
            Rule(verbs=("create", "delete"), resources=("pods",)),
            Rule(verbs=("create",), resources=("pods/eviction",)),
            Rule(verbs=("create", "patch", "delete"), groups=("networking.k8s.io",), resources=("networkpolicies",)),
            Rule(verbs=("get", "patch"), groups=("apps",), resources=(*_WORKLOADS, *_SCALES)),
            Rule(verbs=("patch",), groups=("batch",), resources=("cronjobs",)),
            Rule(verbs=("patch",), groups=(rbac.GROUP,), resources=("rolebindings", "clusterrolebindings")),
            Rule(
                verbs=("create", "patch", "delete"),
                groups=("admissionregistration.k8s.io",),
                resources=("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
            ),
            Rule(verbs=("bind",), groups=(rbac.GROUP,), resources=("roles", "clusterroles")),
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
        ("authorization.k8s.io", "selfsubjectrulesreviews"),
        ("authentication.k8s.io", "selfsubjectreviews"),
    }
)
"""What the role system:basic-user lets every authenticated user create."""


class Tokens:
    """The lab's tokens by name. A token's text is random, and unknown to the API once it expired."""

    def __init__(self, identities: Mapping[str, Identity], world: World) -> None:
        self.text: dict[str, str] = {name: f"lab-{name}-{secrets.token_hex(16)}" for name in identities}
        self._world = world
        self._identities = dict(identities)
        self._names = {text: name for name, text in self.text.items()}
        self._expired: set[str] = set()

    def who(self, header: str) -> Identity:
        """The identity behind an Authorization header. Raises ApiError 401; without a header it is anonymous."""
        if not header:
            return ANONYMOUS
        scheme, _, text = header.partition(" ")
        name = self._names.get(text.strip(), "")
        if scheme.lower() != "bearer" or name in self._expired:
            raise unauthorized()
        return self._identities[name] if name else self._of_secret(text.strip())

    def _of_secret(self, text: str) -> Identity:
        """The service account whose token Secret holds this. Raises ApiError 401."""
        with self._world.lock:
            for entry in self._world.entries(SECRETS):
                held = entry.doc.get("data", {}).get("token", "")
                if entry.doc.get("type") != TOKEN_TYPE or base64.b64decode(held).decode(errors="replace") != text:
                    continue
                own = entry.doc["metadata"]
                namespace, about = own["namespace"], own.get("annotations", {})
                account = self._world.get(SERVICE_ACCOUNTS, namespace, about.get(ACCOUNT_NAME, ""))
                if text and account is not None and account.uid == about.get(ACCOUNT_UID):
                    return service_account(namespace, account.doc["metadata"]["name"])
        raise unauthorized()

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


def service_account(namespace: str, name: str) -> Identity:
    """Who a service account is to the API."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return Identity(user=f"system:serviceaccount:{namespace}:{name}", groups=groups)


def authorize(world: World, who: Identity, asked: Attributes) -> Answer:
    """Whether this identity may do this: by its table, or by the world's roles and bindings."""
    if who is not ANONYMOUS and asked.verb == "create" and (asked.group, asked.plural) in _BASIC:
        return Answer(allowed=True, reason='RBAC: allowed by ClusterRoleBinding "system:basic-user"')
    if any(rule.allows(asked) for rule in who.rules):
        return Answer(allowed=True, reason=f'RBAC: allowed by ClusterRoleBinding "{who.user}"')
    with world.lock:
        return rbac.judge(world, rbac.Subject(who.user, who.groups), asked)


def held(world: World, who: Identity, namespace: str) -> list[rbac.Rule]:
    """All rules that an identity holds in a namespace, "" for the cluster."""
    own = [rule for each in who.rules for rule in each.policy(namespace)]
    with world.lock:
        return own + [grant.rule for grant in rbac.grants(world, rbac.Subject(who.user, who.groups), namespace, [])]


def attributes(call: Call) -> Attributes:
    """What a request asks of the authorizer. A list of one name, by its field selector, is of that name."""
    name = call.name
    if call.verb in {"list", "deletecollection"}:
        chosen = [part for part in call.query.get("fieldSelector", "").split(",") if part.startswith("metadata.name=")]
        name = chosen[0].removeprefix("metadata.name=").lstrip("=") if len(chosen) == 1 else ""
    return Attributes(call.verb, call.resource.group, call.plural, call.namespace, name)


def denied(who: Identity, asked: Attributes, reason: str = "") -> ApiError:
    """403 in the API's words."""
    scope = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    text = f'User "{who.user}" cannot {asked.verb} resource "{asked.plural}" in API group "{asked.group}" {scope}'
    plural = asked.plural.partition("/")[0]
    return forbidden(
        Resource(group=asked.group, version="", plural=plural, kind=""),
        asked.name,
        f"{text}: {reason}" if reason else text,
    )


def act_as(world: World, who: Identity, headers: Mapping[str, str], call: Call) -> Identity:
    """Who the request is made as, by its Impersonate headers. Raises ApiError 403 where that is not allowed.

    Only the verb `impersonate` allows it here. The API has constrained verbs besides (`impersonate:user-info` and
    others), and its refusal names one of those.
    Source: `apiserver/pkg/endpoints/filters/impersonation`.
    """
    user = headers.get("impersonate-user", "")
    wanted = [each.strip() for each in headers.get("impersonate-group", "").split(",") if each.strip()]
    if any(name.startswith(("impersonate-extra", "impersonate-uid")) for name in headers):
        unserved("impersonation of a uid or of extra fields")
    if not user and not wanted:
        return who
    asked = [Attributes("impersonate", plural="groups", name=each) for each in wanted]
    mode = "user-info"
    account = user.removeprefix("system:serviceaccount:").split(":")
    if user.startswith("system:serviceaccount:") and len(account) == len(("namespace", "name")):
        asked.append(Attributes("impersonate", plural="serviceaccounts", namespace=account[0], name=account[1]))
        made, mode = service_account(account[0], account[1]), "serviceaccount"
    else:
        asked.append(Attributes("impersonate", plural="users", name=user))
        made = Identity(user=user)
    if not all(authorize(world, who, each).allowed for each in asked):
        wanted_of = attributes(call)
        raise denied(who, replace(wanted_of, verb=f"impersonate-on:{mode}:{wanted_of.verb}"))
    groups = tuple(dict.fromkeys((*wanted, "system:authenticated"))) if wanted else made.groups
    return made.model_copy(update={"groups": groups})
