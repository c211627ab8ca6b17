"""Actions of the tests' own, and playbooks with the expected fault marked in their text.

A playbook is written with `@@` right before the place of its one fault: `check` takes the mark out, lints the rest,
and wants exactly one diagnostic, at that place.
"""

from __future__ import annotations

import textwrap
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from irkit.actions.api import ActionSpec, Defaults
from irkit.actions.catalog import Catalog
from irkit.model.base import Json, Model
from irkit.model.effects import Access, Mark, Sha256
from irkit.model.plans import Originals, Plan, Receipts
from irkit.model.playbooks import Playbook
from irkit.model.ports import Reader
from irkit.model.refs import Account, NodeRef, PodRef
from irkit.playbook import Diagnostic, lint, load_playbook

STORE = Access(group="", resource="artefacts", verb="create", plane="evidence")


class OnPod(Model):
    """Parameters: a pod."""

    pod: PodRef


class OnNode(Model):
    """Parameters: a node."""

    node: NodeRef


class Tag(Model):
    """Parameters of every kind."""

    node: NodeRef | None = None
    account: Account = "111122223333"
    digest: Sha256 | None = None
    count: int = Field(default=1, ge=0, description="how many")
    mode: Literal["soft", "hard"] = "soft"
    force: bool = False
    names: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    subject: PodRef | NodeRef | None = None
    pods: tuple[PodRef, ...] = ()

    @model_validator(mode="after")
    def _soft_is_not_forced(self) -> Self:
        if self.force and self.mode == "soft":
            msg = "a soft tag cannot be forced"
            raise ValueError(msg)
        return self


class Note(Model):
    """Parameters: anything."""

    value: Json = None


class Scope(Model):
    """What `test.scope` gives."""

    pod: PodRef
    node: NodeRef | None
    siblings: tuple[PodRef, ...]
    gaps: tuple[PodRef | None, ...] = ()
    either: PodRef | NodeRef
    title: str
    size: int
    mode: Literal["soft", "hard"]


class Nothing(Model):
    """No outputs."""


class Sample(Defaults):
    """An action that the linter may look at and nobody runs."""

    def __init__(self, **more: Any) -> None:
        given: dict[str, Any] = {
            "version": 1, "title": "Sample", "purpose": "read", "params": OnPod, "outputs": Nothing, "reads": (),
            "risk": "none", "no_undo": "it does nothing", "example": "pod: ${inputs.pod}",
        }  # fmt: skip
        self.spec = ActionSpec(**{**given, **more})

    def target(self, p: Model) -> PodRef:
        raise AssertionError(p)

    def scope(self, p: Model) -> str:
        raise AssertionError(p)

    def locks(self, p: Model) -> tuple[str, ...]:
        raise AssertionError(p)

    def observe(self, p: Model, mark: Mark, reader: Reader) -> None:
        raise AssertionError(p)

    def plan(self, p: Model, mark: Mark, facts: None, mine: Receipts) -> Plan:
        raise AssertionError(p)

    def undo(self, p: Model, mark: Mark, originals: Originals, facts: None, mine: Receipts) -> Plan:
        raise AssertionError(p)


CATALOG = Catalog.of(
    Sample(id="test.scope", outputs=Scope),
    Sample(id="test.look", outputs=Scope),
    Sample(id="test.export", writes=(STORE,)),
    Sample(id="test.capture", purpose="capture", writes=(STORE,), captures="pod"),
    Sample(id="test.capture_node", purpose="capture", params=OnNode, captures="node"),
    Sample(id="test.kill", purpose="recover", risk="destructive", destroys="pod"),
    Sample(id="test.drain", purpose="contain", params=OnNode, risk="disruptive", destroys="node"),
    Sample(id="test.wipe", purpose="contain", risk="destructive"),
    Sample(id="test.cordon", purpose="contain", params=OnNode, risk="reversible"),
    Sample(id="test.note", params=Note),
    Sample(id="test.tag", purpose="contain", params=Tag, risk="reversible"),
)

HEAD = """\
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata:
  name: sample
spec:
  inputs:
    pod: {type: pod}
  steps:
    - {id: scope, uses: test.scope, with: {pod: "${inputs.pod}"}}
"""


def book(steps: str, *, head: str = HEAD) -> str:
    """A playbook with an input `pod` and a step `scope`, and these steps after it."""
    return head + textwrap.indent(textwrap.dedent(steps).strip("\n"), "    ") + "\n"


def found(text: str) -> tuple[Diagnostic, ...]:
    """What the linter says."""
    return lint(text.encode(), "sample.yaml", CATALOG)


def messages(text: str) -> list[str]:
    """What the linter says, without places and remedies."""
    return [one.message for one in found(text)]


def load(text: str) -> Playbook:
    """The checked playbook, without even a warning."""
    assert [str(one) for one in found(text)] == []
    return load_playbook(text.encode(), "sample.yaml", CATALOG)


def place(marked: str) -> tuple[str, tuple[int, int]]:
    """The text without its mark, and where the mark was."""
    before, mark, rest = marked.partition("@@")
    assert mark
    assert "@@" not in rest
    return before + rest, (before.count("\n") + 1, len(before) - before.rfind("\n"))


def check(marked: str, message: str, remedy: str, *, warning: bool = False) -> None:
    """The one fault of a marked playbook: where it is, and parts of what is said."""
    text, at = place(marked)
    said = found(text)
    assert [(one.line, one.column) for one in said] == [at], "\n".join(str(one) for one in said)
    assert message in said[0].message
    assert remedy in said[0].remedy
    assert said[0].warning is warning


def pod(name: str = "web", uid: str = "u-1") -> dict[str, Json]:
    """A pod's reference, as a record holds it."""
    cluster: dict[str, Json] = {"kind": "Cluster", "id": "context:lab"}
    return {"cluster": cluster, "name": name, "uid": uid, "kind": "Pod", "namespace": "shop"}
