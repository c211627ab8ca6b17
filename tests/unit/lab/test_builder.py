"""Built worlds hang together: owners, nodes, selectors, addresses; and are the same for the same seed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from irkit.lab import builder, scenario
from irkit.lab.seed import Seed
from irkit.model.refs import PodRef
from tests.unit.lab.conftest import NOW, SHOP

Doc = dict[str, Any]


@pytest.fixture
def objects(seed: Seed) -> dict[tuple[str, str, str], Doc]:
    return {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in seed.objects
    }


def pods(objects: dict[tuple[str, str, str], Doc], **labels: str) -> list[Doc]:
    return [
        doc
        for (kind, namespace, _), doc in objects.items()
        if (kind, namespace) == ("Pod", "shop") and labels.items() <= doc["metadata"].get("labels", {}).items()
    ]


def test_every_object_has_its_own_uid_and_name(seed: Seed, objects: dict[tuple[str, str, str], Doc]) -> None:
    assert len(objects) == len(seed.objects)
    assert len({each["metadata"]["uid"] for each in seed.objects}) == len(seed.objects)
    assert {each["metadata"]["creationTimestamp"] for each in seed.objects} == {"2026-11-15T12:00:00Z"}


def test_owners_are_there_and_control(objects: dict[tuple[str, str, str], Doc]) -> None:
    chains = {}
    for (kind, namespace, name), doc in objects.items():
        for reference in doc["metadata"].get("ownerReferences", []):
            owner = objects[reference["kind"], namespace, reference["name"]]
            assert reference["uid"] == owner["metadata"]["uid"]
            assert reference["controller"] is True
            assert owner["spec"]["selector"]["matchLabels"].items() <= doc["metadata"]["labels"].items()
            chains[kind, name.split("-")[0]] = reference["kind"]
    assert chains == {
        ("ReplicaSet", "web"): "Deployment",
        ("Pod", "web"): "ReplicaSet",
        ("Pod", "db"): "StatefulSet",
        ("Pod", "agent"): "DaemonSet",
        ("Pod", "nightly"): "Job",
        ("ReplicaSet", "coredns"): "Deployment",
        ("Pod", "coredns"): "ReplicaSet",
        ("Pod", "aws"): "DaemonSet",
    }


def test_workloads_have_the_pods_that_they_say(objects: dict[tuple[str, str, str], Doc]) -> None:
    assert len(pods(objects, app="web")) == 3
    assert sorted(doc["metadata"]["name"] for doc in pods(objects, app="db")) == ["db-0", "db-1"]
    on = [doc["spec"]["nodeName"] for doc in pods(objects, app="agent")]
    assert sorted(on) == sorted(name for kind, _, name in objects if kind == "Node")
    web = objects["Deployment", "shop", "web"]
    assert (web["spec"]["replicas"], web["status"]["readyReplicas"]) == (3, 3)


def test_pods_run_on_nodes_that_are_there(objects: dict[tuple[str, str, str], Doc]) -> None:
    addresses = []
    for (kind, _, _), doc in objects.items():
        if kind == "Pod":
            node = objects["Node", "", doc["spec"]["nodeName"]]
            assert doc["status"]["hostIP"] == node["status"]["addresses"][0]["address"]
            if not doc["spec"].get("hostNetwork"):
                addresses.append(doc["status"]["podIP"])
    assert len(set(addresses)) == len(addresses)


def test_nodes_are_of_eks(objects: dict[tuple[str, str, str], Doc]) -> None:
    for (kind, _, name), doc in objects.items():
        if kind == "Node":
            zone = doc["metadata"]["labels"]["topology.kubernetes.io/zone"]
            assert doc["metadata"]["labels"]["eks.amazonaws.com/nodegroup"] == "ng-1"
            assert doc["spec"]["providerID"].startswith(f"aws:///{zone}/i-")
            assert name.endswith(".eu-west-1.compute.internal")


def test_a_service_account_with_a_role_is_injected(objects: dict[tuple[str, str, str], Doc]) -> None:
    account = objects["ServiceAccount", "shop", "web"]
    role = account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
    for pod in pods(objects, app="web"):
        env = {each["name"]: each["value"] for each in pod["spec"]["containers"][0]["env"]}
        assert env["AWS_ROLE_ARN"] == role
        assert env["API_KEY"] == "canary-7"
        assert pod["spec"]["serviceAccountName"] == "web"
    (bare,) = pods(objects, app="bare")
    assert "env" not in bare["spec"]["containers"][0]


def test_a_budget_counts_its_pods(objects: dict[tuple[str, str, str], Doc]) -> None:
    status = objects["PodDisruptionBudget", "shop", "web"]["status"]
    assert (status["currentHealthy"], status["desiredHealthy"], status["disruptionsAllowed"]) == (3, 2, 1)


def test_a_pod_may_have_containers_a_place_and_events(objects: dict[tuple[str, str, str], Doc]) -> None:
    wide = objects["Pod", "shop", "wide"]
    assert [(each["name"], each["image"]) for each in wide["spec"]["containers"]] == [
        ("main", "lab.invalid/a:1"),
        ("side", "lab.invalid/b:1"),
    ]
    assert wide["status"]["podIP"] == wide["status"]["hostIP"]
    nodes = sorted(name for kind, _, name in objects if kind == "Node")
    assert wide["spec"]["nodeName"] == nodes[1]
    bare = objects["Pod", "shop", "bare"]
    about = [doc["involvedObject"]["uid"] for (kind, _, _), doc in objects.items() if kind == "Event"]
    assert about == [bare["metadata"]["uid"]] * 2


def test_every_namespace_has_what_kubernetes_puts_there(objects: dict[tuple[str, str, str], Doc]) -> None:
    for namespace in ("shop", *builder.SYSTEM):
        assert ("ServiceAccount", namespace, "default") in objects
        assert ("ConfigMap", namespace, "kube-root-ca.crt") in objects
        labels = objects["Namespace", "", namespace]["metadata"]["labels"]
        assert labels["kubernetes.io/metadata.name"] == namespace


def test_names_are_ones_that_irkit_can_refer_to(objects: dict[tuple[str, str, str], Doc], seed: Seed) -> None:
    for (kind, namespace, name), doc in objects.items():
        if kind == "Pod":
            PodRef.parse(
                {"cluster": {"id": seed.cluster}, "namespace": namespace, "name": name, "uid": doc["metadata"]["uid"]}
            )


def test_the_same_seed_makes_the_same_world_and_another_another(seed: Seed) -> None:
    def made(number: int) -> Seed:
        doc = scenario.read(SHOP, "shop")
        return builder.build(scenario.parse({**doc, "seed": number}, "shop"), NOW)

    assert made(7) == seed
    assert not {each["metadata"]["uid"] for each in made(8).objects} & {
        each["metadata"]["uid"] for each in seed.objects
    }


def test_whole_objects_are_kept_as_they_are() -> None:
    doc = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default", "uid": "mine"}}
    shape = scenario.WorldShape.parse({"objects": [doc]})
    assert json.loads(json.dumps(builder.build_world(shape, 1, NOW).objects[-1])) == doc


def test_hundreds_of_nodes_and_pods_have_addresses_of_their_own() -> None:
    many = {"nodes": [{"count": 300}], "namespaces": {"a": {"deployments": {"b": {"replicas": 400}}}}}
    docs = builder.build_world(scenario.WorldShape.parse(many), 1, NOW).objects
    nodes = [each["status"]["addresses"][0]["address"] for each in docs if each["kind"] == "Node"]
    running = [
        each["status"]["podIP"] for each in docs if each["kind"] == "Pod" and not each["spec"].get("hostNetwork")
    ]
    assert len(set(nodes)) == 300
    assert len(set(running)) == len(running) == 402
    assert not set(nodes) & set(running)
    assert all(int(part) < 256 for address in (*nodes, *running) for part in address.split("."))
