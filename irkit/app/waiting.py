"""Waiting for another process that writes the same case: said after a second, and never without end."""

from __future__ import annotations

import time
from collections.abc import Callable

from irkit.errors import CaseBusy

WATCH = 0.05
"""Seconds between looks at a case that another process writes."""
SAID_AFTER = 1.0
"""Seconds after which the wait is worth a line."""


class Patience:
    """One command's wait for one case, at most so many seconds. `told` hears of it once, if it takes long."""

    def __init__(self, case: str, seconds: float, told: Callable[[str], None]) -> None:
        self._case = case
        self._seconds = seconds
        self._told = told
        self._begun = time.monotonic()
        self._said = False

    def wait(self) -> bool:
        """Sleep a little; False where the time is over."""
        waited = time.monotonic() - self._begun
        if waited >= self._seconds:
            return False
        if waited >= min(SAID_AFTER, self._seconds / 2) and not self._said:
            self._said = True
            self._told(f"another process writes {self._case}: waiting, {self._seconds:.0f} s at most")
        time.sleep(WATCH)
        return True

    def over(self) -> CaseBusy:
        """The error of a wait that was in vain."""
        msg = f"another process has been writing {self._case} for {self._seconds:.0f} s"
        hint = f"see what it does: irkit status {self._case}; stop it in order: irkit abort {self._case}"
        return CaseBusy(msg, did="nothing was changed", hint=hint)
