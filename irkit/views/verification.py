"""What an offline verification found, as lines and as JSON."""

from __future__ import annotations

from irkit.journal.verify import HeadCheck, VerifyReport
from irkit.model.base import Json
from irkit.views.figures import plural
from irkit.views.terminal import Line, commands, field, hanging

_SHOWN = 10


def verdict_words(found: VerifyReport) -> str:
    """The finding in one sentence."""
    if found.status == "broken":
        return "DOES NOT VERIFY"
    if found.status == "anchored":
        return "verifies up to a head that is held elsewhere"
    return "intact, tail unanchored: nobody outside vouches for its last records"


def verification_lines(found: VerifyReport) -> list[Line]:
    """The screen."""
    style = {"broken": "bad", "unanchored": "warn", "anchored": "good"}[found.status]
    lines = hanging("", f"{found.case or 'This folder'}: {verdict_words(found)}", style=style)
    lines.extend(field("Records", f"{plural(found.records, 'record')} chain from the first; head {found.head[:16]}"))
    lines.extend(field("Checked", f"{plural(found.seals, 'seal')}, {plural(found.blobs, 'blob')}, "
                                  f"{plural(found.artefacts, 'artefact')}"))  # fmt: skip
    if found.elsewhere:
        lines.extend(field("Elsewhere", f"{plural(found.elsewhere, 'artefact')} not kept in this folder"))
    if found.status != "broken":
        vouched = f"{found.anchored} records are vouched for from outside, {found.unanchored} are not (its seals aside)"
        lines.extend(field("Anchored", vouched))
    if found.torn:
        lines.extend(field("Torn", f"{found.torn} bytes after the last whole line", style="warn"))
    lines.extend(_faults(found))
    if found.unknown_keys:
        lines.extend(field("Unknown", f"keys that could not be checked: {', '.join(found.unknown_keys)} (--key FILE)"))
    if found.status == "unanchored":
        later = f"irkit verify {found.case or 'CASE'} --head FILE"
        lines.extend(commands("Next", ["keep the newest of heads/*.note out of this machine's reach; later:", later]))
    elif found.status == "broken":
        lines.extend(field("Next", "keep the folder as it is; nothing was repaired"))
    return lines


def _faults(found: VerifyReport) -> list[Line]:
    lines: list[Line] = []
    if found.first_bad is not None:
        lines.extend(field("First bad", str(found.first_bad), style="bad"))
    if found.first_missing >= 0:
        lines.extend(field("Missing", f"record {found.first_missing} is not there", style="bad"))
    if found.first_disagreeing is not None:
        lines.extend(field("Head", f"{_head(found.first_disagreeing)} disagrees", style="bad"))
    for fault in found.faults[:_SHOWN]:
        lines.extend(hanging("  ✗ ", str(fault), style="bad"))
    if found.fault_count > _SHOWN:
        lines.append([f"  … and {found.fault_count - min(_SHOWN, len(found.faults))} more"])
    return lines


def _head(check: HeadCheck) -> str:
    return f"{check.name} (of {plural(check.head.size, 'record')}, signature {check.signature})"


def verification_json(found: VerifyReport) -> Json:
    """The same as JSON."""
    bad = found.first_disagreeing
    return {
        "case": found.case,
        "status": found.status,
        "records": found.records,
        "head": found.head,
        "anchored": found.anchored,
        "unanchored": found.unanchored,
        "torn": found.torn,
        "first_bad": str(found.first_bad) if found.first_bad else None,
        "first_missing": found.first_missing if found.first_missing >= 0 else None,
        "first_disagreeing": bad.name if bad else None,
        "faults": [str(fault) for fault in found.faults],
        "fault_count": found.fault_count,
        "blobs": found.blobs,
        "artefacts": found.artefacts,
        "seals": found.seals,
        "unknown_keys": list(found.unknown_keys),
    }
