"""From the bytes of a file or a queue to one finding and the event to route it by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from irkit.errors import FindingError
from irkit.intake import guardduty
from irkit.intake.documents import load, whole
from irkit.intake.forms import Entry, entries
from irkit.intake.text import clean
from irkit.model.findings import Finding

_LISTED = 10


@dataclass(frozen=True, slots=True)
class Received:
    """A finding and its EventBridge event, which routes are matched against. The event is untrusted."""

    finding: Finding
    event: dict[str, Any]


def receive(data: bytes, *, source_name: str, pick: str = "", samples: bool = False) -> Received:
    """One finding of the bytes, and its event.

    `source_name` names the bytes in messages ("finding.json"). `pick` selects by finding id or ARN where there are
    several. `samples` accepts findings that GuardDuty made up on request (CreateSampleFindings).

    Raises FindingError: the message names the field by its path in the sender's own words and never quotes a
    value that was not checked.
    """
    found = entries(load(data, source_name), source_name)
    return _received(_one(found, source_name, pick), hashlib.sha256(data).hexdigest(), samples=samples)


def read_finding(data: bytes, *, source_name: str, pick: str = "", samples: bool = False) -> Finding:
    """The finding alone; see `receive`."""
    return receive(data, source_name=source_name, pick=pick, samples=samples).finding


def parse_all(
    data: bytes, *, source_name: str = "finding", samples: bool = False
) -> tuple[Finding | FindingError, ...]:
    """Every finding of the bytes, each read or with its own error.

    Raises FindingError where the document as a whole cannot be read.
    """
    digest = hashlib.sha256(data).hexdigest()

    def one(entry: Entry) -> Finding | FindingError:
        try:
            return guardduty.parse(entry.view(), digest, samples=samples)
        except FindingError as error:
            return error

    return tuple(one(entry) for entry in entries(load(data, source_name), source_name))


def _one(found: tuple[Entry, ...], name: str, pick: str) -> Entry:
    wanted = [entry for entry in found if not pick or entry.is_called(pick)]
    if len(wanted) == 1:
        return wanted[0]
    if pick and wanted:
        raise whole(name, f"holds {len(wanted)} findings of the id that was picked", hint="keep the newest one only")
    listed = ", ".join(clean(entry.id, 400) or f"{entry.where} without an id" for entry in found[:_LISTED])
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    problem = "holds no finding of the id that was picked" if pick else f"holds {len(found)} findings"
    raise whole(name, f"{problem}: {listed}{more}", hint="pick one by its id: --pick ID")


def _received(entry: Entry, digest: str, *, samples: bool) -> Received:
    finding = guardduty.parse(entry.view(), digest, samples=samples)
    return Received(finding, entry.event(finding.account, finding.region))
