"""Whether the pods of a new template serve: ready, sent to by their Services, and not cut off by the case itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from irkit.actions.kube.netpol import Policy, Selector
from irkit.actions.kube.objects import UID_LIMIT, name_of, uid_of
from irkit.actions.kube.pods import ready
from irkit.model.doc import Doc
from irkit.model.effects import Mark
from irkit.model.kube import CASE_LABEL, ENDPOINT_SLICES, NETWORK_POLICIES, SERVICES
from irkit.model.ports import KubeReader


@dataclass(frozen=True, slots=True)
class NewPod:
    """A pod of the new template. `unlisted` are Services that select it and do not send to it yet.

    `holes` are the case's own policies that select it: it would serve nobody.
    """

    name: str
    ready: bool
    unlisted: tuple[str, ...] = ()
    holes: tuple[str, ...] = ()


def names(pods: Iterable[Doc]) -> tuple[str, ...]:
    """The names of objects, sorted."""
    return tuple(sorted(name_of(one) for one in pods))


def services(kube: KubeReader, namespace: str) -> dict[str, Selector]:
    """The Services of a namespace that select anything."""
    return {
        name_of(one): Selector.equals(selector)
        for one in kube.list(SERVICES, namespace).items
        if (selector := one.labels("spec", "selector"))
    }


def new_pods(
    kube: KubeReader, namespace: str, pods: Iterable[Doc], services: Mapping[str, Selector], mark: Mark
) -> tuple[NewPod, ...]:
    """How each of these pods serves. Raises Malformed."""
    policies = [Policy.read(one) for one in kube.list(NETWORK_POLICIES, namespace, {CASE_LABEL: mark.case}).items]
    serving = _serving(kube, namespace)
    found: list[NewPod] = []
    for pod in pods:
        labels, uid = pod.labels("metadata", "labels"), uid_of(pod)
        selecting = sorted(name for name, selector in services.items() if selector.matches(labels))
        found.append(
            NewPod(
                name=name_of(pod),
                ready=ready(pod) and not pod.has("metadata", "deletionTimestamp"),
                unlisted=tuple(name for name in selecting if (name, uid) not in serving),
                holes=tuple(sorted(one.name for one in policies if one.selector.matches(labels))),
            )
        )
    return tuple(sorted(found, key=lambda one: one.name))


def _serving(kube: KubeReader, namespace: str) -> set[tuple[str, str]]:
    """Service and pod uid of every endpoint that is ready; one that does not say so is (discovery.k8s.io/v1)."""
    return {
        (
            one.labels("metadata", "labels").get("kubernetes.io/service-name", ""),
            each.text("targetRef", "uid", default="", limit=UID_LIMIT),
        )
        for one in kube.list(ENDPOINT_SLICES, namespace).items
        for each in one.each("endpoints")
        if each.flag("conditions", "ready", default=True)
    }
