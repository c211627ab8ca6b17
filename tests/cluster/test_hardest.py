"""The hardest tests of a containment, by their numbers, where a real cluster can show them.

Those about the Amazon VPC CNI, which no cluster on this machine can run, are in tests/e2e/test_hardest.py: they play
against the lab's model of its node agent.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

from tests.cluster.images import TOOLS
from tests.cluster.live import Cluster
from tests.cluster.pods import PORT, container, pod
from tests.cluster.processes import Processes
from tests.cluster.shop import Shop, case_of
from tests.cluster.turns import TURNS

Json = dict[str, Any]
POD = '{pod: "${inputs.pod}"}'
SCOPE = f"    - {{id: scope, uses: kube.scope_pod, with: {POD}}}\n"
LABEL = f"    - {{id: label, uses: kube.label_pod, with: {POD}}}\n"
ISOLATE = f"    - {{id: isolate, uses: kube.isolate_pod, with: {POD}}}\n"
PROBE = f"""\
    - id: probe
      uses: kube.probe_pod
      needs: [scope, isolate]
      with: {{pod: "${{inputs.pod}}", image: "{TOOLS}", controls: "${{steps.scope.siblings}}"}}
"""
MODES = [("keep", "reject"), ("keep", "drop"), ("cut", "reject"), ("cut", "drop")]
GONE = "node.kubernetes.io/unreachable"


def book(shop: Shop, steps: str) -> str:
    """A playbook of these steps, in the responder's folder."""
    head = "apiVersion: irkit.dev/v1alpha1\nkind: Playbook\nmetadata: {name: test, title: Test}\n"
    (shop.folder / "test.yaml").write_text(f"{head}spec:\n  inputs:\n    pod: {{type: pod}}\n  steps:\n{steps}")
    return "test.yaml"


def suspect(shop: Shop, document: Json) -> Json:
    """Make this pod the one that irkit is asked about."""
    shop.cluster.apply(document, namespace=shop.namespace)
    (shop.target,) = shop.cluster.ready(shop.namespace, 1, app=document["metadata"]["labels"]["app"])
    return shop.target


def again(shop: Shop) -> Json:
    """The suspect as it is now."""
    return shop.cluster.get("Pod", shop.target["metadata"]["name"], shop.namespace)


def records(shop: Shop, case: str, kind: str) -> list[Json]:
    """Those of the journal on disk."""
    text = (shop.folder / "state" / "cases" / case / "journal.jsonl").read_text()
    return [one["body"] for one in map(json.loads, text.splitlines()) if one["kind"] == kind]


def ours(shop: Shop) -> list[Json]:
    found = shop.cluster.list_of("NetworkPolicy", shop.namespace)
    return [one for one in found if one["metadata"]["name"].startswith("irkit-")]


def words(text: str) -> str:
    """Without the line breaks of a screen."""
    return " ".join(text.split())


def test_hardest_02_a_shell_that_a_policy_had_let_through_is_seen_until_it_is_cut(shop: Shop) -> None:
    """The shell goes from the pod to its master, under a policy that allows it; engines keep what they let through."""
    # Policies of the app that spare what is held, so that no opening but the shell itself is left.
    chosen = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "irkit.dev/case", "operator": "DoesNotExist"}],
    }
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    way_in = {"podSelector": chosen, "ingress": [{}], "policyTypes": ["Ingress"]}
    way_out = {"podSelector": chosen, "egress": [{}], "policyTypes": ["Egress"]}
    shop.cluster.apply(
        {**kind, "metadata": {"name": "allow-web"}, "spec": way_in},
        {**kind, "metadata": {"name": "allow-out"}, "spec": way_out},
        namespace=shop.namespace,
    )
    shop.cluster.settle()
    with shop.cluster.enforcement("keep", "reject"), shop.cluster.hold(shop.target, shop.client) as shell:
        seen = shop.contain("--playbook", book(shop, SCOPE + LABEL + ISOLATE + PROBE))

        assert "alive" == shell.state()
        assert 4 == seen.returncode, seen.stdout + seen.stderr
        assert "CONTAINMENT UNPROVEN" in seen.stdout
        assert "established connections are in its table, and may be alive" in words(seen.stdout)

        done = shop.contain()

        assert "alive" != shell.state()
        assert 0 == done.returncode, done.stdout + done.stderr


