"""ValidatingAdmissionPolicies: what their CEL expressions deny of a write that is good otherwise.

Source: Kubernetes documentation, "Validating Admission Policy"; `apiserver/pkg/admission/plugin/policy/{matching,
validating}`. The expressions are those of CEL's standard library: Kubernetes' own functions and its `authorizer` are
answered 501, as is a parameter of a kind that the lab does not have. What is audited only, and the type check of a
policy's status, leave no trace here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from irkit.lab import quotas
from irkit.lab.expressions import evaluate
from irkit.lab.routes import Call
from irkit.lab.selectors import from_object, matches
from irkit.lab.status import ApiError, forbidden, unserved
from irkit.lab.world import BY_KIND, Entry, Guard, World
from irkit.model.effects import Resource
from irkit.model.kube import ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS, NAMESPACES, PODS

Doc = dict[str, Any]
EXEMPT: Final = frozenset({ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS})
"""What no policy judges: a bad one could be taken back by nobody."""
KINDS: Final = {"eviction": ("policy", "v1", "Eviction"), "scale": ("autoscaling", "v1", "Scale")}
"""Of what is sent to a subresource, by its name."""
_CODES: Final = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413}
_ACCOUNTS: Final = "system:serviceaccounts"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who a write is asked by."""

    user: str
    groups: tuple[str, ...]


