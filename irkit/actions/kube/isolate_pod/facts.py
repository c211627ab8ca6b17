"""What isolating a pod needs to know, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from irkit.actions.kube.fields import Fields, label, read_fields
from irkit.actions.kube.isolate_pod.policy import policy_name
from irkit.actions.kube.netpol import Opening, Pod, Policy, Selector, openings
from irkit.actions.kube.objects import FARGATE_LABEL, NAME_LIMIT, find, living
from irkit.actions.kube.owners import pod_ref
from irkit.model.effects import Mark
from irkit.model.kube import CASE_LABEL, NETWORK_POLICIES, PODS, SERVICES
from irkit.model.ports import Reader
from irkit.model.refs import PodRef


@dataclass(frozen=True, slots=True)
class Facts:
    """`policies` are those that select the pod, its case label included, and irkit's own.

    `others` are the other living pods of the namespace with the case's label, by name and key; `services` those
    that select the pod. `openings` is what the union of policies lets through at the pod once it bears the label.
    `as_of` is the cluster's time of the list of policies.
    """

    fields: Fields
    labels: tuple[tuple[str, str], ...] = ()
    host_network: bool = False
    fargate: bool = False
    policies: tuple[Policy, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    services: tuple[str, ...] = ()
    openings: tuple[Opening, ...] = ()
    as_of: str = ""

    def policy(self, name: str) -> Policy | None:
        """The policy of this name."""
        return next((one for one in self.policies if one.name == name), None)


def observe(pod: PodRef, mark: Mark, reader: Reader) -> Facts:
    """Read them. The pod may be gone: its policy, and who else is under it, still matter to an undo."""
    kube = reader.kube(pod.cluster)
    presence, doc = find(kube, PODS, pod)
    case = label(CASE_LABEL, mark.case)
    fields = Fields(presence) if doc is None else read_fields(doc, (case,), mark.case)
    labels = {} if doc is None else doc.labels("metadata", "labels")
    listing = kube.list(NETWORK_POLICIES, pod.namespace)
    after = {**labels, CASE_LABEL: mark.case}
    policies = [
        one for one in map(Policy.read, listing.items) if one.name == policy_name(mark) or one.selector.matches(after)
    ]
    seen = None if doc is None else replace(Pod.read(doc), labels=tuple(sorted(after.items())))
    marked = kube.list(PODS, pod.namespace, {CASE_LABEL: mark.case}).items
    others = [
        (other.name, other.key)
        for other in (pod_ref(pod.cluster, doc) for doc in marked if living(doc))
        if other.uid != pod.uid
    ]
    services = [
        service.text("metadata", "name", limit=NAME_LIMIT)
        for service in (kube.list(SERVICES, pod.namespace).items if doc is not None else ())
        if service.part("spec", "selector").raw and Selector.equals(service.labels("spec", "selector")).matches(labels)
    ]
    return Facts(
        fields=fields,
        labels=tuple(sorted(labels.items())),
        host_network=doc is not None and doc.flag("spec", "hostNetwork", default=False),
        fargate=FARGATE_LABEL in labels,
        policies=tuple(sorted(policies, key=lambda one: one.name)),
        others=tuple(sorted(others)),
        services=tuple(sorted(services)),
        openings=() if seen is None else openings(seen, policies),
        as_of=listing.as_of,
    )
