"""StatefulSets, DaemonSets and Jobs: replacing what is missing. Rolling a new template out is not simulated."""

from __future__ import annotations

from irkit.lab.controllers import scheduler
from irkit.lab.controllers.ownership import claimed, controller_of, ready_count, store_status
from irkit.lab.controllers.pods import create, dismiss
from irkit.lab.world import Entry, World, now
from irkit.model.kube import DAEMON_SETS, JOBS, NODES, PODS, STATEFUL_SETS

JOB_NAME = "batch.kubernetes.io/job-name"


def stateful_set(world: World, namespace: str, name: str) -> None:
    """A pod for each ordinal. A name that somebody else's pod has is not replaced until that pod is gone."""
    owner = world.get(STATEFUL_SETS, namespace, name)
    if owner is None:
        return
    wanted = owner.doc["spec"].get("replicas", 1)
    pods = {each.doc["metadata"]["name"]: each for each in claimed(world, owner, named=f"{name}-")}
    for ordinal in range(wanted):
        own = f"{name}-{ordinal}"
        if own not in pods and world.get(PODS, namespace, own) is None:
            labels = {"apps.kubernetes.io/pod-index": str(ordinal), "statefulset.kubernetes.io/pod-name": own}
            if made := create(world, owner, own, labels):
                pods[own] = made
    ordinals = {each: int(each.rpartition("-")[2]) for each in pods if each.rpartition("-")[2].isdecimal()}
    for own in sorted(ordinals, key=lambda each: -ordinals[each]):
        if ordinals[own] >= wanted and dismiss(world, pods[own], owner):
            del pods[own]
    ready = ready_count(pods.values())
    store_status(world, STATEFUL_SETS, owner, {
        "observedGeneration": owner.doc["metadata"].get("generation", 1),
        "replicas": len(pods),
        "readyReplicas": ready or None,
        "availableReplicas": ready,
    })  # fmt: skip


def daemon_set(world: World, namespace: str, name: str) -> None:
    """A pod on each node that its template fits, cordoned or not."""
    owner = world.get(DAEMON_SETS, namespace, name)
    if owner is None:
        return
    spec = owner.doc["spec"]["template"]["spec"]
    nodes = {
        each.doc["metadata"]["name"] for each in world.entries(NODES) if scheduler.fits(spec, each.doc, daemon=True)
    }
    pods: dict[str, Entry] = {}
    for pod in claimed(world, owner):
        node = pod.doc["spec"].get("nodeName", "")
        if node in nodes and node not in pods:
            pods[node] = pod
        else:
            dismiss(world, pod, owner)
    for node in sorted(nodes - pods.keys()):
        if made := create(world, owner, node=node):
            pods[node] = made
    store_status(world, DAEMON_SETS, owner, {
        "observedGeneration": owner.doc["metadata"].get("generation", 1),
        "currentNumberScheduled": len(pods),
        "desiredNumberScheduled": len(nodes),
        "numberMisscheduled": 0,
        "numberReady": ready_count(pods.values()),
    })  # fmt: skip


def job(world: World, namespace: str, name: str) -> None:
    """As many pods at once as it may have, until enough succeeded. One that is finished or suspended gets none."""
    owner = world.get(JOBS, namespace, name)
    if owner is None:
        return
    spec, status = owner.doc["spec"], owner.doc.get("status", {})
    if any(
        each["type"] in {"Complete", "Failed"} and each["status"] == "True" for each in status.get("conditions", ())
    ):
        return
    pods = claimed(world, owner)
    own = [each.doc for each in world.entries(PODS, namespace) if controller_of(each.doc).get("uid") == owner.uid]
    succeeded = sum(each["status"].get("phase") == "Succeeded" for each in own)
    failed = sum(each["status"].get("phase") == "Failed" for each in own)
    completions = spec.get("completions", 1)
    wanted = 0 if spec.get("suspend") else min(spec.get("parallelism", 1), completions - succeeded)
    if failed > spec.get("backoffLimit", 6):
        wanted = 0
    while len(pods) < wanted and (made := create(world, owner, labels={JOB_NAME: name})):
        pods.append(made)
    dismissed = sum(dismiss(world, pod, owner) for pod in pods[max(wanted, 0) :])
    changes = {
        "active": len(pods) - dismissed or None,
        "succeeded": succeeded or None,
        "failed": failed or None,
    }
    if succeeded >= completions or failed > spec.get("backoffLimit", 6):
        kind = "Complete" if succeeded >= completions else "Failed"
        condition = {"type": kind, "status": "True", "lastProbeTime": now(), "lastTransitionTime": now()}
        changes["conditions"] = [*status.get("conditions", ()), condition]
        if kind == "Complete":
            changes["completionTime"] = now()
    store_status(world, JOBS, owner, changes)
