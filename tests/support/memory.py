"""A cluster of raw dicts behind the reading ports: what `observe` sees, with no network and no client."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from irkit.errors import Unsupported
from irkit.model.doc import Doc
from irkit.model.effects import Access, Resource
from irkit.model.kube import EXTENSIONS
from irkit.model.ports import Artefact, EvidenceReader, KubeReader, Listing, Spooled
from irkit.model.refs import ClusterRef

AS_OF = "2026-11-21T03:00:00Z"


class MemoryKube:
    """Objects by resource. `asked` is every read, in order."""

    def __init__(self, objects: Mapping[Resource, Iterable[Any]]) -> None:
        self.objects = {resource: list(items) for resource, items in objects.items()}
        self.asked: list[tuple[str, str, str]] = []

    def _served(self, resource: Resource) -> None:
        """A cluster has the custom resources that its objects are of, and no others."""
        if resource in EXTENSIONS and resource not in self.objects:
            msg = f"get {resource}: this API server does not serve that (404)"
            raise Unsupported(msg)

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        self.asked.append(("get", str(resource), name))
        self._served(resource)
        for item in self.objects.get(resource, []):
            meta = item["metadata"]
            if meta["name"] == name and (not resource.namespaced or meta["namespace"] == namespace):
                return Doc(item, f"{resource} {name}")
        return None

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Listing:
        self.asked.append(("list", str(resource), namespace))
        self._served(resource)
        docs = [
            Doc(item, f"one of {resource}")
            for item in self.objects.get(resource, [])
            if not namespace or item["metadata"]["namespace"] == namespace
        ]
        wanted = dict(labels or {}).items()
        return Listing(tuple(doc for doc in docs if wanted <= doc.labels("metadata", "labels").items()), "100", AS_OF)

    def list_metadata(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Listing:  # fmt: skip
        whole = self.list(resource, namespace, labels)
        self.asked[-1] = ("list_metadata", str(resource), namespace)
        picked = [doc for doc in whole.items if all(doc.raw.get(key) == value for key, value in (fields or {}).items())]
        items = tuple(Doc({"metadata": doc.raw["metadata"]}, f"one of {resource}") for doc in picked)
        return Listing(items, whole.version, whole.as_of)

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        return True


class MemoryReader:
    """Implements the `Reader` port: one cluster, an evidence store, and what was spooled."""

    def __init__(
        self, kube: MemoryKube, artefacts: Iterable[Artefact] = (), contents: Mapping[str, bytes] | None = None
    ) -> None:
        self.cluster = kube
        self.contents = dict(contents or {})
        self.artefacts = {one.key: one for one in artefacts}
        self.spooled: dict[str, bytes] = {}

    @property
    def evidence(self) -> EvidenceReader:
        return self

    def find(self, key: str) -> Artefact | None:
        return self.artefacts.get(key)

    def any(self, folder: str) -> bool:
        return any(key.startswith(f"{folder}/") for key in self.artefacts)

    def content(self, key: str, limit: int) -> bytes:
        return self.contents[key]

    def kube(self, cluster: ClusterRef) -> KubeReader:
        return self.cluster

    def spool(self, name: str, chunks: Iterable[bytes]) -> Spooled:
        self.spooled[name] = data = b"".join(chunks)
        return Spooled(name, hashlib.sha256(data).hexdigest(), len(data))
