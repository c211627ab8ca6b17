"""What the API serves, as clients ask before they ask for anything else: /api, /apis, a group, a version of it.

Only what the lab has is told of: a kubectl that reads this asks for nothing that would be answered 501. The verbs are
those that the lab answers for the kind. No OpenAPI document is served; a client that wants one is told so by 404.
Source: Kubernetes API concepts, "Discovery API" (unaggregated); `apiserver/pkg/endpoints/discovery`.
"""

from __future__ import annotations

from typing import Any, Final

from irkit.lab.deletes import DELETABLE
from irkit.lab.kinds import KINDS
from irkit.lab.routes import REVIEWS, SUBRESOURCES
from irkit.lab.status import ApiError
from irkit.model.effects import Resource
from irkit.model.kube import RESOURCES

Doc = dict[str, Any]
ALIASES: Final = {
    "pods": "po", "nodes": "no", "namespaces": "ns", "services": "svc", "serviceaccounts": "sa", "configmaps": "cm",
    "events": "ev", "resourcequotas": "quota", "deployments": "deploy", "replicasets": "rs", "statefulsets": "sts",
    "daemonsets": "ds", "cronjobs": "cj", "horizontalpodautoscalers": "hpa", "networkpolicies": "netpol",
    "poddisruptionbudgets": "pdb",
}  # fmt: skip
"""Short names, by plural."""
_ALL: Final = frozenset(
    {
        "pods", "services", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs",
        "horizontalpodautoscalers",
    }
)  # fmt: skip
"""What `kubectl get all` means."""
_EXTENDING: Final = frozenset({"validatingadmissionpolicies", "validatingadmissionpolicybindings"})
_OF_OTHERS: Final[dict[tuple[str, str], Doc]] = {
    ("pods", "eviction"): {"group": "policy", "version": "v1", "kind": "Eviction"},
    **{
        (plural, "scale"): {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        for plural, name in SUBRESOURCES
        if name == "scale"
    },
}
_VERBS: Final = {"GET": "get", "PATCH": "patch", "POST": "create"}


def document(path: str) -> Doc | None:
    """The document behind a path, or None where there is nothing. Raises ApiError 404 for a version of what is known.

    A real server answers both 404, the first as text and the second as a Status.
    """
    parts = path.strip("/").split("/")
    match parts:
        case ["api"]:
            served = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}]
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": served}
        case ["api", version]:
            return _resources("", version)
        case ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in _groups()]}
        case ["apis", name] if name in _groups():
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(name)}
        case ["apis", name, version] if name in _groups():
            return _resources(name, version)
    return None


def _served() -> tuple[Resource, ...]:
    return (*RESOURCES, *REVIEWS.values())


def _groups() -> list[str]:
    return list(dict.fromkeys(one.group for one in _served() if one.group))


def _group(name: str) -> Doc:
    found = dict.fromkeys(one.version for one in _served() if one.group == name)
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in found]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _resources(group: str, version: str) -> Doc:
    of_it = sorted(
        (one for one in _served() if (one.group, one.version) == (group, version)), key=lambda one: one.plural
    )
    if not of_it:
        raise ApiError(404, "NotFound", "the server could not find the requested resource", details={})
    listed = [entry for one in of_it for entry in _entries(one)]
    head: Doc = {"kind": "APIResourceList"} if not group else {"kind": "APIResourceList", "apiVersion": "v1"}
    return {**head, "groupVersion": of_it[0].api_version, "resources": listed}


def _entries(one: Resource) -> list[Doc]:
    """A resource, and its subresources."""
    found: Doc = {
        "name": one.plural, "singularName": one.kind.lower(), "namespaced": one.namespaced, "kind": one.kind,
        "verbs": _verbs(one),
    }  # fmt: skip
    if one.plural in ALIASES:
        found["shortNames"] = [ALIASES[one.plural]]
    if one.plural in _ALL or one.plural in _EXTENDING:
        found["categories"] = ["all" if one.plural in _ALL else "api-extensions"]
    inner = [
        {
            "name": f"{plural}/{name}", "singularName": "", "namespaced": one.namespaced,
            **_OF_OTHERS[plural, name], "verbs": sorted(_VERBS[method] for method in methods),
        }
        for (plural, name), methods in sorted(SUBRESOURCES.items())
        if plural == one.plural
    ]  # fmt: skip
    return [found, *inner]


def _verbs(one: Resource) -> list[str]:
    if one in REVIEWS.values():
        return ["create"]
    known = KINDS.get(one)
    found = ["get", "list", *(["patch"] if known is not None else []), *(["delete"] if one in DELETABLE else [])]
    return sorted([*found, "create"] if known is not None and known.creatable else found)
