"""Role bindings as they are found: whom they name, and what an account has through its groups.

Shared by the actions that take an account out of them and by those whose verdict rests on what is left.
Source: Kubernetes documentation, "Using RBAC Authorization" (default groups, default roles of everybody).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from irkit.actions.kube.managers import Held, read_held
from irkit.actions.kube.objects import NAME_LIMIT, uid_of
from irkit.model.base import Json, canonical
from irkit.model.doc import Doc
from irkit.model.effects import Resource
from irkit.model.kube import CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS
from irkit.model.ports import KubeReader
from irkit.model.refs import ServiceAccountRef

_EVERYBODYS = ("basic-user", "discovery", "public-info-viewer", "service-account-issuer-discovery")
_DISCOVERY = frozenset(f"ClusterRole system:{name}" for name in _EVERYBODYS)
"""What Kubernetes itself binds to everybody: who am I, and what does this API serve. A Role of such a name is none."""
SUBJECTS = ("subjects",)
_SUBJECT_FIELDS = frozenset({"kind", "name", "namespace", "apiGroup"})


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding as it was found. `subjects` are canonical JSON, in order. `namespace` is "" for a cluster's.

    `held` is where the API names irkit as an owner of the list of subjects.
    """

    namespace: str
    name: str
    uid: str
    role: str
    subjects: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()

    @property
    def resource(self) -> Resource:
        """Which of the two it is."""
        return ROLE_BINDINGS if self.namespace else CLUSTER_ROLE_BINDINGS

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.resource.kind} {where}"

    def ours(self, account: ServiceAccountRef) -> tuple[int, ...]:
        """Where the account is in the list, by its own name or its user name."""
        return tuple(index for index, text in enumerate(self.subjects) if _names(text, self.namespace, account))

    def kept(self, account: ServiceAccountRef) -> Json:
        """What is taken out, and from where."""
        ours: list[Json] = [{"at": at, "subject": orjson.loads(self.subjects[at])} for at in self.ours(account)]
        return {"uid": self.uid, "ours": ours}


def read_bindings(kube: KubeReader) -> tuple[Binding, ...]:
    """All that there are, the cluster's first. Raises Malformed."""
    found = [*_bindings(kube, CLUSTER_ROLE_BINDINGS), *_bindings(kube, ROLE_BINDINGS)]
    return tuple(sorted(found, key=lambda one: (one.namespace, one.name)))


def rights_by_group(bindings: tuple[Binding, ...], account: ServiceAccountRef) -> tuple[str, ...]:
    """In words, what an account has through a group that it is in; what everybody has is left out."""
    return tuple(sorted({words for one in bindings for words in _by_group(one, account)}))


def _bindings(kube: KubeReader, resource: Resource) -> Iterator[Binding]:
    for doc in kube.list(resource).items:
        yield Binding(
            namespace=doc.text("metadata", "namespace", limit=NAME_LIMIT) if resource.namespaced else "",
            name=doc.text("metadata", "name"),
            uid=uid_of(doc),
            role=f"{doc.text('roleRef', 'kind', limit=63)} {doc.text('roleRef', 'name')}",
            subjects=tuple(_subject(one) for one in doc.each("subjects")),
            held=read_held(doc, (SUBJECTS,)),
        )


def _subject(doc: Doc) -> str:
    """As canonical JSON: a subject has four fields, all text."""
    return canonical({key: doc.text(key) for key in sorted(_SUBJECT_FIELDS) if doc.has(key)}).decode()


def _names(text: str, namespace: str, account: ServiceAccountRef) -> bool:
    subject = orjson.loads(text)
    kind, name = subject.get("kind"), subject.get("name")
    if kind == "ServiceAccount":
        # a RoleBinding's subject may leave the namespace out: then it is the binding's own
        return bool(name == account.name and subject.get("namespace", namespace) == account.namespace)
    return bool(kind == "User" and name == f"system:serviceaccount:{account.namespace}:{account.name}")


def _by_group(binding: Binding, account: ServiceAccountRef) -> Iterator[str]:
    groups = {"system:serviceaccounts", f"system:serviceaccounts:{account.namespace}", "system:authenticated"}
    if not binding.namespace and binding.role in _DISCOVERY:
        return
    where = f" in {binding.namespace}" if binding.namespace not in {"", account.namespace} else ""
    for text in binding.subjects:
        subject = orjson.loads(text)
        if subject.get("kind") == "Group" and subject.get("name") in groups:
            yield f"{binding.role}{where} through the group {subject['name']} ({binding})"
