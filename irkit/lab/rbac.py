"""Roles and bindings of the world, evaluated as the API server's RBAC authorizer does.

Source: `plugin/pkg/auth/authorizer/rbac/rbac.go`, `pkg/registry/rbac/validation`,
`pkg/apis/rbac/v1/evaluation_helpers.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from irkit.lab.world import Entry, World
from irkit.model.kube import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES

Doc = dict[str, Any]
Rule = dict[str, list[str]]
GROUP: Final = "rbac.authorization.k8s.io"
_ACCOUNT: Final = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks."""

    user: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked: of a resource, or of a path. `plural` may name a subresource, as `pods/exec`."""

    verb: str
    group: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """`reason` is the authorizer's own words: which binding allowed it, or what kept it from judging."""

    allowed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """A rule that somebody holds; `source` says by which binding."""

    rule: Rule
    source: str


def judge(world: World, who: Subject, asked: Attributes) -> Answer:
    """Whether any binding lets this subject do this."""
    missing: list[str] = []
    for grant in grants(world, who, asked.namespace, missing):
        if covers(grant.rule, asked):
            return Answer(allowed=True, reason=f"RBAC: allowed by {grant.source}")
    if not missing:
        return Answer(allowed=False)
    told = list(dict.fromkeys(missing))
    return Answer(allowed=False, reason=f"RBAC: {told[0] if len(told) == 1 else '[' + ', '.join(told) + ']'}")


def grants(world: World, who: Subject, namespace: str, missing: list[str]) -> Iterator[Grant]:
    """All rules that a subject holds in a namespace, "" for the cluster's own.

    Bound roles that are not there are added to `missing`, in the API's words.
    """
    for binding in world.entries(CLUSTER_ROLE_BINDINGS):
        yield from _of(world, binding, who, "", missing)
    if namespace:
        for binding in world.entries(ROLE_BINDINGS, namespace):
            yield from _of(world, binding, who, namespace, missing)


def _of(world: World, binding: Entry, who: Subject, namespace: str, missing: list[str]) -> Iterator[Grant]:
    subject = next((each for each in binding.doc.get("subjects", ()) if _is(each, who, namespace)), None)
    if subject is None:
        return
    reference = binding.doc["roleRef"]
    rules = role_rules(world, reference, namespace)
    if rules is None:
        missing.append(f'{_plural(reference)}.{GROUP} "{reference["name"]}" not found')
        return
    meta = binding.doc["metadata"]
    name = f"{meta['name']}/{namespace}" if namespace else meta["name"]
    own = subject["name"]
    if subject["kind"] == "ServiceAccount":
        own = f"{own}/{subject.get('namespace') or namespace}"
    source = f'{binding.doc["kind"]} "{name}" of {reference["kind"]} "{reference["name"]}" to {subject["kind"]} "{own}"'
    for rule in rules:
        yield Grant(rule, source)


def _plural(reference: Doc) -> str:
    return "clusterrole" if reference["kind"] == "ClusterRole" else "role"


def role_rules(world: World, reference: Doc, namespace: str) -> list[Rule] | None:
    """The rules of the role that a binding refers to; None where there is no such role."""
    if reference["kind"] == "ClusterRole":
        entry = world.get(CLUSTER_ROLES, "", reference["name"])
    else:
        entry = world.get(ROLES, namespace, reference["name"])
    return None if entry is None else entry.doc.get("rules", [])


def _is(subject: Doc, who: Subject, namespace: str) -> bool:
    if subject["kind"] == "User":
        return bool(subject["name"] == who.user)
    if subject["kind"] == "Group":
        return subject["name"] in who.groups
    where = subject.get("namespace") or namespace
    return subject["kind"] == "ServiceAccount" and who.user == f"{_ACCOUNT}{where}:{subject['name']}"


def covers(rule: Rule, asked: Attributes) -> bool:
    """Whether a rule is about this request."""
    verbs = rule.get("verbs", [])
    if "*" not in verbs and asked.verb not in verbs:
        return False
    if asked.path:
        return any(_path(each, asked.path) for each in rule.get("nonResourceURLs", ()))
    groups = rule.get("apiGroups", [])
    names = rule.get("resourceNames", [])
    return (
        ("*" in groups or asked.group in groups)
        and any(_resource(each, asked.plural) for each in rule.get("resources", ()))
        and (not names or asked.name in names)
    )


def _path(wanted: str, path: str) -> bool:
    return wanted in {"*", path} or (wanted.endswith("*") and path.startswith(wanted.rstrip("*")))


def _resource(wanted: str, plural: str) -> bool:
    _, slash, sub = plural.partition("/")
    return wanted in {"*", plural} or (bool(slash) and wanted == f"*/{sub}")


def missing_rights(held: list[Rule], wanted: list[Rule]) -> list[Rule]:
    """What of the wanted rules those held do not cover, broken down and put together as the API says it."""
    parts = [part for rule in wanted for part in _break_down(rule)]
    left = [part for part in parts if not any(_contains(rule, part) for rule in held)]
    found: dict[tuple[Any, ...], Rule] = {}
    for part in left:
        key = tuple((name, tuple(values)) for name, values in sorted(part.items()) if name != "verbs")
        whole = found.setdefault(key, {**part, "verbs": []})
        whole["verbs"] += [verb for verb in part["verbs"] if verb not in whole["verbs"]]
    return list(found.values())


def _break_down(rule: Rule) -> Iterator[Rule]:
    for verb in rule.get("verbs", ()):
        for url in rule.get("nonResourceURLs", ()):
            yield {"nonResourceURLs": [url], "verbs": [verb]}
        for group in rule.get("apiGroups", ()):
            for resource in rule.get("resources", ()):
                for name in rule.get("resourceNames", ()) or (None,):
                    part: Rule = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                    yield part if name is None else {**part, "resourceNames": [name]}


def _contains(rule: Rule, part: Rule) -> bool:
    """Whether an owner's rule covers one that is broken down: `*` is covered by `*` only."""
    verb = part["verbs"][0]
    if not {"*", verb} & set(rule.get("verbs", ())):
        return False
    if "nonResourceURLs" in part:
        url = part["nonResourceURLs"][0]
        return any(_path(each, url) for each in rule.get("nonResourceURLs", ()))
    if not {"*", part["apiGroups"][0]} & set(rule.get("apiGroups", ())):
        return False
    if not any(_resource(each, part["resources"][0]) for each in rule.get("resources", ())):
        return False
    names = rule.get("resourceNames", [])
    return not names or (set(part.get("resourceNames", ())) <= set(names) and bool(part.get("resourceNames")))


def describe(rule: Rule) -> str:
    """A rule in Go's compact form."""
    parts = [
        f"{label}:[{' '.join(chr(34) + value + chr(34) for value in rule[key])}]"
        for label, key in (
            ("APIGroups", "apiGroups"),
            ("Resources", "resources"),
            ("NonResourceURLs", "nonResourceURLs"),
            ("ResourceNames", "resourceNames"),
            ("Verbs", "verbs"),
        )
        if rule.get(key)
    ]
    return "{" + ", ".join(parts) + "}"
