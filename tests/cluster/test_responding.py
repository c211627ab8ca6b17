"""irkit, as its users type it, against a real cluster: what it says, and what the network really does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from tests.cluster.images import TOOLS
from tests.cluster.live import Cluster
from tests.cluster.pods import PORT, deployment, pod

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
CASE = re.compile(r"IR-\d{8}-[a-z0-9]{4}")
ALLOW: Json = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "allow-web"},
    "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}], "policyTypes": ["Ingress"]},
}
FRONT: Json = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": PORT}]},
}


@dataclass
class Shop:
    """A Deployment with a Service and a policy that lets everybody in, and a client beside it."""

    cluster: Cluster
    namespace: str
    folder: Path
    target: Json
    sibling: Json
    client: Json

    def irkit(self, *words: str, context: str = "", kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Type a command; files are this test's own."""
        env = {
            "HOME": str(self.folder), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200",
            "KUBECONFIG": str(kubeconfig or self.cluster.kubeconfig), "IRKIT_STATE": str(self.folder / "state"),
        }  # fmt: skip
        command = [sys.executable, "-m", "irkit", "--context", context or self.cluster.context, *words]
        return subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=240, check=False
        )

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.target['metadata']['name']}"

    def contain(self, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.irkit("contain", "pod", self.name, "--yes", **more)

    def address(self, one: Json) -> str:
        return str(one["status"]["podIP"])

    def reaches(self, source: Json, target: Json) -> bool:
        """What the network does, looked at from inside the source's network namespace."""
        return self.cluster.connect_from(source, self.address(target), PORT) == "open"

    def take_back(self, case: str, **more: Any) -> None:
        """Undo. Where the ReplicaSet would delete the pod that comes back, do first what irkit says, then undo again."""
        undone = self.irkit("undo", case, "--yes", **more)
        if undone.returncode:
            assert "controller.kubernetes.io/pod-deletion-cost=2147483647" in undone.stdout, (
                undone.stdout + undone.stderr
            )
            self.keep("2147483647")
            undone = self.irkit("undo", case, "--yes", **more)
        assert 0 == undone.returncode, undone.stdout + undone.stderr
        self.keep(None)

    def keep(self, cost: str | None) -> None:
        change = {"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": cost}}}
        self.cluster.patch("Pod", self.target["metadata"]["name"], change, self.namespace)

    def dump(self) -> dict[str, Json]:
        """The target, and everything else of its namespace and all nodes that irkit could have changed.

        Left out are what controllers make and count by themselves: other pods, EndpointSlices and events, status,
        versions and managed fields.
        """
        found = {}
        for one in self.cluster.dump():
            meta = one["metadata"]
            if meta.get("namespace", "") != self.namespace and one["kind"] != "Node":
                continue
            if one["kind"] in {"EndpointSlice", "Event"} or (
                one["kind"] == "Pod" and meta["uid"] != self.target["metadata"]["uid"]
            ):
                continue
            for key in ("resourceVersion", "managedFields", "generation"):
                meta.pop(key, None)
            if not meta.get("annotations"):
                meta.pop("annotations", None)
            one.pop("status", None)
            found[f"{one['kind']} {meta['name']}"] = one
        return found


@pytest.fixture
def shop(harness: Cluster, tmp_path: Path) -> Iterator[Shop]:
    with harness.namespace("shop") as name:
        harness.apply(deployment("web", 3), FRONT, ALLOW, pod("client", {"app": "client"}), namespace=name)
        web, (client,) = harness.ready(name, 3, app="web"), harness.ready(name, 1, app="client")
        harness.settle()
        (tmp_path / "irkit.yaml").write_text(f"inputs: {{tools_image: '{TOOLS}'}}\n")
        try:
            yield Shop(harness, name, tmp_path, web[0], web[1], client)
        finally:
            left = {"labels": {"irkit.dev/case": None}, "annotations": {"irkit.dev/originals": None}}
            for node in harness.list_of("Node"):  # what a test did not take back
                harness.patch("Node", node["metadata"]["name"], {"metadata": left, "spec": {"unschedulable": None}})


def case_of(done: subprocess.CompletedProcess[str]) -> str:
    found = CASE.search(done.stdout)
    assert found, done.stdout + done.stderr
    return found[0]


