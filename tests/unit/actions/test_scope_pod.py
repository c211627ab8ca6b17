"""kube.scope_pod: what leads to a pod, what it leads to, and what it is that other pods are not."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.engine.guard import DeclaredReader
from irkit.errors import Malformed
from irkit.model.effects import Resource
from irkit.model.kube import DAEMON_SETS, ENDPOINT_SLICES, NODES, PODS, SERVICE_ACCOUNTS, SERVICES
from tests.support.action_shop import POD, mark_for, meta, shop
from tests.support.memory import MemoryKube, MemoryReader

ACTION = Catalog.builtin().need("kube.scope_pod")
World = dict[Resource, list[Any]]
ROLE = "arn:aws:iam::111122223333:role/web"
HEX, OTHER = "ab" * 32, "cd" * 32


def scope(world: World) -> Any:
    params, mark = mark_for(ACTION, pod=POD)
    return ACTION.observe(params, mark, DeclaredReader(MemoryReader(MemoryKube(world)), ACTION.spec)).found


def pod(world: World) -> dict[str, Any]:
    """The suspect, with a spec of its own."""
    found: dict[str, Any] = world[PODS][0]
    return found


def slice_of(service: str, *endpoints: dict[str, Any]) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": service} if service else {}
    return {"metadata": meta(f"{service or 'mesh'}-x7", f"es-{service}", labels=labels), "endpoints": list(endpoints)}


def endpoint(uid: str = "p-1", ip: str = "10.0.3.40", **conditions: bool) -> dict[str, Any]:
    return {"addresses": [ip], "conditions": conditions, **({"targetRef": {"kind": "Pod", "uid": uid}} if uid else {})}


# -- exposure ---------------------------------------------------------------------------------------------


def exposed(world: World) -> list[tuple[str, str, bool, bool, bool]]:
    return [(one.service, one.type, one.selects, one.lists, one.serving) for one in scope(world).exposure]


def test_a_service_that_selects_the_pod_leads_to_it_whether_or_not_it_serves() -> None:
    world: World = dict(shop())

    assert exposed(world) == [("web", "ClusterIP", True, False, False)]

    world[ENDPOINT_SLICES] = [slice_of("web", endpoint(ready=True))]
    assert exposed(world) == [("web", "ClusterIP", True, True, True)]

    world[ENDPOINT_SLICES] = [slice_of("web", endpoint(ready=False))]
    assert exposed(world) == [("web", "ClusterIP", True, True, False)]


def test_a_pod_that_ends_serves_while_its_endpoint_says_so() -> None:
    world: World = dict(shop())
    world[ENDPOINT_SLICES] = [slice_of("web", endpoint(ready=False, serving=True, terminating=True))]

    assert exposed(world) == [("web", "ClusterIP", True, True, True)]


@pytest.mark.parametrize("uid", ["p-1", ""])
def test_endpoints_that_somebody_wrote_lead_to_the_pod_although_no_selector_does(uid: str) -> None:
    world: World = dict(shop())
    world[ENDPOINT_SLICES] = [slice_of("outside", endpoint(uid)), slice_of("", endpoint(uid))]

    assert exposed(world) == [
        ("mesh-x7", "none", False, True, True),
        ("outside", "ClusterIP", False, True, True),
        ("web", "ClusterIP", True, False, False),
    ]
    assert scope(world).services == ("web",)


def test_endpoints_of_other_pods_lead_elsewhere() -> None:
    world: World = dict(shop())
    world[ENDPOINT_SLICES] = [slice_of("outside", endpoint("p-2", "10.0.3.41"))]

    assert exposed(world) == [("web", "ClusterIP", True, False, False)]


def test_an_address_on_the_nodes_network_is_everybodys_there() -> None:
    world: World = dict(shop())
    pod(world)["spec"]["hostNetwork"] = True
    world[ENDPOINT_SLICES] = [slice_of("outside", endpoint(""))]

    assert [one[0] for one in exposed(world)] == ["web"]


def test_what_a_service_opens_is_told() -> None:
    world: World = dict(shop())
    world[SERVICES][0]["spec"] |= {
        "type": "LoadBalancer",
        "externalIPs": ["198.51.100.7"],
        "ports": [{"port": 443}, {"port": 53, "protocol": "UDP", "nodePort": 30053}],
    }
    world[SERVICES][0]["status"] = {"loadBalancer": {"ingress": [{"hostname": "web.elb.example"}, {"ip": "192.0.2.1"}]}}

    (found,) = scope(world).exposure

    assert (found.type, found.ports) == ("LoadBalancer", ("443/TCP", "53:30053/UDP"))
    assert found.outside == ("192.0.2.1", "198.51.100.7", "web.elb.example")


def test_ports_of_the_node_that_lead_to_the_pod() -> None:
    world: World = dict(shop())
    pod(world)["spec"]["containers"] = [{"name": "web", "ports": [{"containerPort": 80}, {"hostPort": 8443}]}]
    pod(world)["spec"]["initContainers"] = [{"name": "mesh", "ports": [{"hostPort": 15001}, {"hostPort": 8443}]}]

    assert scope(world).host_ports == (8443, 15001)


# -- identities -------------------------------------------------------------------------------------------


def test_an_iam_role_is_what_was_injected_and_what_the_account_says_today_is_told_apart() -> None:
    world: World = dict(shop())
    pod(world)["spec"] |= {
        "containers": [{"name": "web", "env": [{"name": "AWS_ROLE_ARN", "value": ROLE}, {"name": "X", "value": "y"}]}],
        "initContainers": [{"name": "init", "env": [{"name": "AWS_ROLE_ARN", "value": ROLE}]}],
    }
    world[SERVICE_ACCOUNTS][0]["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": f"{ROLE}-new"}

    found = scope(world)

    assert (found.aws_roles, found.annotated_role, found.pod_identity) == ((ROLE,), f"{ROLE}-new", False)


@pytest.mark.parametrize("hostile", ["", "x", f"{ROLE}\n", f"{ROLE} ; id", "arn:aws:iam::1:role/x", "\x1b[2J"])
def test_what_is_no_role_is_left_out_and_stops_nothing(hostile: str) -> None:
    world: World = dict(shop())
    pod(world)["spec"]["containers"] = [{"name": "web", "env": [{"name": "AWS_ROLE_ARN", "value": hostile}]}]
    world[SERVICE_ACCOUNTS][0]["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": hostile}

    found = scope(world)

    assert (found.aws_roles, found.annotated_role) == ((), "")


def test_pod_identity_and_a_mounted_token_are_seen_in_the_spec() -> None:
    world: World = dict(shop())
    assert (scope(world).pod_identity, scope(world).mounts_token) == (False, False)

    env = [{"name": "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "value": "/var/run/x"}]
    pod(world)["spec"]["containers"] = [{"name": "web", "env": env}]
    token = {"projected": {"sources": [{"configMap": {}}, {"serviceAccountToken": {"path": "token"}}]}}
    pod(world)["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}, {"name": "kube-api-access-x", **token}]

    assert (scope(world).pod_identity, scope(world).mounts_token) == (True, True)


# -- what it is -------------------------------------------------------------------------------------------


def test_what_leads_out_of_its_containers_is_told_whichever_container_it_is() -> None:
    world: World = dict(shop())
    assert scope(world).escapes == ()

    pod(world)["spec"] |= {
        "hostPID": True,
        "hostIPC": True,
        "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
        "ephemeralContainers": [{"name": "debug", "securityContext": {"privileged": True}}],
    }

    assert scope(world).escapes == ("privileged", "host-pid", "host-ipc", "host-path")


@pytest.mark.parametrize(
    "spec", [{"os": {"name": "windows"}}, {"nodeSelector": {"kubernetes.io/os": "windows"}}, {"node": "windows"}]
)
def test_windows_is_told_by_the_pod_or_by_its_node(spec: dict[str, Any]) -> None:
    world: World = dict(shop())
    assert not scope(world).windows

    if "node" in spec:
        world[NODES][0]["metadata"]["labels"]["kubernetes.io/os"] = spec["node"]
    else:
        pod(world)["spec"] |= spec

    assert scope(world).windows


def test_a_daemonsets_pod_is_one() -> None:
    world: World = dict(shop())
    pod(world)["metadata"] = meta("web-1", "p-1", ("DaemonSet", "agent", "ds-1"))
    world[DAEMON_SETS] = [{"metadata": meta("agent", "ds-1")}]

    assert scope(world).daemonset
    assert not scope(dict(shop())).daemonset


# -- images -----------------------------------------------------------------------------------------------


def images(spec: dict[str, Any], status: dict[str, Any]) -> list[tuple[str, str]]:
    world: World = dict(shop())
    pod(world)["spec"] |= spec
    pod(world)["status"] |= status
    return [(one.name, one.uid) for one in scope(world).images]


def test_an_image_is_pinned_to_what_runs_and_not_to_what_was_asked_for() -> None:
    spec = {"containers": [{"name": "web", "image": f"shop/web:1@sha256:{OTHER}"}, {"name": "log", "image": "log"}]}
    running = {"containerStatuses": [{"name": "web", "imageID": f"docker-pullable://shop/web@sha256:{HEX}"}]}

    assert images(spec, {}) == [("log", ""), ("shop/web:1", OTHER)]
    assert images(spec, running) == [("log", ""), ("shop/web:1", HEX)]


def test_init_and_ephemeral_containers_have_images_too() -> None:
    spec = {
        "containers": [],
        "initContainers": [{"name": "i", "image": "init"}],
        "ephemeralContainers": [{"name": "e", "image": "debug"}],
    }
    status = {"ephemeralContainerStatuses": [{"name": "e", "imageID": f"debug@sha256:{HEX}"}]}

    assert images(spec, status) == [("debug", HEX), ("init", "")]


@pytest.mark.parametrize("hostile", ["$(id)", "web;id", "x" * 3000, "\x1b[2J", "", "UPPER/ok:"])
def test_what_is_no_image_is_left_out_and_stops_nothing(hostile: str) -> None:
    assert images({"containers": [{"name": "web", "image": hostile}, {"name": "b", "image": "ok"}]}, {}) == [("ok", "")]


def test_a_configurations_digest_is_no_manifests() -> None:
    status = {"containerStatuses": [{"name": "web", "imageID": f"sha256:{HEX}"}]}

    assert images({"containers": [{"name": "web", "image": "web"}]}, status) == [("web", "")]


@pytest.mark.parametrize(
    ("resource", "path", "value"),
    [
        (PODS, ("spec", "volumes"), {}),
        (PODS, ("spec", "hostPID"), "yes"),
        (PODS, ("spec", "containers"), [{"name": 7}]),
        (PODS, ("status", "podIPs"), "x"),
        (SERVICES, ("spec", "ports"), [{"port": "80"}]),
        (ENDPOINT_SLICES, ("endpoints",), [{"addresses": 7}]),
    ],
)
def test_what_cannot_be_understood_is_malformed(resource: Resource, path: tuple[str, ...], value: Any) -> None:
    world: World = dict(shop())
    world[ENDPOINT_SLICES] = [slice_of("web", endpoint(""))]
    holder: Any = world[resource][0]
    for key in path[:-1]:
        holder = holder.setdefault(key, {})
    holder[path[-1]] = value

    with pytest.raises(Malformed):
        scope(world)
