"""The real world of a run: clients for the configured clusters, the case's evidence folder, one snapshot a wave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from irkit import __version__
from irkit.app.clients import Clients
from irkit.model.ports import EvidenceReader, Kube, KubeReader, Spooled
from irkit.model.refs import ClusterRef

Connect = Callable[[ClusterRef, str], Kube]
"""Connects to a configured cluster, with a user agent. Raises ConfigError where it is not configured."""


def user_agent(case: str = "") -> str:
    """What the API's audit log has as user agent of irkit's requests: with the case, once it is known."""
    return f"irkit/{__version__} ({case})" if case else f"irkit/{__version__}"


class LiveWorld:
    """Implements the `World` port over the real clients. Connections are made when first needed.

    `pins` has what clusters must be (`clients.Clients`).
    """

    def __init__(
        self, case_folder: Path, connect: Connect, user_agent: str, pins: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        from irkit.clients.objects import DirectoryEvidence, Spool  # noqa: PLC0415 -- start-up time of `plan`

        self.evidence = DirectoryEvidence(case_folder / "artefacts")
        self.spool = Spool(case_folder / "spool")
        self._clients = Clients(lambda cluster: connect(cluster, user_agent), pins)

    def kube(self, cluster: ClusterRef) -> Kube:
        """The cluster's API; one pool a cluster."""
        return self._clients.get(cluster)

    def reader(self, crowd: int) -> LiveReader:
        """A fresh snapshot."""
        return LiveReader(self, crowd)


class LiveReader:
    """Implements the `Reader` port: everything that one wave looks at, each thing read once."""

    def __init__(self, world: LiveWorld, crowd: int) -> None:
        self._world = world
        self._crowd = crowd
        self._snapshots: dict[str, KubeReader] = {}
        self._guard = threading.Lock()

    @property
    def evidence(self) -> EvidenceReader:
        """The evidence plane."""
        return self._world.evidence

    def kube(self, cluster: ClusterRef) -> KubeReader:
        """The Kubernetes plane, as of this wave."""
        from irkit.clients.snapshot import SnapshotReader  # noqa: PLC0415 -- start-up time of `plan`

        inner = self._world.kube(cluster).reader  # not in the guard: a cluster that hangs holds up only its own
        with self._guard:
            return self._snapshots.setdefault(cluster.id, SnapshotReader(inner, self._crowd))

    def spool(self, name: str, chunks: Iterable[bytes]) -> Spooled:
        """Keep bytes for the turn's `Store` effect."""
        return self._world.spool.keep(name, chunks)
