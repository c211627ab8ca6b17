"""What the API refuses of ValidatingAdmissionPolicies and their bindings.

Source: `pkg/apis/admissionregistration/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any, Final

from irkit.lab.expressions import expressions, program
from irkit.lab.status import Cause, bad_value, required, unserved, unsupported
from irkit.lab.validate import selector
from irkit.lab.world import BY_KIND

Doc = dict[str, Any]
REASONS: Final = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")


def check_policy(doc: Doc) -> list[Cause]:
    """What the API refuses of a policy. Raises ApiError 501 for functions and parameters that the lab does not have."""
    spec = doc.get("spec", {})
    kind = spec.get("paramKind")
    if kind is not None and (kind.get("apiVersion"), kind.get("kind")) not in BY_KIND:
        unserved(f"parameters of kind {kind.get('kind')}")
    causes = _check_match(spec.get("matchConstraints", {}), "spec.matchConstraints")
    if not spec.get("matchConstraints", {}).get("resourceRules"):
        causes.append(required("spec.matchConstraints.resourceRules"))
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        why = "validations or auditAnnotations must contain at least one item"
        causes.append(required("spec.validations", why))
    causes += _check_value("spec.failurePolicy", spec.get("failurePolicy", "Fail"), ("Fail", "Ignore"))
    for index, one in enumerate(spec.get("validations", ())):
        path = f"spec.validations[{index}]"
        if not one.get("expression", "").strip():
            causes.append(required(f"{path}.expression", "expression is not specified"))
        causes += _check_value(f"{path}.reason", one.get("reason", "Invalid"), REASONS)
    for path, text in expressions(spec):
        causes += _check_expression(path, text) if text.strip() else []
    return causes


def _check_expression(path: str, text: str) -> list[Cause]:
    try:
        program(text)
    except RuntimeError as error:
        fault = str(error)
        if "Syntax error" not in fault:
            unserved(f"the expression {text}: {fault.partition(chr(10))[0]}")
        return [bad_value(path, text, f"compilation failed: {fault[fault.find('ERROR:') :].strip()}")]
    return []


def check_binding(doc: Doc) -> list[Cause]:
    """What the API refuses of a binding."""
    spec, causes = doc.get("spec", {}), []
    if not spec.get("policyName"):
        causes.append(required("spec.policyName"))
    actions = spec.get("validationActions", [])
    if not actions:
        causes.append(required("spec.validationActions", "at least one validation action is required"))
    for one in actions:
        causes += _check_value("spec.validationActions", one, ("Audit", "Deny", "Warn"))
    if {"Deny", "Warn"} <= set(actions):
        why = "must not contain both Deny and Warn"
        causes.append(bad_value("spec.validationActions", actions, why))
    if (param := spec.get("paramRef")) is not None:
        if ("name" in param) == ("selector" in param):
            causes.append(required("spec.paramRef", "one of name or selector must be specified"))
        if not param.get("parameterNotFoundAction"):
            causes.append(required("spec.paramRef.parameterNotFoundAction"))
        causes += selector(param.get("selector", {}), "spec.paramRef.selector")
    return causes + _check_match(spec.get("matchResources", {}), "spec.matchResources")


def _check_match(match: Doc, path: str) -> list[Cause]:
    causes = selector(match.get("namespaceSelector", {}), f"{path}.namespaceSelector")
    causes += selector(match.get("objectSelector", {}), f"{path}.objectSelector")
    for part in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(match.get(part, ())):
            where = f"{path}.{part}[{index}]"
            causes += [
                required(f"{where}.{key}") for key in ("apiGroups", "apiVersions", "operations", "resources")
                if not rule.get(key)
            ]  # fmt: skip
            for one in rule.get("operations", ()):
                causes += _check_value(f"{where}.operations", one, ("*", "CONNECT", "CREATE", "DELETE", "UPDATE"))
    return causes


def _check_value(path: str, value: str, known: tuple[str, ...]) -> list[Cause]:
    return [] if value in known else [unsupported(path, value, known)]
