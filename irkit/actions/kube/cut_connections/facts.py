"""What cutting needs to know: where the pod is, what its addresses are, and how far the helper is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from irkit.actions.kube.engines import standing
from irkit.actions.kube.objects import NAME_LIMIT, Presence, find
from irkit.actions.kube.pods import addresses
from irkit.actions.kube.proofs import Report, circumstances, cut_base, kept_reports, report_bytes
from irkit.actions.kube.tools import Run, find_runs
from irkit.model.base import Json
from irkit.model.effects import Mark
from irkit.model.kube import CASE_LABEL, NETWORK_POLICIES, PODS
from irkit.model.ports import Reader, Spooled
from irkit.model.refs import PodRef

CUT: Final = "cut"


@dataclass(frozen=True, slots=True)
class Facts:
    """The pod, the helper, and its report if it was kept; `again` where another try is wanted, to be kept at `key`."""

    presence: Presence
    key: str = ""
    now: str = ""
    report: Report | None = None
    again: bool = False
    runs: Mapping[str, Run] = field(default_factory=dict)
    ips: tuple[str, ...] = ()
    node: str = ""
    host_network: bool = False
    held: str = ""
    spooled: Spooled | None = None


def observe(pod: PodRef, namespace: str, image: str, mark: Mark, reader: Reader) -> Facts:
    """Read them; spool the report once the helper has ended. The pod may be gone: its helper may not."""
    kube = reader.kube(pod.cluster)
    runs = find_runs(kube, namespace, mark, CUT)
    presence, doc = find(kube, PODS, pod)
    if doc is None:
        return Facts(presence, runs=runs)
    labels = doc.labels("metadata", "labels")
    node = doc.text("spec", "nodeName", default="", limit=NAME_LIMIT)
    engines = standing(kube, pod.namespace, node, mark.case)
    now = circumstances(kube.list(NETWORK_POLICIES, pod.namespace).items, labels, engines)
    kept = kept_reports(reader.evidence, cut_base(pod, now))
    run, asked = runs.get(CUT), dict[str, Json](image=image)
    again = bool(image) and kept.again(asked, inconclusive=kept.last is not None and not clean(kept.last))
    settles = kept.last is not None and (not again or (run is not None and kept.last.tools.get(CUT) == run.uid))
    spooled = None
    if not settles and run is not None and run.over:
        about = {"cluster": pod.cluster.id, "case": mark.case, "pod": pod.path, "uid": pod.uid}
        data = report_bytes(about, asked, {CUT: (run.lines, run.why)}, {CUT: run.uid})
        spooled = reader.spool(f"cut-{mark.short}", [data])
    holder = labels.get(CASE_LABEL, mark.case)
    return Facts(
        presence, kept.keys[-1] if settles else kept.next, now, kept.last if settles else None, again, runs,
        ips=addresses(doc), spooled=spooled, held=holder if holder != mark.case else "",
        node=node,
        host_network=doc.flag("spec", "hostNetwork", default=False),
    )  # fmt: skip


def clean(report: Report) -> bool:
    """Whether all is known to be ended: the table is empty, and the node forgot what it tracked."""
    counts = report.counts
    return not report.errors and counts.get(f"{CUT}.left") == 0 and f"{CUT}.conntrack" in counts
