"""The audit log: what was asked, by whom, and what came of it. One entry a request."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Entry:
    """One request. `applied` says whether the world was changed by it, whatever the caller was answered.

    `code` is the status that was sent, or 0 where the connection ended without one. `body` is the parsed body of
    a write. `fault` names the faults that hit it. `user` is whose token it was, `impersonated` whom it acted as.
    """

    seq: int = 0
    at: str = ""
    audit_id: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    impersonated: str = ""
    method: str = ""
    uri: str = ""
    verb: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    code: int = 0
    reason: str = ""
    dry_run: bool = False
    applied: bool = False
    user_agent: str = ""
    content_type: str = ""
    body: Any = None
    fault: str = ""

    @property
    def write(self) -> bool:
        """Whether it asked for a change: no read, no dry run, no review."""
        return self.verb not in {"get", "list", "watch", ""} and not self.dry_run and "review" not in self.resource


class AuditLog:
    """Entries in the order in which requests ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Keep an entry, numbered from 1."""
        with self._lock:
            entry.seq = len(self._entries) + 1
            self._entries.append(entry)

    def entries(self) -> list[Entry]:
        """All entries."""
        with self._lock:
            return list(self._entries)

    def dump(self) -> list[dict[str, Any]]:
        """All entries as JSON objects."""
        return [asdict(entry) for entry in self.entries()]

    def clear(self) -> None:
        """Forget all entries."""
        with self._lock:
            self._entries.clear()