def test_hardest_04_where_nothing_enforces_policies_it_says_not_contained(shop: Shop) -> None:
    with shop.cluster.enforcement(agent=False):
        done = shop.contain()

        assert 4 == done.returncode, done.stdout + done.stderr
        assert "NOT CONTAINED" in done.stdout
        assert shop.reaches(shop.client, shop.target)


HOST_AND_FARGATE = [
    ("host", "uses its node's network: no NetworkPolicy applies to it", "contain the node"),
    ("fargate", "runs on Fargate, where NetworkPolicies do not apply", "network ACL"),
]


@pytest.mark.parametrize(("where", "why", "lever"), HOST_AND_FARGATE)
def test_hardest_05_where_no_policy_governs_none_is_made_and_other_levers_are_named(
    shop: Shop, where: str, why: str, lever: str
) -> None:
    labels = {"app": where, **({"eks.amazonaws.com/fargate-profile": "fp"} if where == "fargate" else {})}
    suspect(shop, pod(where, labels, command=["sleep", "1000000"], hostNetwork=where == "host"))

    done = shop.contain()

    assert 4 == done.returncode, done.stdout + done.stderr
    assert "NOT CONTAINED" in done.stdout
    for said in (why, lever, "revoke the"):
        assert said in words(done.stdout)
    assert [] == ours(shop)


@pytest.mark.parametrize(("established", "refuse"), MODES)
def test_hardest_06_beside_another_policy_ours_is_made_and_the_network_agrees(
    shop: Shop, established: Literal["keep", "cut"], refuse: Literal["reject", "drop"]
) -> None:
    """In each mode. An attacker is connected already, and the other policy allows everything."""
    before = shop.dump()
    with shop.cluster.enforcement(established, refuse), shop.cluster.hold(shop.client, shop.target) as shell:
        assert "alive" == shell.state()
        done = shop.contain()
        assert 0 == done.returncode, done.stdout + done.stderr
        assert "Contained in " in done.stdout
        assert 2 == len(shop.cluster.list_of("NetworkPolicy", shop.namespace))
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


def test_hardest_20_a_container_that_the_kubelet_starts_again_is_evidence_lost(shop: Shop) -> None:
    """Its liveness probe asks another pod, as those that check their database do."""
    asks = ["sh", "-c", f"nc -w 1 {shop.address(shop.client)} {PORT} < /dev/null"]
    probe = {"exec": {"command": asks}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 2}
    document = pod("suspect", {"app": "suspect"})
    document["spec"]["containers"] = [container(livenessProbe=probe)]
    suspect(shop, document)
    planned = shop.irkit("contain", "pod", shop.name, "--playbook", book(shop, LABEL + ISOLATE))
    assert "container main: has a liveness probe" in words(planned.stdout), planned.stdout

    done = shop.contain("--playbook", "test.yaml")
    shop.cluster.until("a restart", lambda: again(shop)["status"]["containerStatuses"][0]["restartCount"])
    checked = shop.irkit("check", case_of(done))
    mark = shop.cluster.mark()
    rerun = shop.contain("--playbook", "test.yaml")

    assert 4 == checked.returncode, checked.stdout + checked.stderr
    assert "EVIDENCE LOST: container main was started again" in words(checked.stdout)
    assert 4 == rerun.returncode, rerun.stdout + rerun.stderr
    assert "EVIDENCE LOST" in rerun.stdout
    closed = [one for one in records(shop, case_of(done), "step.closed") if one["step"] == "label"]
    assert "failed" == closed[-1]["verdict"]["status"]
    assert "EVIDENCE LOST" in closed[-1]["verdict"]["why"]
    written = [one for one in shop.cluster.audit(mark) if one["verb"] in {"create", "patch", "delete"}]
    mine = [
        one for one in written if one.get("userAgent", "").startswith("irkit/") and "review" not in one["requestURI"]
    ]
    assert [] == mine  # it stops: nothing is tried again


@contextmanager
def paused(cluster: Cluster, node: int) -> Iterator[None]:
    """A node whose kubelet does not answer, as one that was cut off from the API server."""
    pid = Processes(cluster.own).pid(f"kubelet-{node}")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        name = cluster.own.node(node).name
        cluster.until("the node", lambda: GONE not in taints(cluster, name), 90)


def taints(cluster: Cluster, node: str) -> set[str]:
    return {one["key"] for one in cluster.get("Node", node)["spec"].get("taints", [])}


