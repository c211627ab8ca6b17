"""What is found of a controller, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from irkit.actions.kube.exposure import Exposure, budgets, exposure, policies
from irkit.actions.kube.inventory import Fleet, fleet
from irkit.actions.kube.objects import Presence, find, make, name_of, uid_of
from irkit.actions.kube.owners import chain, controller
from irkit.actions.kube.seen import Shown, pods
from irkit.model.doc import Doc
from irkit.model.kube import CONTROLLERS, JOBS, REPLICA_SETS
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import WorkloadRef

_MAKES = {"Deployment": REPLICA_SETS, "CronJob": JOBS}
"""Controllers that make pods through another one."""


class Outputs(Fleet):
    """What later steps act on, and what people are shown. Of pods, only living ones count."""

    workload: WorkloadRef
    owners: tuple[WorkloadRef, ...] = Field(description="what controls it, from the nearest to the farthest")
    makes: tuple[WorkloadRef, ...] = Field(description="the ReplicaSets of a Deployment, the Jobs of a CronJob")
    replicas: int | None = Field(description="how many pods it is told to keep; empty where it counts otherwise")
    exposure: tuple[Exposure, ...] = Field(description="every Service that leads to one of its pods")
    pdbs: tuple[Shown, ...]
    policies: tuple[Shown, ...] = Field(description="NetworkPolicies that select one of its pods")


@dataclass(frozen=True, slots=True)
class Facts:
    """`found` is None where the controller is not there, or is of a kind that irkit does not know."""

    presence: Presence
    found: Outputs | None = None
    as_of: str = ""


def observe(wanted: WorkloadRef, reader: Reader) -> Facts:
    """Read the controller and all pods of its namespace. Raises Malformed."""
    kube, cluster, space = reader.kube(wanted.cluster), wanted.cluster, wanted.namespace
    resource = CONTROLLERS.get(wanted.type)
    if resource is None:
        return Facts("gone")
    presence, doc = find(kube, resource, wanted)
    if doc is None:
        return Facts(presence)
    uid = uid_of(doc)
    made = _made(kube, wanted, uid)
    family = {uid, *(one.uid for one in made)}
    listed, _ = pods(kube, cluster, space)
    own = [one for one in listed if one.owner is not None and one.owner.uid in family]
    alive = [one for one in own if one.living]
    selecting, as_of = policies(kube, space, alive)
    found = make(
        Outputs, doc,
        **dict(fleet(kube, cluster, own, space)),
        workload=wanted.model_copy(update={"uid": uid}), owners=chain(kube, cluster, doc)[0], makes=made,
        replicas=doc.integer("spec", "replicas") if doc.has("spec", "replicas") else None,
        exposure=exposure(kube, space, alive), pdbs=budgets(kube, space, alive), policies=selecting,
    )  # fmt: skip
    return Facts("here", found, as_of)


def _made(kube: KubeReader, wanted: WorkloadRef, uid: str) -> tuple[WorkloadRef, ...]:
    resource = _MAKES.get(wanted.type)
    if resource is None:
        return ()
    made = [doc for doc in kube.list(resource, wanted.namespace).items if (own := controller(doc)) and own.uid == uid]
    refs = (_ref(wanted, resource.kind, doc) for doc in made)
    return tuple(sorted(refs, key=lambda one: one.name))


def _ref(wanted: WorkloadRef, kind: str, doc: Doc) -> WorkloadRef:
    return make(
        WorkloadRef, doc, cluster=wanted.cluster, namespace=wanted.namespace, type=kind,
        name=name_of(doc), uid=uid_of(doc),
    )  # fmt: skip
