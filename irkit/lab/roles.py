"""The roles and bindings that every cluster has from the start, as far as the lab needs them.

Source: `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go`; the rules of the aggregated roles are cut down to
resources that the lab knows.
"""

from __future__ import annotations

from typing import Any, Final

from irkit.lab import objects as make
from irkit.lab.controllers.cluster import gather

Object = dict[str, Any]
_API: Final = "rbac.authorization.k8s.io"
_LABEL: Final = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_SEEN: Final = ("get", "list", "watch")
_CHANGED: Final = ("create", "delete", "deletecollection", "patch", "update")
_CORE: Final = ("configmaps", "events", "pods", "serviceaccounts", "services")
_APPS: Final = ("daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets")
_PUBLIC: Final = ("/healthz", "/livez", "/readyz", "/version", "/version/")


def default_roles() -> list[Object]:
    """ClusterRoles and their bindings, without uids."""
    everybody, anybody = ("system:authenticated",), ("system:authenticated", "system:unauthenticated")
    reviews = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")
    roles = [
        _role("cluster-admin", _rule(("*",), ("*",), ("*",)), {"nonResourceURLs": ["*"], "verbs": ["*"]}),
        _binding("cluster-admin", ("system:masters",)),
        _role(
            "system:basic-user",
            _rule(("authorization.k8s.io",), reviews, ("create",)),
            _rule(("authentication.k8s.io",), ("selfsubjectreviews",), ("create",)),
        ),
        _binding("system:basic-user", everybody),
        _role("system:discovery", _paths("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_PUBLIC)),
        _binding("system:discovery", everybody),
        _role("system:public-info-viewer", _paths(*_PUBLIC)),
        _binding("system:public-info-viewer", anybody),
        _aggregated("view", "view"),
        _aggregated("edit", "edit", part_of="admin"),
        _aggregated("admin", "admin"),
        _part("view", "edit", *_view()),
        _part("edit", "admin", *_edit()),
        _part("admin", "", _rule((_API,), ("roles", "rolebindings"), (*_SEEN, *_CHANGED))),
    ]
    for name in ("view", "edit", "admin"):  # each from those before it
        role = next(each for each in roles if each["metadata"]["name"] == name)
        role["rules"] = gather(role, roles)
    return roles


def _view() -> tuple[Object, ...]:
    return (
        _rule(("",), (*_CORE, "namespaces", "pods/log"), _SEEN),
        _rule(("apps",), _APPS, _SEEN),
        _rule(("batch",), ("cronjobs", "jobs"), _SEEN),
        _rule(("networking.k8s.io",), ("networkpolicies",), _SEEN),
        _rule(("policy",), ("poddisruptionbudgets",), _SEEN),
        _rule(("discovery.k8s.io",), ("endpointslices",), _SEEN),
    )


def _edit() -> tuple[Object, ...]:
    return (
        _rule(
            ("",), ("pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"), _SEEN
        ),
        _rule(("",), ("serviceaccounts",), ("impersonate",)),
        _rule(("",), ("pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"), _CHANGED),
        _rule(("",), ("pods/eviction",), ("create",)),
        _rule(("",), ("configmaps", "events", "secrets", "serviceaccounts", "services", "services/proxy"), _CHANGED),
        _rule(("",), ("serviceaccounts/token",), ("create",)),
        _rule(("apps",), _APPS, _CHANGED),
        _rule(("batch",), ("cronjobs", "jobs"), _CHANGED),
        _rule(("networking.k8s.io",), ("networkpolicies",), _CHANGED),
        _rule(("policy",), ("poddisruptionbudgets",), _CHANGED),
    )


def _rule(groups: tuple[str, ...], resources: tuple[str, ...], verbs: tuple[str, ...]) -> Object:
    return {"apiGroups": list(groups), "resources": list(resources), "verbs": list(verbs)}


def _paths(*urls: str) -> Object:
    return {"nonResourceURLs": list(urls), "verbs": ["get"]}


def _role(name: str, *rules: Object, labels: dict[str, str] | None = None) -> Object:
    head = {
        "apiVersion": f"{_API}/v1",
        "kind": "ClusterRole",
        "metadata": make.meta(name, labels=_LABEL | (labels or {})),
    }
    return {**head, "rules": list(rules)} if rules else head


def _into(name: str) -> dict[str, str]:
    return {f"rbac.authorization.k8s.io/aggregate-to-{name}": "true"}


def _aggregated(name: str, label: str, *, part_of: str = "") -> Object:
    made = _role(name, labels=_into(part_of) if part_of else None)
    return made | {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": _into(label)}]}}


def _part(name: str, also: str, *rules: Object) -> Object:
    labels = _into(name) | (_into(also) if also else {}) | (_into("admin") if also else {})
    return _role(f"system:aggregate-to-{name}", *rules, labels=labels)


def _binding(name: str, groups: tuple[str, ...]) -> Object:
    return {
        "apiVersion": f"{_API}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": make.meta(name, labels=_LABEL),
        "roleRef": {"apiGroup": _API, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": _API, "kind": "Group", "name": group} for group in groups],
    }
