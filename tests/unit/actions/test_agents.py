"""A proof under the Amazon VPC CNI ends when the agent of the pod's node starts again (domain.md §1, hardest test 1)."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.kube.engines import standing
from irkit.errors import Denied
from irkit.model.effects import Resource
from irkit.model.kube import PODS
from irkit.model.ports import Listing
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
