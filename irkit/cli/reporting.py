"""`irkit report`: one file, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from irkit.app.clock import now
from irkit.cli.context import Context
from irkit.cli.verifying import verified
from irkit.errors import IrkitError, UsageError
from irkit.views.report import build_report, report_json
from irkit.views.terminal import hanging

_FORMATS = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md", ".json": "json"}


def write_report(own: Context, case: str, output: Path, form: str) -> int:
    """Write the report; 7 where the journal does not verify (and the report says so), else 0."""
    chosen = form or _FORMATS.get(output.suffix.lower(), "")
    _writable(output)
    if chosen not in {"html", "md", "json"}:
        msg = f"there is no report format {form[:40]}" if form else f"the format of {output} is not clear"
        hint = "end the name in .html, .md or .json, or say --format html, md or json"
        raise UsageError(msg, did="nothing was written", hint=hint)
    found = own.case(case)
    verification = verified(own, found.folder, [], [])
    report = build_report(found, verification, now())
    if chosen == "html":
        from irkit.views.report_html import report_html  # noqa: PLC0415 -- jinja2 only for HTML

        text = report_html(report)
    elif chosen == "md":
        from irkit.views.report_markdown import report_markdown  # noqa: PLC0415 -- only for Markdown

        text = report_markdown(report)
    else:
        text = report_json(report) + "\n"
    _write(output, text)
    if not own.json:
        lines = hanging("", f"Report of {case}, {verification.records} records: {output}")
        own.show(lines, lab=found.state.lab)
    return 7 if verification.status == "broken" else 0


def _writable(path: Path) -> None:
    """A name that cannot be a file's is the caller's mistake: said before anything is read. Raises UsageError."""
    why = ""
    if path.is_dir():
        why = "it is a folder"
    elif not path.parent.is_dir():
        why = f"there is no folder {path.parent}"
    elif not os.access(path.parent, os.W_OK):
        why = f"nothing can be written in {path.parent}"
    if why:
        msg = f"{path} cannot be written: {why}"
        raise UsageError(msg, did="no report was written", hint="name another file: -o FILE")


def _write(path: Path, text: str) -> None:
    """Readable by its owner only: a report names what was compromised."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        msg = f"{path} cannot be written: {error.strerror}"
        raise IrkitError(msg, did="no report was written", hint="name another file") from error
