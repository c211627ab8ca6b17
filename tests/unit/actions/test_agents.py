"""A proof under the Amazon VPC CNI ends when the agent of the pod's node starts again (domain.md §1, hardest test 1)."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.kube.engines import standing
from irkit.errors import Denied
from irkit.model.effects import Resource
from irkit.model.kube import CASE_LABEL, CLUSTER_NETWORK_POLICIES, PODS
from irkit.model.ports import Listing
from tests.support.action_cases import CASE
from tests.support.memory import MemoryKube

NODE = "node-1"


def agent(node: str = NODE, uid: str = "u-1", restarts: int = 0, app: str = "aws-node") -> dict[str, Any]:
    meta = {"name": f"aws-node-{uid}", "namespace": "kube-system", "uid": uid, "labels": {"k8s-app": app}}
    status = {"containerStatuses": [{"name": "aws-eks-nodeagent", "restartCount": restarts}]}
    return {"metadata": meta, "spec": {"nodeName": node}, "status": status}


def now(*agents: dict[str, Any], node: str = NODE) -> tuple[str, ...]:
    return standing(MemoryKube({PODS: list(agents)}), "shop", node)


def test_it_is_the_same_while_the_agent_is() -> None:
    assert now(agent()) == now(agent(), agent("node-2", "u-2", restarts=7), agent(uid="u-3", app="other"))
    assert len(now(agent())) == 1


@pytest.mark.parametrize("other", [agent(restarts=1), agent(uid="u-9")])
def test_a_restart_or_another_agent_is_another_circumstance(other: dict[str, Any]) -> None:
    assert now(other) != now(agent())


def test_where_no_such_agent_runs_nothing_is_added() -> None:
    assert now() == now(agent("node-2")) == now(agent(), node="") == ()


def test_an_agent_that_may_not_be_looked_at_is_no_obstacle() -> None:
    class Hidden(MemoryKube):
        def list(self, resource: Resource, namespace: str = "", labels: Any = None) -> Listing:
            if resource == PODS:
                msg = "pods is forbidden"
                raise Denied(msg, verb="list", target="pods", status=403, reason="Forbidden")
            return super().list(resource, namespace, labels)

    assert standing(Hidden({}), "shop", NODE) == ("agent unseen",)


# -- which pods the case's policy selects ------------------------------------------------------------------------


def marked(name: str, case: str = CASE, phase: str = "Running", namespace: str = "shop") -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, "uid": f"p-{name}", "labels": {CASE_LABEL: case}}
    return {"metadata": meta, "spec": {"nodeName": "node-2"}, "status": {"phase": phase}}


def with_case(*pods: dict[str, Any], served: bool = False) -> tuple[str, ...]:
    crds: dict[Resource, list[Any]] = {CLUSTER_NETWORK_POLICIES: []} if served else {}
    return standing(MemoryKube({PODS: list(pods), **crds}), "shop", NODE, CASE)


@pytest.mark.parametrize("served", [False, True], ids=["agent", "auto-mode"])
def test_a_pod_that_comes_under_the_cases_policy_or_leaves_it_is_another_circumstance(*, served: bool) -> None:
    """The agents process that policy anew then. In EKS Auto Mode they are no pods, and are known by their CRDs."""
    agents = [] if served else [agent()]
    one = with_case(*agents, marked("a"), served=served)

    assert one == with_case(*agents, marked("a"), served=served)
    assert one != with_case(*agents, marked("a"), marked("b"), served=served)
    assert one != with_case(*agents, served=served)
    assert one != with_case(*agents, marked("a", phase="Failed"), served=served)


def test_pods_of_other_cases_and_namespaces_are_no_circumstance() -> None:
    assert with_case(agent(), marked("a")) == with_case(
        agent(), marked("a"), marked("b", case="IR-20260101-zzzz"), marked("c", namespace="other")
    )


def test_under_another_engine_a_second_pod_ends_no_proof() -> None:
    assert with_case(marked("a")) == with_case(marked("a"), marked("b")) == ()
