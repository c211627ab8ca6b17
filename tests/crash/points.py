"""Named places at which a process can be ended, inside the store and the transport."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from irkit.clients.kube import Answer, Request
from irkit.clients.objects import DirectoryEvidence
from irkit.journal.store import FileJournal
from irkit.model.effects import Store
from irkit.model.ports import Artefact
from irkit.model.records import EffectIntended, Record


class Points:
    """Counts the points that this process passes, by name; ends it with SIGKILL at the chosen one."""

    def __init__(self, report: int = -1, kill_at: str = "") -> None:
        self._report = report
        self._kill_at = kill_at
        self._seen: Counter[str] = Counter()
        self._guard = threading.Lock()
        self.calls: dict[tuple[str, str], str] = {}  # method and path of an intended call -> its name

    def reach(self, name: str) -> None:
        with self._guard:
            self._seen[name] += 1
            count = self._seen[name]
            name = name if count == 1 else f"{name} #{count}"
            if self._report >= 0:
                os.write(self._report, name.encode() + b"\n")
            if name == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def say(self, text: str) -> None:
        """Tell the parent of something that is no point."""
        if self._report >= 0:
            os.write(self._report, text.encode() + b"\n")

    def note(self, records: Sequence[Record]) -> None:
        """Remember which request an intent will become."""
        for record in records:
            if isinstance(record.body, EffectIntended) and isinstance(record.body.call, dict):
                name = f"effect {record.body.step}/{record.body.name} turn {record.body.turn}"
                self.calls[_request_of(record.body.call)] = name


def label(record: Record) -> str:
    """Kind, step and turn, or effect, of a record."""
    body: Any = record.body
    parts = [record.kind]
    if getattr(body, "step", ""):
        parts.append(f"{body.step}{'/' + body.name if record.kind.startswith('effect.') else ''}")
    if hasattr(body, "turn"):
        parts.append(f"turn {body.turn}")
    return " ".join(parts)


def _request_of(call: dict[str, Any]) -> tuple[str, str]:
    if call["type"] == "store":
        return ("STORE", call["key"])
    resource = call["resource"]
    base = f"/apis/{resource['group']}/{resource['version']}" if resource["group"] else f"/api/{resource['version']}"
    if call["namespace"]:
        base += f"/namespaces/{call['namespace']}"
    base += f"/{resource['plural']}"
    method = {"create": "POST", "patch": "PATCH", "delete": "DELETE"}[call["verb"]]
    return (method, base if call["verb"] == "create" else f"{base}/{call['object']}")


def journal_class(points: Points) -> type[FileJournal]:
    """A journal that passes points before the write, between write and fdatasync, and after it."""

    class PointedJournal(FileJournal):
        def _write(self, fd: int, data: bytes, records: Sequence[Record]) -> None:
            points.note(records)
            for record in records:
                points.reach(f"before {label(record)}")
            super()._write(fd, data, records)
            for record in records:
                points.reach(f"written {label(record)}")

        def _sync(self, fd: int, records: Sequence[Record]) -> None:
            super()._sync(fd, records)
            for record in records:
                points.reach(f"synced {label(record)}")

    return PointedJournal


class PointedTransport:
    """Passes a point before an effect's request is sent, and one when its answer has come."""

    def __init__(self, inner: Any, points: Points) -> None:
        self._inner = inner
        self._points = points

    def send(self, request: Request) -> Answer:
        name = self._points.calls.get((request.method, request.path.partition("?")[0]))
        if name is None:
            answer: Answer = self._inner.send(request)
            self._points.say(f"look {request.method} {request.path.partition('?')[0]}")
            return answer
        self._points.reach(f"unsent {name}")
        answer = self._inner.send(request)
        self._points.reach(f"sent {name}")
        return answer

    def close(self) -> None:
        self._inner.close()


class PointedEvidence(DirectoryEvidence):
    """Passes a point before and after an artefact is stored, and before and after each name that it is given."""

    def __init__(self, folder: Path, points: Points) -> None:
        super().__init__(folder)
        self._points = points

    def find(self, key: str) -> Artefact | None:
        found = super().find(key)
        self._points.say(f"look GET artefact {key}")
        return found

    def put(self, effect: Store, chunks: Iterable[bytes]) -> Artefact:
        name = self._points.calls.get(("STORE", effect.key), "artefact of no step")
        self._points.reach(f"unsent {name}")
        kept = super().put(effect, chunks)
        self._points.reach(f"sent {name}")
        return kept

    def _publish(self, part: Path, path: Path) -> None:
        self._points.reach(f"unnamed {_piece(path)}")
        super()._publish(part, path)
        self._points.reach(f"named {_piece(path)}")


def _piece(path: Path) -> str:
    what = "manifest" if path.name.endswith(".manifest.json") else "bytes"
    return f"{what} in {path.parent.name}"
