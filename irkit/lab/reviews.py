"""Who am I, and who may do what: reviews that are answered and not stored."""

from __future__ import annotations

from typing import Any

import orjson

from irkit.lab import rbac
from irkit.lab.auth import Identity, authorize, held
from irkit.lab.bodies import read_object
from irkit.lab.rbac import Attributes
from irkit.lab.routes import ACCESS_REVIEWS, OTHERS_REVIEWS, PLAIN, RULES_REVIEWS, SELF_REVIEWS
from irkit.lab.status import bad_value, invalid, required
from irkit.lab.world import World, now
from irkit.model.effects import Resource

Doc = dict[str, Any]


def access(world: World, who: Identity, body: bytes) -> bytes:
    """SelfSubjectAccessReview."""
    doc, _ = read_object(body, ACCESS_REVIEWS, "V1SelfSubjectAccessReview", "Warn")
    return _answered(world, who, doc, _asked(ACCESS_REVIEWS, doc))


def access_of_others(world: World, body: bytes) -> bytes:
    """SubjectAccessReview: the same about somebody else, by the roles and bindings that there are."""
    doc, _ = read_object(body, OTHERS_REVIEWS, "V1SubjectAccessReview", "Warn")
    asked, spec = _asked(OTHERS_REVIEWS, doc), doc["spec"]
    if not spec.get("user") and not spec.get("groups"):
        why = "at least one of user or group must be specified"
        raise invalid(OTHERS_REVIEWS, "", [bad_value("spec.user", spec.get("user", ""), why)])
    return _answered(world, Identity(user=spec.get("user", ""), groups=tuple(spec.get("groups", ()))), doc, asked)


def _asked(resource: Resource, doc: Doc) -> Attributes:
    spec = doc.setdefault("spec", {})
    wanted, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (wanted is None) == (path is None):
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        if wanted is None:
            raise invalid(resource, "", [required("spec.resourceAttributes", why)])
        raise invalid(
            resource,
            "",
            [
                bad_value(
                    "spec.nonResourceAttributes",
                    path,
                    f"cannot be specified in combination with resourceAttributes: {why}",
                )
            ],
        )
    if wanted is None:
        return Attributes(path.get("verb", ""), path=path.get("path", ""))
    plural, sub = wanted.get("resource", ""), wanted.get("subresource", "")
    return Attributes(
        wanted.get("verb", ""),
        wanted.get("group", ""),
        f"{plural}/{sub}" if sub else plural,
        wanted.get("namespace", ""),
        wanted.get("name", ""),
    )


def _answered(world: World, who: Identity, doc: Doc, asked: Attributes) -> bytes:
    answer = authorize(world, who, asked)
    known = asked.path in PLAIN and asked.verb == "get"
    doc["metadata"] = {}
    doc["status"] = {"allowed": answer.allowed or known}
    if answer.reason:
        doc["status"]["reason"] = answer.reason
    return orjson.dumps(doc)


def rules(world: World, who: Identity, body: bytes) -> bytes:
    """SelfSubjectRulesReview: all that one may do in a namespace."""
    doc, _ = read_object(body, RULES_REVIEWS, "V1SelfSubjectRulesReview", "Warn")
    namespace = doc.setdefault("spec", {}).get("namespace", "")
    if not namespace:
        raise invalid(RULES_REVIEWS, "", [required("spec.namespace", "no namespace on request")])
    own = held(world, who, namespace)
    missing: list[str] = []
    with world.lock:
        for _ in rbac.grants(world, rbac.Subject(who.user, who.groups), namespace, missing):
            pass
    doc["metadata"] = {}
    doc["status"] = {
        "resourceRules": [rule for rule in own if "apiGroups" in rule],
        "nonResourceRules": [
            {"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]}
            for rule in own
            if rule.get("nonResourceURLs")
        ],
        "incomplete": bool(missing),
    }
    if missing:
        doc["status"]["evaluationError"] = ", ".join(dict.fromkeys(missing))
    return orjson.dumps(doc)


def myself(who: Identity, body: bytes) -> bytes:
    """SelfSubjectReview."""
    doc, _ = read_object(body, SELF_REVIEWS, "V1SelfSubjectReview", "Warn")
    doc["metadata"] = {"creationTimestamp": now()}
    doc["status"] = {"userInfo": {"username": who.user, "groups": list(who.groups)}}
    return orjson.dumps(doc)
