"""Waiting for a moment, and making one: what happens while the lab holds a request, however slow the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from irkit.lab.control import ControlPlane
from irkit.lab.faults import Fault


def until(what: str, happened: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until something is true, and give it; the test fails where it does not come true."""
    end = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.02)
    return found


class Held:
    """Requests that the lab holds. Let them go once."""

    def __init__(self, control: ControlPlane, which: dict[str, Any]) -> None:
        self._control = control
        self._number = control.fault(Fault.parse({"kind": "hold", **which}))

    def arrived(self) -> bool:
        return self._control.faults().get(self._number, 1) > 0

    def let_go(self) -> None:
        if self._number in self._control.faults():
            self._control.lift_fault(self._number)


@contextmanager
def held(control: ControlPlane, **which: Any) -> Iterator[Held]:
    """Requests that match, as of a `Fault`, are held at the latest until the block ends."""
    found = Held(control, which)
    try:
        yield found
    finally:
        found.let_go()


@contextmanager
def during(control: ControlPlane, act: Callable[[], object], **which: Any) -> Iterator[None]:
    """The first request that matches is held when it arrives, `act` is performed, and then it goes on."""
    with ThreadPoolExecutor(1) as pool, held(control, **which) as request:

        def acting() -> None:
            until(f"a request: {which}", request.arrived)
            try:
                act()
            finally:
                request.let_go()

        acted = pool.submit(acting)
        yield
        acted.result()
