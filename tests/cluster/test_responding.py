"""irkit, as its users type it, against a real cluster: what it says, and what the network really does."""

from __future__ import annotations

import json
import subprocess
import threading

import yaml

from tests.cluster.pods import pod
from tests.cluster.shop import Shop, case_of


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
    assert 3 == sum(
        verb == "patch" and name == shop.target["metadata"]["name"] for verb, _, name in writes
    )  # label, protect, release


def test_what_the_doctor_says_of_this_cluster(shop: Shop) -> None:
    done = shop.irkit("doctor", "--json", "--namespace", shop.namespace)

    found = json.loads(done.stdout)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert found["ready"]
    assert {"cluster", "identity", "clock", "enforcement", "evidence", "tools", "compromised-pod"} <= {
        one["about"] for one in found["findings"]
    }
