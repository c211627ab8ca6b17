"""What was tried against a pod's isolation: the kept reports of tools, what they mean, and what they count for.

Shared by the actions that make such reports and by those whose verdict rests on them.
"""

from __future__ import annotations

from irkit.actions.kube.proofs.judge import EGRESS, INGRESS, Direction, Judged, judge
from irkit.actions.kube.proofs.report import (
    PROBES,
    Kept,
    Report,
    circumstances,
    cut_base,
    kept_reports,
    probe_base,
    read_report,
    report_bytes,
)

__all__ = [
    "EGRESS", "INGRESS", "PROBES", "Direction", "Judged", "Kept", "Report", "circumstances", "cut_base", "judge",
    "kept_reports", "probe_base", "read_report", "report_bytes",
]  # fmt: skip
