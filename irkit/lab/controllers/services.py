"""EndpointSlices: the addresses behind each Service that has a selector.

Source: `staging/src/k8s.io/endpointslice`; a hundred endpoints a slice is its default.
"""

from __future__ import annotations

from typing import Final

import orjson

from irkit.lab import objects
from irkit.lab.controllers.ownership import Doc, controller_of, is_ready, reference, store
from irkit.lab.objects import ENDED
from irkit.lab.world import Entry, World, make_uid, now
from irkit.model.kube import ENDPOINT_SLICES, NODES, PODS, SERVICES

SERVICE_NAME: Final = "kubernetes.io/service-name"
_BY: Final = "endpointslice-controller.k8s.io"
_MOST: Final = 100
_ZONE: Final = "topology.kubernetes.io/zone"


def reconcile(world: World, namespace: str, name: str) -> None:
    """The slices of a Service as its pods are now; one without endpoints where there are none."""
    service = world.get(SERVICES, namespace, name)
    if service is None or not service.doc["spec"].get("selector"):
        return
    groups: dict[bytes, list[Doc]] = {}
    for pod in world.entries(PODS, namespace):
        if _is_endpoint(service.doc, pod.doc):
            ports = orjson.dumps(_ports(service.doc, pod.doc))
            groups.setdefault(ports, []).append(_endpoint(world, service.doc, pod.doc))
    wanted = [
        (orjson.loads(ports), found[at : at + _MOST])
        for ports, found in sorted(groups.items())
        for at in range(0, len(found), _MOST)
    ] or [([], [])]
    held = [
        each for each in world.entries(ENDPOINT_SLICES, namespace) if controller_of(each.doc).get("uid") == service.uid
    ]
    held.sort(key=lambda each: int(each.doc["metadata"]["generation"]))
    for index, (ports, endpoints) in enumerate(wanted):
        _keep(world, service, held[index] if index < len(held) else None, ports, endpoints)
    for each in held[len(wanted) :]:
        world.remove(ENDPOINT_SLICES, namespace, each.doc["metadata"]["name"])


def _is_endpoint(service: Doc, pod: Doc) -> bool:
    labels, status = pod["metadata"].get("labels", {}), pod.get("status", {})
    selected = service["spec"]["selector"].items() <= labels.items()
    return selected and bool(status.get("podIP")) and status.get("phase") not in ENDED


def _ports(service: Doc, pod: Doc) -> list[Doc]:
    found = []
    for port in service["spec"].get("ports", ()):
        target = port.get("targetPort", port["port"])
        protocol = port.get("protocol", "TCP")
        if isinstance(target, str):
            target = next(
                (
                    each["containerPort"]
                    for container in pod["spec"]["containers"]
                    for each in container.get("ports", ())
                    if each.get("name") == target and each.get("protocol", "TCP") == protocol
                ),
                None,
            )
        if target is not None:
            found.append({"name": port.get("name", ""), "port": target, "protocol": protocol})
    return found


def _endpoint(world: World, service: Doc, pod: Doc) -> Doc:
    going = "deletionTimestamp" in pod["metadata"]
    serving = is_ready(pod)
    always = service["spec"].get("publishNotReadyAddresses", False)
    found: Doc = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": always or (serving and not going),
            "serving": always or serving,
            "terminating": going,
        },
        "targetRef": {
            "kind": "Pod",
            "name": pod["metadata"]["name"],
            "namespace": pod["metadata"]["namespace"],
            "uid": pod["metadata"]["uid"],
        },
    }
    if node := world.get(NODES, "", pod["spec"].get("nodeName", "")):
        found["nodeName"] = pod["spec"]["nodeName"]
        if zone := node.doc["metadata"].get("labels", {}).get(_ZONE):
            found["zone"] = zone
    return found


def _keep(world: World, service: Entry, held: Entry | None, ports: list[Doc], endpoints: list[Doc]) -> None:
    own = service.doc["metadata"]
    content = {"addressType": "IPv4", "endpoints": endpoints, "ports": ports}
    if held is not None:
        new = held.copy() | content
        if new != held.doc:
            new["metadata"]["generation"] += 1
            store(world, ENDPOINT_SLICES, held, new)
        return
    serial = world.count(f"slices/{own['uid']}")
    suffix = objects.drawn(f"{own['uid']}/{serial}", 5)
    meta = objects.meta(
        f"{own['name']}-{suffix}",
        own["namespace"],
        {SERVICE_NAME: own["name"], "endpointslice.kubernetes.io/managed-by": _BY},
        generateName=f"{own['name']}-",
        generation=1,
        ownerReferences=[reference(service.doc)],
    )
    meta |= {"uid": make_uid(world.seed, f"slice/{own['uid']}/{serial}"), "creationTimestamp": now()}
    head = {"apiVersion": ENDPOINT_SLICES.api_version, "kind": "EndpointSlice", "metadata": meta}
    store(world, ENDPOINT_SLICES, None, head | content)
