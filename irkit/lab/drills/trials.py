"""What an attacker tries in a drill: it works before irkit acts, and where irkit says that it is done it must not.

No object of the world says whether a pod is cut off; the lab's network does, and its API says who may delete it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from irkit.errors import IrkitError
from irkit.lab.control import ControlPlane
from irkit.model.base import Model
from irkit.model.kube import CASE_LABEL

Way = Literal["reach it", "connect out of it", "keep a connection to it", "keep its shell", "delete it", "evict it"]
OUTSIDE: Final = ("198.51.100.7", 443)
"""Where the attacker sits (RFC 5737, TEST-NET-2)."""
_DRY: Final = {"dryRun": ["All"]}
_DENIED: Final = frozenset({403, 422})
_GONE: Final = 404
_FAILED: Final = 300
"""Statuses below are those of what is done."""


class Trial(Model):
    """What must no longer work where this step says that it is done."""

    step: str
    does: Way


@dataclass(slots=True)
class Attacker:
    """Tries things on a pod of a lab, from the pod beside it and from another namespace; he sits off the cluster.

    Deletions and evictions are dry runs of the cluster's admin. From `begin` on it is always the same ends that try.
    """

    control: ControlPlane
    namespace: str
    pod: str
    _sources: tuple[str, ...] = field(default=(), init=False)
    _door: tuple[str, int] = field(default=("", 0), init=False)
    _outwards: tuple[tuple[str, int], ...] = field(default=(), init=False)
    _flows: dict[Way, int] = field(default_factory=dict, init=False)

    def begin(self, ways: Collection[Way]) -> None:
        """Try them before irkit acts, and leave connections open. Raises IrkitError where one does not work."""
        self._look_around()
        if "keep a connection to it" in ways:
            self._flows["keep a connection to it"] = self.control.hold(self._sources[0], *self._door)
        if "keep its shell" in ways:
            self._flows["keep its shell"] = self.control.hold(f"{self.namespace}/{self.pod}", *OUTSIDE)
        vain = sorted(set(ways) - self.works(ways))
        if vain:
            msg = f"the drill's world is not what it should be: nobody can {' or '.join(vain)} before irkit acts"
            raise IrkitError(msg, did="nothing was done")

    def works(self, ways: Collection[Way]) -> frozenset[Way]:
        """Those that succeed now. Raises IrkitError where the lab says something else than yes or no."""
        return frozenset(way for way in ways if self._succeeds(way))

    def _succeeds(self, way: Way) -> bool:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{self.pod}"
        if way in self._flows:
            return self.control.alive(self._flows[way]) == "alive"
        if way == "delete it":
            return self._allowed("DELETE", path, _DRY)
        if way == "evict it":
            eviction = {"metadata": {"name": self.pod, "namespace": self.namespace}, "deleteOptions": _DRY}
            return self._allowed("POST", f"{path}/eviction", eviction)
        if way == "reach it":
            return any(self._connects(source, *self._door) for source in self._sources)
        return any(self._connects(f"{self.namespace}/{self.pod}", *door) for door in self._outwards)

    def _connects(self, source: str, address: str, port: int) -> bool:
        try:
            return self.control.connect(source, address, port) == "open"
        except LookupError:  # it does not run any more
            return False

    def _allowed(self, verb: str, path: str, body: dict[str, Any]) -> bool:
        """Whether the API would do it, or it is done already: only a policy's word is a no."""
        answer = self.control.request(verb, path, body)
        if answer["code"] < _FAILED or answer["code"] == _GONE:
            return True
        if answer["code"] in _DENIED and "ValidatingAdmissionPolicy" in answer["message"]:
            return False
        msg = f"the drill could not be judged: {verb} {path} was answered {answer['code']}: {answer['message']}"
        raise IrkitError(msg)

    def _look_around(self) -> None:
        """Who tries, and where to. Raises IrkitError where the world has nobody for it."""
        found = {f"{one['metadata']['namespace']}/{one['metadata']['name']}": one for one in self._running()}
        there = found.pop(f"{self.namespace}/{self.pod}", None)
        beside = [name for name in found if name.startswith(f"{self.namespace}/") and _doors(found[name])]
        if there is None or not _doors(there) or not beside:
            msg = f"the drill's world has no pod {self.namespace}/{self.pod} that serves, or none beside it"
            raise IrkitError(msg, did="nothing was done")
        elsewhere = [name for name in found if not name.startswith(f"{self.namespace}/")]
        self._sources = (beside[0], *elsewhere[:1])
        self._door, self._outwards = _doors(there)[0], (_doors(found[beside[0]])[0], OUTSIDE)

    def _running(self) -> Iterator[dict[str, Any]]:
        """Pods that run in a network of their own, and are none of the case's."""
        for one in self.control.dump():
            if one["kind"] != "Pod" or one.get("status", {}).get("phase") != "Running":
                continue
            if CASE_LABEL not in one["metadata"].get("labels", {}) and not one["spec"].get("hostNetwork"):
                yield one


def _doors(pod: dict[str, Any]) -> list[tuple[str, int]]:
    """Where a pod serves: its address, with each port that it declares."""
    address = str(pod["status"]["podIP"])
    return [
        (address, int(each["containerPort"])) for part in pod["spec"]["containers"] for each in part.get("ports", ())
    ]
