"""How far a workload has replaced its pods, and whether the new ones serve."""

from __future__ import annotations

import re
from dataclasses import dataclass

from irkit.actions.kube.alter import read_exact
from irkit.actions.kube.fields import Field, Fields
from irkit.actions.kube.objects import NAME_LIMIT, find, living, name_of
from irkit.actions.kube.owners import controller, pods_of
from irkit.actions.kube.replace_workload.newpods import NewPod, names, new_pods, services
from irkit.model.doc import Doc
from irkit.model.effects import Mark
from irkit.model.kube import CASE_LABEL, CONTROLLERS, DOMAIN, PODS
from irkit.model.ports import KubeReader, Reader
from irkit.model.refs import WorkloadRef

REPLACING = ("DaemonSet", "Deployment", "StatefulSet")
REPLACED = f"{DOMAIN}/replaced"
"""On the template of the pods, and so on each new pod: the case that had them replaced."""


@dataclass(frozen=True, slots=True)
class Facts:
    """`wanted` is how many pods it shall have; `old` and `new` are those of the older and of the new template.

    `hindered` says why a new template replaces nothing here, `stuck` why its controller has given up, "" where it has
    not. `evidence` are pods that it controls and a case has marked, `squatters` those that bear one of its names and
    are not its own. All by name.
    """

    fields: Fields
    seen: bool = True
    wanted: int = 0
    hindered: str = ""
    stuck: str = ""
    parent: str = ""
    old: tuple[str, ...] = ()
    new: tuple[NewPod, ...] = ()
    evidence: tuple[str, ...] = ()
    squatters: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


def template_field(mark: Mark) -> Field:
    """The annotation of the pods' template that is new."""
    return Field(("spec", "template", "metadata", "annotations", REPLACED), mark.case)


def observe(workload: WorkloadRef, mark: Mark, reader: Reader) -> Facts:
    """Read them. Raises Malformed."""
    kube = reader.kube(workload.cluster)
    presence, doc = find(kube, CONTROLLERS[workload.type], workload)
    if doc is None:
        return Facts(Fields(presence))
    pods, parent = pods_of(kube, workload), controller(doc)
    made = [one for one in pods if one.labels("metadata", "annotations").get(REPLACED) == mark.case]
    selectors = services(kube, workload.namespace)
    labels = doc.labels("spec", "template", "metadata", "labels")
    return Facts(
        fields=read_exact(doc, (template_field(mark),), mark.case, noted=False),
        seen=doc.integer("status", "observedGeneration", default=0) >= doc.integer("metadata", "generation", default=0),
        wanted=_wanted(doc, workload.type),
        hindered=_hindered(doc, workload.type),
        stuck=_stuck(doc),
        parent=f"{parent.kind} {parent.name}" if parent else "",
        old=names(one for one in pods if one not in made),
        new=new_pods(kube, workload.namespace, made, selectors, mark) if made else (),
        evidence=names(one for one in pods if CASE_LABEL in one.labels("metadata", "labels")),
        squatters=_squatters(kube, workload) if workload.type == "StatefulSet" else (),
        services=tuple(sorted(name for name, selector in selectors.items() if selector.matches(labels))),
    )


def _wanted(doc: Doc, kind: str) -> int:
    if kind == "DaemonSet":
        return doc.integer("status", "desiredNumberScheduled", default=0)
    return doc.integer("spec", "replicas", default=1)


def _hindered(doc: Doc, kind: str) -> str:
    """Sources: Kubernetes API reference, DeploymentSpec.paused, StatefulSetUpdateStrategy, DaemonSetUpdateStrategy."""
    if kind == "Deployment":
        return "it is paused: it starts no new ReplicaSet" if doc.flag("spec", "paused", default=False) else ""
    if doc.text("spec", "updateStrategy", "type", default="RollingUpdate", limit=63) == "OnDelete":
        return "it replaces a pod only when somebody deletes it (OnDelete)"
    partition = doc.integer("spec", "updateStrategy", "rollingUpdate", "partition", default=0)
    return f"it leaves pods below ordinal {partition} as they are (partition)" if partition else ""


def _stuck(doc: Doc) -> str:
    for one in doc.each("status", "conditions"):
        if one.text("type", limit=NAME_LIMIT) == "Progressing" and one.text("status", limit=16) == "False":
            reason = one.text("reason", default="", limit=NAME_LIMIT)
            return reason if re.fullmatch(r"[A-Za-z]{1,60}", reason) else "no reason given"
    return ""


def _squatters(kube: KubeReader, workload: WorkloadRef) -> tuple[str, ...]:
    name = re.compile(rf"{re.escape(workload.name)}-[0-9]+")
    found = (one for one in kube.list(PODS, workload.namespace).items if living(one) and name.fullmatch(name_of(one)))
    return names(one for one in found if (owner := controller(one)) is None or owner.uid != workload.uid)
