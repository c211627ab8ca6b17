"""Faults on request: which requests they hit, how often, and what they do."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from irkit.lab.routes import Call
from irkit.model.base import Json, Model

FaultKind = Literal[
    "latency", "hold", "status", "drop_before", "drop_after", "truncate", "expire_token", "garbage", "huge", "rewrite"
]
HOLD: Final = 60.0
"""Seconds after which a held request goes on by itself."""


class Fault(Model):
    """One fault. Empty matchers match everything; `name` is a regular expression on the object's whole name.

    Of the requests that match, the first `skip` pass, the next `count` are hit (0: all further ones), later
    ones pass. What happens:

    - `latency`: `ms` milliseconds go by before the request is looked at.
    - `hold`: the request waits until the fault is taken away, a minute at most, and goes on. For what must happen
      while a request is on its way, however slow the machine is.
    - `status`: answered with `code` (403, 429, 500, …) and not applied; `retry_after` seconds go into the header.
    - `drop_before`: the connection ends, nothing was applied.
    - `drop_after`: the request is applied, then the connection ends without an answer.
    - `truncate`: applied, half of the answer is sent, then the connection ends.
    - `expire_token`: the caller's token expires: 401 from now on.
    - `garbage`: applied, and answered 200 with what is no JSON.
    - `huge`: applied, and answered 200 with `size` bytes of valid JSON.
    - `rewrite`: applied; in the answer the field at the JSON Pointer `at` becomes `value`, or goes if `remove`.
    """

    kind: FaultKind
    verb: str = ""
    resource: str = ""  # plural, or plural/subresource
    namespace: str = ""
    name: str = ""
    user: str = ""
    skip: int = Field(default=0, ge=0)
    count: int = Field(default=1, ge=0)
    ms: int = Field(default=0, ge=0)
    code: int = Field(default=500, ge=400, le=599)
    retry_after: int = Field(default=0, ge=0)
    size: int = Field(default=64 * 1024 * 1024, ge=2)
    at: Annotated[str, StringConstraints(pattern=r"^(/.*)?$")] = ""
    value: Json = None
    remove: bool = False

    def matches(self, user: str, call: Call) -> bool:
        """Whether a request is of the kind that this fault is about."""
        return (
            self.verb in {"", call.verb}
            and self.resource in {"", call.plural}
            and self.namespace in {"", call.namespace}
            and self.user in {"", user}
            and (not self.name or re.fullmatch(self.name, call.name) is not None)
        )


@dataclass(slots=True)
class Armed:
    """A fault that is set, and what it has met: the requests it saw, and those of them that it hit."""

    fault: Fault
    seen: int = 0
    fired: int = 0
    lifted: threading.Event = field(default_factory=threading.Event)


class Faults:
    """The faults that are set, in the order in which they were. A request meets at most one of each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: dict[int, Armed] = {}
        self._last = 0

    def add(self, fault: Fault) -> int:
        """Set a fault; gives its number."""
        with self._lock:
            self._last += 1
            self._armed[self._last] = Armed(fault)
            return self._last

    def lift(self, number: int) -> None:
        """Take one fault away, and let go what it holds. Raises LookupError where there is none of this number."""
        with self._lock:
            if number not in self._armed:
                msg = f"no fault {number}"
                raise LookupError(msg)
            self._armed.pop(number).lifted.set()

    def clear(self) -> None:
        """Take all faults away, and let go what they hold."""
        with self._lock:
            for armed in self._armed.values():
                armed.lifted.set()
            self._armed.clear()

    def fired(self) -> dict[int, int]:
        """How many requests each fault has hit, by number."""
        with self._lock:
            return {number: armed.fired for number, armed in self._armed.items()}

    def meet(self, user: str, call: Call) -> list[Armed]:
        """The faults that hit this request; counts it."""
        if not self._armed:
            return []
        hit = []
        with self._lock:
            for armed in self._armed.values():
                if not armed.fault.matches(user, call):
                    continue
                armed.seen += 1
                if armed.seen > armed.fault.skip and (not armed.fault.count or armed.fired < armed.fault.count):
                    armed.fired += 1
                    hit.append(armed)
        return hit
