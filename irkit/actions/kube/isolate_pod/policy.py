"""irkit's own NetworkPolicy: its name, its body, and how it differs from what is found under its name.

A policy that polices a direction and has no rule for it denies that direction (Kubernetes documentation,
"Network Policies", default deny). Empty rule lists are left out: the API server drops them.
"""

from __future__ import annotations

from irkit.actions.kube.netpol import Policy, Selector
from irkit.model.base import Json
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import CASE_LABEL, MARK_LABEL, NETWORK_POLICIES, pointer
from irkit.model.plans import Drift
from irkit.model.refs import PodRef

_TYPES: tuple[str, ...] = ("Egress", "Ingress")


def policy_name(mark: Mark) -> str:
    """The same for every rerun, by any responder."""
    return f"irkit-{mark.case.rpartition('-')[2].lower()}-{mark.short}"


def _labels(mark: Mark) -> dict[str, Json]:
    return {CASE_LABEL: mark.case, MARK_LABEL: mark.short}


def _spec(mark: Mark) -> dict[str, Json]:
    return {"podSelector": {"matchLabels": {CASE_LABEL: mark.case}}, "policyTypes": ["Ingress", "Egress"]}


def create(pod: PodRef, mark: Mark) -> KubeCall:
    """Deny all, in and out, for the pods with the case's label."""
    name = policy_name(mark)
    body: Json = {
        "apiVersion": NETWORK_POLICIES.api_version,
        "kind": NETWORK_POLICIES.kind,
        "metadata": {"name": name, "namespace": pod.namespace, "labels": _labels(mark)},
        "spec": _spec(mark),
    }
    return _call(pod, name, "policy", "create", body)


def mend(pod: PodRef, mark: Mark, found: Policy) -> KubeCall:
    """Make irkit's own policy what it must be again."""
    ops: Json = [
        {"op": "test", "path": "/metadata/uid", "value": found.uid},
        {"op": "add", "path": pointer("metadata", "labels", CASE_LABEL), "value": mark.case},
        {"op": "replace", "path": "/spec", "value": _spec(mark)},
    ]
    return _call(pod, found.name, "mend-policy", "patch", ops)


def delete(pod: PodRef, found: Policy) -> KubeCall:
    """Take irkit's own policy away."""
    body: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": found.uid}}
    return _call(pod, found.name, "delete-policy", "delete", body)


def _call(pod: PodRef, name: str, effect: str, verb: str, body: Json) -> KubeCall:
    return KubeCall.parse(
        {
            "name": effect, "cluster": pod.cluster.id, "verb": verb, "resource": NETWORK_POLICIES.dump(),
            "namespace": pod.namespace, "object": name, "body": body,
        }
    )  # fmt: skip


def is_ours(found: Policy, mark: Mark) -> bool:
    """Whether it carries this mark."""
    return dict(found.labels).get(MARK_LABEL) == mark.short


def differences(found: Policy, mark: Mark) -> tuple[Drift, ...]:
    """Every field in which it is not as irkit makes it."""
    labels = dict(found.labels)
    pairs: list[tuple[str, Json, Json]] = [
        (f'metadata.labels["{key}"]', value, labels.get(key)) for key, value in _labels(mark).items()
    ]
    if found.selector != Selector.equals({CASE_LABEL: mark.case}):
        pairs.append(("spec.podSelector", f"{CASE_LABEL}={mark.case}", "another selector"))
    pairs += [
        ("spec.policyTypes", list(_TYPES), list(found.types)),
        ("spec.ingress", "no rule", _rules(len(found.ingress))),
        ("spec.egress", "no rule", _rules(len(found.egress))),
    ]
    return tuple(Drift(field=name, ours=ours, now=now, original=None) for name, ours, now in pairs if ours != now)


def _rules(count: int) -> str:
    return "no rule" if not count else f"{count} rule{'s' if count > 1 else ''}"
