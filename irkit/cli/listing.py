"""Reading many cases for a list: one that cannot be read must not hide the others."""

from __future__ import annotations

import shlex
import sys

from irkit.cli.context import Context
from irkit.cli.worlds import configurations
from irkit.errors import JournalError
from irkit.views.casefile import CaseFile
from irkit.views.figures import plural
from irkit.views.progress import record_json
from irkit.views.terminal import Line, commands

_SHOWN = 3


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


def elsewhere_lines(own: Context) -> list[Line]:
    """Labs and drills of this machine with cases of their own: the newest three, by what selects them."""
    found = configurations(own)
    if not found:
        return []
    shown = [f"export IRKIT_CONFIG={shlex.quote(str(one))}" for one in found[:_SHOWN]]
    count = plural(len(found), "lab or drill has cases of its own", "labs and drills have cases of their own")
    return [[""], *commands("Also", [f"{count}:", *shown])]
