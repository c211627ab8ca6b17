"""The admission policy that keeps a case's pods from being deleted, with every default of the API filled in.

An eviction shows the API server an Eviction object and not the pod, so no label of the pod can be seen in it
(kubernetes pkg/registry/core/pod/storage/eviction.go). Therefore the case's pods are the policy's parameters: it is
judged once for each of them, and denies what bears its name. It looks at one namespace only: where it fails, deletes
fail there and nowhere else. Pods that are being deleted already may go: a kubelet reports their end by a delete.

Who deletes the namespace would open the network of a pod that stays: its policies would go at once, and it would wait.
So the control plane may not take the case's policies out of a namespace that ends, while a pod of the case is in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from irkit.actions.kube.made import Own, own_name
from irkit.model.base import Json
from irkit.model.effects import Mark, Resource
from irkit.model.kube import (
    ADMISSION_POLICIES,
    ADMISSION_POLICY_BINDINGS,
    CASE_LABEL,
    CILIUM_POLICIES,
    NETWORK_POLICIES,
    PODS,
    POLICY_ENDPOINTS,
)
from irkit.model.refs import PodRef

_POD = f"request.resource.resource != '{PODS.plural}'"
_NAME = "(request.operation == 'DELETE' ? oldObject.metadata.name : request.name)"
_ENDING = (
    "(request.operation == 'DELETE' ? has(oldObject.metadata.deletionTimestamp) :"
    " has(params.metadata.deletionTimestamp))"
)
# VPC CNI's agents enforce PolicyEndpoints: they are named after their NetworkPolicy, bear none of its labels
# (aws/amazon-network-policy-controller-k8s, pkg/policyendpoints/manager.go). A namespace that ends gets no new ones.
_DENIALS = (NETWORK_POLICIES, CILIUM_POLICIES, POLICY_ENDPOINTS)
"""By which irkit isolates, of those that a namespace takes along."""
# Kubernetes documentation, "Controller roles": one account each, or all of them as the manager itself. Others of
# kube-system are none of it: irkit may run there, and takes back what it made.
_CONTROLLERS = "['system:kube-controller-manager', 'system:serviceaccount:kube-system:namespace-controller']"


def objects(pod: PodRef, users: Sequence[str], mark: Mark) -> tuple[Own, Own]:
    """The policy and its binding; `users` may delete all the same."""
    name, cluster = own_name(mark), pod.cluster
    return (
        Own("policy", cluster, ADMISSION_POLICIES, name, _policy(pod.namespace, users, mark)),
        Own("binding", cluster, ADMISSION_POLICY_BINDINGS, name, _binding(pod.namespace, name, mark)),
    )


def _policy(namespace: str, users: Sequence[str], mark: Mark) -> dict[str, Json]:
    """The users' names have no character to which CEL's strings give a meaning."""
    expression = f"{_POD} || {_NAME} != params.metadata.name || {_ENDING}"
    if users:
        names = ", ".join(f"'{one}'" for one in sorted(users))
        expression += f" || request.userInfo.username in [{names}]"
    return {
        "failurePolicy": "Fail",
        "paramKind": {"apiVersion": PODS.api_version, "kind": PODS.kind},
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "objectSelector": {},
            "resourceRules": [
                _rule("DELETE", PODS),
                _rule("CREATE", PODS, "/eviction"),
                *(_rule("DELETE", one) for one in _DENIALS),
            ],
        },
        "validations": [
            _validation(expression, f"held as evidence: irkit status {mark.case} says by whom"),
            _validation(_kept(mark), f"isolates what is held as evidence: irkit status {mark.case} says by whom"),
        ],
    }


def _kept(mark: Mark) -> str:
    """Whether what isolates the pod may be deleted."""
    ours = f"oldObject.metadata.name.startsWith('{own_name(mark).removesuffix(mark.short)}')"
    ends = "has(namespaceObject.metadata.deletionTimestamp)"
    theirs = f"request.userInfo.username in {_CONTROLLERS}"
    return f"!({_POD} && {ends} && {theirs} && {ours}) || has(params.metadata.deletionTimestamp)"


def _validation(expression: str, message: str) -> Json:
    return {"expression": expression, "message": message, "reason": "Forbidden"}


def _rule(operation: str, resource: Resource, subresource: str = "") -> Json:
    return {
        "apiGroups": [resource.group],
        "apiVersions": [resource.version],
        "operations": [operation],
        "resources": [f"{resource.plural}{subresource}"],
        "scope": "*",
    }


def _binding(namespace: str, name: str, mark: Mark) -> dict[str, Json]:
    return {
        "policyName": name,
        "paramRef": {
            "namespace": namespace,
            "parameterNotFoundAction": "Allow",
            "selector": {"matchLabels": {CASE_LABEL: mark.case}},
        },
        "validationActions": ["Deny"],
    }
