"""What scaling needs to know: how many there are, which of them are evidence, and who else sets the number."""

from __future__ import annotations

from dataclasses import dataclass

from irkit.actions.kube.managers import applied, read_held
from irkit.actions.kube.objects import NAME_LIMIT, Presence, find, name_of
from irkit.actions.kube.owners import controller, pods_of
from irkit.model.kube import CASE_LABEL, CONTROLLERS, HPAS
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import WorkloadRef

REPLICAS = ("spec", "replicas")
SCALABLE = ("Deployment", "ReplicaSet", "StatefulSet")
_KEDA = "scaledobject.keda.sh/name"
"""On the autoscaler that KEDA makes, which scales between 0 and 1 by itself (KEDA documentation)."""


@dataclass(frozen=True, slots=True)
class Scaler:
    """A HorizontalPodAutoscaler of the workload. It does nothing while the workload has 0 replicas."""

    name: str
    least: int
    most: int
    keda: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """`replicas` is spec.replicas; `seen` whether the controller has taken note of it.

    `pods` are the living pods of the workload, `evidence` those of them that a case has marked; both sorted.
    `parent` is the controller of the workload itself, kind and name. `co_owned` says that somebody keeps it by
    server-side apply, and that the API names irkit as an owner of the number.
    """

    presence: Presence
    replicas: int = 0
    seen: bool = True
    pods: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    parent: str = ""
    scalers: tuple[Scaler, ...] = ()
    co_owned: bool = False


def observe(workload: WorkloadRef, reader: Reader) -> Facts:
    """Read them. Raises Malformed."""
    kube = reader.kube(workload.cluster)
    presence, doc = find(kube, CONTROLLERS[workload.type], workload)
    if doc is None:
        return Facts(presence)
    pods = pods_of(kube, workload)
    parent = controller(doc)
    return Facts(
        presence,
        replicas=doc.integer("spec", "replicas", default=1),
        seen=doc.integer("status", "observedGeneration", default=0) >= doc.integer("metadata", "generation", default=0),
        pods=tuple(sorted(map(name_of, pods))),
        evidence=tuple(sorted(name_of(pod) for pod in pods if CASE_LABEL in pod.labels("metadata", "labels"))),
        parent=f"{parent.kind} {parent.name}" if parent else "",
        scalers=_scalers(kube, workload),
        co_owned=bool(read_held(doc, (REPLICAS,))) and applied(doc),
    )


def _scalers(kube: KubeReader, workload: WorkloadRef) -> tuple[Scaler, ...]:
    found = [
        Scaler(
            name=name_of(doc),
            least=doc.integer("spec", "minReplicas", default=1),
            most=doc.integer("spec", "maxReplicas"),
            keda=_KEDA in doc.labels("metadata", "labels"),
        )
        for doc in kube.list(HPAS, workload.namespace).items
        if doc.text("spec", "scaleTargetRef", "kind", limit=63) == workload.type
        and doc.text("spec", "scaleTargetRef", "name", limit=NAME_LIMIT) == workload.name
    ]
    return tuple(sorted(found, key=lambda one: one.name))
