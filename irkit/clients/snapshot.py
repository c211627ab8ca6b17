"""One wave's view of a cluster: each thing is asked for once, and many of a kind by one LIST.

A snapshot belongs to one wave and is thrown away with it; nothing here outlives an instance, so no answer can come
from an earlier wave. An error is an answer too: 500 steps do not each wait for the same dead server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from irkit.errors import Denied
from irkit.model.doc import Doc
from irkit.model.effects import Access, Resource
from irkit.model.kube import NODES, PODS
from irkit.model.ports import KubeReader, Listing

CROWD = 8
"""From so many looking steps on, one LIST is cheaper than a GET each."""

_T = TypeVar("_T")


class SnapshotReader:
    """Implements the `KubeReader` port over another one, for one wave in which `crowd` steps look."""

    def __init__(self, reader: KubeReader, crowd: int = 1) -> None:
        self._reader = reader
        self._crowded = crowd >= CROWD
        self._guard = threading.Lock()
        self._answers: dict[Hashable, Future[Any]] = {}

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        """The object, or None. In a crowd, pods and nodes come from one LIST of their namespace or cluster.

        An identity that may get and not list is asked for one by one.
        """
        if (self._crowded and resource in {PODS, NODES}) or self._has_all(resource, namespace):
            try:
                return self._by_name(resource, namespace).get(name)
            except Denied:
                pass
        return self._once(("get", resource, namespace, name), lambda: self._reader.get(resource, name, namespace))

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Listing:
        """All objects; of a list that was already asked for whole, those with these labels."""
        if not labels:
            return self._all(resource, namespace)
        key = ("list", resource, namespace, frozenset(labels.items()))
        if (self._crowded and resource == PODS) or self._has_all(resource, namespace):
            whole = self._all(resource, namespace)
            return self._once(("some", *key), lambda: _some(whole, labels))
        return self._once(key, lambda: self._reader.list(resource, namespace, labels))

    def list_metadata(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Listing:  # fmt: skip
        """The metadata of all objects. Whole objects that were asked for too are another answer."""
        picked = (frozenset((labels or {}).items()), frozenset((fields or {}).items()))
        key = ("metadata", resource, namespace, *picked)
        return self._once(key, lambda: self._reader.list_metadata(resource, namespace, labels, fields))

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        """Whether the API would let this identity do that."""
        key = ("access", wanted, namespace, name)
        return self._once(key, lambda: self._reader.access(wanted, namespace, name))

    def _all(self, resource: Resource, namespace: str) -> Listing:
        key = ("list", resource, namespace)
        return self._once(key, lambda: self._reader.list(resource, namespace))

    def _by_name(self, resource: Resource, namespace: str) -> dict[str, Doc]:
        return self._all(resource, namespace).derive(_named)

    def _has_all(self, resource: Resource, namespace: str) -> bool:
        if resource.namespaced and not namespace:
            return False
        with self._guard:
            asked = self._answers.get(("list", resource, namespace))
        return asked is not None and asked.done() and asked.exception() is None

    def _once(self, key: Hashable, ask: Callable[[], _T]) -> _T:
        """The answer for this key: the first thread asks, the others wait for it."""
        with self._guard:
            answer: Future[_T] | None = self._answers.get(key)
            mine = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
        if mine:
            try:
                answer.set_result(ask())
            except BaseException as error:
                answer.set_exception(error)
                raise
        failed = answer.exception()
        if failed is not None:  # one error for all who wait: each raise would add its frames to the others'
            raise failed.with_traceback(None)
        return answer.result()


def _named(whole: Listing) -> dict[str, Doc]:
    return {item.text("metadata", "name"): item for item in whole.items}


def _some(whole: Listing, labels: Mapping[str, str]) -> Listing:
    by_label = whole.derive(_by_label)
    fewest = min((by_label.get(one, []) for one in labels.items()), key=len)
    wanted = labels.items()
    items = tuple(item for item in fewest if wanted <= item.labels("metadata", "labels").items())
    return Listing(items, whole.version, whole.as_of)


def _by_label(whole: Listing) -> dict[tuple[str, str], list[Doc]]:
    """In the list's order. 500 steps that each ask for what they made do not each read all of it."""
    found: dict[tuple[str, str], list[Doc]] = {}
    for item in whole.items:
        for one in item.labels("metadata", "labels").items():
            found.setdefault(one, []).append(item)
    return found
