"""From names to living objects: each kind is looked up where it lives, and an image is its digest."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.app.resolve import resolve_target
from irkit.errors import Refused, UsageError
from irkit.model.kube import PODS
from irkit.model.refs import (
    ClusterRef,
    ImageRef,
    NamespaceRef,
    NodeRef,
    PodRef,
    ServiceAccountRef,
    TargetRef,
    WorkloadRef,
)
from tests.support.action_shop import shop
from tests.support.memory import MemoryKube

CLUSTER = ClusterRef(id="context:lab")
A, B = "a" * 64, "b" * 64
THERE: list[tuple[TargetRef, str]] = [
    (PodRef(cluster=CLUSTER, namespace="shop", name="web-1"), "p-1"),
    (NodeRef(cluster=CLUSTER, name="node-1"), "n-1"),
    (NamespaceRef(cluster=CLUSTER, name="shop"), "ns-1"),
    (ServiceAccountRef(cluster=CLUSTER, namespace="shop", name="web"), "sa-1"),
    (WorkloadRef(cluster=CLUSTER, namespace="shop", name="web", type="Deployment"), "d-1"),
    (WorkloadRef(cluster=CLUSTER, namespace="shop", name="nightly", type="CronJob"), "c-1"),
]


@pytest.mark.parametrize(("target", "uid"), THERE)
def test_what_lives_under_a_name_is_pinned_by_its_uid(target: TargetRef, uid: str) -> None:
    found = resolve_target(MemoryKube(shop()), target)

    assert found == target.model_copy(update={"uid": uid})


@pytest.mark.parametrize("target", [one for one, _ in THERE])
def test_what_is_not_there_is_refused_by_its_name(target: TargetRef) -> None:
    gone = target.model_copy(update={"name": "gone"})

    with pytest.raises(Refused, match="gone does not exist in context:lab") as caught:
        resolve_target(MemoryKube(shop()), gone)

    if isinstance(target, PodRef):
        assert "logs and events" in caught.value.hint
    assert "kubectl get " in caught.value.hint


@pytest.mark.parametrize("target", [one for one, _ in THERE])
def test_another_object_of_the_name_is_refused(target: TargetRef) -> None:
    with pytest.raises(Refused, match="is another object now"):
        resolve_target(MemoryKube(shop()), target.model_copy(update={"uid": "old"}))


def test_a_namespace_beside_does_not_count() -> None:
    target = ServiceAccountRef(cluster=CLUSTER, namespace="other", name="web")

    with pytest.raises(Refused) as caught:
        resolve_target(MemoryKube(shop()), target)

    assert caught.value.hint == "see which there are: kubectl get serviceaccounts -n other"


def test_a_kind_of_workload_that_nothing_works_on_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="irkit knows ReplicaSet, Deployment"):
        resolve_target(MemoryKube({}), WorkloadRef(cluster=CLUSTER, namespace="shop", name="w", type="Rollout"))


# -- images ----------------------------------------------------------------------------------------------------------


def runs(name: str, image: str, image_id: str, *, kind: str = "containers") -> dict[str, Any]:
    statuses = {"containers": "containerStatuses", "initContainers": "initContainerStatuses"}[kind]
    spec: dict[str, Any] = {"containers": [], kind: [{"name": "c", "image": image}]}
    status = {statuses: [{"name": "c", "imageID": image_id}]}
    return {"metadata": {"name": name, "namespace": "shop", "uid": name}, "spec": spec, "status": status}


def image(text: str) -> ImageRef:
    return ImageRef.of(CLUSTER, text)


def test_a_digest_is_pinned_as_it_is_and_nothing_is_asked() -> None:
    """It may run nowhere yet: then it is blocked before it does."""
    kube = MemoryKube({PODS: []})

    assert resolve_target(kube, image(f"sha256:{A}")) == image(f"sha256:{A}")
    assert kube.asked == []


@pytest.mark.parametrize("kind", ["containers", "initContainers"])
@pytest.mark.parametrize("typed", ["web:1", "docker.io/library/web:1", "library/web:1"])
def test_a_tag_is_the_digest_that_runtimes_report_for_it(typed: str, kind: str) -> None:
    pods = [
        runs("one", "web:1", f"docker.io/library/web@sha256:{A}", kind=kind),
        runs("two", "web:2", f"docker.io/library/web@sha256:{B}"),
    ]

    assert resolve_target(MemoryKube({PODS: pods}), image(typed)) == image(f"{typed}@sha256:{A}")


def test_a_tag_that_nothing_runs_is_refused() -> None:
    pods = [runs("one", "web:2", f"web@sha256:{A}"), runs("pending", "web:1", "")]

    with pytest.raises(Refused, match="nothing in context:lab runs image web:1, so its digest is not known") as caught:
        resolve_target(MemoryKube({PODS: pods}), image("web:1"))

    assert caught.value.hint == "give the digest: irkit contain image sha256:…"


def test_a_tag_that_moved_is_refused_with_its_digests() -> None:
    pods = [runs(each * 3, "web:1", f"web@sha256:{each * 64}") for each in "abcdef0"]

    with pytest.raises(Refused) as caught:
        resolve_target(MemoryKube({PODS: pods}), image("web:1"))

    assert "image web:1 is 7 images in context:lab: sha256:0000" in caught.value.message
    assert caught.value.message.endswith(" and 2 more")