MODES = [("keep", "reject"), ("keep", "drop"), ("cut", "reject"), ("cut", "drop")]


@pytest.mark.parametrize(("established", "refuse"), MODES)
def test_it_says_contained_and_the_network_agrees(
    shop: Shop, established: Literal["keep", "cut"], refuse: Literal["reject", "drop"]
) -> None:
    """domain.md's hardest test: another policy allows everything, and an attacker is connected already."""
    before = shop.dump()
    with shop.cluster.enforcement(established, refuse), shop.cluster.hold(shop.client, shop.target) as shell:
        assert "alive" == shell.state()
        done = shop.contain()
        assert 0 == done.returncode, done.stdout + done.stderr
        assert "Contained in " in done.stdout
        assert not shop.reaches(shop.client, shop.target)
        assert not shop.reaches(shop.target, shop.sibling)
        assert "alive" != shell.state()
        assert shop.reaches(shop.client, shop.sibling)
        checked = shop.irkit("check", case_of(done))
        assert 0 == checked.returncode, checked.stdout + checked.stderr

        shop.take_back(case_of(done))

        shop.cluster.ready(shop.namespace, 3, app="web")
        shop.cluster.settle()
        assert shop.reaches(shop.client, shop.target)
        assert 0 == shop.irkit("verify", case_of(done)).returncode
    assert before == shop.dump()


def test_where_nothing_enforces_policies_it_says_not_contained(shop: Shop) -> None:
    with shop.cluster.enforcement(agent=False):
        done = shop.contain()

        assert 4 == done.returncode, done.stdout + done.stderr
        assert "NOT CONTAINED" in done.stdout
        assert shop.reaches(shop.client, shop.target)


def test_the_audit_log_names_the_case_and_shows_no_read_of_a_secrets_data(shop: Shop) -> None:
    mark = shop.cluster.mark()
    done = shop.contain()
    entries = [one for one in shop.cluster.audit(mark) if one.get("userAgent", "").startswith("irkit/")]

    writes = [
        one for one in entries if one["verb"] in {"create", "patch", "delete"} and "review" not in one["requestURI"]
    ]
    assert writes
    assert all(case_of(done) in one["userAgent"] for one in writes)
    assert [] == [one for one in entries if one.get("objectRef", {}).get("resource") == "secrets"]
    patches = [
        one["objectRef"]["name"] for one in writes if one["verb"] == "patch" and one["objectRef"]["resource"] == "pods"
    ]
    assert {shop.target["metadata"]["name"]} == set(patches)


def test_it_works_under_exactly_the_permissions_that_it_prints(shop: Shop) -> None:
    done = shop.irkit("permissions", "compromised-pod", "--format", "rbac")
    roles = [one for one in yaml.safe_load_all(done.stdout) if one and one["kind"] == "ClusterRole"]
    rules = [rule for role in roles for rule in role["rules"]]
    actor = shop.cluster.actor(shop.namespace, "responder", shop.folder, cluster_rules=rules)

    contained = shop.contain(context=actor.context, kubeconfig=actor.kubeconfig)

    assert 0 == contained.returncode, contained.stdout + contained.stderr
    shop.take_back(case_of(contained), context=actor.context, kubeconfig=actor.kubeconfig)


def test_who_may_only_look_is_refused_before_anything_is_changed(shop: Shop) -> None:
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
    actor = shop.cluster.actor(shop.namespace, "viewer", shop.folder, cluster_rules=rules)
    before = shop.dump()

    refused = shop.contain(context=actor.context, kubeconfig=actor.kubeconfig)

    assert 3 == refused.returncode, refused.stdout + refused.stderr
    assert "networkpolicies.networking.k8s.io" in refused.stderr
    assert before == shop.dump()
    bypassed = shop.irkit(
        "contain", "pod", shop.name, "--yes", "--without-preflight", context=actor.context, kubeconfig=actor.kubeconfig
    )
    assert "403" in bypassed.stdout + bypassed.stderr


