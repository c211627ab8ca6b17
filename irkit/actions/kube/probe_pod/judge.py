"""What a probe's results mean. Pure, and shared with whoever reads a kept report.

Refused and silent look alike where nobody listens: an address that does not answer counts only beside one that does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from irkit.actions.kube.proofs import Report
from irkit.model.base import Json, Model
from irkit.model.plans import Verdict

INGRESS, EGRESS = "probe-in", "probe-out"
Direction = Literal["closed", "open", "unknown"]


class Outputs(Model):
    """Where the report is; each direction by itself; established connections that the pod still has, or -1."""

    artefact: str
    ingress: Direction
    egress: Direction
    established: int


@dataclass(frozen=True, slots=True)
class Judged:
    """Both directions and what they come to."""

    ingress: Direction
    egress: Direction
    established: int
    verdict: Verdict


def outputs(key: str, seen: Judged) -> Outputs:
    """For later steps."""
    return Outputs(artefact=key, ingress=seen.ingress, egress=seen.egress, established=seen.established)


def judge(report: Report) -> Judged:
    """Leaky where anything passed; proven where both ways were tried, something could have passed, and nothing did."""
    ingress, seen_in = _ingress(report)
    egress, seen_out = _egress(report)
    established = report.counts.get(f"{EGRESS}.established", -1)
    if "open" in {ingress, egress}:
        leaks = [why for way, why in ((ingress, seen_in), (egress, seen_out)) if way == "open"]
        return Judged(ingress, egress, established, Verdict.leaky("; ".join(leaks)))
    doubts = [why for way, why in ((ingress, seen_in), (egress, seen_out)) if way == "unknown"]
    if established > 0:
        doubts.append(f"{established} established connections are in its table, and may be alive")
    if doubts:
        return Judged(ingress, egress, established, Verdict.unproven("; ".join(doubts)))
    return Judged(ingress, egress, established, Verdict.proven(f"{seen_in}; {seen_out}; none is established"))


def _ingress(report: Report) -> tuple[Direction, str]:
    ends = report.ends.get(INGRESS, {})
    targets = [one for one in _texts(report.facts.get("targets")) if one in ends]
    controls = [one for one in _texts(report.facts.get("controls")) if ends.get(one) == "open"]
    passed = [one for one in targets if ends[one] == "open"]
    if passed:
        return "open", f"another pod could connect to {', '.join(passed)}"
    if INGRESS in report.errors:
        return "unknown", f"ingress was not tried: {report.errors[INGRESS]}"
    if not targets:
        return "unknown", "ingress was not tried: the pod declares no TCP port"
    if not controls:
        return "unknown", "ingress: the probing pod reached nothing at all, so its silence says nothing"
    answering = {one.rpartition(":")[2] for one in controls}
    serving = set(_texts(report.facts.get("serving")))
    meant = [
        one for one in targets
        if ends[one] == "timeout"
        or (ends[one] == "refused" and (one in serving or one.rpartition(":")[2] in answering))
    ]  # fmt: skip
    if not meant:
        return "unknown", f"ingress: {', '.join(targets)} refused, but nothing is known to listen there"
    return "closed", f"{len(meant)} of {len(targets)} new connections in were refused or dropped"


def _egress(report: Report) -> tuple[Direction, str]:
    if not report.facts.get("helper"):
        return "unknown", "egress was not tried: no helper on the node is allowed"
    ends, beside = report.ends.get(EGRESS, {}), report.ends.get(INGRESS, {})
    passed = [one for one, end in sorted(ends.items()) if end == "open"]
    if passed:
        return "open", f"from inside the pod's network {', '.join(passed)} could be reached"
    if EGRESS in report.errors:
        return "unknown", f"egress was not tried: {report.errors[EGRESS]}"
    meant = [one for one, end in ends.items() if end in {"refused", "timeout"} and beside.get(one) == "open"]
    if not meant:
        return "unknown", "egress: nothing that was tried answers other pods either"
    if report.facts.get("forgeable"):
        return "unknown", "egress: the pod's processes may administer its network, and could fake what was seen"
    return "closed", f"{len(meant)} of {len(meant)} new connections out were refused or dropped"


def _texts(value: Json) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
