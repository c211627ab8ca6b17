"""The objects of the simulated cluster: one table per resource, one counter of versions, cheap snapshots.

Stored objects are never changed in place: a write stores a new `Entry`. So a reader needs the lock only to take
references, and a snapshot is a shallow copy.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import orjson

from irkit.lab import managed
from irkit.lab.behaviour import Behaviour
from irkit.model.effects import Resource
from irkit.model.kube import NODES, PODS, RESOURCES

Key = tuple[str, str]
"""Namespace ("" where there is none) and name."""

Item = tuple[Resource, str, str]
"""An object that controllers have to do with: its resource, namespace and name."""

Guard = Callable[[dict[str, Any] | None, dict[str, Any] | None], None]
"""Refuses a write by what it would store: before (None for a create) and after (None for a delete). Raises ApiError."""

FIRST_VERSION: Final = 1000
BY_PATH: Final = {(each.group, each.version, each.plural): each for each in RESOURCES}
BY_KIND: Final = {(each.api_version, each.kind): each for each in RESOURCES}
BY_PLURAL: Final = {each.plural: each for each in RESOURCES}


def now() -> str:
    """The current second in the API's form."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_uid(seed: int, text: str) -> str:
    """A UUID that is the same for the same seed and text."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"{seed}/{text}".encode()).digest()[:16], version=4))


@dataclass(frozen=True, slots=False)
class Entry:
    """A stored object: the document, and its bytes as they are sent."""

    doc: dict[str, Any]

    @cached_property
    def body(self) -> bytes:
        """The object alone."""
        return orjson.dumps(self.doc)

    @cached_property
    def item(self) -> bytes:
        """The object as an item of a typed list, which carries no kind and apiVersion."""
        return orjson.dumps({key: value for key, value in self.doc.items() if key not in {"kind", "apiVersion"}})

    @cached_property
    def partial(self) -> bytes:
        """Its metadata alone, as a PartialObjectMetadata."""
        head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        return orjson.dumps({**head, "metadata": self.doc["metadata"]})

    def copy(self) -> dict[str, Any]:
        """A document of its own, to be changed."""
        made: dict[str, Any] = orjson.loads(self.body)
        return made

    @property
    def uid(self) -> str:
        """metadata.uid."""
        uid: str = self.doc["metadata"]["uid"]
        return uid


@dataclass(frozen=True, slots=True)
class Change:
    """An object that was stored or taken away: before and after, None where there is none."""

    resource: Resource
    old: Entry | None
    new: Entry | None


def _own(doc: dict[str, Any], resource: Resource) -> None:
    """ManagedFields of an object that was there from the start: its maker's, and its status' writer's."""
    at, version = doc["metadata"]["creationTimestamp"], resource.api_version
    made = "kube-controller-manager" if "ownerReferences" in doc["metadata"] else "kubectl-create"
    spec = {key: value for key, value in doc.items() if key != "status"}
    managed.record(None, spec, manager=made, at=at, api_version=version)
    if "status" in doc:
        kept = "kubelet" if resource in {PODS, NODES} else "kube-controller-manager"
        managed.record(spec, doc, manager=kept, at=at, api_version=version, subresource="status")


@dataclass(frozen=True, slots=True)
class State:
    """A snapshot of everything that a reset brings back."""

    tables: dict[Resource, dict[Key, Entry]]
    version: int
    serial: int
    dying: tuple[tuple[float, Resource, Key, str], ...]
    counters: dict[str, int]
    due: dict[str, int]
    denied: frozenset[Item]
    behaviour: Behaviour


