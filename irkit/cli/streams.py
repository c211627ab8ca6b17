"""Standard output that outlives its reader."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO


class Patient:
    """A text stream whose reader may go: `irkit respond … | head` must not stop a containment.

    What comes after is not shown; standard error says so once. Everything else is the inner stream's.
    """

    def __init__(self, inner: TextIO) -> None:
        self.inner = inner
        self._gone = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- the inner stream's own
        return getattr(self.inner, name)

    def write(self, text: str) -> int:
        """Write, or pass over where nobody reads."""
        if not self._gone:
            try:
                return self.inner.write(text)
            except BrokenPipeError:
                self._lost()
        return len(text)

    def flush(self) -> None:
        """Flush, or pass over where nobody reads."""
        if not self._gone:
            try:
                self.inner.flush()
            except BrokenPipeError:
                self._lost()

    def _lost(self) -> None:
        self._gone = True
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.inner.fileno())  # what is buffered still goes somewhere when the interpreter ends
        os.close(null)
        sys.stderr.write("irkit: nobody reads the output any more; going on. See: irkit status\n")
