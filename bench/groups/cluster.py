"""On a real cluster: a whole command against kubectl doing the same, and a fleet against bare PATCHes.

Needs the cluster of `make cluster-up`; without it nothing is measured, and that is said.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.table import Row
from irkit.actions.catalog import Catalog
from irkit.app import clock
from irkit.app.check import check
from irkit.app.preview import preview
from irkit.app.runs import App, Ask, Parts
from irkit.cli import COLLECT_AFTER
from irkit.clients.kube import connect
from irkit.engine.guard import Limits
from irkit.engine.perform import Closed
from irkit.model.base import Json
from irkit.model.effects import KubeCall
from irkit.model.kube import CASE_LABEL, PODS, pointer
from irkit.model.refs import ClusterRef, NamespaceRef
from tests.cluster.live import Cluster, NoCluster
from tests.cluster.pods import deployment, pod
from tests.support.fleet import fleet

ROUNDS = 5
FLEET, CROWD, THREADS = 500, 2000, 16
READS = 20
"""What one wave may read, however many it is about."""
CLUSTER = ClusterRef(id="context:irkit")
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: bench}
spec: {podSelector: {matchLabels: {bench: "yes"}}, policyTypes: [Ingress, Egress]}
"""
TWO = """
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata: {name: two, title: Label and isolate}
spec:
  inputs: {pod: {type: pod}}
  steps:
    - {id: label, uses: kube.label_pod, with: {pod: "${inputs.pod}"}}
    - {id: isolate, uses: kube.isolate_pod, needs: [label], with: {pod: "${inputs.pod}"}}
"""


def measure(folder: Path) -> list[Row]:
    """Both figures. Nothing where no cluster runs."""
    try:
        cluster = Cluster.find()
    except NoCluster as missing:
        sys.stdout.write(f"cluster: not measured: {missing}\n\n")
        return []
    gc.set_threshold(COLLECT_AFTER)  # as the console script does: a fleet is measured in this process
    try:
        return [_command(cluster, folder), *_fleet(cluster, folder), _plan(cluster, folder)]
    finally:
        cluster.close()


def _command(cluster: Cluster, folder: Path) -> Row:
    """`irkit contain pod` of label and isolate, from start to end, against `kubectl label` and `kubectl apply`."""
    (folder / "two.yaml").write_text(TWO)
    kubectl = [str(cluster.own.bin / "kubectl"), "--kubeconfig", str(cluster.kubeconfig)]
    ours, theirs = [], []
    with cluster.namespace("bench") as name:
        cluster.apply(deployment("web", 2 * ROUNDS), namespace=name)
        pods = [one["metadata"]["name"] for one in cluster.ready(name, 2 * ROUNDS, app="web")]
        for index in range(ROUNDS):
            words = ["contain", "pod", f"{name}/{pods[2 * index]}", "--playbook", str(folder / "two.yaml"), "--yes"]
            ours.append(_timed([sys.executable, "-m", "irkit", "--context", "irkit", *words], cluster, folder, {0, 4}))
            label = [*kubectl, "-n", name, "label", "pod", pods[2 * index + 1], "bench=yes"]
            apply = [*kubectl, "-n", name, "apply", "-f", "-"]
            theirs.append(_timed(label, cluster, folder, {0}) + _timed(apply, cluster, folder, {0}, DENY))
    one, other = statistics.median(ours), statistics.median(theirs)
    return Row(
        "irkit contain pod (label, isolate)", f"{one * 1000:.0f} ms", f"{other * 1000:.0f} ms kubectl label + apply",
        one / other, 4, at_most=True,
    )  # fmt: skip


def _timed(command: list[str], cluster: Cluster, folder: Path, fine: set[int], given: str = "") -> float:
    env = os.environ | {"KUBECONFIG": str(cluster.kubeconfig), "IRKIT_STATE": str(folder / "state")}
    begun = time.perf_counter()
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=env, check=False, timeout=120)
    spent = time.perf_counter() - begun
    if done.returncode not in fine:
        msg = f"{' '.join(command[:6])} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise RuntimeError(msg)
    return spent


