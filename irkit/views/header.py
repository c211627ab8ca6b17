"""What a command is about, in the first lines of its screen."""

from __future__ import annotations

from irkit.journal.state import RunState
from irkit.model.findings import Finding
from irkit.views.casefile import CaseFile
from irkit.views.terminal import Line, field


def finding_lines(found: Finding) -> list[Line]:
    """What a finding says."""
    lines = field("Finding", f"{found.type} · severity {found.severity} · {found.source}")
    if found.title:
        lines.extend(field("", found.title, style="dim"))
    if found.actor is not None and found.actor.username:
        lines.extend(field("Actor", found.actor.username))
    return lines


def run_lines(case: CaseFile, run: RunState) -> list[Line]:
    """What an open run is about, before it goes on: as its first command said it."""
    state = case.state
    lines: list[Line] = []
    for finding in state.findings.values():
        lines.extend(finding_lines(finding))
    lines.extend(field("Cluster", str(state.cluster)))
    lines.extend(field("Target", f"{state.target} · uid {state.target.uid if state.target else ''}"))
    for cluster in state.clusters:
        lines.extend(field("Also", cluster))
    undone = f"undo of {', '.join(run.undoes)}"
    lines.extend(field("Playbook", undone if run.mode == "undo" else run.name))
    lines.extend(field("Case", f"{state.case} (open) · run {run.id}, by {run.who.operator}"))
    others = ", ".join(f"{one.id} ({one.name})" for one in state.open_runs if one is not run)
    if others:
        lines.extend(field("Open too", f"{others}: resume again for it"))
    return [*lines, [""]]