class World:
    """The cluster's objects. Callers hold `lock` around what must be one step.

    `changes` is what the controllers have not seen yet; `due` says of started pods, by uid, at which request they are
    ready, or have ended. `denied` are objects about which a controller was denied a write: it will try again.
    """

    def __init__(self, seed: int, objects: Iterable[dict[str, Any]], behaviour: Behaviour | None = None) -> None:
        self.lock = threading.RLock()
        self.seed = seed
        self.behaviour = behaviour or Behaviour()
        self.changes: list[Change] = []
        self.due: dict[str, int] = {}
        self.denied: set[Item] = set()
        self._counters: dict[str, int] = {}
        self._tables: dict[Resource, dict[Key, Entry]] = {resource: {} for resource in RESOURCES}
        self._version = FIRST_VERSION
        self._serial = 0
        self._dying: list[tuple[float, Resource, Key, str]] = []
        for doc in objects:
            self._plant(doc)
        self.changes.clear()

    def _plant(self, doc: dict[str, Any]) -> None:
        resource = BY_KIND[doc["apiVersion"], doc["kind"]]
        copy: dict[str, Any] = orjson.loads(orjson.dumps(doc))
        meta = copy["metadata"]
        meta.setdefault("uid", make_uid(self.seed, f"{resource}/{meta.get('namespace', '')}/{meta['name']}"))
        meta.setdefault("creationTimestamp", now())
        if "managedFields" not in meta:
            _own(copy, resource)
        self.put(resource, copy)

    @property
    def version(self) -> str:
        """The newest resourceVersion."""
        return str(self._version)

    def next_serial(self) -> int:
        """Counts creations since the start or the reset; uids and generated names are made from it."""
        self._serial += 1
        return self._serial

    def count(self, what: str) -> int:
        """Counts what it names, from 1, since the start or the reset."""
        self._counters[what] = self._counters.get(what, 0) + 1
        return self._counters[what]

    def counted(self, what: str) -> int:
        """How far `count` has come."""
        return self._counters.get(what, 0)

    @property
    def dying(self) -> bool:
        """Whether an object waits to be buried."""
        return bool(self._dying)

    def order(self, entry: Entry) -> int:
        """Which of two objects came into the world first: the lower. Clocks count whole seconds only."""
        return self._counters.get(f"born/{entry.uid}", 0)

    def get(self, resource: Resource, namespace: str, name: str) -> Entry | None:
        """The object, or None."""
        return self._tables[resource].get((namespace, name))

    def entries(self, resource: Resource, namespace: str = "") -> list[Entry]:
        """All objects of a resource, or those of a namespace, in the order of etcd's keys."""
        table = self._tables[resource]
        return [table[key] for key in sorted(table, key="/".join) if not namespace or key[0] == namespace]

    def put(self, resource: Resource, doc: dict[str, Any]) -> Entry:
        """Store an object under a new resourceVersion. The document belongs to the world from here on."""
        self._version += 1
        meta = doc["metadata"]
        meta["resourceVersion"] = str(self._version)
        entry = Entry(doc)
        key = meta.get("namespace", ""), meta["name"]
        old = self._tables[resource].get(key)
        if resource is PODS and "uid" in meta and (old is None or old.uid != entry.uid):
            self._counters[f"born/{entry.uid}"] = self.count("born")
        self._tables[resource][key] = entry
        self.changes.append(Change(resource, old, entry))
        return entry

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Take an object away; this too is a version."""
        old = self._tables[resource].pop((namespace, name))
        self._version += 1
        self.changes.append(Change(resource, old, None))

    def let_die(self, resource: Resource, entry: Entry, after: float) -> None:
        """Remove this very object `after` seconds from now, as a kubelet does once its containers have ended."""
        meta = entry.doc["metadata"]
        self._dying.append((time.monotonic() + after, resource, (meta.get("namespace", ""), meta["name"]), entry.uid))

    def bury(self, *, all_: bool = False) -> None:
        """Remove what is due, or all that will be. The controllers do so before each request."""
        if not self._dying:
            return
        due = [each for each in self._dying if all_ or each[0] <= time.monotonic()]
        for _, resource, key, uid in due:
            entry = self._tables[resource].get(key)
            if entry is not None and entry.uid == uid:
                self.remove(resource, *key)
        self._dying = [each for each in self._dying if each not in due]

    def capture(self) -> State:
        """A snapshot."""
        tables = {resource: dict(table) for resource, table in self._tables.items()}
        dying = tuple(self._dying)
        return State(
            tables, self._version, self._serial, dying, dict(self._counters), dict(self.due), frozenset(self.denied),
            self.behaviour,
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Be as the snapshot says, uids and resourceVersions to come included."""
        self._tables = {resource: dict(table) for resource, table in state.tables.items()}
        self._version, self._serial, self._dying = state.version, state.serial, list(state.dying)
        self._counters, self.due, self.behaviour = dict(state.counters), dict(state.due), state.behaviour
        self.denied = set(state.denied)
        self.changes.clear()

    def dump(self) -> list[dict[str, Any]]:
        """Every object, sorted by resource, namespace and name."""
        return [entry.copy() for resource in RESOURCES for entry in self.entries(resource)]
