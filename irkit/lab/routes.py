"""From a request's method and path to what it asks of which resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote

from irkit.lab.status import unserved
from irkit.lab.world import BY_PATH
from irkit.model.effects import Resource
from irkit.model.kube import EXTENSIONS

ACCESS_REVIEWS: Final = Resource(
    group="authorization.k8s.io",
    version="v1",
    plural="selfsubjectaccessreviews",
    kind="SelfSubjectAccessReview",
    namespaced=False,
)
SELF_REVIEWS: Final = Resource(
    group="authentication.k8s.io", version="v1", plural="selfsubjectreviews", kind="SelfSubjectReview", namespaced=False
)
PLAIN: Final = frozenset({"/version", "/healthz", "/livez", "/readyz"})
_DISCOVERED: Final = {"api": 2, "apis": 3, "openapi": 99}
"""Paths of no more parts than that ask what the API serves."""

RULES_REVIEWS: Final = Resource(
    group="authorization.k8s.io",
    version="v1",
    plural="selfsubjectrulesreviews",
    kind="SelfSubjectRulesReview",
    namespaced=False,
)
OTHERS_REVIEWS: Final = Resource(
    group="authorization.k8s.io",
    version="v1",
    plural="subjectaccessreviews",
    kind="SubjectAccessReview",
    namespaced=False,
)

REVIEWS: Final = {
    (each.group, each.version, each.plural): each
    for each in (ACCESS_REVIEWS, SELF_REVIEWS, RULES_REVIEWS, OTHERS_REVIEWS)
}
_SCALED: Final = ("deployments", "replicasets", "statefulsets")
MISSING: Final = {(each.group, each.version, each.plural): each for each in EXTENSIONS}
"""Custom resources of network engines, which the lab has not installed: answered as an API server does, 404."""
SUBRESOURCES: Final = {("pods", "eviction"): {"POST"}} | {(each, "scale"): {"GET", "PATCH"} for each in _SCALED}
_ONE: Final = {"GET": "get", "PATCH": "patch", "DELETE": "delete", "PUT": "update", "POST": "create"}
_MANY: Final = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_CORE: Final = ("api", "v1")


@dataclass(frozen=True, slots=True)
class Call:
    """One request about a resource."""

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def plural(self) -> str:
        """`pods` or `pods/eviction`, as rules name it."""
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural


def parse(method: str, target: str) -> Call | str:
    """The call, or the path itself where it is about no resource. Raises ApiError 501 for anything else."""
    path, _, query_text = target.partition("?")
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if method == "GET" and (path.rstrip("/") in PLAIN or len(parts) <= _DISCOVERED.get(parts[0], 0)):
        return path.rstrip("/")
    query = dict(parse_qsl(query_text, keep_blank_values=True))
    if tuple(parts[:2]) == _CORE:
        group, version, rest = "", "v1", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:  # noqa: PLR2004 -- apis, group, version, resource
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        unserved(f"{method} {path}")
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:  # noqa: PLR2004 -- namespaces, name, resource
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource, *more = [*rest, "", "", ""][: max(3, len(rest))]
    key = (group, version, plural)
    resource = BY_PATH.get(key) or REVIEWS.get(key) or MISSING.get(key)
    if resource is None or any(more) or (subresource and method not in SUBRESOURCES.get((plural, subresource), ())):
        unserved(f"{method} {path}")
    if bool(namespace) != resource.namespaced and (namespace or name or method == "POST"):
        unserved(f"{method} {path}")
    verbs = _ONE if name else _MANY
    if method not in verbs or (name and method == "POST" and not subresource):
        unserved(f"{method} {path}")
    verb = verbs[method]
    if key in REVIEWS and verb != "create":
        unserved(f"{verb} of {plural}")
    if query.get("watch") in {"1", "true"}:
        unserved(f"watch of {path}")
    return Call(verb, resource, namespace, name, subresource, query)
