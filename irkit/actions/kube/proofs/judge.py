"""What a probe's results mean. Pure, and shared with whoever reads a kept report.

Refused and silent look alike where nobody listens: an address that does not answer counts only beside one that does.
Each address family is tried by itself: an engine may police one and not the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from irkit.actions.kube.pods import IpFamily, families, family_of, port_of
from irkit.actions.kube.proofs.report import Report
from irkit.model.base import Json
from irkit.model.plans import Verdict

INGRESS, EGRESS = "probe-in", "probe-out"
Direction = Literal["closed", "open", "unknown"]


@dataclass(frozen=True, slots=True)
class Way:
    """One direction: `refused` of `tried` new connections failed where something would have answered.

    `families` are those of the connections that were refused.
    """

    direction: Direction
    why: str
    tried: int = 0
    refused: int = 0
    passed: tuple[str, ...] = ()
    families: tuple[IpFamily, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """Both directions, the established connections that the pod still has (-1: nobody saw), and what it comes to."""

    into: Way
    out: Way
    established: int
    verdict: Verdict


def judge(report: Report) -> Judged:
    """Leaky where anything passed; proven where both ways were tried, something could have passed, and nothing did."""
    into, out = _ingress(report), _egress(report)
    established = report.counts.get(f"{EGRESS}.established", -1)
    leaks = [way.why for way in (into, out) if way.direction == "open"]
    if leaks:
        return Judged(into, out, established, Verdict.leaky("; ".join(leaks)))
    doubts = [way.why for way in (into, out) if way.direction == "unknown"]
    if established > 0:
        doubts.append(f"{established} established connections are in its table, and may be alive")
    if doubts:
        return Judged(into, out, established, Verdict.unproven("; ".join(doubts)))
    return Judged(into, out, established, Verdict.proven(f"{into.why}; {out.why}; none is established"))


def _ingress(report: Report) -> Way:
    ends = report.ends.get(INGRESS, {})
    targets = [one for one in _texts(report.facts.get("targets")) if one in ends]
    beside = [one for one in _texts(report.facts.get("controls")) if family_of(one) in families(targets)]
    controls = [one for one in beside if ends.get(one) == "open"]
    passed = [one for one in targets if ends[one] == "open"]
    if passed:
        return Way("open", f"another pod could connect to {', '.join(passed)}", len(targets), 0, tuple(passed))
    if INGRESS in report.errors:
        return Way("unknown", f"ingress was not tried: {report.errors[INGRESS]}")
    if not targets:
        return Way("unknown", "ingress was not tried: the pod declares no TCP port")
    if not controls:
        return Way("unknown", "ingress: the probing pod reached nothing at all, so its silence says nothing")
    answering = {(family_of(one), port_of(one)) for one in controls}
    tried = {(family_of(one), port_of(one)) for one in beside if one in ends}
    serving, free = set(_texts(report.facts.get("serving"))), bool(report.facts.get("free"))

    def counts(target: str) -> bool:
        """Beside an answer on the same port, or where nothing but the target's own side can have kept it silent."""
        like = (family_of(target), port_of(target))
        if like in tried:
            return like in answering
        return free and (ends[target] == "timeout" or target in serving)

    meant = [one for one in targets if ends[one] in {"refused", "timeout"} and counts(one)]
    if not meant:
        return Way(
            "unknown", f"ingress: {', '.join(targets)} did not answer, but nothing beside it shows that it would"
        )
    silent = sorted({*families(targets)} - {*families(meant)})
    if silent:
        return Way("unknown", f"ingress over {silent[0]}: nothing beside the pod shows that it would answer")
    why = f"{len(meant)} of {len(targets)} new connections in were refused or dropped"
    return Way("closed", why, len(targets), len(meant), families=families(meant))


def _egress(report: Report) -> Way:
    if not report.facts.get("helper"):
        return Way("unknown", "egress was not tried: no helper on the node is allowed")
    ends, beside = report.ends.get(EGRESS, {}), report.ends.get(INGRESS, {})
    passed = [one for one, end in sorted(ends.items()) if end == "open"]
    if passed:
        return Way(
            "open", f"from inside the pod's network {', '.join(passed)} could be reached", len(ends), 0, tuple(passed)
        )
    if EGRESS in report.errors:
        return Way("unknown", f"egress was not tried: {report.errors[EGRESS]}")
    meant = [one for one, end in ends.items() if end in {"refused", "timeout"} and beside.get(one) == "open"]
    if not meant:
        return Way("unknown", "egress: nothing that was tried answers other pods either")
    if report.facts.get("forgeable"):
        return Way("unknown", "egress: the pod's processes may administer its network, and could fake what was seen")
    silent = sorted({*_texts(report.facts.get("families"))} - {*families(meant)})
    if silent:
        return Way("unknown", f"egress over {silent[0]}: nothing that was tried answers other pods either")
    why = f"{len(meant)} of {len(meant)} new connections out were refused or dropped"
    return Way("closed", why, len(meant), len(meant), families=families(meant))


def _texts(value: Json) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
