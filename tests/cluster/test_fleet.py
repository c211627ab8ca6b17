"""A fleet on a real cluster: what the audit log says of 60 pods, and that each of them is under the one policy."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from irkit.app import clock
from irkit.app.runs import App, Ask, Parts
from irkit.clients.kube import connect
from irkit.engine.guard import Limits
from irkit.engine.perform import Closed
from irkit.model.kube import CASE_LABEL
from irkit.model.refs import ClusterRef, NamespaceRef
from tests.cluster.live import Cluster
from tests.cluster.pods import pod
from tests.support.fleet import fleet

MANY = 60


def test_a_fleet_is_one_list_a_wave_one_policy_and_one_patch_a_pod(
    harness: Cluster, namespace: str, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(8) as workers:  # no such scheduler runs: they stay pending, and cost no node anything
        made = (pod(f"p-{number}", {"app": "fleet"}, schedulerName="nobody") for number in range(MANY))
        list(workers.map(lambda one: harness.apply(one, namespace=namespace), made))
    ref = ClusterRef(id="context:irkit")
    parts = Parts(connect=lambda to, agent: connect(to, harness.kubeconfig, "irkit", user_agent=agent))
    app = App(tmp_path / "state", "ana", parts, limits=Limits(max_targets=MANY))
    uid = harness.get("Namespace", namespace)["metadata"]["uid"]
    target = NamespaceRef(cluster=ref, name=namespace, uid=uid)
    ticket = app.open_run(Ask(target, fleet().encode(), "fleet.yaml", {"namespace": target.dump()}, clock.now()))
    mark = harness.mark()

    end = app.advance(ticket, threading.Event(), lambda _records: None)

    assert isinstance(end, Closed), end
    asked = [one for one in harness.audit(mark) if ticket.case in one.get("userAgent", "")]
    counted = Counter(f"{one['verb']} {one['objectRef']['resource']}" for one in asked)
    patched = Counter(one["objectRef"]["name"] for one in asked if one["verb"] == "patch")
    assert patched == {f"p-{number}": 1 for number in range(MANY)}
    assert counted["create networkpolicies"] == 1
    assert counted["get pods"] <= 1  # the policy's maker looks before there is a crowd
    assert counted["list pods"] <= 8
    (policy,) = harness.list_of("NetworkPolicy", namespace)
    assert policy["spec"]["podSelector"] == {"matchLabels": {CASE_LABEL: ticket.case}}
    assert len(harness.list_of("Pod", namespace, **{CASE_LABEL: ticket.case})) == MANY
