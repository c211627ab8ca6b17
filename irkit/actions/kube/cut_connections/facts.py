"""What cutting needs to know: where the pod is, what its addresses are, and how far the helper is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from irkit.actions.kube.objects import NAME_LIMIT, Presence, find
from irkit.actions.kube.pods import addresses
from irkit.actions.kube.proofs import Report, circumstances, cut_key, kept_report, report_bytes
from irkit.actions.kube.tools import Run, find_runs
from irkit.model.effects import Mark
from irkit.model.kube import NETWORK_POLICIES, PODS
from irkit.model.ports import Reader, Spooled
from irkit.model.refs import PodRef

CUT: Final = "cut"


@dataclass(frozen=True, slots=True)
class Facts:
    """The pod, the helper, and its report if it was kept."""

    presence: Presence
    key: str = ""
    report: Report | None = None
    runs: Mapping[str, Run] = field(default_factory=dict)
    ips: tuple[str, ...] = ()
    node: str = ""
    host_network: bool = False
    spooled: Spooled | None = None


def observe(pod: PodRef, namespace: str, mark: Mark, reader: Reader) -> Facts:
    """Read them; spool the report once the helper has ended. The pod may be gone: its helper may not."""
    kube = reader.kube(pod.cluster)
    runs, _ = find_runs(kube, namespace, mark)
    presence, doc = find(kube, PODS, pod)
    if doc is None:
        return Facts(presence, runs=runs)
    now = circumstances(kube.list(NETWORK_POLICIES, pod.namespace).items, doc.labels("metadata", "labels"))
    key = cut_key(pod, now)
    report = kept_report(reader.evidence, key)
    run = runs.get(CUT)
    spooled = None
    if report is None and run is not None and run.over:
        about = {"cluster": pod.cluster.id, "case": mark.case, "pod": pod.path, "uid": pod.uid}
        spooled = reader.spool(f"cut-{mark.short}", [report_bytes(about, {}, {CUT: (run.lines, run.why)})])
    return Facts(
        presence, key, report, runs, ips=addresses(doc), spooled=spooled,
        node=doc.text("spec", "nodeName", default="", limit=NAME_LIMIT),
        host_network=doc.flag("spec", "hostNetwork", default=False),
    )  # fmt: skip
