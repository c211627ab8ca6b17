"""The scheduler: which node a pod fits on, and which it gets.

Of what pods can ask for there are node names, node selectors, required node affinity, taints and tolerations, and a
node's limit of pods. Resources are not counted; affinity between pods is refused where pods are created.
Source: `pkg/scheduler/framework/plugins`.
"""

from __future__ import annotations

from typing import Final

from irkit.lab.controllers.ownership import Doc, controller_of, store
from irkit.lab.objects import ENDED
from irkit.lab.world import Entry, World, now
from irkit.model.kube import NODES, PODS

UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
_DAEMON: Final = frozenset({UNSCHEDULABLE, "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})


def schedule(world: World, entry: Entry) -> None:
    """Give a pending pod a node: the one with fewest pods of its owner, then fewest at all, then by name."""
    reasons: dict[str, int] = {}
    best: list[tuple[int, int, str]] = []
    owner = controller_of(entry.doc).get("uid", entry.uid)
    nodes = world.entries(NODES)
    load = _load(world)
    for node in nodes:
        own = node.doc["metadata"]["name"]
        pods = load.get(own, [])
        why = unfit(entry.doc["spec"], node.doc)
        if not why and len(pods) >= int(node.doc.get("status", {}).get("allocatable", {}).get("pods", "110")):
            why = "Too many pods"
        if why:
            reasons[why] = reasons.get(why, 0) + 1
        else:
            best.append((sum(each == owner for each in pods), len(pods), own))
    if best:
        _bind(world, entry, min(best)[2])
    else:
        listed = ", ".join(f"{count} {why}" for why, count in sorted(reasons.items()))
        _refuse(world, entry, f"0/{len(nodes)} nodes are available: {listed}." if nodes else "no nodes available")


def _load(world: World) -> dict[str, list[str]]:
    """The owners of the pods on each node."""
    found: dict[str, list[str]] = {}
    for pod in world.entries(PODS):
        if pod.doc.get("status", {}).get("phase") not in ENDED:
            found.setdefault(pod.doc.get("spec", {}).get("nodeName", ""), []).append(
                controller_of(pod.doc).get("uid", "")
            )
    return found


def unfit(spec: Doc, node: Doc) -> str:
    """Why a pod cannot be on a node, in the scheduler's words; "" where it can."""
    taints = [each for each in node.get("spec", {}).get("taints", ()) if each["effect"] != "PreferNoSchedule"]
    cordon = {"key": UNSCHEDULABLE, "effect": "NoSchedule"}
    if node.get("spec", {}).get("unschedulable") and not _tolerated(cordon, spec):
        return "node(s) were unschedulable"
    for taint in taints:
        if taint["key"] != UNSCHEDULABLE and not _tolerated(taint, spec):
            return "node(s) had untolerated taint(s)"
    conditions = node.get("status", {}).get("conditions", ())
    if any(each["type"] == "Ready" and each["status"] != "True" for each in conditions):
        return "node(s) were not ready"
    return "" if fits(spec, node) else "node(s) didn't match Pod's node affinity/selector"


def fits(spec: Doc, node: Doc, *, daemon: bool = False) -> bool:
    """Whether a node has what a pod selects it by; for a DaemonSet's pod also that its taints are tolerated."""
    labels: dict[str, str] = node["metadata"].get("labels", {})
    if not spec.get("nodeSelector", {}).items() <= labels.items():
        return False
    if daemon:
        for taint in node.get("spec", {}).get("taints", ()):
            if taint["key"] not in _DAEMON and taint["effect"] != "PreferNoSchedule" and not _tolerated(taint, spec):
                return False
    required = spec.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(
        all(_holds(each, labels) for each in term.get("matchExpressions", ()))
        and all(_holds(each, {"metadata.name": node["metadata"]["name"]}) for each in term.get("matchFields", ()))
        for term in required.get("nodeSelectorTerms", ())
        if term.get("matchExpressions") or term.get("matchFields")
    )


def _holds(expression: Doc, labels: dict[str, str]) -> bool:
    value, operator = labels.get(expression["key"]), expression["operator"]
    values: list[str] = expression.get("values", [])
    if operator in {"Exists", "DoesNotExist"}:
        return bool((value is not None) == (operator == "Exists"))
    if operator in {"In", "NotIn"}:
        return bool((value in values) == (operator == "In"))
    try:
        return int(value or "") > int(values[0]) if operator == "Gt" else int(value or "") < int(values[0])
    except ValueError:
        return False


def _tolerated(taint: Doc, spec: Doc) -> bool:
    for each in spec.get("tolerations", ()):
        if each.get("effect", taint["effect"]) != taint["effect"]:
            continue
        if not each.get("key") and each.get("operator") == "Exists":
            return True
        if each.get("key") == taint["key"] and (
            each.get("operator") == "Exists" or each.get("value", "") == taint.get("value", "")
        ):
            return True
    return False


def _bind(world: World, entry: Entry, node: str) -> None:
    doc = entry.copy()
    doc["spec"]["nodeName"] = node
    doc["status"]["conditions"] = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": now()}]
    store(world, PODS, entry, doc, by="kube-scheduler")


def _refuse(world: World, entry: Entry, message: str) -> None:
    doc = entry.copy()
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    old: Doc = next((each for each in doc["status"].get("conditions", ()) if each["type"] == "PodScheduled"), {})
    condition["lastTransitionTime"] = old["lastTransitionTime"] if old.get("status") == "False" else now()
    doc["status"]["conditions"] = [condition]
    store(world, PODS, entry, doc, by="kube-scheduler", part="status")
