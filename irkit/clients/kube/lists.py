"""Lists as the API sends them: pages of whole objects, or of their metadata alone. Pure.

Source: Kubernetes documentation, "API concepts", retrieving large results in chunks and metadata-only fetches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from irkit.clients.kube.answers import Asked, bad, check_kind, parse
from irkit.clients.kube.text import clean
from irkit.clients.kube.wire import Answer
from irkit.errors import Malformed
from irkit.model.doc import Doc
from irkit.model.effects import Resource

_PARTIAL = Resource(group="meta.k8s.io", version="v1", plural="partialobjectmetadata", kind="PartialObjectMetadata")
_DROPPED = "kubectl.kubernetes.io/last-applied-configuration"
"""`kubectl apply` copies the whole object into it, a Secret's data too: it goes no further than this module."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a list is of, what is sent for each object, and the Accept header that asks for it."""

    resource: Resource
    sent: Resource
    accept: str

    @classmethod
    def whole(cls, resource: Resource) -> Form:
        """Whole objects."""
        return cls(resource, resource, "application/json")

    @classmethod
    def metadata(cls, resource: Resource) -> Form:
        """Metadata alone. There is no second choice in the header: whole objects are never asked for instead."""
        sent = _PARTIAL
        return cls(resource, sent, f"application/json;as={sent.kind}List;v={sent.version};g={sent.group}")


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a list, the list's version, and the token of the next page ("" after the last)."""

    items: tuple[Doc, ...]
    version: str
    token: str


def read_page(answer: Answer, form: Form, asked: Asked) -> Page:
    """The page in a 200 answer. Raises BadResponse."""
    doc = parse(answer, asked)
    try:
        check_kind(doc, Asked(asked.verb, form.sent, "", asked.namespace), answer.status, f"{form.sent.kind}List")
        return Page(
            tuple(_item(item, form, asked.namespace) for item in doc.each("items")),
            doc.text("metadata", "resourceVersion", default=""),
            doc.text("metadata", "continue", default=""),
        )
    except Malformed as error:
        raise bad(asked, answer.status, f"is no list of {form.resource}: {error}") from None


def _item(item: Doc, form: Form, wanted: str) -> Doc:
    """An object of a list, made whole: the API leaves kind and apiVersion out of a typed list's items."""
    name, namespace = item.text("metadata", "name"), item.text("metadata", "namespace", default="")
    if item.text("kind", default=form.sent.kind) != form.sent.kind:
        raise Malformed(item.what, f"{item.path}.kind", form.sent.kind, "another kind")
    if wanted and namespace != wanted:
        raise Malformed(item.what, f"{item.path}.metadata.namespace", wanted, "another namespace")
    where = f"{namespace}/{name}" if namespace else name
    value = item.raw if form.sent is form.resource else {"metadata": _small(item.part("metadata"))}
    typed = {"apiVersion": form.resource.api_version, "kind": form.resource.kind}
    return Doc({**typed, **value}, f"{form.resource} {clean(where, 320)}")


def _small(metadata: Doc) -> Mapping[str, Any]:
    kept = {key: value for key, value in metadata.raw.items() if key != "managedFields"}
    annotations = metadata.labels("annotations")
    if annotations:
        kept["annotations"] = {key: value for key, value in annotations.items() if key != _DROPPED}
    return kept