def test_hardest_21_an_undo_warns_of_the_deletions_that_wait_for_the_node(shop: Shop) -> None:
    """The node is away for longer than its pods tolerate; what was decided meanwhile is done when it is back.

    Without a grace period the API server would forget a pod at once, and not wait for its kubelet.
    """
    tolerates = [{"key": GONE, "effect": "NoExecute", "tolerationSeconds": 1}]
    for name in ("suspect", "beside"):
        document = pod(name, {"app": name}, nodeName="node-2", tolerations=tolerates, terminationGracePeriodSeconds=1)
        suspect(shop, document)
    beside, cluster = shop.target, shop.cluster
    (shop.target,) = cluster.ready(shop.namespace, 1, app="suspect")
    with TURNS.alone():
        done = shop.contain()
        assert 0 == done.returncode, done.stdout + done.stderr
        with paused(cluster, 2):
            name = beside["metadata"]["name"]
            deleted = lambda: "deletionTimestamp" in cluster.get("Pod", name, shop.namespace)["metadata"]  # noqa: E731 -- one condition
            cluster.until("the eviction", deleted, 90)

            undone = shop.irkit("undo", case_of(done))

            assert f"pod {shop.namespace}/beside" in undone.stdout, undone.stdout + undone.stderr
            assert f"pod {shop.name}" in undone.stdout
            assert "once its node answers again" in words(undone.stdout)
            assert not cluster.get("Pod", name, shop.namespace)["status"].get("reason")
        cluster.until("its end", lambda: not cluster.exists("Pod", name, shop.namespace))  # it was true


def test_hardest_22_a_stateful_pod_that_was_replaced_under_its_name_is_not_touched(shop: Shop) -> None:
    """Between what was agreed and what is done, its controller made another pod of the same name."""
    labels = {"app": "db"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container()]},
    }
    spec = {"serviceName": "db", "replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    kind = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "labels": labels}}
    before = suspect(shop, {**kind, "spec": spec})
    steps = ISOLATE.replace("uses:", "approval: required, uses:")
    asked = shop.contain("--playbook", book(shop, steps))
    assert 6 == asked.returncode, asked.stdout + asked.stderr
    shop.cluster.delete("Pod", "db-0", shop.namespace)
    (after,) = shop.cluster.ready(shop.namespace, 1, app="db")
    assert before["metadata"]["name"] == after["metadata"]["name"]

    approved = shop.irkit("--operator", "bo", "approve", case_of(asked), "isolate", "--yes")
    ended = shop.irkit("resume", case_of(asked))

    assert 0 == approved.returncode, approved.stdout + approved.stderr
    assert 3 == ended.returncode, ended.stdout + ended.stderr
    assert f"is another object now: the one with uid {before['metadata']['uid']} is gone" in words(ended.stdout)
    assert [] == ours(shop)
    assert labels.items() <= again(shop)["metadata"]["labels"].items()
    assert not [key for key in again(shop)["metadata"]["labels"] if key.startswith("irkit.dev")]


def test_hardest_24_twice_contained_the_first_values_return_and_others_changes_stay(shop: Shop) -> None:
    before = shop.dump()
    name = shop.target["metadata"]["name"]
    first = shop.contain()
    shop.cluster.patch("Pod", name, {"metadata": {"labels": {"team": "blue"}}}, shop.namespace)

    second = shop.contain()
    shop.take_back(case_of(first))

    assert [0, 0] == [first.returncode, second.returncode], second.stdout + second.stderr
    assert case_of(first) == case_of(second)
    after = shop.dump()
    assert "blue" == after[f"Pod {name}"]["metadata"]["labels"].pop("team")
    assert before == after


def test_hardest_24_somebodys_edit_stops_the_undo_and_is_shown(shop: Shop) -> None:
    done = shop.contain()
    change = {"metadata": {"labels": {"irkit.dev/case": "mine-now"}}}
    shop.cluster.patch("Pod", shop.target["metadata"]["name"], change, shop.namespace)
    shop.keep("2147483647")  # or giving it back to its ReplicaSet is refused before

    undone = shop.irkit("undo", case_of(done), "--yes")

    assert 4 == undone.returncode, undone.stdout + undone.stderr
    assert "mine-now" in undone.stdout
    found = shop.cluster.get("Pod", shop.target["metadata"]["name"], shop.namespace)
    assert "mine-now" == found["metadata"]["labels"]["irkit.dev/case"]
