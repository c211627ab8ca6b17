"""kube.export_objects: keep the pod and everything that it is part of as one artefact, as the API shows it.

Secrets are never read, and values that may be secret are replaced by their digests (see `kube.redact`).
An export is no capture: nothing of memory or disk is in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from irkit.actions.api import ActionSpec, NoUndo
from irkit.actions.kube.about import About
from irkit.actions.kube.export_objects.gather import gather, lines
from irkit.actions.kube.objects import Presence, absent, access, find
from irkit.actions.kube.owners import pod_ref
from irkit.model.base import Model
from irkit.model.effects import Access, Mark, Sha256, Store
from irkit.model.kube import (
    CLUSTER_ROLE_BINDINGS,
    CONTROLLERS,
    EVENTS,
    NETWORK_POLICIES,
    NODES,
    PODS,
    ROLE_BINDINGS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from irkit.model.plans import Change, Plan, Receipts, Settled, Verdict
from irkit.model.ports import Reader, Spooled
from irkit.model.refs import PodRef

_ONE_BY_ONE = (PODS, NODES, SERVICE_ACCOUNTS, *CONTROLLERS.values())
_LISTED = (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS, NETWORK_POLICIES, SERVICES, EVENTS)
_TAKES = 16
"""So many crashes in the same instant are no accident: the last take's key is then tried again."""


class Params(Model):
    """The pod to export."""

    pod: PodRef = Field(description="the pod that is kept as it is, with what it is part of")


class Outputs(Model):
    """Where the artefact is, and what it is."""

    artefact: str
    sha256: Sha256
    size: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An artefact that is whole."""

    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Facts:
    """One of `stored` (kept before) and `spooled` (read now, to be stored at `key`), unless the pod is gone."""

    presence: Presence
    key: str = ""
    stored: Stored | None = None
    spooled: Spooled | None = None
    objects: int = 0
    as_of: str = ""


class ExportObjects(About[Params], NoUndo):
    """One artefact of JSON lines: a header, then the objects."""

    about = "pod"
    spec = ActionSpec(
        id="kube.export_objects",
        version=1,
        title="Keep the API objects of a pod as evidence",
        purpose="read",
        params=Params,
        outputs=Outputs,
        reads=(
            *(one for resource in _ONE_BY_ONE for one in access(resource, "get")),
            *(one for resource in _LISTED for one in access(resource, "list")),
        ),
        writes=(Access(plane="evidence", group="", resource="artefacts", verb="create"),),
        wide=access(ROLE_BINDINGS, "list"),
        risk="none",
        no_undo="evidence is kept",
        example="pod: ${inputs.pod}",
    )

    def locks(self, p: Params) -> tuple[str, ...]:  # noqa: ARG002 -- the port's
        """None: the artefact's key is its lock."""
        return ()

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """The artefact if it is there; else the objects, spooled."""
        key = _key(mark, 0)
        for take in range(_TAKES):
            key = _key(mark, take)
            kept = reader.evidence.find(key)
            if kept is None:
                break
            if kept.complete:
                return Facts("here", stored=Stored(key, kept.sha256, kept.size))
        kube = reader.kube(p.pod.cluster)
        presence, doc = find(kube, PODS, p.pod)
        if doc is None:
            return Facts(presence)
        pod = pod_ref(p.pod.cluster, doc)
        found, as_of = gather(kube, pod, doc)
        header = {"as_of": as_of, "case": mark.case, "cluster": pod.cluster.id, "pod": pod.path, "uid": pod.uid}
        spooled = reader.spool(f"objects-{mark.short}", lines(found, header))
        return Facts(presence, key, spooled=spooled, objects=len(found), as_of=as_of)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Store what was read, once."""
        if facts.stored is not None:
            kept = Outputs(artefact=facts.stored.key, sha256=facts.stored.sha256, size=facts.stored.size)
            return Settled(f"kept as {kept.artefact}", Verdict.proven(f"stored whole, sha256 {kept.sha256}"), kept)
        if facts.spooled is None:
            return absent(p.pod, facts.presence)
        effect = Store(
            name="objects", key=facts.key, spool=facts.spooled.name, sha256=facts.spooled.sha256,
            size=facts.spooled.size, media_type="application/x-ndjson",
        )  # fmt: skip
        return Change((effect,), f"{facts.objects} objects of {p.pod} were read and are not kept yet")


def _key(mark: Mark, take: int) -> str:
    """A take that was torn by a crash is kept as it is; the next one goes beside it."""
    return f"objects/{mark.short}{f'-{take}' if take else ''}.jsonl"


ACTION = ExportObjects()
