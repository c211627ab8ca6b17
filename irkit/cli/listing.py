"""Reading many cases for a list: one that cannot be read must not hide the others."""

from __future__ import annotations

import sys

from irkit.cli.context import Context
from irkit.errors import JournalError
from irkit.views.casefile import CaseFile
from irkit.views.progress import record_json


def read_cases(own: Context) -> tuple[list[CaseFile], list[tuple[str, str]]]:
    """All cases of the state folder; and those whose journal cannot be read, with the reason."""
    cases: list[CaseFile] = []
    broken: list[tuple[str, str]] = []
    for name in own.app.cases.all():
        try:
            cases.append(CaseFile.read(own.app.cases.folder(name), own.app.parts.catalog))
        except JournalError as error:
            broken.append((name, error.message))
    return cases, broken


def show_records(case: CaseFile) -> None:
    """The case's records, one a line."""
    sys.stdout.writelines(record_json(record) + "\n" for record in case.records)
