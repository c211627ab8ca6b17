"""Up and down: the order in which the parts start and stop."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from tests.cluster import control, network, node, pki, teardown
from tests.cluster.api import Api
from tests.cluster.build import build, say
from tests.cluster.layout import MAX_NODES, Layout, Node, Settings
from tests.cluster.processes import Failed, Processes, until

CLIENTS = ("kube-scheduler", "kube-controller-manager")


def up(layout: Layout, settings: Settings) -> None:
    """Start what does not run. An enforcement other than that of the running agents restarts these.

    Raises:
        Failed: something did not come up; the message names its log.
    """
    began = time.monotonic()
    build(layout)
    if time.monotonic() - began > 1:
        say(f"built in {time.monotonic() - began:.0f} s")
        began = time.monotonic()
    processes = Processes(layout)
    before = Settings.load(layout.settings)
    if before is not None and before.nodes > settings.nodes:
        msg = f"the cluster runs with {before.nodes} nodes; to have {settings.nodes}, take it down first"
        raise Failed(msg)
    if before is not None:  # they are only ever added
        settings = settings.but(fake_nodes=max(before.fake_nodes, settings.fake_nodes))
    for folder in (layout.state, layout.logs, layout.pids):
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    nodes = layout.nodes(settings)
    pki.write_all(layout, nodes)
    network.set_up(layout, nodes)
    settings.save(layout.settings)
    control.start_etcd(layout, processes)
    if control.start_api_server(layout, processes):
        # Clients that missed the one before wait for up to minutes until they ask again.
        processes.stop(*CLIENTS, *(f"kubelet-{one.number}" for one in nodes), patience=1)
        before = None
    with Api.connect(layout.kubeconfig, "irkit") as api, ThreadPoolExecutor(MAX_NODES) as pool:
        runtimes = [pool.submit(node.start_containerd, layout, processes, one) for one in nodes]
        control.wait_for_api(layout, api)
        control.start_controllers(layout, processes)
        control.furnish(api, nodes, settings.fake_nodes)
        for runtime in runtimes:
            runtime.result()
        _start_nodes(layout, processes, api, nodes)
        enforce(layout, settings, before)
        until("the default service account", 30, lambda: _has_account(api))
    say(f"up in {time.monotonic() - began:.1f} s: {describe(settings)}; kubeconfig {layout.kubeconfig}")


def enforce(layout: Layout, settings: Settings, before: Settings | None) -> None:
    """Have the policy agents run as the settings say."""
    processes = Processes(layout)
    kept = (settings.agent, settings.established, settings.refuse)
    changed = before is None or kept != (before.agent, before.established, before.refuse)
    for one in layout.nodes(settings):
        if changed:
            node.stop_agent(layout, processes, one, open_up=not settings.agent)
        if settings.agent:
            node.start_agent(layout, processes, one, settings)
    for one in layout.nodes(settings) if settings.agent else []:
        log = layout.logs / f"netpol-{one.number}.log"
        until(f"policies in force on {one.name}", 20, node.agent_status(one).exists, logs=log)
    settings.save(layout.settings)


def restart(layout: Layout, api: Api) -> None:
    """Start the API server if it does not run, and then its clients anew, but for the kubelets."""
    processes = Processes(layout)
    settings = Settings.load(layout.settings)
    assert settings is not None
    if not control.start_api_server(layout, processes):
        return
    control.wait_for_api(layout, api)
    processes.stop(*CLIENTS, patience=0)
    control.start_controllers(layout, processes)
    enforce(layout, settings, None)


def down(layout: Layout, *, keep: bool = False) -> None:
    """Stop everything and take away what it left on the machine; with `keep` the cluster's data stays."""
    began = time.monotonic()
    processes = Processes(layout)
    nodes = teardown.traces(layout)
    processes.stop(*(f"kubelet-{one.number}" for one in nodes))
    for one in nodes:
        teardown.stop_containers(layout, processes, one)
    processes.stop(*(name for name in processes.names() if name != "etcd"), patience=2)
    processes.stop("etcd")
    teardown.clean_up(layout, nodes)
    network.tear_down(layout, nodes)
    if keep:
        layout.settings.unlink(missing_ok=True)
    else:
        shutil.rmtree(layout.state, ignore_errors=not layout.state.exists())
    say(f"down in {time.monotonic() - began:.1f} s")


def status(layout: Layout) -> bool:
    """Say what runs; whether everything does."""
    settings = Settings.load(layout.settings)
    if settings is None:
        say("down")
        return False
    processes = Processes(layout)
    gone = [name for name in processes.names() if processes.pid(name) is None]
    with Api.connect(layout.kubeconfig, "irkit") as api:
        well = control.answers(api) and all(node.is_ready(api, one) for one in layout.nodes(settings))
    say(f"{'up' if well and not gone else 'broken'}: {describe(settings)}; kubeconfig {layout.kubeconfig}")
    for name in processes.names():
        say(f"  {name:24} {processes.pid(name) or 'not running'}")
    return well and not gone


def describe(settings: Settings) -> str:
    """One line for people."""
    policies = f"established {settings.established}, {settings.refuse}" if settings.agent else "not enforced"
    fake = f" and {settings.fake_nodes} fake ones" if settings.fake_nodes else ""
    return f"{settings.nodes} nodes{fake}, policies {policies}"


def _start_nodes(layout: Layout, processes: Processes, api: Api, nodes: list[Node]) -> None:
    heard = {one.number: node.lease(api, one) for one in nodes}
    fresh = [one.number for one in nodes if node.start_kubelet(layout, processes, one)]
    for one in nodes:
        # Ready is what the last run's kubelet said, until this one's first lease. A first kubelet has no lease yet.
        stale = heard[one.number] if one.number in fresh else None
        log = layout.logs / f"kubelet-{one.number}.log"
        until(f"{one.name} is Ready", 60, partial(_is_up, api, one, stale), logs=log)


def _is_up(api: Api, one: Node, stale: str | None) -> bool:
    return (stale is None or node.lease(api, one) != stale) and node.is_ready(api, one)


def _has_account(api: Api) -> bool:
    return api.raw("GET", "/api/v1/namespaces/default/serviceaccounts/default")[0] == 200


@contextmanager
def enforcement(layout: Layout, settings: Settings) -> Iterator[None]:
    """Other policy agents for a while."""
    before = Settings.load(layout.settings)
    assert before is not None
    enforce(layout, settings, before)
    try:
        yield
    finally:
        enforce(layout, before, settings)
