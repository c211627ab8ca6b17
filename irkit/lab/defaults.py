"""What the API fills in of created objects that leave it out.

Source: `pkg/apis/{core,apps}/v1/defaults.go`, and the ServiceAccount and DefaultTolerationSeconds admission plugins.
"""

from __future__ import annotations

from typing import Any, Final

from irkit.lab import objects
from irkit.lab.validate import default_policy
from irkit.lab.world import World
from irkit.model.kube import SERVICES

Doc = dict[str, Any]
_SECONDS: Final = 300
_LATEST: Final = "latest"


def pod_spec(spec: Doc) -> None:
    """A pod's spec, in a template too."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        tag = container.get("image", "").rpartition("/")[2].partition("@")
        latest = not tag[1] and (tag[0].partition(":")[2] or _LATEST) == _LATEST
        container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
        container.setdefault("resources", {})
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        for port in container.get("ports", ()):
            port.setdefault("protocol", "TCP")
            if spec.get("hostNetwork"):
                port.setdefault("hostPort", port["containerPort"])


def pod(doc: Doc, *, account: Doc) -> None:
    """A whole pod: its spec, its service account's token, tolerations, and the status that it begins with."""
    spec = doc["spec"]
    pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault("priority", 0)
    spec["serviceAccount"] = spec["serviceAccountName"] = account["metadata"]["name"]
    if spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True)):
        _mount_token(doc)
    for reason in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{reason}"
        if not any(each.get("key", key) == key for each in spec.get("tolerations", ())):
            toleration = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _SECONDS}
            spec.setdefault("tolerations", []).append(toleration)


def _mount_token(doc: Doc) -> None:
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    name = f"kube-api-access-{objects.drawn(doc['metadata']['name'], 5)}"
    added = False
    for container in (*doc["spec"].get("initContainers", ()), *doc["spec"]["containers"]):
        if not any(each["mountPath"] == path for each in container.get("volumeMounts", ())):
            mount = {"name": name, "readOnly": True, "mountPath": path}
            container.setdefault("volumeMounts", []).append(mount)
            added = True
    if added:
        doc["spec"].setdefault("volumes", []).append({**objects.token_volume(), "name": name})


def workload(doc: Doc) -> None:
    """A Deployment or ReplicaSet."""
    spec = doc.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    template = spec.setdefault("template", {})
    pod_spec(template.setdefault("spec", {}))
    if doc["kind"] == "Deployment":
        strategy = spec.setdefault("strategy", {})
        if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            rolling.setdefault("maxSurge", "25%")
            rolling.setdefault("maxUnavailable", "25%")
        spec.setdefault("revisionHistoryLimit", 10)
        spec.setdefault("progressDeadlineSeconds", 600)
    labels = template.get("metadata", {}).get("labels", {})
    if labels:
        doc["metadata"].setdefault("labels", dict(labels))


def service(doc: Doc, world: World) -> None:
    """A Service, with an address of its own."""
    spec = doc.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    if "clusterIP" not in spec:
        taken = {each.doc["spec"].get("clusterIP") for each in world.entries(SERVICES)}
        free = (f"172.20.{index // 250}.{index % 250 + 1}" for index in range(1, 64_000))
        spec["clusterIP"] = next(address for address in free if address not in taken)
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    for port in spec.get("ports", ()):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])
    doc["status"] = {"loadBalancer": {}}


def binding(doc: Doc) -> None:
    """A RoleBinding or ClusterRoleBinding."""
    doc.setdefault("roleRef", {}).setdefault("apiGroup", "rbac.authorization.k8s.io")
    for subject in doc.get("subjects", ()):
        if subject.get("kind") in {"User", "Group"}:
            subject.setdefault("apiGroup", "rbac.authorization.k8s.io")


def secret(doc: Doc) -> None:
    """A Secret: what is given as text becomes data."""
    import base64  # noqa: PLC0415 -- rarely needed

    doc.setdefault("type", "Opaque")
    for key, text in doc.pop("stringData", {}).items():
        doc.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def nothing(_doc: Doc) -> None:
    """Nothing is filled in."""


policy = default_policy


def admission_policy(doc: Doc) -> None:
    """A ValidatingAdmissionPolicy. Source: `pkg/apis/admissionregistration/v1/defaults.go`."""
    spec = doc.setdefault("spec", {})
    spec.setdefault("failurePolicy", "Fail")
    _match_resources(spec.setdefault("matchConstraints", {}))


def admission_binding(doc: Doc) -> None:
    """A ValidatingAdmissionPolicyBinding."""
    spec = doc.setdefault("spec", {})
    if "matchResources" in spec:
        _match_resources(spec["matchResources"])


def _match_resources(match: Doc) -> None:
    match.setdefault("matchPolicy", "Equivalent")
    match.setdefault("namespaceSelector", {})
    match.setdefault("objectSelector", {})
    for rule in (*match.get("resourceRules", ()), *match.get("excludeResourceRules", ())):
        rule.setdefault("scope", "*")