def controller(name: str) -> Asker:
    """One of the control plane's controllers, by the name of its account."""
    account = f"system:serviceaccount:kube-system:{name}"
    return Asker(account, (_ACCOUNTS, f"{_ACCOUNTS}:kube-system", "system:authenticated"))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A write that is about to be stored: what is there, and what would be, None where there is nothing."""

    asker: Asker
    operation: str
    resource: Resource
    namespace: str
    name: str
    old: Doc | None
    new: Doc | None
    subresource: str = ""
    dry_run: bool = False

    def request(self) -> Doc:
        """As expressions see it. Source: `k8s.io/api/admission/v1`, AdmissionRequest."""
        own = self.resource
        group, version, kind = KINDS.get(self.subresource, (own.group, own.version, own.kind))
        what = {"group": group, "version": version, "kind": kind}
        where = {"group": own.group, "version": own.version, "resource": own.plural}
        return {
            "kind": what, "resource": where, "subResource": self.subresource,
            "requestKind": what, "requestResource": where, "requestSubResource": self.subresource,
            "name": self.name, "namespace": self.namespace, "operation": self.operation, "dryRun": self.dry_run,
            "userInfo": {"username": self.asker.user, "uid": "", "groups": list(self.asker.groups), "extra": {}},
            "options": {},
        }  # fmt: skip


def guard(world: World, asker: Asker, call: Call, warnings: list[str], *, dry_run: bool) -> Guard:
    """Judges what a request would store; warnings are added to the list."""
    operation = "CREATE" if call.verb == "create" else "UPDATE" if call.verb == "patch" else "DELETE"

    def ask(old: Doc | None, new: Doc | None) -> None:
        attempt = Attempt(
            asker, operation, call.resource, call.namespace, call.name or (new or {})["metadata"]["name"], old, new,
            call.subresource, dry_run,
        )  # fmt: skip
        warnings.extend(judge(world, attempt))

    return ask


@dataclass(frozen=True, slots=True)
class Denial:
    """What one binding of a policy says of an attempt; `whatever` the binding says should follow from that."""

    policy: str
    binding: str
    message: str
    reason: str = ""
    whatever: bool = False

    @property
    def whose(self) -> str:
        """As the API names the policy."""
        return f"ValidatingAdmissionPolicy '{self.policy}' with binding '{self.binding}'"


def judge(world: World, attempt: Attempt) -> tuple[str, ...]:
    """Ask every policy, then the quotas; gives warnings of policies that only warn. Raises ApiError where denied."""
    warnings: list[str] = []
    for bound in () if attempt.resource in EXEMPT else world.entries(ADMISSION_POLICY_BINDINGS):
        spec = bound.doc["spec"]
        policy = world.get(ADMISSION_POLICIES, "", spec["policyName"])
        if policy is None:
            continue
        for denial in _denials(world, attempt, policy, bound):
            if denial.whatever or "Deny" in spec.get("validationActions", ()):
                raise _denied(attempt, denial)
            if "Warn" in spec.get("validationActions", ()):
                warnings.append(f"Validation failed for {denial.whose}: {denial.message}")
    if attempt.resource is PODS and attempt.operation == "CREATE" and not attempt.subresource:
        quotas.judge(world, attempt.namespace, attempt.name)
    return tuple(warnings)


def _denied(attempt: Attempt, denial: Denial) -> ApiError:
    why = f"{denial.whose} denied request: {denial.message}"
    error = forbidden(attempt.resource, attempt.name, why)
    reason = denial.reason or "Invalid"
    details = {**(error.details or {}), "causes": [{"message": why}]}
    return ApiError(_CODES.get(reason, 422), reason, error.message, details=details)


def _denials(world: World, attempt: Attempt, policy: Entry, bound: Entry) -> Iterator[Denial]:
    spec, binding = policy.doc["spec"], bound.doc["spec"]
    names = policy.doc["metadata"]["name"], bound.doc["metadata"]["name"]
    around = world.get(NAMESPACES, "", attempt.namespace) if attempt.namespace else None
    space = around.doc if around else None
    if not _concerns(spec["matchConstraints"], attempt, space):
        return
    if "matchResources" in binding and not _concerns(binding["matchResources"], attempt, space):
        return
    fails = spec.get("failurePolicy", "Fail") == "Fail"
    params = _params(world, attempt, spec, binding)
    if not params and fails and binding["paramRef"].get("parameterNotFoundAction") == "Deny":
        missing = "no params found for policy binding with `Deny` parameterNotFoundAction"
        yield Denial(*names, f"failed to configure binding: {missing}", whatever=True)
    for param in params:
        known = {
            "object": attempt.new, "oldObject": attempt.old, "request": attempt.request(), "params": param,
            "namespaceObject": space, "variables": {},
        }  # fmt: skip
        for message, reason in _judged(spec, known, fails=fails):
            yield Denial(*names, message, reason)


def _judged(spec: Doc, known: Doc, *, fails: bool) -> Iterator[tuple[str, str]]:
    """What a policy finds wrong: messages with their reasons."""
    conditions = [(one["expression"], *evaluate(one["expression"], known)) for one in spec.get("matchConditions", ())]
    if any(not error and value is not True for _, value, error in conditions):
        return
    if failed := [(text, error) for text, _, error in conditions if error]:
        if fails:
            yield f"expression '{failed[0][0]}' resulted in error: {failed[0][1]}", ""
        return
    for one in spec.get("variables", ()):
        value, error = evaluate(one["expression"], known)
        if not error:  # one that fails is missed only by who uses it
            known["variables"][one["name"]] = value
    for one in spec.get("validations", ()):
        value, error = evaluate(one["expression"], known)
        if error and fails:
            yield f"expression '{one['expression']}' resulted in error: {error}", ""
        elif not error and value is not True:
            yield _message(one, known), one.get("reason", "")


def _message(validation: Doc, known: Doc) -> str:
    if "messageExpression" in validation:
        found, error = evaluate(validation["messageExpression"], known)
        if not error and isinstance(found, str) and found.strip() and "\n" not in found.strip():
            return found.strip()
    text: str = validation.get("message", "") or f"failed expression: {validation['expression'].strip()}"
    return text.strip()


def _params(world: World, attempt: Attempt, spec: Doc, binding: Doc) -> list[Doc | None]:
    """The objects that parametrise the policy here; one None where it takes none."""
    if "paramKind" not in spec or "paramRef" not in binding:
        return [None]
    kind, wanted = spec["paramKind"], binding["paramRef"]
    resource = BY_KIND.get((kind["apiVersion"], kind["kind"]))
    if resource is None:
        unserved(f"parameters of kind {kind['kind']} in {kind['apiVersion']}")
    namespace = wanted.get("namespace") or attempt.namespace if resource.namespaced else ""
    if "name" in wanted:
        named = world.get(resource, namespace, wanted["name"])
        return [named.doc] if named else []
    chosen = from_object(wanted.get("selector", {}))
    found = world.entries(resource, namespace)
    return [one.doc for one in found if matches(chosen, one.doc["metadata"].get("labels", {}))]


# -- matching ------------------------------------------------------------------------------------------------------


def _concerns(match: Doc, attempt: Attempt, space: Doc | None) -> bool:
    """Whether an attempt is among what a MatchResources object names."""
    around = attempt.new or attempt.old if attempt.resource is NAMESPACES else space
    if around is not None and not _selected(match.get("namespaceSelector", {}), around):
        return False
    objects = [one for one in (attempt.new, attempt.old) if one is not None]
    if not any(_selected(match.get("objectSelector", {}), one) for one in objects):
        return False
    if any(_ruled(rule, attempt) for rule in match.get("excludeResourceRules", ())):
        return False
    rules = match.get("resourceRules", ())
    return not rules or any(_ruled(rule, attempt) for rule in rules)


def _selected(wanted: Doc, doc: Doc) -> bool:
    return matches(from_object(wanted), doc.get("metadata", {}).get("labels", {}))


def _ruled(rule: Doc, attempt: Attempt) -> bool:
    own = attempt.resource
    scope = rule.get("scope", "*")
    return (
        _among(attempt.operation, rule.get("operations", ()))
        and _among(own.group, rule.get("apiGroups", ()))
        and _among(own.version, rule.get("apiVersions", ()))
        and scope in {"*", "Namespaced" if attempt.namespace else "Cluster"}
        and (not rule.get("resourceNames") or attempt.name in rule["resourceNames"])
        and any(_named(one, own.plural, attempt.subresource) for one in rule.get("resources", ()))
    )


def _among(value: str, allowed: list[str]) -> bool:
    return "*" in allowed or value in allowed


def _named(pattern: str, plural: str, subresource: str) -> bool:
    """`pods`, `pods/*`, `*/scale`, `*` (no subresource) or `*/*`."""
    wanted, _, sub = pattern.partition("/")
    return wanted in {"*", plural} and sub in {subresource, "*"}
