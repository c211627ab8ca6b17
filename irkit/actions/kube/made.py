"""Objects that irkit makes for a case: their names, their calls, and how they differ from what is found.

They are made with every default filled in, so that what is read back must be equal: a field that somebody added
(a condition, an exempt namespace) is as much a hole as one that was changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from irkit.actions.kube.objects import uid_of
from irkit.model.base import Json, canonical
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall, Mark, Resource
from irkit.model.kube import CASE_LABEL, MARK_LABEL, pointer
from irkit.model.plans import Drift, Refuse
from irkit.model.refs import ClusterRef

State = Literal["absent", "ours", "foreign"]


@dataclass(frozen=True, slots=True)
class Own:
    """An object as irkit makes it. `effect` begins the names of its calls."""

    effect: str
    cluster: ClusterRef
    resource: Resource
    name: str
    spec: Mapping[str, Json]
    namespace: str = ""

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.resource.kind} {where}"

    def create(self, mark: Mark) -> KubeCall:
        """Make it."""
        meta: dict[str, Json] = {"name": self.name, "labels": _labels(mark)}
        if self.namespace:
            meta["namespace"] = self.namespace
        body: Json = {
            "apiVersion": self.resource.api_version, "kind": self.resource.kind, "metadata": meta,
            "spec": dict(self.spec),
        }  # fmt: skip
        return self._call(self.effect, "create", body)

    def mend(self, mark: Mark, found: Found) -> KubeCall:
        """Make what is there as it must be."""
        ops: list[Json] = [{"op": "test", "path": "/metadata/uid", "value": found.uid}]
        # the mark is there, or it would not be irkit's; so the map of labels is too
        ops.append({"op": "add", "path": pointer("metadata", "labels", CASE_LABEL), "value": mark.case})
        ops.append({"op": "replace", "path": "/spec", "value": dict(self.spec)})
        return self._call(f"mend-{self.effect}", "patch", ops)

    def delete(self, found: Found) -> KubeCall:
        """Take it away."""
        body: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": found.uid}}
        return self._call(f"delete-{self.effect}", "delete", body)

    def _call(self, name: str, verb: Literal["create", "patch", "delete"], body: Json) -> KubeCall:
        return KubeCall(
            name=name, cluster=self.cluster.id, verb=verb, resource=self.resource, namespace=self.namespace,
            object=self.name, body=body,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What is under the name. `differs` are the fields in which it is not as irkit makes it, and how it has them."""

    state: State = "absent"
    uid: str = ""
    differs: tuple[tuple[str, str], ...] = ()

    @property
    def stands(self) -> bool:
        """Whether it is there as irkit makes it."""
        return self.state == "ours" and not self.differs


ABSENT = Found()


def own_name(mark: Mark) -> str:
    """The same for every rerun, by any responder."""
    return f"irkit-{mark.case.rpartition('-')[2].lower()}-{mark.short}"


def _labels(mark: Mark) -> dict[str, Json]:
    return {CASE_LABEL: mark.case, MARK_LABEL: mark.short}


def read_own(doc: Doc | None, own: Own, mark: Mark) -> Found:
    """Compare what was found with what irkit makes. Raises Malformed."""
    if doc is None:
        return ABSENT
    labels, spec = doc.labels("metadata", "labels"), doc.part("spec").raw
    uid = uid_of(doc)
    if labels.get(MARK_LABEL) != mark.short:
        return Found("foreign", uid)
    differs = [] if labels.get(CASE_LABEL) == mark.case else [(f'metadata.labels["{CASE_LABEL}"]', "another value")]
    for key in sorted({*own.spec, *spec}):
        if key not in spec:
            differs.append((f"spec.{key}", "nothing"))
        elif key not in own.spec:
            differs.append((f"spec.{_shown(key)}", "a field that irkit did not set"))
        elif not _equal(spec[key], own.spec[key]):
            differs.append((f"spec.{key}", "another value"))
    return Found("ours", uid, tuple(differs))


def _shown(key: str) -> str:
    """The API drops fields that it does not know, so these are its own; their length is checked all the same."""
    return key[:60] if key.isascii() and key.isprintable() else "?"


def _equal(found: object, wanted: Json) -> bool:
    try:
        return canonical(found) == canonical(wanted)
    except ValueError:  # floats, or what no canonical form has: nothing that irkit sets
        return False


def make_or_mend(pairs: Sequence[tuple[Own, Found]], mark: Mark) -> tuple[tuple[KubeCall, ...], tuple[str, ...]]:
    """The calls that are wanted, in order, and why."""
    calls: list[KubeCall] = []
    why: list[str] = []
    for own, found in pairs:
        if found.state == "absent":
            calls.append(own.create(mark))
            why.append(f"there is no {own}")
        elif found.differs:
            calls.append(own.mend(mark, found))
            why.append(f"somebody changed {own}: {', '.join(name for name, _ in found.differs)}")
    return tuple(calls), tuple(why)


def taken(pairs: Sequence[tuple[Own, Found]]) -> Refuse | None:
    """The refusal to touch what bears irkit's name and is not irkit's."""
    for own, found in pairs:
        if found.state == "foreign":
            return Refuse(
                f"{own} bears this case's name but is not irkit's",
                hint="look who made it, rename or delete it, then resume",
            )
    return None


def take_away(pairs: Sequence[tuple[Own, Found]]) -> tuple[KubeCall, ...] | Refuse:
    """The calls that delete irkit's own objects; the refusal where somebody changed one of them since.

    What bears the name and is not irkit's is nothing of irkit's to undo.
    """
    drift = tuple(
        Drift(field=f"{own} {name}", ours="as irkit made it", now=now, original=None)
        for own, found in pairs
        for name, now in found.differs
    )
    if drift:
        changed = ", ".join(dict.fromkeys(str(own) for own, found in pairs if found.differs))
        return Refuse(
            f"somebody changed {changed} since irkit made it",
            hint="compare the values; put back what irkit set, or delete it by hand",
            drift=drift,
        )
    return tuple(own.delete(found) for own, found in pairs if found.state == "ours")
