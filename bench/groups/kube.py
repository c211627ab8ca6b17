"""The Kubernetes client: many writes at a time against a slow server, and the CPU that one call costs."""

from __future__ import annotations

import base64
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import urllib3

from bench.records import POD
from bench.table import Row
from irkit.clients.kube import KubeClient, connect
from irkit.model.base import Json
from irkit.model.effects import KubeCall
from irkit.model.kube import CASE_LABEL, PODS, pointer
from irkit.model.refs import ClusterRef

CALLS, THREADS, LATENCY = 1000, 64, 20
ROUNDS = 5
CLUSTER = ClusterRef(id="context:bench")
BODY: list[Json] = [
    {"op": "test", "path": "/metadata/uid", "value": POD.uid},
    {"op": "add", "path": pointer("metadata", "labels", CASE_LABEL), "value": "IR-20261121-k7f2"},
]
PATCH = KubeCall(
    name="label", cluster=CLUSTER.id, verb="patch", resource=PODS, namespace="shop", object="web", body=BODY
)  # fmt: skip


def measure(folder: Path) -> list[Row]:
    """Fan-out without and with TLS; CPU a call."""
    rows = [_fan_out(folder, "plain"), _fan_out(folder, "tls")]
    return [*rows, _cpu(folder)]


def _fan_out(folder: Path, how: str) -> Row:
    """The ideal is a server that answers THREADS calls in each LATENCY and a client that costs nothing."""
    ideal = math.ceil(CALLS / THREADS) * LATENCY / 1000
    with _server(LATENCY, how) as (url, ca), ThreadPoolExecutor(THREADS) as workers:
        spent = []
        for _ in range(ROUNDS):
            kube = _client(folder, url, ca)
            kube.perform(PATCH, {}, 30)  # credentials and imports
            begun = time.perf_counter()
            for done in workers.map(lambda _, kube=kube: kube.perform(PATCH, {}, 30), range(CALLS)):
                _check(done.status)
            spent.append(time.perf_counter() - begun)
            kube.close()
    seconds = statistics.median(spent)
    name = f"{CALLS:,} PATCHes, {LATENCY} ms, {THREADS} threads{', TLS' if how == 'tls' else ''}"
    return Row(name, f"{seconds:.2f} s", f"{ideal:.2f} s ideal", seconds / ideal, 3, at_most=True)


def _cpu(folder: Path) -> Row:
    """Against the same PATCH by urllib3 and json alone."""
    with _server(0, "plain") as (url, ca):
        kube = _client(folder, url, ca)
        pool = urllib3.PoolManager(retries=False)
        path = f"{url}/api/v1/namespaces/shop/pods/web"
        body, headers = json.dumps(BODY), {"content-type": "application/json-patch+json"}

        def bare() -> None:
            answer = pool.request("PATCH", path, body=body, headers=headers)
            json.loads(answer.data)
            _check(answer.status)

        def ours() -> None:
            _check(kube.perform(PATCH, {}, 30).status)

        pairs = [(_cpu_of(ours), _cpu_of(bare)) for _ in range(ROUNDS)]
        kube.close()
        pool.clear()
    mine, theirs = (statistics.median(column) * 1e6 / CALLS for column in zip(*pairs, strict=True))
    return Row("CPU of a PATCH", f"{mine:.0f} µs", f"{theirs:.0f} µs urllib3 + json", mine / theirs, 1.3, at_most=True)


def _cpu_of(call: Callable[[], None]) -> float:
    begun = time.process_time()
    for _ in range(CALLS):
        call()
    return time.process_time() - begun


def _check(status: int) -> None:
    if status != 200:  # noqa: PLR2004 -- HTTP
        msg = f"the stub answered {status}"
        raise RuntimeError(msg)


def _client(folder: Path, url: str, ca: str) -> KubeClient:
    path = folder / "kubeconfig"
    cluster = {"server": url} | ({"certificate-authority-data": base64.b64encode(ca.encode()).decode()} if ca else {})
    document = {
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "clusters": [{"name": "bench", "cluster": cluster}],
        "users": [{"name": "bench", "user": {"token": "no-secret"}}],
    }
    path.write_text(json.dumps(document))
    return connect(CLUSTER, path, "bench", user_agent="irkit/bench", pool_size=THREADS)


@contextmanager
def _server(milliseconds: int, how: str) -> Iterator[tuple[str, str]]:
    command = [sys.executable, "-m", "bench.patch_server", str(milliseconds), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None  # noqa: S101 -- PIPE
            found = json.loads(child.stdout.readline())
            yield found["url"], found["ca"]
        finally:
            assert child.stdin is not None  # noqa: S101 -- PIPE
            child.stdin.close()
