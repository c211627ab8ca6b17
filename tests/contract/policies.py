"""ValidatingAdmissionPolicies that tests make, and how they know that one is in force.

Each policy here also denies ConfigMaps named `canary`: a real API server takes a new policy up within a second or so,
and a dry run of one shows that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.contract.workloads import Doc, made, path
from tests.support.moments import until
from tests.support.worlds import Answer, World

API = "/apis/admissionregistration.k8s.io/v1"
POLICIES, BINDINGS = f"{API}/validatingadmissionpolicies", f"{API}/validatingadmissionpolicybindings"
NO_CANARY = {"expression": "request.resource.resource != 'configmaps' || request.name != 'canary'"}
PODS = "request.resource.resource != 'pods' || "
Admission = Callable[..., str]


def rule(resource: str, *operations: str, group: str = "", **more: Any) -> Doc:
    return {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": list(operations),
        "resources": [resource],
        **more,
    }


def no(expression: str, **more: Any) -> Doc:
    """A validation; where it is about a pod's own fields it must not look at the canary's."""
    return {"expression": PODS + f"({expression})", **more}


@pytest.fixture
def admission(world: World) -> Iterator[Admission]:
    """Makes policies with their bindings, and takes them away."""
    with ExitStack() as stack:
        count = iter(range(99))

        def enforce(
            validation: Doc | None, *rules: Doc, binding: Doc | None = None, loaded: bool = True, **spec: Any
        ) -> str:
            name = f"irkit-{world.namespace}-{next(count)}"
            head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
            here = {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}
            constraints = {"resourceRules": [rule("configmaps", "CREATE"), *rules], "namespaceSelector": here}
            validations = [NO_CANARY, *([validation] if validation else [])]
            whole = {"matchConstraints": constraints, "validations": validations, **spec}
            made(world.ask("POST", POLICIES, body={**head, "kind": "ValidatingAdmissionPolicy", "spec": whole}))
            stack.callback(world.ask, "DELETE", f"{POLICIES}/{name}")
            bound = {"policyName": name, "validationActions": ["Deny"], **(binding or {})}
            body = {**head, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound}
            made(world.ask("POST", BINDINGS, body=body))
            stack.callback(world.ask, "DELETE", f"{BINDINGS}/{name}")
            if loaded:
                until(f"{name} to be taken up", lambda: canary(world).code >= 400)
            return name

        yield enforce


def canary(world: World) -> Answer:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "canary"}}
    return world.ask("POST", path(world, "configmaps", group="v1").replace("/apis/", "/api/"), body=body, dryRun="All")


def bare(name: str, image: str = "lab.invalid/bare:1") -> Doc:
    container = {"name": "main", "image": image, "imagePullPolicy": "Never"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}


HELD: Doc = {
    "paramKind": {"apiVersion": "v1", "kind": "Pod"},
    "binding": {"paramRef": {"selector": {"matchLabels": {"held": "yes"}}, "parameterNotFoundAction": "Allow"}},
}
