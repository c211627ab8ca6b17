"""What was tried against a pod's isolation, kept as an artefact, and under which circumstances it was.

A proof counts for exactly the policies and labels that it was made under, those of the network engine's own kinds
among them: its key holds their digest. Where somebody changes one, the proof is another one, and has to be made anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import orjson

from irkit.actions.kube.netpol import Selector
from irkit.actions.kube.objects import UID_LIMIT
from irkit.errors import Malformed, Refused
from irkit.model.base import Json, digest
from irkit.model.doc import Doc
from irkit.model.ports import EvidenceReader
from irkit.model.refs import PodRef

REPORT_LIMIT = 64 * 1024
TRIES = 3
"""So many tries that say too little are enough: an image that cannot be pulled stays so."""
_TAKES = 1000
_ADDRESS = re.compile(r"(?:[0-9.]{7,15}|\[[0-9a-f:.]{2,45}\]):[0-9]{1,5}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)

End = Literal["open", "refused", "timeout", "failed"]
_ENDS: dict[str, End] = {"open": "open", "refused": "refused", "timeout": "timeout"}


def circumstances(policies: Iterable[Doc], labels: Mapping[str, str], engines: Sequence[str] = ()) -> str:
    """Ten hex digits for the policies that select a pod with these labels, in their present form, and its labels.

    `engines` is what the engines' own policies are (`engines.standing`). An API server raises `metadata.generation`
    with every change of a NetworkPolicy's spec.
    """
    selecting = sorted(
        f"{doc.text('metadata', 'uid', limit=UID_LIMIT)} {doc.integer('metadata', 'generation', default=0)}"
        for doc in policies
        if Selector.read(doc.part("spec", "podSelector")).matches(labels)
    )
    told: dict[str, Json] = {"policies": list[Json](selecting), "labels": dict(sorted(labels.items()))}
    return digest(told | ({"engines": list[Json](engines)} if engines else {}))[:10]


PROBES = "probes"
"""Where probes are kept."""


def probe_base(pod: PodRef, now: str) -> str:
    """Where probes of this pod under these circumstances are kept."""
    return f"{PROBES}/{_of(pod)}-{now}"


def cut_base(pod: PodRef, now: str) -> str:
    """Where it is kept what became of this pod's connections under these circumstances."""
    return f"cuts/{_of(pod)}-{now}"


def _of(pod: PodRef) -> str:
    """A uid is unique within a cluster only: a static pod's is made of its manifest and its node's name."""
    return f"{digest(pod.cluster.id)[:10]}-{pod.uid}"


@dataclass(frozen=True, slots=True)
class Report:
    """What is in a proof's artefact: results by address, and the connections that were seen, or -1."""

    ends: Mapping[str, Mapping[str, End]]
    counts: Mapping[str, int]
    errors: Mapping[str, str]
    facts: Mapping[str, Json]
    tools: Mapping[str, Json] = field(default_factory=dict)  # purpose -> uid of the pod that said it


def report_bytes(
    pod: Mapping[str, str],
    facts: Mapping[str, Json],
    runs: Mapping[str, tuple[tuple[str, ...], str]],
    tools: Mapping[str, str],
) -> bytes:
    """The artefact: what was asked, and what each tool said, word for word."""
    said: dict[str, Json] = {
        purpose: {"lines": list(lines), "error": why} for purpose, (lines, why) in sorted(runs.items())
    }
    return (
        orjson.dumps(
            {"pod": dict(pod), "facts": dict(facts), "said": said, "tools": dict(tools)}, option=orjson.OPT_SORT_KEYS
        )
        + b"\n"
    )


def read_report(data: bytes, key: str) -> Report:
    """What an artefact says. Lines of any other form than a tool's are left out. Raises Malformed."""
    try:
        doc = Doc(orjson.loads(data), f"artefact {key}")
    except orjson.JSONDecodeError:
        what = f"artefact {key}"
        raise Malformed(what, "", "JSON", "something else") from None
    ends: dict[str, dict[str, End]] = {}
    counts: dict[str, int] = {}
    errors: dict[str, str] = {}
    for purpose in doc.part("said").raw:
        said = doc.part("said", purpose)
        ends[purpose] = {}
        for line in said.texts("lines"):
            first, _, rest = line.partition(" ")
            if _ADDRESS.fullmatch(first):
                ends[purpose][first] = _ENDS.get(rest, "failed")
            elif _COUNT.fullmatch(rest):
                counts[f"{purpose}.{first}"] = int(rest)
        why = said.text("error", default="")
        if why:
            errors[purpose] = why
    return Report(ends, counts, errors, doc.part("facts").raw, doc.part("tools").raw)


@dataclass(frozen=True, slots=True)
class Kept:
    """Reports of one pod under the same circumstances, oldest first, and the key of the next."""

    reports: tuple[Report, ...]
    keys: tuple[str, ...]
    next: str

    @property
    def last(self) -> Report | None:
        """The latest."""
        return self.reports[-1] if self.reports else None

    def again(self, asked: Mapping[str, Json], *, inconclusive: bool) -> bool:
        """Whether another try is wanted: none was made as it is asked for now, or none of a few said enough."""
        same = [one for one in self.reports if all(one.facts.get(name) == value for name, value in asked.items())]
        return not same or (inconclusive and len(same) < TRIES)


def kept_reports(evidence: EvidenceReader, base: str) -> Kept:
    """What was kept there in this run. A torn take is passed over, and one of an earlier run; the next goes beside it.

    Raises Refused where there is no room for another.
    """
    reports: list[Report] = []
    keys: list[str] = []
    key = f"{base}.json"
    for take in range(_TAKES):
        key = f"{base}-{take}.json" if take else key
        found = evidence.find(key)
        if found is None:
            break
        if found.complete and not found.earlier:
            reports.append(read_report(evidence.content(key, REPORT_LIMIT), key))
            keys.append(key)
    else:
        msg = f"{base}: {_TAKES} proofs of one pod are kept, and there is no name for another"
        raise Refused(msg, hint="close the case and open another")
    return Kept(tuple(reports), tuple(keys), key)
