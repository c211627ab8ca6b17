"""EndpointSlices: who is behind a Service, and who no longer is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.workloads import made, path, ready, workload
from tests.support.moments import until
from tests.support.worlds import World

Doc = dict[str, Any]
SLICES = "discovery.k8s.io/v1"


def service(target: Any = 8080) -> Doc:
    ports = [{"name": "web", "port": 80, "targetPort": target}]
    spec = {"selector": {"app": "set"}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "set"}, "spec": spec}


def slices(world: World) -> list[Doc]:
    found: list[Doc] = world.get(
        path(world, "endpointslices", group=SLICES), labelSelector="kubernetes.io/service-name=set"
    ).doc["items"]
    return found


def endpoints(world: World) -> dict[str, Doc]:
    return {each["targetRef"]["name"]: each for one in slices(world) for each in one.get("endpoints") or ()}


def serving(world: World, *names: str) -> None:
    until(
        f"{names} to serve", lambda: {n for n, e in endpoints(world).items() if e["conditions"]["ready"]} == set(names)
    )


@pytest.mark.parametrize("target", [8080, "http"])
def test_ready_pods_are_behind_their_service(world: World, target: Any) -> None:
    made(world.ask("POST", path(world, "replicasets"), body=workload("ReplicaSet", "set", 2)))
    pods = {pod["metadata"]["name"]: pod for pod in ready(world, 2, "app=set")}
    own = made(world.ask("POST", path(world, "services", group=""), body=service(target)))
    serving(world, *pods)
    for name, each in endpoints(world).items():
        pod = pods[name]
        assert each["addresses"] == [pod["status"]["podIP"]]
        assert each["nodeName"] == pod["spec"]["nodeName"]
        wanted = {"kind": "Pod", "name": name, "namespace": world.namespace, "uid": pod["metadata"]["uid"]}
        assert each["targetRef"] == wanted
        assert each["conditions"] == {"ready": True, "serving": True, "terminating": False}
    (one,) = slices(world)
    assert one["ports"] == [{"name": "web", "port": 8080, "protocol": "TCP"}]
    assert one["addressType"] == "IPv4"
    (reference,) = one["metadata"]["ownerReferences"]
    assert (reference["kind"], reference["uid"], reference["controller"]) == ("Service", own["metadata"]["uid"], True)


def test_a_released_pod_leaves_and_its_replacement_comes(world: World) -> None:
    made(world.ask("POST", path(world, "services", group=""), body=service()))
    made(world.ask("POST", path(world, "replicasets"), body=workload("ReplicaSet", "set", 1)))
    (pod,) = ready(world, 1, "app=set")
    serving(world, pod["metadata"]["name"])
    world.patch(f"{world.pods}/{pod['metadata']['name']}", {"op": "remove", "path": "/metadata/labels/app"})
    (after,) = ready(world, 1, "app=set")
    serving(world, after["metadata"]["name"])
    assert pod["metadata"]["name"] not in endpoints(world)


def test_a_service_without_pods_has_a_slice_without_endpoints(world: World) -> None:
    made(world.ask("POST", path(world, "services", group=""), body=service()))
    (one,) = until("a slice", lambda: slices(world))
    assert not one.get("endpoints")


def test_slices_go_with_their_service(world: World) -> None:
    made(world.ask("POST", path(world, "services", group=""), body=service()))
    until("a slice", lambda: slices(world))
    answer = world.ask("DELETE", path(world, "services", "set", group=""))
    assert (answer.code, answer.doc["kind"]) == (200, "Service")
    until("the slice to go", lambda: not slices(world))
