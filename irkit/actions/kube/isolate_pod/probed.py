"""What a probe of the pod found, as the verdict needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from irkit.actions.kube.pods import IpFamily
from irkit.actions.kube.proofs import cut_base, judge, kept_reports, probe_base
from irkit.errors import JournalError, Malformed
from irkit.model.ports import EvidenceReader
from irkit.model.refs import PodRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSeen:
    """What a fresh probe of this pod under these policies found.

    `refused` of `tried` new connections did not come through, `open` names those that did; `ingress` and `egress` say
    which directions were tried; `established` what became of connections that were open before. `doubts` say why a
    direction that was tried says nothing. `closed_out` are the address families in which a connection out was refused.
    """

    refused: int
    tried: int
    open: tuple[str, ...] = ()
    ingress: bool = False
    egress: bool = False
    established: Literal["cut", "unknown"] = "unknown"
    doubts: tuple[str, ...] = ()
    closed_out: tuple[IpFamily, ...] = ()


def probed(evidence: EvidenceReader, pod: PodRef, now: str) -> ProbeSeen | None:
    """What was tried under just these policies and labels; what was tried under others says nothing of these."""
    try:
        report = kept_reports(evidence, probe_base(pod, now)).last
        cut = kept_reports(evidence, cut_base(pod, now)).last
    except (JournalError, Malformed):
        return None  # damaged evidence proves nothing, and `irkit verify` says so; containment does not wait for it
    if report is None:
        return None
    seen = judge(report)
    left = cut.counts.get("cut.left", -1) if cut is not None else -1
    return ProbeSeen(
        refused=seen.into.refused + seen.out.refused,
        tried=seen.into.tried + seen.out.tried,
        open=(*seen.into.passed, *seen.out.passed),
        ingress=seen.into.direction != "unknown",
        egress=seen.out.direction != "unknown",
        established=_established(seen.established, left),
        doubts=tuple(way.why for way in (seen.into, seen.out) if way.direction == "unknown"),
        closed_out=seen.out.families,
    )


def _established(seen: int, left: int) -> Literal["cut", "unknown"]:
    """What the probe saw decides: after a cut that left none, what it saw was opened since. Else the cut's own look."""
    if seen > 0:
        return "unknown"
    return "cut" if 0 in {seen, left} else "unknown"
