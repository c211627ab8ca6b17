"""The report as Markdown, for a ticket or a wiki. Values stand in code spans or escaped, never as markup."""

from __future__ import annotations

import json
import re

from irkit.views.marks import word
from irkit.views.report import Report, visible

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+!|~&:@\-])")
_TICKS = re.compile(r"`+")


def text(value: object) -> str:
    """Plain text in which nothing is markup, a link or HTML."""
    return _MARKUP.sub(r"\\\1", str(value))


def code(value: object) -> str:
    """A code span that its content cannot end (CommonMark §6.1); a bar is escaped for tables."""
    raw = str(value).replace("|", "\\|") or " "
    longest = max((len(run) for run in _TICKS.findall(raw)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {raw} {fence}" if longest or raw != raw.strip() else f"{fence}{raw}{fence}"


def report_markdown(report: Report) -> str:
    """The whole document."""
    shown = visible(report)
    lab = "LAB " if shown["lab"] else ""
    lines = [f"# {lab}{text(shown['case']['id'])}: {text(shown['verdict']['words'])}", ""]
    lines += [
        f"- **{text(one['step'])}** {text(word(one['status']))}: {text(one['why'])}"
        for one in shown["verdict"]["reasons"]
    ]
    lines += ["", "## Summary", ""]
    named = (("Cluster", "cluster"), ("Target", "target"), ("Uid", "target_uid"), ("Opened", "opened"))
    lines += [f"- {label}: {code(shown['case'][key])}" for label, key in named]
    lines.append(f"- Opened by: {text(shown['case']['opened_by'])}")
    lines += _findings(shown) + _runs(shown)
    lines += ["", "## Not proven", ""]
    lines += [
        f"- {text(one['run'])} **{text(one['step'])}** {text(one['status'])}: {text(one['why'])}"
        for one in shown["unproven"]
    ] or ["Nothing."]
    lines += ["", "## Gaps", "", *([f"- {text(one)}" for one in shown["gaps"]] or ["None known."])]
    lines += _table("Approvals", shown["approvals"], ("time", "step", "what", "who", "digest", "why"))
    lines += _table("Notes", shown["notes"], ("time", "who", "text"))
    lines += _table("Artefacts", shown["artefacts"], ("location", "size", "sha256", "complete"))
    lines += ["", "## Journal", "", f"{shown['records']} records; {text(shown['verification_words'])}.", ""]
    lines.append(f"Head: {code(shown['head'])}")
    lines += _table("Timeline", shown["timeline"], ("seq", "time", "kind", "text"))
    lines += ["", f"{text(shown['tool'])}, {text(shown['generated'])}", ""]
    return "\n".join(lines)


def _findings(shown: Report) -> list[str]:
    lines: list[str] = []
    for one in shown["findings"]:
        lines += ["", f"## Finding {text(one['type'])}", "", text(one["title"]), ""]
        lines += [f"- {key}: {code(one[key])}" for key in ("source", "severity", "id", "account", "region", "actor")]
    return lines


def _runs(shown: Report) -> list[str]:
    lines: list[str] = []
    for run in shown["runs"]:
        lines += ["", f"## Run {text(run['id'])}: {text(run['name'])}", "", f"**{text(run['words'])}** "]
        lines += [f"By {text(run['operator'])}, {code(run['opened'])} to {code(run['closed'] or 'now')}"]
        lines += ["", "| step | state | took | why |", "|---|---|---|---|"]
        lines += [
            f"| {code(step['step'])} | {text(word(step['status']))} | {text(step['took'])} | {text(step['why'])} |"
            for step in run["steps"]
        ]
        for step in run["steps"]:
            lines += _step(step)
    return lines


def _step(step: Report) -> list[str]:
    lines: list[str] = []
    if step["fields"] or step["effects"]:
        lines += ["", f"### {text(step['step'])}", ""]
    for one in step["fields"]:
        lines.append(f"- {code(one['target'])} {code(one['field'])}: {_json(one['before'])} → {_json(one['after'])}")
    for one in step["effects"]:
        adopted = ", adopted" if one["adopted"] else ""
        lines.append(
            f"- {code(one['words'])}: {text(one['status'])}{adopted}, request {code(one['request_id'] or '-')}"
        )
    return lines


def _json(value: object) -> str:
    return code(json.dumps(value, ensure_ascii=False, sort_keys=True))


def _table(title: str, rows: list[Report], columns: tuple[str, ...]) -> list[str]:
    if not rows:
        return []
    lines = ["", f"## {title}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(text(row[column]) for column in columns)} |" for row in rows]
    return lines
