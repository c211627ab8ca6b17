"""The `Kube` port: one cluster, one identity."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from irkit.clients.kube import writes
from irkit.clients.kube.budget import CONNECTIONS, Budget
from irkit.clients.kube.kubeconfig import find_context
from irkit.clients.kube.login import Login
from irkit.clients.kube.reads import MAX_BYTES, Reads
from irkit.clients.kube.session import Session, Tracer, TransportFactory
from irkit.clients.kube.wire import Pool
from irkit.errors import BadResponse, Malformed, Refused, Unsupported
from irkit.model.effects import KubeCall
from irkit.model.kube import NAMESPACES
from irkit.model.ports import Reply
from irkit.model.refs import ClusterRef

_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,62}", re.ASCII)


class KubeClient:
    """Implements the `Kube` port. `reader` asks anew each time; a wave reads through `snapshot.SnapshotReader`."""

    def __init__(self, cluster: ClusterRef, session: Session, reader: Reads) -> None:
        self.cluster = cluster
        self.reader = reader
        self._session = session

    @property
    def user_agent(self) -> str:
        """What the API's audit log has as user agent. Set it once the case is known: `irkit/1.0 (case IR-...)`."""
        return self._session.user_agent

    @user_agent.setter
    def user_agent(self, value: str) -> None:
        self._session.user_agent = value

    def perform(self, call: KubeCall, sealed: Mapping[str, str], timeout: float) -> Reply:
        """Send one write, once. See `writes.perform`; Refused where the call is meant for another cluster."""
        if call.cluster != self.cluster.id:
            msg = f"{call.target}: meant for {call.cluster}, and this is {self.cluster}"
            raise Refused(msg, did="nothing was sent")
        return writes.perform(self._session, call, sealed, timeout)

    def whoami(self) -> str:
        """The user name that the API sees, or "" where the API is too old to say (before Kubernetes 1.28)."""
        try:
            return self.reader.whoami()
        except Unsupported:
            return ""

    def identity(self) -> str:
        """The uid of the kube-system namespace: what this cluster really is."""
        found = self.reader.get(NAMESPACES, "kube-system")
        try:
            uid = found.text("metadata", "uid") if found is not None else ""
        except Malformed:
            uid = ""
        if not _UID.fullmatch(uid):
            msg = f"{self.cluster} shows no kube-system namespace with a uid: it cannot be told from other clusters"
            raise BadResponse(msg, verb="get", target="namespaces kube-system")
        return uid

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()


def connect(  # noqa: PLR0913 -- each is a setting of its own, by keyword
    cluster: ClusterRef,
    kubeconfig: Path | None,
    context: str | None,
    *,
    user_agent: str,
    pool_size: int = CONNECTIONS,
    budget: Budget | None = None,
    read_seconds: float = 30.0,
    max_bytes: int = MAX_BYTES,
    allow_insecure: bool = False,
    transport: TransportFactory | None = None,
    trace: Tracer | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> KubeClient:
    """The API of the cluster that this kubeconfig context leads to. Nothing is sent or run before the first call.

    Args:
        cluster: what calls must be meant for.
        kubeconfig: the file; None for $KUBECONFIG or ~/.kube/config.
        context: its name; None where the cluster is `context:NAME`. The current context is never used.
        user_agent: seen in the API's audit log.
        pool_size: most connections at a time; further threads wait for one.
        budget: what this cluster may be asked at a time, in place of a pool size; clients that share one share it.
        read_seconds: time limit of one read with its retries.
        max_bytes: largest answer to a read.
        allow_insecure: accept `insecure-skip-tls-verify` and plain http to other machines.
        transport: makes the transport of a login; crash tests wrap `Pool`.
        trace: is told of every request.
        sleep: waits between tries of a read.

    Raises:
        ConfigError: no such file or context; the message lists the contexts that are there.
    """
    named_by_cluster = "" if cluster.arn else cluster.name
    found = find_context(context or named_by_cluster, kubeconfig)

    allowed = budget or Budget(pool_size)

    def pool(login: Login) -> Pool:
        return Pool(login, allowed.connections)

    session = Session(
        found, transport or pool, user_agent=user_agent, budget=allowed, allow_insecure=allow_insecure, trace=trace
    )
    return KubeClient(cluster, session, Reads(session, seconds=read_seconds, max_bytes=max_bytes, sleep=sleep))
