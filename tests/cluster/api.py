"""A bare client of the Kubernetes API: JSON in, JSON out. It shares no code with irkit's, so that it can judge it."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3
import yaml

Json = dict[str, Any]
AGENT = "irkit-cluster-tests"
MEDIA = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
# What tests touch, by kind: group and version, plural, whether in a namespace. In the order in which it can be made.
KINDS: dict[str, tuple[str, str, bool]] = {
    "Namespace": ("v1", "namespaces", False),
    "Node": ("v1", "nodes", False),
    "CustomResourceDefinition": ("apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "Secret": ("v1", "secrets", True),
    "ConfigMap": ("v1", "configmaps", True),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "ValidatingAdmissionPolicy": ("admissionregistration.k8s.io/v1", "validatingadmissionpolicies", False),
    "ValidatingAdmissionPolicyBinding": (
        "admissionregistration.k8s.io/v1",
        "validatingadmissionpolicybindings",
        False,
    ),
    "MutatingWebhookConfiguration": ("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", False),
    "ValidatingWebhookConfiguration": ("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", False),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies", True),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets", True),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers", True),
    "ResourceQuota": ("v1", "resourcequotas", True),
    "Service": ("v1", "services", True),
    "EndpointSlice": ("discovery.k8s.io/v1", "endpointslices", True),
    "DaemonSet": ("apps/v1", "daemonsets", True),
    "StatefulSet": ("apps/v1", "statefulsets", True),
    "Deployment": ("apps/v1", "deployments", True),
    "ReplicaSet": ("apps/v1", "replicasets", True),
    "CronJob": ("batch/v1", "cronjobs", True),
    "Job": ("batch/v1", "jobs", True),
    "Pod": ("v1", "pods", True),
    "Lease": ("coordination.k8s.io/v1", "leases", True),
    "Event": ("v1", "events", True),
}


class ApiError(Exception):
    """The API's answer was no success; `status` is the HTTP status, `body` its Status object."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"{status} {body.get('reason', '')}: {body.get('message', '')}")
        self.status = status
        self.body = body


class Api:
    """One user of one cluster, over kept connections. Safe for threads."""

    def __init__(self, server: str, headers: dict[str, str], trust: ssl.SSLContext) -> None:
        self.server = server.rstrip("/")
        self.trust = trust
        self._headers = {"User-Agent": AGENT, "Accept": "application/json"} | headers
        self._pool = urllib3.PoolManager(maxsize=32, ssl_context=trust, retries=False)

    @classmethod
    def connect(cls, kubeconfig: Path, context: str) -> Self:
        """As a kubeconfig's context says. Whatever is more than a token goes through the official client's loader."""
        document = yaml.safe_load(kubeconfig.read_text())
        chosen = _named(document["contexts"], context, "context")
        cluster = _named(document["clusters"], chosen["cluster"], "cluster")
        user = _named(document["users"], chosen["user"], "user")
        data = cluster.get("certificate-authority-data")
        if set(user) == {"token"} and data:
            trust = ssl.create_default_context(cadata=base64.b64decode(data).decode())
            return cls(str(cluster["server"]), bearer(user["token"]), trust)
        from kubernetes import config  # noqa: PLC0415 - a second of start-up, for other people's clusters only

        client = config.new_client_from_config(str(kubeconfig), context)  # type: ignore[no-untyped-call]
        found = client.configuration
        trust = ssl.create_default_context(cafile=found.ssl_ca_cert)
        if found.cert_file:
            trust.load_cert_chain(found.cert_file, found.key_file)
        token = found.get_api_key_with_prefix("authorization")
        return cls(found.host, {"Authorization": token} if token else {}, trust)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._pool.clear()

    def raw(
        self, method: str, path: str, body: bytes | None = None, *, media: str = "application/json"
    ) -> tuple[int, bytes]:
        """Status and body of one request, whatever they are.

        Raises:
            urllib3.exceptions.HTTPError: no answer.
        """
        headers = self._headers | ({"Content-Type": media} if body is not None else {})
        timeout = urllib3.Timeout(connect=3, read=30)
        answer = self._pool.request(method, self.server + path, body=body, headers=headers, timeout=timeout)
        return answer.status, answer.data

    def call(self, method: str, path: str, body: object = None, *, media: str = "application/json") -> Json:
        """The object that the API answers with.

        Raises:
            ApiError: the answer is no success.
            urllib3.exceptions.HTTPError: no answer.
        """
        status, data = self.raw(method, path, None if body is None else json.dumps(body).encode(), media=media)
        try:
            answer = json.loads(data)
        except ValueError:
            answer = {"message": data.decode(errors="replace")}
        if status >= 300:
            raise ApiError(status, answer if isinstance(answer, dict) else {})
        return dict(answer)


def path_of(kind: str, namespace: str | None = None, name: str | None = None, *, version: str | None = None) -> str:
    """Where objects of a kind are in the API."""
    known, plural, namespaced = KINDS[kind]
    group = version or known
    path = f"/api/{group}" if "/" not in group else f"/apis/{group}"
    if namespaced and namespace:
        path += f"/namespaces/{namespace}"
    return f"{path}/{plural}" + (f"/{name}" if name else "")


def _named(entries: list[Json], name: str, what: str) -> Json:
    for entry in entries:
        if entry["name"] == name:
            return dict(entry[what])
    msg = f"the kubeconfig has no {what} {name!r}, only {[entry['name'] for entry in entries]}"
    raise ValueError(msg)


def bearer(token: str) -> dict[str, str]:
    """The header of a user with a token."""
    return {"Authorization": f"Bearer {token}"}