def _fleet(cluster: Cluster, folder: Path) -> list[Row]:
    """Label and isolate so many pods, journal and all, against as many bare PATCHes through one pool; then check."""
    with cluster.namespace("bench") as name:
        _crowd(cluster, name, FLEET)
        bare = _bare(cluster, name)
        app = _app(cluster, folder)
        mark = cluster.mark()
        spent, records, case = _contained(cluster, app, name)
        calls = _calls(cluster, mark)
        reads = sum(one["verb"] in {"get", "list"} for one in calls)
        sys.stdout.write(
            f"cluster: {FLEET} pods: {len(calls) / FLEET:.2f} API calls ({reads} reads in all) and "
            f"{records / FLEET:.1f} records a pod\n\n"
        )
        mark = cluster.mark()
        begun = time.perf_counter()
        found = check(app, case)
        looked = time.perf_counter() - begun
        if len(found.steps) != 2 * FLEET:
            msg = f"{len(found.steps)} steps were checked"
            raise RuntimeError(msg)
        wave = len(_calls(cluster, mark))
    return [
        Row(
            f"label + isolate of {FLEET} pods", f"{spent:.1f} s", f"{bare:.1f} s {FLEET} bare PATCHes", spent / bare, 2,
            at_most=True,
        ),
        Row(f"check of {FLEET} targets", f"{wave} reads, {looked:.1f} s", "1 wave", wave, READS, at_most=True),
    ]  # fmt: skip


def _plan(cluster: Cluster, folder: Path) -> Row:
    """What a plan of a large namespace reads."""
    with cluster.namespace("bench") as name:
        _crowd(cluster, name, CROWD)
        mark = cluster.mark()
        begun = time.perf_counter()
        preview(_app(cluster, folder), _ask(cluster, name))
        spent = time.perf_counter() - begun
        wave = len([one for one in _calls(cluster, mark) if one["verb"] in {"get", "list"}])
    return Row(f"plan of {CROWD} pods", f"{wave} reads, {spent:.1f} s", "1 wave", wave, READS, at_most=True)


def _crowd(cluster: Cluster, namespace: str, count: int) -> None:
    """So many pods. No such scheduler runs: they stay pending."""
    with ThreadPoolExecutor(THREADS) as workers:
        made = (pod(f"p-{number}", {"app": "fleet"}, schedulerName="bench-none") for number in range(count))
        list(workers.map(lambda one: cluster.apply(one, namespace=namespace), made))


def _calls(cluster: Cluster, mark: int) -> list[dict[str, Any]]:
    return [one for one in cluster.audit(mark) if one.get("userAgent", "").startswith("irkit/")]


def _bare(cluster: Cluster, namespace: str) -> float:
    uids = {one["metadata"]["name"]: one["metadata"]["uid"] for one in cluster.list_of("Pod", namespace)}
    kube = connect(CLUSTER, cluster.kubeconfig, "irkit", user_agent="bench")

    def patch(name: str) -> None:
        body: list[Json] = [
            {"op": "test", "path": "/metadata/uid", "value": uids[name]},
            {"op": "add", "path": pointer("metadata", "labels", "bench"), "value": "yes"},
        ]
        kube.perform(
            KubeCall(
                name="label", cluster=CLUSTER.id, verb="patch", resource=PODS, namespace=namespace, object=name,
                body=body,
            ),
            {}, 30,
        )  # fmt: skip

    patch(next(iter(uids)))
    with ThreadPoolExecutor(THREADS) as workers:
        begun = time.perf_counter()
        list(workers.map(patch, uids))
        spent = time.perf_counter() - begun
    kube.close()
    return spent


def _app(cluster: Cluster, folder: Path) -> App:
    parts = Parts(
        connect=lambda ref, agent: connect(ref, cluster.kubeconfig, "irkit", user_agent=agent),
        catalog=Catalog.builtin(),
    )
    return App(folder / "fleet", "bench", parts, limits=Limits(max_targets=CROWD))


def _ask(cluster: Cluster, namespace: str) -> Ask:
    found: dict[str, Any] = cluster.get("Namespace", namespace)
    target = NamespaceRef(cluster=CLUSTER, name=namespace, uid=found["metadata"]["uid"])
    return Ask(target, fleet().encode(), "fleet.yaml", {"namespace": target.dump()}, clock.now())


def _contained(cluster: Cluster, app: App, namespace: str) -> tuple[float, int, str]:
    ask = _ask(cluster, namespace)
    begun = time.perf_counter()
    ticket = app.open_run(ask)
    records = [0]

    def heard(new: Any) -> None:  # noqa: ANN401 -- records
        records[0] += len(new)

    end = app.advance(ticket, threading.Event(), heard)
    spent = time.perf_counter() - begun
    marked = cluster.list_of("Pod", namespace, **{CASE_LABEL: ticket.case})
    if not isinstance(end, Closed) or len(marked) != FLEET:
        msg = f"the fleet's run did not end as it should: {json.dumps(str(end))[:500]}, {len(marked)} marked"
        raise RuntimeError(msg)
    return spent, records[0], ticket.case
