"""The clients of one command, by cluster: each is told from other clusters before it is used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from irkit.errors import ConfigError, Refused, Unreachable
from irkit.model.ports import Kube
from irkit.model.refs import ClusterRef


class Clients:
    """Clients by cluster, made and told from other clusters when they are first asked for.

    `pins` has what a cluster must be: the uid of its kube-system; "" where it never said it, and then it must be none
    of the others: steps that mean one cluster would take place in another, and be told of both.

    Those who ask for a cluster while it is looked at wait for that one look; one that failed is looked at again by the
    next who asks. Safe for threads.
    """

    def __init__(self, connect: Callable[[ClusterRef], Kube], pins: Mapping[str, str]) -> None:
        self._connect = connect
        self._pins = pins
        self._found: dict[str, Future[Kube]] = {}
        self._guard = threading.Lock()

    def get(self, cluster: ClusterRef) -> Kube:
        """The cluster's client. Raises Unreachable where it cannot be reached, or is another one; ClientError."""
        with self._guard:
            known = self._found.get(cluster.id)
            found = known or self._found.setdefault(cluster.id, Future())
        if known is None:
            try:
                found.set_result(self._told(cluster))
            except BaseException as error:
                with self._guard:
                    del self._found[cluster.id]
                found.set_exception(error)
                raise
        failed = found.exception()
        if failed is not None:
            raise failed.with_traceback(None)
        return found.result()

    def _told(self, cluster: ClusterRef) -> Kube:
        try:
            kube = self._connect(cluster)
        except (ConfigError, Refused) as error:  # its steps wait for a better configuration; the others go on
            raise Unreachable(str(error), hint=error.hint) from error
        pin = self._pins.get(cluster.id)
        if pin is None:
            return kube
        uid = kube.identity()
        if uid != pin if pin else uid in self._pins.values():
            msg = f"{cluster} answers as another cluster than the one that this case is about"
            raise Unreachable(msg, hint="check its context in irkit.yaml")
        return kube
