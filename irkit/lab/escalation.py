"""Nobody grants what they do not hold: what the API asks of writes to roles, bindings and admission policies.

Source: `pkg/registry/rbac/{role,rolebinding}/policybased/storage.go`, `pkg/registry/rbac/validation/rule.go`,
`pkg/registry/admissionregistration/validatingadmissionpolicy/authz.go`.
"""

from __future__ import annotations

from typing import Any, Final

from irkit.lab import rbac
from irkit.lab.auth import Identity, authorize, held
from irkit.lab.rbac import Attributes
from irkit.lab.routes import Call
from irkit.lab.status import forbidden, forbidden_field, invalid, not_found
from irkit.lab.world import BY_KIND, Guard, World
from irkit.model.effects import Resource
from irkit.model.kube import ADMISSION_POLICIES, CLUSTER_ROLES, ROLES

Doc = dict[str, Any]
_MASTERS: Final = "system:masters"
_ALL: Final[list[rbac.Rule]] = [
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    {"nonResourceURLs": ["*"], "verbs": ["*"]},
]


def guard(world: World, who: Identity, call: Call) -> Guard:
    """What has to be so for this identity's write to be stored."""
    if call.resource is ADMISSION_POLICIES:
        return lambda old, new: _check_params(world, who, old, new or {})
    if _MASTERS in who.groups or call.resource.group != rbac.GROUP:
        return lambda _old, _new: None
    check = _check_role if call.resource in {ROLES, CLUSTER_ROLES} else _check_binding
    return lambda old, new: check(world, who, call, old, new or {})  # it guards no deletion


def _check_role(world: World, who: Identity, call: Call, old: Doc | None, new: Doc) -> None:
    same = old is not None and all(old.get(key) == new.get(key) for key in ("rules", "aggregationRule"))
    name = new["metadata"]["name"]
    if same or _may(world, who, "escalate", call.resource, call.namespace, name):
        return
    if "aggregationRule" in new and rbac.missing_rights(held(world, who, call.namespace), _ALL):
        raise forbidden(call.resource, name, "must have cluster-admin privileges to use the aggregationRule")
    _confirm(world, who, call, name, new.get("rules", []))


def _check_binding(world: World, who: Identity, call: Call, old: Doc | None, new: Doc) -> None:
    if old is not None and _guarded(old) == _guarded(new):
        return
    reference, name = new["roleRef"], new["metadata"]["name"]
    resource = CLUSTER_ROLES if reference["kind"] == "ClusterRole" else ROLES
    if _may(world, who, "bind", resource, call.namespace, reference["name"]):
        return
    rules = rbac.role_rules(world, reference, call.namespace)
    if rules is None:
        raise not_found(resource, reference["name"])
    _confirm(world, who, call, name, rules)


def _check_params(world: World, who: Identity, old: Doc | None, new: Doc) -> None:
    """Who makes a policy must be allowed to read all that may parametrise it, wherever it is."""
    kind = new["spec"].get("paramKind")
    resource = BY_KIND.get((kind["apiVersion"], kind["kind"])) if kind else None
    if resource is None or (old is not None and old["spec"].get("paramKind") == kind):
        return
    if not authorize(world, who, Attributes("get", resource.group, resource.plural, "*", "*")).allowed:
        why = (
            f'user {who.user} must have "get" permission on all objects of the referenced paramKind '
            f"(kind={kind['kind']}, apiVersion={kind['apiVersion']})"
        )
        raise invalid(ADMISSION_POLICIES, new["metadata"]["name"], [forbidden_field("spec.paramKind", why)])


def _guarded(doc: Doc) -> Doc:
    """All but what the garbage collector writes: even a label of a binding is guarded."""
    spared = ("ownerReferences", "finalizers", "managedFields")
    return {**doc, "metadata": {key: value for key, value in doc["metadata"].items() if key not in spared}}


def _may(world: World, who: Identity, verb: str, resource: Resource, namespace: str, name: str) -> bool:  # noqa: PLR0913, PLR0917 -- what an authorizer is asked
    return authorize(world, who, Attributes(verb, rbac.GROUP, resource.plural, namespace, name)).allowed


def _confirm(world: World, who: Identity, call: Call, name: str, wanted: list[rbac.Rule]) -> None:
    """Raises ApiError 403 that lists what the caller does not hold."""
    missing = rbac.missing_rights(held(world, who, call.namespace), wanted)
    if not missing:
        return
    groups = " ".join(f'"{each}"' for each in who.groups)
    listed = "\n".join(sorted(rbac.describe(rule) for rule in missing))
    why = f'user "{who.user}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{listed}'
    raise forbidden(call.resource, name, why)
