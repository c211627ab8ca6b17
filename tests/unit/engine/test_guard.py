from __future__ import annotations

from typing import Any

import pytest

from irkit.engine.guard import DeclaredReader, Limits, check_count, check_effects, check_target
from irkit.errors import Refused
from irkit.model.base import Json
from irkit.model.effects import Access, KubeCall
from irkit.model.kube import NETWORK_POLICIES, NODES, PODS
from irkit.model.refs import NodeRef
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
