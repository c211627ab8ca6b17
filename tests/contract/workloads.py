"""Objects that tests of the contract make, and waiting for what controllers make of them."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

from tests.cluster.images import BUSYBOX
from tests.support.moments import until
from tests.support.worlds import Answer, World

Doc = dict[str, Any]
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def spec(**more: Any) -> Doc:
    """A pod's spec that serves port 8080 and ends at once when it is told to."""
    container = {
        "name": "main",
        "image": os.environ.get("IRKIT_TEST_IMAGE", BUSYBOX),
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", "trap exit TERM; while :; do sleep 1 & wait; done"],
        "ports": [{"name": "http", "containerPort": 8080}],
    }
    return {
        "containers": [container], "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1, **more,
    }  # fmt: skip


def workload(kind: str, name: str, replicas: int, labels: dict[str, str] | None = None) -> Doc:
    """A Deployment or ReplicaSet."""
    labels = labels or {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec()},
        },
    }


def path(world: World, plural: str, name: str = "", group: str = "apps/v1") -> str:
    """A path in the test's namespace."""
    start = f"/apis/{group}" if group else "/api/v1"
    return f"{start}/namespaces/{world.namespace}/{plural}" + (f"/{name}" if name else "")


def made(answer: Answer) -> Doc:
    """What was created."""
    assert answer.code == 201, answer.doc
    doc: Doc = answer.doc
    return doc


def is_ready(pod: Doc) -> bool:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def ready(world: World, count: int, selector: str) -> list[Doc]:
    """Wait for so many ready pods and no others."""

    def enough() -> list[Doc]:
        found = world.get(world.pods, labelSelector=selector).doc["items"]
        return found if len(found) == count and all(map(is_ready, found)) else []

    pods: list[Doc] = until(f"{count} ready pods {selector}", enough) if count else []
    return pods


def owner(pod: Doc) -> str:
    """The uid of a pod's controller; "" where it has none."""
    return next((each["uid"] for each in pod["metadata"].get("ownerReferences", ()) if each.get("controller")), "")


def acting(world: World, user: str, method: str, where: str, body: Any = None) -> Answer:
    """A request of the admin's, made as somebody else."""
    world.changed |= method != "GET"
    headers = {"Authorization": f"Bearer {world.tokens['admin']}", "Impersonate-User": user}
    if body is not None:
        kind = "application/json-patch+json" if method == "PATCH" else "application/json"
        headers["Content-Type"] = kind
    answer = world.http.request(
        method, f"{world.url}{quote(where, safe='/?=&')}", body=None if body is None else json.dumps(body).encode(),
        headers=headers, retries=False,
    )  # fmt: skip
    return Answer(answer.status, answer.headers, json.loads(answer.data))