def test_an_attacker_who_deletes_the_policy_is_seen_by_check(shop: Shop) -> None:
    done = shop.contain()
    (ours,) = [
        one for one in shop.cluster.list_of("NetworkPolicy", shop.namespace) if one["metadata"]["name"] != "allow-web"
    ]
    shop.cluster.delete("NetworkPolicy", ours["metadata"]["name"], shop.namespace)

    checked = shop.irkit("check", case_of(done))

    assert 4 == checked.returncode
    assert "NOT CONTAINED" in checked.stdout
    again = shop.contain()
    assert 0 == again.returncode, again.stdout + again.stderr
    assert not shop.reaches(shop.client, shop.target)


def test_somebodys_edit_stops_the_undo_and_is_shown(shop: Shop) -> None:
    done = shop.contain()
    change = {"metadata": {"labels": {"irkit.dev/case": "mine-now"}}}
    shop.cluster.patch("Pod", shop.target["metadata"]["name"], change, shop.namespace)
    shop.keep("2147483647")  # or giving it back to its ReplicaSet is refused before

    undone = shop.irkit("undo", case_of(done), "--yes")

    assert 4 == undone.returncode, undone.stdout + undone.stderr
    assert "mine-now" in undone.stdout
    found = shop.cluster.get("Pod", shop.target["metadata"]["name"], shop.namespace)
    assert "mine-now" == found["metadata"]["labels"]["irkit.dev/case"]


def test_an_api_server_that_dies_in_mid_run_parks_it_and_resume_ends_it(shop: Shop) -> None:
    ended: list[subprocess.CompletedProcess[str]] = []
    run = threading.Thread(target=lambda: ended.append(shop.contain()))
    run.start()
    state = shop.folder / "state" / "cases"
    shop.cluster.until("the run to begin", lambda: list(state.glob("IR-*/journal.jsonl")))
    with shop.cluster.api_server_down():
        run.join(200)
    (done,) = ended
    assert done.returncode in {0, 75}, done.stdout + done.stderr

    resumed = shop.irkit("resume", case_of(done)) if done.returncode else done

    assert 0 == resumed.returncode, resumed.stdout + resumed.stderr
    assert not shop.reaches(shop.client, shop.target)


def test_a_process_that_makes_a_network_of_its_own_cannot_fake_the_proof(shop: Shop) -> None:
    """Any user may: a user namespace needs no privilege. What is then seen from inside could be faked."""
    faker = ["sh", "-c", "unshare -r -n sleep 1000000 & exec httpd -f -p 8080 -h /tmp"]
    shop.cluster.apply(pod("faker", {"app": "faker"}, command=faker), namespace=shop.namespace)
    (target,) = shop.cluster.ready(shop.namespace, 1, app="faker")
    shop.target = target

    done = shop.contain()

    assert 4 == done.returncode, done.stdout + done.stderr
    assert "CONTAINMENT UNPROVEN" in done.stdout
    assert "what is seen could be faked" in " ".join(done.stdout.split())


def test_twenty_responders_write_once(shop: Shop) -> None:
    mark = shop.cluster.mark()
    ended: list[subprocess.CompletedProcess[str]] = []
    threads = [threading.Thread(target=lambda: ended.append(shop.contain())) for _ in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(240)

    assert {0} == {one.returncode for one in ended}, [one.stdout + one.stderr for one in ended if one.returncode]
    assert 1 == len({case_of(one) for one in ended})
    policies = shop.cluster.list_of("NetworkPolicy", shop.namespace)
    assert 2 == len(policies)
    writes = [
        (one["verb"], one["objectRef"]["resource"], one["objectRef"].get("name", ""))
        for one in shop.cluster.audit(mark)
        if one.get("userAgent", "").startswith("irkit/")
        and one["verb"] in {"create", "patch", "delete"}
        and one["objectRef"]["resource"] in {"networkpolicies", "pods"}
    ]
    assert 1 == sum(verb == "create" and resource == "networkpolicies" for verb, resource, _ in writes)
    assert 2 == sum(
        verb == "patch" and name == shop.target["metadata"]["name"] for verb, _, name in writes
    )  # label, release


def test_what_the_doctor_says_of_this_cluster(shop: Shop) -> None:
    done = shop.irkit("doctor", "--json", "--namespace", shop.namespace)

    found = json.loads(done.stdout)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert found["ready"]
    assert {"cluster", "identity", "clock", "enforcement", "evidence", "tools", "compromised-pod"} <= {
        one["about"] for one in found["findings"]
    }
