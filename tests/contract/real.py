"""The real cluster as a world of the contract suite: each test has a namespace of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import pytest
import urllib3
import yaml

from tests.cluster.images import BUSYBOX
from tests.cluster.live import Cluster
from tests.support.worlds import World

PODS = {
    "one": {"app": "one", "tier": "front"},
    "two": {"app": "two", "tier": "front"},
    "three": {"app": "three"},
    "guarded": {"app": "guarded"},
}
READ = ["get", "list", "watch"]
QUIET = 1.0
"""Seconds."""
RESPONDER = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": [*READ, "patch", "delete"]},
    {"apiGroups": [""], "resources": ["nodes"], "verbs": [*READ, "patch"]},
    {
        "apiGroups": ["networking.k8s.io"],
        "resources": ["networkpolicies"],
        "verbs": [*READ, "create", "patch", "delete"],
    },
]
VIEWER = [
    {"apiGroups": [""], "resources": ["pods", "nodes", "namespaces", "services"], "verbs": READ},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": READ},
]


def pod(name: str) -> dict[str, Any]:
    container = {
        "name": "main", "image": BUSYBOX, "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", "trap exit TERM; while :; do sleep 1 & wait; done"],
    }  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": PODS[name]},
        "spec": {"containers": [container], "automountServiceAccountToken": False},
    }


GUARD: dict[str, Any] = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "guard"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "guarded"}}},
}


@pytest.fixture(scope="session")
def tokens(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An admin's, and those of accounts that may do what the lab's identities of the same names may."""
    folder = tmp_path_factory.mktemp("actors")
    with cluster.namespace("actors") as name:
        document = yaml.safe_load(cluster.kubeconfig.read_text())
        (user,) = [one["context"]["user"] for one in document["contexts"] if one["name"] == cluster.context]
        (admin,) = [one["user"].get("token", "") for one in document["users"] if one["name"] == user]
        if not admin:
            pytest.skip("the contract suite needs a context with a bearer token")
        yield {
            "admin": admin,
            "responder": cluster.actor(name, "responder", folder, cluster_rules=RESPONDER).token,
            "viewer": cluster.actor(name, "viewer", folder, cluster_rules=VIEWER).token,
        }


class Homes:
    """Namespaces with the pods that the contract speaks of, all ready.

    The next one is made while a test runs. One in which nothing was changed is given to the next test as it is.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._made = ExitStack()
        self._maker = ThreadPoolExecutor(1)
        self._next: Future[str] | None = None
        self._whole: list[str] = []

    def take(self) -> str:
        """One for a test."""
        if self._whole:
            return self._whole.pop()
        ready = self._next or self._maker.submit(self._prepare)
        self._next = self._maker.submit(self._prepare)
        return ready.result()

    def give_back(self, name: str, *, changed: bool) -> None:
        """After the test."""
        if changed:
            self._cluster.delete("Namespace", name, wait=False)
        else:
            self._whole.append(name)

    def close(self) -> None:
        """All of them go."""
        self._maker.shutdown()
        self._made.close()

    def _prepare(self) -> str:
        cluster = self._cluster
        name = self._made.enter_context(cluster.namespace("contract"))
        cluster.apply(GUARD, *map(pod, PODS), namespace=name)
        cluster.ready(name, len(PODS))

        def guarded() -> bool:
            return bool(cluster.get("PodDisruptionBudget", "guard", name)["status"].get("currentHealthy") == 1)

        cluster.until("the budget to see its pod", guarded)
        self._quiet(name)
        return name

    def _quiet(self, namespace: str) -> None:
        """A kubelet writes a status again after it said Ready: until it has not for a while."""
        seen: dict[str, str] = {}
        since = 0.0

        def unwritten() -> bool:
            nonlocal since
            now = {
                one["metadata"]["uid"]: one["metadata"]["resourceVersion"]
                for one in self._cluster.list_of("Pod", namespace)
            }
            if now != seen:
                seen.clear()
                seen.update(now)
                since = time.monotonic()
            return time.monotonic() - since > QUIET

        self._cluster.until("the kubelets to be done", unwritten)


@pytest.fixture(scope="package")
def homes(cluster: Cluster) -> Iterator[Homes]:
    """None outlives this folder's tests: its pods and its budget would be in the way of tests that empty a node."""
    with closing(Homes(cluster)) as found:
        yield found


@pytest.fixture
def real(cluster: Cluster, tokens: dict[str, str], homes: Homes) -> Iterator[World]:
    """A namespace with the pods that the contract speaks of, all ready."""
    name = homes.take()
    with urllib3.PoolManager(ssl_context=cluster.api.trust) as http:

        def expire_pages() -> None:
            if cluster.layout is None:
                pytest.skip("asks the API server's own etcd to forget; IRKIT_TEST_CONTEXT names another cluster")
            cluster.expire_pages()

        world = World(cluster.api.server, tokens, http, expire_pages, namespace=name)
        yield world
        homes.give_back(name, changed=world.changed)
        for node in cluster.list_of("Node"):
            if node["spec"].get("unschedulable"):
                cluster.patch("Node", node["metadata"]["name"], {"spec": {"unschedulable": None}})
