"""What of a namespace finds pods by their labels: Services, EndpointSlices, budgets."""

from __future__ import annotations

from collections.abc import Mapping

from irkit.actions.kube.netpol import Selector
from irkit.actions.kube.objects import UID_LIMIT, name_of
from irkit.model.doc import Doc
from irkit.model.kube import ENDPOINT_SLICES, PDBS, SERVICES
from irkit.model.ports import KubeReader
from irkit.model.refs import PodRef


def services(kube: KubeReader, namespace: str) -> dict[str, Selector]:
    """A Service without a selector selects nothing."""
    return {
        name_of(one): Selector.equals(selector)
        for one in kube.list(SERVICES, namespace).items
        if (selector := one.labels("spec", "selector"))
    }


def listed(kube: KubeReader, pod: PodRef) -> tuple[str, ...]:
    """The Services whose EndpointSlices have the pod, by the label that every such slice bears."""
    return tuple(
        sorted({
            one.labels("metadata", "labels").get("kubernetes.io/service-name", "")
            for one in kube.list(ENDPOINT_SLICES, pod.namespace).items
            if any(_is(pod, endpoint) for endpoint in one.each("endpoints"))
        })
    )  # fmt: skip


def _is(pod: PodRef, endpoint: Doc) -> bool:
    return endpoint.text("targetRef", "uid", default="", limit=UID_LIMIT) == pod.uid


def budgets(kube: KubeReader, namespace: str, labels: Mapping[str, str], rest: Mapping[str, str]) -> tuple[str, ...]:
    """Those that cover it now only. A missing selector selects nothing, an empty one everything (policy/v1)."""
    return tuple(
        sorted(
            name_of(one)
            for one in kube.list(PDBS, namespace).items
            if one.has("spec", "selector")
            and (selector := Selector.read(one.part("spec", "selector"))).matches(labels)
            and not selector.matches(rest)
        )
    )
