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

Way = Literal["reach it", "connect out of it", "keep a connection", "delete it", "evict it"]
_DRY: Final = {"dryRun": ["All"]}
_ALLOWED: Final = 300
"""Statuses below are those of what is done."""


class Trial(Model):
    """What must no longer work where this step says that it is done."""

    step: str
    does: Way


@dataclass(slots=True)
class Attacker:
    """Tries things on a pod of a lab, from the pod beside it; deletes and evictions are dry runs of the admin's."""

    control: ControlPlane
    namespace: str
    pod: str
    _held: int = field(default=0, init=False)

    def begin(self, ways: Collection[Way]) -> None:
        """Try them before irkit acts, and leave a connection open. Raises IrkitError where one does not work."""
        if "keep a connection" in ways:
            beside, there = self._pair()
            self._held = self.control.hold(beside, *_door(there))
        vain = sorted(set(ways) - self.works(ways))
        if vain:
            msg = f"the drill's world is not what it should be: nobody can {' or '.join(vain)} before irkit acts"
            raise IrkitError(msg, did="nothing was done")

    def works(self, ways: Collection[Way]) -> frozenset[Way]:
        """Those that succeed now."""
        return frozenset(way for way in ways if self._succeeds(way))

    def _succeeds(self, way: Way) -> bool:
        if way == "keep a connection":
            return self.control.alive(self._held) == "alive"
        path = f"/api/v1/namespaces/{self.namespace}/pods/{self.pod}"
        if way == "delete it":
            return self.control.request("DELETE", path, _DRY) < _ALLOWED
        if way == "evict it":
            eviction = {"metadata": {"name": self.pod, "namespace": self.namespace}, "deleteOptions": _DRY}
            return self.control.request("POST", f"{path}/eviction", eviction) < _ALLOWED
        beside, there = self._pair()
        if way == "reach it":
            return self.control.connect(beside, *_door(there)) == "open"
        other = self.control.get("pods", beside.partition("/")[2], self.namespace)
        return other is not None and self.control.connect(f"{self.namespace}/{self.pod}", *_door(other)) == "open"

    def _pair(self) -> tuple[str, dict[str, Any]]:
        """The name of a pod beside it, and the pod itself. Raises IrkitError where one of them is missing."""
        there = self.control.get("pods", self.pod, self.namespace)
        beside = next(self._neighbours(), "")
        if there is None or not beside:
            msg = f"the drill's world has no pod {self.namespace}/{self.pod}, or none beside it"
            raise IrkitError(msg)
        return beside, there

    def _neighbours(self) -> Iterator[str]:
        """Pods of the namespace that serve and are none of the case's."""
        for one in self.control.dump():
            meta = one["metadata"]
            if one["kind"] != "Pod" or meta.get("namespace") != self.namespace or meta["name"] == self.pod:
                continue
            serves = any(part.get("ports") for part in one["spec"]["containers"])
            free = CASE_LABEL not in meta.get("labels", {})
            if serves and free and one.get("status", {}).get("phase") == "Running":
                yield f"{self.namespace}/{meta['name']}"


def _door(pod: dict[str, Any]) -> tuple[str, int]:
    """Address and port at which a pod serves."""
    port = next(each["containerPort"] for part in pod["spec"]["containers"] for each in part.get("ports", ()))
    return str(pod["status"]["podIP"]), int(port)
