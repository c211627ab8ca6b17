"""Small Kubernetes objects and calls about them."""

from __future__ import annotations

from typing import Any

from irkit.model.effects import KubeCall, Slot
from irkit.model.kube import NETWORK_POLICIES, PODS

UID = "0f0e0d0c-0000-4000-8000-000000000001"


def pod(name: str = "web", namespace: str = "shop", **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": UID, "resourceVersion": "7", "labels": labels},
    }


def item(name: str = "web", namespace: str = "shop", **labels: str) -> dict[str, Any]:
    """As a typed list has it: without kind and apiVersion."""
    return {"metadata": pod(name, namespace, **labels)["metadata"]}


def pod_list(*items: dict[str, Any], token: str = "", version: str = "100") -> dict[str, Any]:
    metadata = {"resourceVersion": version} | ({"continue": token} if token else {})
    return {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": list(items)}


def patch_call(**changes: Any) -> KubeCall:
    call = KubeCall(
        name="label", cluster="context:it", verb="patch", resource=PODS, namespace="shop", object="web",
        body=[
            {"op": "test", "path": "/metadata/uid", "value": UID},
            {"op": "add", "path": "/metadata/labels/a", "value": "b"},
        ],
    )  # fmt: skip
    return call.model_copy(update=changes)


def create_call(**changes: Any) -> KubeCall:
    call = KubeCall(
        name="policy", cluster="context:it", verb="create", resource=NETWORK_POLICIES, namespace="shop",
        object="irkit-1", body={"metadata": {"name": "irkit-1"}, "spec": {"secret": None, "list": ["x"]}},
        slots=(Slot(name="key", at="/spec/secret"),),
    )  # fmt: skip
    return call.model_copy(update=changes)


def delete_call(**changes: Any) -> KubeCall:
    call = KubeCall(
        name="gone", cluster="context:it", verb="delete", resource=PODS, namespace="shop", object="web",
        body={"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": UID}},
    )  # fmt: skip
    return call.model_copy(update=changes)
