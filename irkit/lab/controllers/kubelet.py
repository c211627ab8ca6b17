"""The kubelets: pods that have a node are started, become ready, and end if the lab knows what runs in them."""

from __future__ import annotations

from collections.abc import Callable

from irkit.lab import objects
from irkit.lab.controllers.ownership import Doc, store
from irkit.lab.programs import Ended
from irkit.lab.world import Entry, World, now
from irkit.model.kube import NODES, PODS

LONGEST_MESSAGE = 4096
"""Bytes of a termination message that a kubelet keeps, the last ones. Source: `pkg/kubelet/container/runtime.go`."""

Run = Callable[[Doc, Doc], Ended]
"""Carries out a container (second) of a pod (first)."""


def start(world: World, entry: Entry, run: Run) -> None:
    """A pod that has just got its node: refused images wait, all others run; done or ready after the delay."""
    node = world.get(NODES, "", entry.doc["spec"]["nodeName"])
    if node is None:
        return  # nobody there who could start it
    doc = entry.copy()
    if any(each["image"] in world.behaviour.unpullable for each in doc["spec"]["containers"]):
        doc["status"] |= _waiting(doc, node.doc)
        store(world, PODS, entry, doc, by="kubelet", part="status")
        return
    host = _address(node.doc)
    own = host if doc["spec"].get("hostNetwork") else _next_address(world)
    doc["status"] |= objects.running(doc, address=own, host=host, since=now()) | {"qosClass": doc["status"]["qosClass"]}
    if world.behaviour.delay:
        _set_ready(doc, ready=False)
        world.due[entry.uid] = world.counted("requests") + world.behaviour.delay
    stored = store(world, PODS, entry, doc, by="kubelet", part="status")
    if not world.behaviour.delay:
        proceed(world, stored, run)


def proceed(world: World, entry: Entry, run: Run) -> None:
    """What comes of a started pod once the delay is over: it is ready, or its tools have ended."""
    doc = entry.copy()
    _set_ready(doc, ready=True)
    running = store(world, PODS, entry, doc, by="kubelet", part="status")
    tools = [each for each in doc["spec"]["containers"] if is_tool(world, each)]
    if not tools:
        return
    doc = running.copy()
    for each in tools:
        _terminate(doc, each["name"], run(doc, each))
    states = [each["state"] for each in doc["status"]["containerStatuses"]]
    if all("terminated" in state for state in states):
        failed = any(state["terminated"]["exitCode"] for state in states)
        doc["status"]["phase"] = "Failed" if failed else "Succeeded"
        _set_ready(
            doc, ready=False, reason="PodFailed" if failed else "PodCompleted", only=("Ready", "ContainersReady")
        )
    store(world, PODS, running, doc, by="kubelet", part="status")


def is_tool(world: World, container: Doc) -> bool:
    """Whether the lab carries a container's command out itself."""
    return container["image"] in world.behaviour.tools and bool(container.get("command"))


def _next_address(world: World) -> str:
    index = world.count("addresses")
    return f"10.1.{index // 250}.{index % 250 + 1}"


def _address(node: Doc) -> str:
    return next((each["address"] for each in node["status"].get("addresses", ()) if each["type"] == "InternalIP"), "")


def _waiting(doc: Doc, node: Doc) -> Doc:
    at = now()
    return {
        "phase": "Pending",
        "hostIP": _address(node),
        "startTime": at,
        "conditions": [
            {"type": kind, "status": status, "lastTransitionTime": at}
            for kind, status in (
                ("Initialized", "True"), ("Ready", "False"), ("ContainersReady", "False"), ("PodScheduled", "True"),
            )
        ],
        "containerStatuses": [
            {
                "name": each["name"],
                "image": each["image"],
                "imageID": "",
                "ready": False,
                "started": False,
                "restartCount": 0,
                "state": {
                    "waiting": {
                        "reason": "ImagePullBackOff",
                        "message": f'Back-off pulling image "{each["image"]}"',
                    }
                },
            }
            for each in doc["spec"]["containers"]
        ],
    }  # fmt: skip


def _set_ready(
    doc: Doc, *, ready: bool, reason: str = "", only: tuple[str, ...] = ("Ready", "ContainersReady")
) -> None:
    status = "True" if ready else "False"
    for each in doc["status"]["conditions"]:
        if each["type"] in only and each["status"] != status:
            each |= {"status": status, "lastTransitionTime": now()}
            each.pop("reason", None)
            if not ready:
                each["reason"] = reason or "ContainersNotReady"
    for each in doc["status"]["containerStatuses"]:
        each["ready"] = ready


def _terminate(doc: Doc, name: str, ended: Ended) -> None:
    for each in doc["status"]["containerStatuses"]:
        if each["name"] != name:
            continue
        since = each["state"]["running"]["startedAt"]
        message = ended.message.encode()[-LONGEST_MESSAGE:].decode(errors="ignore")
        terminated = {
            "exitCode": ended.code,
            "reason": "Error" if ended.code else "Completed",
            "startedAt": since,
            "finishedAt": now(),
            "containerID": each["containerID"],
        }
        if message:
            terminated["message"] = message
        each |= {"state": {"terminated": terminated}, "ready": False, "started": False}
