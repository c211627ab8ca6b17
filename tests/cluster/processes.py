"""Processes that outlive the program that started them, known by pid and start time: a pid alone is reused."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.cluster.layout import Layout


class Failed(Exception):
    """The cluster cannot be started or stopped; the message says what to look at."""


def birth(pid: int) -> int | None:
    """The process's start time in clock ticks; None if it is gone, or ended and nobody asked for its status.

    One whose first thread has ended is not gone while others run: they hold its sockets.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name in parentheses may hold anything
    return None if state in {"Z", "X"} and threads <= 1 else int(fields[18])


class Processes:
    """Those of one state folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def pid(self, name: str) -> int | None:
        """Its pid while it runs."""
        try:
            pid, began = json.loads((self._layout.pids / name).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if birth(pid) == began else None

    def names(self) -> list[str]:
        """What was started and not stopped, running or not."""
        return sorted(path.name for path in self._layout.pids.glob("*"))

    def start(self, name: str, command: Sequence[str]) -> bool:
        """Start it, unless it runs; whether it was started. Its output goes to logs/NAME.log."""
        if self.pid(name) is not None:
            return False
        log = str(self._layout.logs / f"{name}.log")
        pid = os.posix_spawn(
            command[0],
            list(command),
            os.environ | {"PATH": f"{self._layout.bin}:{os.environ['PATH']}", "KUBECONFIG": ""},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                *((os.POSIX_SPAWN_CLOSE, one) for one in inherited()),
            ],
            setsid=True,
        )
        (self._layout.pids / name).write_text(json.dumps([pid, birth(pid)]))
        return True

    def stop(self, *names: str, patience: float = 5.0) -> None:
        """End them all, with force after `patience` seconds: the API server waits for watches that nobody reads."""
        self._signal(names, signal.SIGTERM)
        if not self._gone(names, patience):
            self._signal(names, signal.SIGKILL)
            if not self._gone(names, 10):
                msg = f"still running after SIGKILL: {[name for name in names if self.pid(name)]}"
                raise Failed(msg)
        for name in names:
            _reap(self._layout.pids / name)
            (self._layout.pids / name).unlink(missing_ok=True)

    def kill(self, name: str) -> None:
        """End it at once, as a crash would."""
        self.stop(name, patience=0)

    def _signal(self, names: Sequence[str], number: int) -> None:
        for name in names:
            if (pid := self.pid(name)) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _gone(self, names: Sequence[str], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while any(self.pid(name) is not None for name in names):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _reap(file: Path) -> None:
    """Take the status of a process that this very program had started; others' are init's to take."""
    with contextlib.suppress(FileNotFoundError, ValueError, ChildProcessError):
        os.waitpid(json.loads(file.read_text())[0], os.WNOHANG)


def until(what: str, seconds: float, done: Callable[[], object], *, logs: Path | None = None) -> None:
    """Wait until `done` is true.

    Raises:
        Failed: it did not become true in time.
    """
    deadline = time.monotonic() + seconds * float(os.environ.get("IRKIT_TEST_PATIENCE", "2"))
    while not done():
        if time.monotonic() > deadline:
            msg = f"not in time: {what}" + (f"; {logs} ends in:\n{_tail(logs)}" if logs else "")
            raise Failed(msg)
        time.sleep(0.05)


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(nothing)"


def inherited() -> list[int]:
    """Files that a child would have too, such as the lock of a command that runs us: it would hold it for ever."""
    opened = [int(one) for one in os.listdir("/proc/self/fd")]  # noqa: PTH208 - names, not paths
    return [one for one in opened if one > 2 and _inheritable(one)]


def _inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:  # the one that listed them
        return False
