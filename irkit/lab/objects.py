"""Kubernetes objects as a cluster on EKS really shows them: specs with their defaults filled in, and status."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from typing import Any, Final

Object = dict[str, Any]
ENDED: Final = frozenset({"Succeeded", "Failed"})
"""Phases of pods that run no more."""
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def drawn(text: str, length: int) -> str:
    """A generated suffix as the API makes them, the same for the same text."""
    found = hashlib.sha256(text.encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in found[:length])


def hexes(text: str, length: int) -> str:
    """Hex digits, the same for the same text."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def meta(name: str, namespace: str = "", labels: Mapping[str, str] | None = None, **more: object) -> Object:
    """Metadata; empty parts are left out."""
    found: Object = {"name": name}
    if namespace:
        found["namespace"] = namespace
    if labels:
        found["labels"] = dict(labels)
    found |= {key: value for key, value in more.items() if value}
    return found


def owner(doc: Mapping[str, Any]) -> Object:
    """An owner reference to a controller."""
    return {
        "apiVersion": doc["apiVersion"],
        "kind": doc["kind"],
        "name": doc["metadata"]["name"],
        "uid": doc["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def namespace(name: str, labels: Mapping[str, str]) -> Object:
    """An active namespace."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": meta(name, labels={"kubernetes.io/metadata.name": name, **labels}),
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def service_account(namespace_: str, name: str, role: str = "") -> Object:
    """A service account, with an IAM role for it (IRSA) where one is given."""
    annotations = {"eks.amazonaws.com/role-arn": role} if role else None
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(name, namespace_, annotations=annotations)}


def node(  # noqa: PLR0913 -- a node has this many names
    name: str, *, address: str, instance: str, zone: str, nodegroup: str, since: str
) -> Object:
    """A ready node of a managed node group."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta(
            name,
            labels={
                "beta.kubernetes.io/arch": "amd64",
                "eks.amazonaws.com/capacityType": "ON_DEMAND",
                "eks.amazonaws.com/nodegroup": nodegroup,
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "node.kubernetes.io/instance-type": "m6i.large",
                "topology.kubernetes.io/region": zone[:-1],
                "topology.kubernetes.io/zone": zone,
            },
        ),
        "spec": {"providerID": f"aws:///{zone}/{instance}"},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "InternalDNS", "address": name},
                {"type": "Hostname", "address": name},
            ],
            "allocatable": {"cpu": "1930m", "memory": "7220184Ki", "pods": "29"},
            "capacity": {"cpu": "2", "memory": "7910360Ki", "pods": "29"},
            "conditions": [
                {"type": kind, "status": status, "reason": reason, "lastTransitionTime": since, "message": ""}
                for kind, status, reason in (
                    ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                    ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                    ("PIDPressure", "False", "KubeletHasSufficientPID"),
                    ("Ready", "True", "KubeletReady"),
                )
            ],
            "nodeInfo": {
                "architecture": "amd64",
                "containerRuntimeVersion": "containerd://2.1.5",
                "kernelVersion": "6.12.55-74.119.amzn2023.x86_64",
                "kubeletVersion": "v1.36.3-eks-0000000",
                "operatingSystem": "linux",
                "osImage": "Amazon Linux 2023.9",
            },
        },
    }


def container(
    name: str, image: str, *, env: Mapping[str, str], ports: tuple[int, ...] = (), privileged: bool = False
) -> Object:
    """A container with its defaults filled in."""
    made: Object = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {
                "name": "kube-api-access",
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                "readOnly": True,
            }
        ],
    }
    if env:
        made["env"] = [{"name": key, "value": value} for key, value in env.items()]
    if ports:
        made["ports"] = [{"containerPort": port, "protocol": "TCP"} for port in ports]
    if privileged:
        made["securityContext"] = {"privileged": True}
    return made


_TOKEN_VOLUME: Object = {
    "name": "kube-api-access",
    "projected": {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ],
    },
}


def token_volume() -> Object:
    """The volume of a service account's token, as admission adds it to a pod."""
    found: Object = copy.deepcopy(_TOKEN_VOLUME)
    return found


def pod_spec(containers: list[Object], *, account: str) -> Object:
    """A pod's spec without its node, as a template holds it."""
    return {
        "containers": containers,
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccount": account,
        "serviceAccountName": account,
        "terminationGracePeriodSeconds": 30,
        "volumes": [_TOKEN_VOLUME],
    }


def running(pod: Object, *, address: str, host: str, since: str) -> Object:
    """The status of a pod that runs and is ready."""
    return {
        "phase": "Running",
        "hostIP": host,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "qosClass": "Burstable",
        "startTime": since,
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": since}
            for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "containerStatuses": [
            {
                "name": each["name"],
                "image": each["image"],
                "imageID": f"lab.invalid/image@sha256:{hexes(each['image'], 64)}",
                "containerID": f"containerd://{hexes(pod['metadata']['uid'] + each['name'], 64)}",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": since}},
            }
            for each in pod["spec"]["containers"]
        ],
    }


def service(namespace_: str, name: str, selector: Mapping[str, str], port: int, address: str) -> Object:
    """A ClusterIP service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(name, namespace_),
        "spec": {
            "clusterIP": address,
            "clusterIPs": [address],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"port": port, "protocol": "TCP", "targetPort": port}],
            "selector": dict(selector),
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    }


def network_policy(namespace_: str, name: str, spec: Mapping[str, Any]) -> Object:
    """A policy around a spec."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta(name, namespace_, generation=1),
        "spec": dict(spec),
    }


def event(pod: Object, *, reason: str, message: str, at: str) -> Object:
    """A kubelet's event about a pod."""
    about = pod["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": meta(f"{about['name']}.{hexes(about['uid'] + reason, 16)}", about["namespace"]),
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": about["name"],
            "namespace": about["namespace"],
            "uid": about["uid"],
        },
        "reason": reason,
        "message": message,
        "type": "Normal",
        "count": 1,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "source": {"component": "kubelet", "host": pod["spec"]["nodeName"]},
        "reportingComponent": "kubelet",
        "reportingInstance": pod["spec"]["nodeName"],
    }
