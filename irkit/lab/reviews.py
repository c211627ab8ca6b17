"""Who am I, and what may I do: the two reviews that every authenticated user may create."""

from __future__ import annotations

from typing import Any

import orjson

from irkit.lab.auth import Identity, allowed
from irkit.lab.bodies import read_object
from irkit.lab.routes import ACCESS_REVIEWS, SELF_REVIEWS, Call
from irkit.lab.status import invalid, required, unserved
from irkit.lab.world import now
from irkit.model.effects import Resource


def access(who: Identity, body: bytes) -> bytes:
    """SelfSubjectAccessReview."""
    doc, _ = read_object(body, ACCESS_REVIEWS, "V1SelfSubjectAccessReview", "Warn")
    spec: dict[str, Any] = doc.get("spec", {})
    if "nonResourceAttributes" in spec:
        unserved("access reviews of paths that are no resources")
    wanted = spec.get("resourceAttributes")
    if wanted is None:
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise invalid(ACCESS_REVIEWS, "", [required("spec.resourceAttributes", why)])
    resource = Resource(
        group=wanted.get("group", ""),
        version=wanted.get("version", ""),
        plural=wanted.get("resource", ""),
        kind="",
    )
    call = Call(
        wanted.get("verb", ""),
        resource,
        wanted.get("namespace", ""),
        wanted.get("name", ""),
        wanted.get("subresource", ""),
    )
    doc["metadata"] = {}
    doc["status"] = {"allowed": allowed(who, call)}
    if doc["status"]["allowed"]:
        doc["status"]["reason"] = f'RBAC: allowed by ClusterRoleBinding "{who.user}"'
    return orjson.dumps(doc)


def myself(who: Identity, body: bytes) -> bytes:
    """SelfSubjectReview."""
    doc, _ = read_object(body, SELF_REVIEWS, "V1SelfSubjectReview", "Warn")
    doc["metadata"] = {"creationTimestamp": now()}
    doc["status"] = {"userInfo": {"username": who.user, "groups": list(who.groups)}}
    return orjson.dumps(doc)
