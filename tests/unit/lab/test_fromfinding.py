"""The world of a finding: its target as named, and bystanders that it does not touch."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.errors import FindingError
from irkit.lab import fields, selectors
from irkit.lab.fromfinding import world_from_finding
from irkit.lab.seed import Seed
from irkit.model.findings import Finding
from tests.unit.lab.conftest import NOW

ARN = "arn:aws:eks:us-east-1:111122223333:cluster/blue"
CLUSTER = {"kind": "Cluster", "id": ARN}
UID = "33a3c89e-3280-474d-b8cb-fdf03394fc15"


def finding(target: dict[str, Any] | None, **more: Any) -> Finding:
    if target is not None:
        target = {"cluster": CLUSTER, "uid": UID, **target}
    return Finding.parse(
        {
            "source": "guardduty",
            "id": "f",
            "type": "Execution:Kubernetes/ExecInKubeSystemPod",
            "severity": "8.0",
            "account": "111122223333",
            "region": "us-east-1",
            "created": "2026-11-21T11:00:00Z",
            "updated": "2026-11-21T11:00:00Z",
            "cluster": CLUSTER,
            "target": target,
            "raw_sha256": "0" * 64,
            **more,
        }
    )


def build(target: dict[str, Any] | None, **more: Any) -> Seed:
    return world_from_finding(finding(target, **more), now=NOW)


def find(seed: Seed, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    (doc,) = [
        each
        for each in seed.objects
        if (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) == (kind, namespace, name)
    ]
    return doc


POD = {"kind": "Pod", "namespace": "argocd", "name": "privileged-pod"}


def test_a_pod_is_there_with_its_uid_images_and_nobody_owning_it() -> None:
    images = [{"container": "app", "image": "centos"}, {"container": "Bad Name", "image": " evil;$(id) "}]
    seed = build(POD, images=images)
    assert seed.cluster == ARN
    pod = find(seed, "Pod", "privileged-pod", "argocd")
    assert pod["metadata"]["uid"] == UID
    assert "ownerReferences" not in pod["metadata"]
    assert [(each["name"], each["image"]) for each in pod["spec"]["containers"]] == [
        ("app", "centos"),
        ("container-1", "evil;$(id)"),
    ]
    assert pod["spec"]["nodeName"].endswith(".us-east-1.compute.internal")


def test_the_bystanders_do_not_select_the_target() -> None:
    seed = build(POD)
    labels = find(seed, "Pod", "privileged-pod", "argocd")["metadata"]["labels"]
    policy = find(seed, "NetworkPolicy", "allow-web", "argocd")
    service = find(seed, "Service", "web", "argocd")
    replicas = [each for each in seed.objects if each["metadata"]["name"].startswith("web-") and each["kind"] == "Pod"]
    assert len(replicas) == 3
    for selector in (policy["spec"]["podSelector"], {"matchLabels": service["spec"]["selector"]}):
        assert not selectors.matches(selectors.from_object(selector), labels)
        assert selectors.matches(selectors.from_object(selector), replicas[0]["metadata"]["labels"])


def test_a_target_named_like_the_bystanders_stays_itself() -> None:
    seed = build({"kind": "Workload", "type": "Deployment", "namespace": "shop", "name": "web"})
    assert find(seed, "Deployment", "web", "shop")["metadata"]["uid"] == UID
    assert find(seed, "Deployment", "shop-front", "shop")["metadata"]["uid"] != UID
    pod = build({**POD, "name": "web"})
    assert find(pod, "Pod", "web", "argocd")["metadata"]["uid"] == UID


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"])
def test_a_workload_is_there_with_its_pods(kind: str) -> None:
    seed = build({"kind": "Workload", "type": kind, "namespace": "shop", "name": "api"})
    top = find(seed, kind, "api", "shop")
    assert top["metadata"]["uid"] == UID
    uids = {UID} | {
        each["metadata"]["uid"]
        for each in seed.objects
        if any(owner["uid"] == UID for owner in each["metadata"].get("ownerReferences", []))
    }
    owned = [
        each
        for each in seed.objects
        if each["kind"] == "Pod" and any(owner["uid"] in uids for owner in each["metadata"].get("ownerReferences", []))
    ]
    assert len(owned) == 3


def test_a_node_a_namespace_and_a_service_account_are_there() -> None:
    node = build({"kind": "Node", "name": "ip-10-9-9-9.ec2.internal"})
    assert find(node, "Node", "ip-10-9-9-9.ec2.internal")["metadata"]["uid"] == UID
    suspect = find(node, "Pod", "suspect", "default")
    assert suspect["spec"]["nodeName"] == "ip-10-9-9-9.ec2.internal"
    assert sum(each["kind"] == "Node" for each in node.objects) == 3
    namespace = build({"kind": "Namespace", "name": "payments"})
    assert find(namespace, "Namespace", "payments")["metadata"]["uid"] == UID
    account = build({"kind": "ServiceAccount", "namespace": "shop", "name": "cart"})
    assert find(account, "ServiceAccount", "cart", "shop")["metadata"]["uid"] == UID
    assert find(account, "Pod", "cart-user", "shop")["spec"]["serviceAccountName"] == "cart"
    default = build({"kind": "ServiceAccount", "namespace": "shop", "name": "default"})
    assert find(default, "ServiceAccount", "default", "shop")["metadata"]["uid"] == UID


def test_the_actors_service_account_is_there_and_is_not_the_targets() -> None:
    account = {"kind": "ServiceAccount", "cluster": CLUSTER, "namespace": "ci", "name": "deployer", "uid": "a-1"}
    seed = build(POD, actor={"username": "system:serviceaccount:ci:deployer", "service_account": account})
    assert find(seed, "ServiceAccount", "deployer", "ci")["metadata"]["uid"] == "a-1"
    assert find(seed, "Pod", "privileged-pod", "argocd")["spec"]["serviceAccountName"] == "default"


@pytest.mark.parametrize("namespace", ["kube-system", "default"])
def test_a_target_in_a_system_namespace(namespace: str) -> None:
    seed = build({**POD, "namespace": namespace})
    assert find(seed, "Pod", "privileged-pod", namespace)["metadata"]["uid"] == UID
    assert find(seed, "Namespace", namespace)


def test_without_a_target_there_is_still_a_cluster() -> None:
    assert find(build(None), "Deployment", "web", "default")


def test_without_a_cluster_there_is_no_world() -> None:
    with pytest.raises(FindingError, match="names no EKS cluster") as caught:
        build(None, cluster=None)
    assert caught.value.field == "cluster"


def test_a_workload_that_cannot_be_shown_is_refused() -> None:
    with pytest.raises(FindingError, match="type ReplicationController"):
        build({"kind": "Workload", "type": "ReplicationController", "namespace": "shop", "name": "api"})


def test_a_long_dotted_name_makes_objects_that_the_api_would_take() -> None:
    name = "a" * 70 + ".b." + "c" * 60
    pod = find(build({**POD, "name": name}), "Pod", name, "argocd")
    unknown: list[str] = []
    fields.decode(pod, fields.TYPES["Pod"], unknown)
    assert unknown == []
    assert len(pod["metadata"]["labels"]["app"]) <= 63
    assert len(pod["spec"]["containers"][0]["name"]) <= 63
