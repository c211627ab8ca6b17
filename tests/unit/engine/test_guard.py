from __future__ import annotations

from typing import Any

import pytest

from irkit.engine.guard import DeclaredReader, Limits, check_count, check_effects, check_target
from irkit.errors import Refused
from irkit.model.base import Json
from irkit.model.effects import Access, KubeCall
from irkit.model.kube import NETWORK_POLICIES, NODES, PODS, SECRETS
from irkit.model.refs import NamespaceRef, NodeRef
from tests.support.memory import MemoryKube, MemoryReader
from tests.support.records import CLUSTER, POD
from tests.support.specs import spec

PATCH = Access(group="", resource="pods", verb="patch")
DELETE = Access(group="", resource="pods", verb="delete")
CREATE = Access(group="networking.k8s.io", resource="networkpolicies", verb="create")
SPEC = spec("kube.x", writes=(PATCH, DELETE, CREATE), reads=(Access(group="", resource="pods", verb="get"),))
UID: Json = {"op": "test", "path": "/metadata/uid", "value": "u1"}


def call(verb: Any, body: Json, name: str = "x", cluster: str = CLUSTER.id) -> KubeCall:
    resource = NETWORK_POLICIES if verb == "create" else PODS
    return KubeCall(name=name, cluster=cluster, verb=verb, resource=resource, namespace="shop", object="web", body=body)


@pytest.mark.parametrize(
    "effect", [call("patch", [UID]), call("delete", {"preconditions": {"uid": "u1"}}), call("create", {"kind": "x"})]
)
def test_a_declared_and_pinned_effect_passes(effect: KubeCall) -> None:
    assert check_effects(SPEC, [effect], CLUSTER.id) is None


@pytest.mark.parametrize(
    "effect",
    [
        call("patch", []), call("patch", [{"op": "replace", "path": "/x", "value": 1}, UID]), call("patch", {}),
        call("patch", [{"op": "test", "path": "/metadata/uid", "value": ""}]), call("delete", None),
        call("delete", {"preconditions": {}}), call("delete", {"preconditions": {"resourceVersion": "1"}}),
    ],
)  # fmt: skip
def test_an_effect_that_is_not_pinned_to_a_uid_is_refused(effect: KubeCall) -> None:
    refusal = check_effects(SPEC, [effect], CLUSTER.id)
    assert refusal is not None
    assert "uid" in refusal.why


@pytest.mark.parametrize(
    ("options", "passes"),
    [
        ({"deleteOptions": {"preconditions": {"uid": "u1"}}}, True),
        ({"deleteOptions": {"preconditions": {"uid": ""}}}, False),
        ({"deleteOptions": {"preconditions": None}}, False),
        ({"deleteOptions": {}}, False),
        ({}, False),
    ],
)
def test_an_eviction_is_a_delete_and_pinned_like_one(options: dict[str, Json], passes: bool) -> None:
    evict = Access(group="", resource="pods/eviction", verb="create")
    effect = call("create", {"kind": "Eviction", **options}).model_copy(
        update={"resource": PODS, "subresource": "eviction"}
    )

    assert (check_effects(spec("kube.x", writes=(evict,)), [effect], CLUSTER.id) is None) == passes


def test_an_undeclared_effect_is_refused() -> None:
    refusal = check_effects(spec("kube.x", writes=(DELETE,)), [call("patch", [UID])], CLUSTER.id)
    assert refusal is not None
    assert "patch pods" in refusal.why


def test_another_cluster_is_refused() -> None:
    refusal = check_effects(SPEC, [call("patch", [UID], cluster="context:other")], CLUSTER.id)
    assert refusal is not None
    assert "context:other" in refusal.why


def test_two_effects_of_one_name_are_refused() -> None:
    assert check_effects(SPEC, [call("patch", [UID]), call("patch", [UID])], CLUSTER.id) is not None


def test_what_is_protected_is_only_read() -> None:
    limits = Limits(protected_namespaces=frozenset({"shop"}), protected_nodes=frozenset({"n1"}))
    assert check_target(SPEC, POD, limits) is not None
    assert check_target(spec("kube.read"), POD, limits) is None
    assert check_target(SPEC, NodeRef(cluster=CLUSTER, name="n1"), limits) is not None
    assert check_target(SPEC, NodeRef(cluster=CLUSTER, name="n2"), limits) is None


def test_kube_system_is_protected_by_default() -> None:
    assert check_target(SPEC, POD.model_copy(update={"namespace": "kube-system"}), Limits()) is not None


def test_a_protected_namespace_is_protected_itself_too() -> None:
    refusal = check_target(SPEC, NamespaceRef(cluster=CLUSTER, name="kube-system"), Limits())

    assert refusal is not None
    assert "is the protected namespace kube-system" in refusal.why
    assert check_target(SPEC, NamespaceRef(cluster=CLUSTER, name="shop"), Limits()) is None


def test_a_read_across_namespaces_is_refused_unless_it_is_declared_as_wide() -> None:
    pods, nodes = Access(group="", resource="pods", verb="list"), Access(group="", resource="nodes", verb="list")
    inner = MemoryReader(MemoryKube({}))
    narrow = DeclaredReader(inner, spec("kube.x", reads=(pods, nodes))).kube(CLUSTER)
    wide = DeclaredReader(inner, spec("kube.x", reads=(pods,), wide=(pods,))).kube(CLUSTER)

    with pytest.raises(Refused, match="list pods across namespaces"):
        narrow.list(PODS)
    assert narrow.list(PODS, "shop").items == ()
    assert narrow.list(NODES).items == ()
    assert wide.list(PODS).items == ()


def test_secrets_are_read_as_metadata_only_even_where_an_action_declares_them() -> None:
    reads = tuple(Access(group="", resource="secrets", verb=verb) for verb in ("get", "list"))
    kube = MemoryKube({SECRETS: [{"metadata": {"name": "t", "namespace": "shop"}, "data": {"token": "canary"}}]})
    guarded = DeclaredReader(MemoryReader(kube), spec("kube.x", reads=reads)).kube(CLUSTER)

    with pytest.raises(Refused, match="only their metadata"):
        guarded.list(SECRETS, "shop")
    with pytest.raises(Refused, match="only their metadata"):
        guarded.get(SECRETS, "t", "shop")
    assert [doc.raw for doc in guarded.list_metadata(SECRETS, "shop").items] == [
        {"metadata": {"name": "t", "namespace": "shop"}}
    ]
    with pytest.raises(Refused, match="does not declare"):
        DeclaredReader(MemoryReader(kube), spec("kube.x")).kube(CLUSTER).list_metadata(SECRETS, "shop")


def test_more_targets_than_allowed_are_refused() -> None:
    check_count(10, Limits(max_targets=10))
    with pytest.raises(Refused, match="11 targets"):
        check_count(11, Limits(max_targets=10))


class Everything:
    """A reader that answers all: only the guard stands before it."""

    evidence: Any = None

    def kube(self, _cluster: Any) -> Any:
        return self

    def get(self, *_: Any) -> None:
        return None

    def list(self, *_: Any) -> str:
        return "listed"


def test_reads_that_are_not_declared_are_refused() -> None:
    inner: Any = Everything()
    kube = DeclaredReader(inner, SPEC).kube(CLUSTER)
    assert kube.get(PODS, "web", "shop") is None
    with pytest.raises(Refused, match="list pods"):
        kube.list(PODS, "shop")
    with pytest.raises(Refused, match="get nodes"):
        kube.get(NODES, "n1")
