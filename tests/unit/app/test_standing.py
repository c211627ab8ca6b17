"""Whom a plan's target acts as, and who else does: from what was really injected, never from a guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irkit.app.standing import Identity, Standing, standing
from irkit.errors import Denied
from irkit.lab.builder import build
from irkit.lab.scenario import parse
from irkit.model.doc import Doc
from irkit.model.effects import Resource
from irkit.model.kube import RESOURCES
from irkit.model.ports import Listing
from irkit.model.refs import ClusterRef, ImageRef, NodeRef, PodRef, ServiceAccountRef, WorkloadRef
from irkit.playbook.language import API_VERSION
from tests.support.memory import MemoryKube

ARN = "arn:aws:eks:eu-west-1:111122223333:cluster/lab"
REF = ClusterRef(id=ARN)
ROLE = "arn:aws:iam::111122223333:role/web-role"
SEED = build(
    parse(
        {
            "apiVersion": API_VERSION,
            "kind": "Scenario",
            "metadata": {"name": "shop"},
            "world": {
                "cluster": ARN,
                "namespaces": {
                    "shop": {
                        "serviceAccounts": {"web": {"role": ROLE}, "plain": {}},
                        "deployments": {
                            "web": {"replicas": 3, "serviceAccount": "web"},
                            "cart": {"replicas": 2, "serviceAccount": "web"},
                            "other": {"replicas": 1, "serviceAccount": "plain"},
                        },
                        "pods": {"lone": {"serviceAccount": "web"}},
                    },
                    "empty": {"deployments": {"none": {"replicas": 0}}},
                },
            },
        },
        "test",
    )
)


class Kube(MemoryKube):
    """The world, for somebody who may not list or get some of it."""

    def __init__(self, *denied: str) -> None:
        by_kind: dict[Resource, list[Any]] = {}
        for one in SEED.objects:
            resource = next((known for known in RESOURCES if known.kind == one["kind"]), None)
            if resource is not None:
                by_kind.setdefault(resource, []).append(one)
        super().__init__(by_kind)
        self.denied = denied

    def _check(self, verb: str, resource: Resource) -> None:
        if f"{verb} {resource.plural}" in self.denied:
            msg = f"{verb} {resource.plural} is denied"
            raise Denied(msg, verb=verb, target=resource.plural)

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        self._check("get", resource)
        return super().get(resource, name, namespace)

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Listing:
        self._check("list", resource)
        return super().list(resource, namespace, labels)


def pod(prefix: str) -> PodRef:
    metas = [one["metadata"] for one in SEED.objects if one["kind"] == "Pod" and one["metadata"]["namespace"] == "shop"]
    found = next(meta for meta in metas if meta["name"].startswith(prefix))
    return PodRef(cluster=REF, namespace="shop", name=found["name"], uid=found["uid"])


def test_a_pods_identity_is_what_was_injected_and_the_others_are_counted_without_it() -> None:
    seen = standing(Kube(), pod("web-"))
    users = (("Deployment shop/cart", 2), ("Deployment shop/web", 2), ("pod shop/lone", 1))
    assert seen.identity == Identity("shop/web", ROLE, "IRSA", users)
    assert (seen.state, seen.unseen) == ("Running", "")
    assert seen.node.startswith("ip-")
    assert seen.started.endswith("000000Z")


def test_a_service_accounts_users_are_all_its_pods() -> None:
    seen = standing(Kube(), ServiceAccountRef(cluster=REF, namespace="shop", name="web"))
    users = (("Deployment shop/web", 3), ("Deployment shop/cart", 2), ("pod shop/lone", 1))
    assert seen == Standing(identity=Identity("shop/web", ROLE, "IRSA", users))


def test_a_workload_acts_as_its_pods_do() -> None:
    other = next(
        one["metadata"] for one in SEED.objects if one["kind"] == "Deployment" and one["metadata"]["name"] == "other"
    )
    target = WorkloadRef(cluster=REF, namespace="shop", name="other", type="Deployment", uid=other["uid"])
    assert standing(Kube(), target).identity == Identity("shop/plain", users=(("Deployment shop/other", 1),))
    none = WorkloadRef(cluster=REF, namespace="empty", name="none", type="Deployment", uid="u")
    assert standing(Kube(), none) == Standing("no pod of it runs")


def test_who_may_not_list_is_told_less_and_not_that_nobody_else_uses_it() -> None:
    seen = standing(Kube("list pods"), pod("web-"))
    assert seen.identity == Identity("shop/web", ROLE, "IRSA", None)


def test_a_controller_that_may_not_be_read_is_named_by_what_the_pod_says() -> None:
    seen = standing(Kube("get replicasets"), pod("lone"))
    assert seen.identity is not None
    assert seen.identity.users is not None
    assert [(name.rpartition("-")[0], count) for name, count in seen.identity.users] == [
        ("ReplicaSet shop/web", 3), ("ReplicaSet shop/cart", 2),
    ]  # fmt: skip


def test_a_target_that_may_not_be_read_is_unseen_with_the_reason() -> None:
    assert standing(Kube("get pods"), pod("web-")) == Standing(unseen="get pods is denied")
    account = ServiceAccountRef(cluster=REF, namespace="shop", name="web")
    assert standing(Kube("get serviceaccounts"), account).unseen == "get serviceaccounts is denied"


def test_a_node_and_an_image_have_no_identity_of_their_own() -> None:
    assert standing(Kube(), NodeRef(cluster=REF, name="n")) == Standing()
    assert standing(Kube(), ImageRef(cluster=REF, name="web:1")) == Standing()
    assert standing(Kube(), PodRef(cluster=REF, namespace="shop", name="gone")) == Standing()
