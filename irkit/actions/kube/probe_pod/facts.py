"""What a probe needs to know: addresses to try, others to compare with, and how far the tool pods are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from irkit.actions.kube.engines import standing
from irkit.actions.kube.netpol import Policy
from irkit.actions.kube.objects import NAME_LIMIT, Presence, find
from irkit.actions.kube.pods import IpFamily, addresses, endpoints, families, may_forge, port_of, serving
from irkit.actions.kube.probe_pod.controls import controls
from irkit.actions.kube.proofs import EGRESS, INGRESS, Report, circumstances, kept_reports, probe_base, report_bytes
from irkit.actions.kube.tools import TOOL_LABEL, Place, Run, find_runs
from irkit.model.base import Json
from irkit.model.doc import Doc
from irkit.model.effects import Mark
from irkit.model.kube import CASE_LABEL, MARK_LABEL, NETWORK_POLICIES, PODS
from irkit.model.ports import Reader, Spooled

if TYPE_CHECKING:
    from irkit.actions.kube.probe_pod import Params


@dataclass(frozen=True, slots=True)
class Facts:
    """`targets` are the pod's own addresses with ports, `controls` those of others that should answer.

    `families` are those of the pod's addresses. `serving` are the targets whose port the kubelet has found answering
    by a readiness probe. `forgeable`: the pod's own processes could fake what is seen from inside its network. `free`:
    no policy governs what the probing pod sends. `report` is the latest, kept at `key`; where `again` is set another
    try is wanted, to be kept at `key`. `held` is the other case that holds the pod.
    """

    presence: Presence
    key: str = ""
    now: str = ""
    report: Report | None = None
    again: bool = False
    runs: Mapping[str, Run] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    families: tuple[IpFamily, ...] = ()
    serving: tuple[str, ...] = ()
    node: str = ""
    host_network: bool = False
    forgeable: bool = False
    free: bool = False
    held: str = ""
    spooled: Spooled | None = None


def place(p: Params, facts: Facts, purpose: str) -> Place:
    """Where the tool of this purpose runs."""
    namespace = p.namespace or p.pod.namespace
    if purpose == EGRESS:
        return Place(namespace, facts.node, p.pod.uid)
    return Place(namespace)


def destinations(facts: Facts, purpose: str) -> tuple[str, ...]:
    """What the tool of this purpose tries: into the pod, with the controls beside; out of it, to the controls."""
    return (*facts.targets, *facts.controls) if purpose == INGRESS else facts.controls


def observe(p: Params, mark: Mark, reader: Reader) -> Facts:
    """Read them; spool the report once all tools have ended. The pod may be gone: its tool pods may not."""
    kube = reader.kube(p.pod.cluster)
    runs = find_runs(kube, p.namespace or p.pod.namespace, mark, INGRESS, EGRESS)
    presence, doc = find(kube, PODS, p.pod)
    if doc is None:
        return Facts(presence, runs=runs)
    labels = doc.labels("metadata", "labels")
    policies = kube.list(NETWORK_POLICIES, p.pod.namespace).items
    node = doc.text("spec", "nodeName", default="", limit=NAME_LIMIT)
    now = circumstances(policies, labels, standing(kube, p.pod.namespace, node, mark.case))
    kept = kept_reports(reader.evidence, probe_base(p.pod, now))
    uids = {purpose: run.uid for purpose, run in runs.items()}
    again = bool(p.image) and kept.again(_asked(p), inconclusive=bool(kept.last and kept.last.errors))
    settles = kept.last is not None and (not again or (bool(uids) and uids.items() <= kept.last.tools.items()))
    targets, answering = endpoints(doc, p.ports), serving(doc)
    facts = Facts(
        presence,
        kept.keys[-1] if settles else kept.next,
        now,
        kept.last if settles else None,
        again,
        runs,
        targets=targets,
        controls=controls(kube, p, doc, targets),
        families=families(addresses(doc)),
        serving=tuple(one for one in targets if port_of(one) in answering),
        node=node,
        host_network=doc.flag("spec", "hostNetwork", default=False),
        forgeable=may_forge(doc),
        free=p.namespace in {"", p.pod.namespace} and not any(map(_governs_tools, policies)),
        held=labels.get(CASE_LABEL, mark.case) if labels.get(CASE_LABEL, mark.case) != mark.case else "",
    )
    if facts.report is not None or not runs or not all(run.over for run in runs.values()):
        return facts
    return _with_report(facts, p, mark, reader)


def _asked(p: Params) -> dict[str, Json]:
    return {"helper": p.helper, "image": p.image}


def _governs_tools(doc: Doc) -> bool:
    """Whether a policy governs what a probing pod of its namespace sends."""
    policy = Policy.read(doc)
    return "Egress" in policy.types and policy.selector.matches({TOOL_LABEL: INGRESS, MARK_LABEL: "0"})


def _with_report(facts: Facts, p: Params, mark: Mark, reader: Reader) -> Facts:
    told: dict[str, Json] = {
        "controls": list(facts.controls),
        "families": list(facts.families),
        "forgeable": facts.forgeable,
        "free": facts.free,
        **_asked(p),
        "serving": list(facts.serving),
        "targets": list(facts.targets),
    }
    said = {purpose: (run.lines, run.why) for purpose, run in facts.runs.items()}
    about = {"cluster": p.pod.cluster.id, "case": mark.case, "pod": p.pod.path, "uid": p.pod.uid}
    data = report_bytes(about, told, said, {purpose: run.uid for purpose, run in facts.runs.items()})
    return replace(facts, spooled=reader.spool(f"probe-{mark.short}", [data]))
