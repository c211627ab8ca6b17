"""Generated pages, from specs made for the purpose."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from irkit.actions.api import ActionSpec, NoOutputs
from irkit.actions.catalog import Catalog
from irkit.model.base import Model
from irkit.model.effects import Access
from irkit.model.playbooks import Expr, Input, Playbook, Step
from irkit.model.refs import NodeRef, PodRef
from irkit.playbook import load_playbook
from irkit.views.pages import action_page, example_playbook, index_page, step_table, type_words


class Params(Model):
    """One of each."""

    pod: PodRef
    grace: Annotated[int, Field(ge=0, description="seconds | before the end")] = 30
    mode: Literal["fast", "slow"] = "fast"


class Outputs(Model):
    """What later steps get."""

    node: NodeRef


def spec(**changes: Any) -> ActionSpec:
    """A spec, changed."""
    given: dict[str, Any] = {
        "id": "kube.stop_pod",
        "version": 3,
        "title": "Stop a pod",
        "purpose": "contain",
        "params": Params,
        "outputs": Outputs,
        "reads": (
            Access(group="", resource="pods", verb="get"),
            Access(group="apps", resource="replicasets", verb="list"),
        ),
        "writes": (Access(group="", resource="pods", verb="patch"), Access(group="", resource="pods", verb="get")),
        "risk": "reversible",
        "example": "pod: ${inputs.suspect}\ngrace: 5",
    }
    return ActionSpec(**(given | changes))


def section(page: str, title: str) -> str:
    """What stands under a heading."""
    return page.partition(f"## {title}\n\n")[2].partition("\n\n## ")[0]


def test_parameters_are_listed_with_type_default_and_meaning() -> None:
    assert section(action_page(spec()), "Parameters").splitlines()[2:] == [
        "| `pod` | pod | required |  |",
        "| `grace` | integer | `30` | seconds \\| before the end |",
        "| `mode` | one of `fast`, `slow` | `fast` |  |",
    ]


def test_outputs_are_listed_without_defaults() -> None:
    assert section(action_page(spec()), "Outputs").splitlines() == [
        "| name | type |",
        "| --- | --- |",
        "| `node` | node |",
    ]
    assert section(action_page(spec(outputs=NoOutputs)), "Outputs") == "None."


def test_permissions_are_one_row_a_resource_with_each_verb_once() -> None:
    assert section(action_page(spec()), "Permissions").splitlines()[4:] == [
        "| kube | `pods` | core | get, patch |",
        "| kube | `replicasets` | `apps` | list |",
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "| Undo | restores only what irkit changed |"),
        ({"no_undo": "a deleted pod does not come back"}, "| Undo | none: a deleted pod does not come back |"),
        ({"writes": ()}, "| Undo | nothing to undo |"),
    ],
)
def test_undo_or_why_there_is_none_is_said(changes: dict[str, Any], told: str) -> None:
    assert told in action_page(spec(**changes)).splitlines()


def test_what_destroys_evidence_says_whose() -> None:
    page = action_page(spec(destroys="pod"))
    assert "volatile evidence of `pod`" in page
    assert "accept_loss:" in section(page, "Example")
    assert "accept_loss" not in action_page(spec())
    assert "needs" not in section(action_page(spec()), "Example")


def test_the_example_is_a_whole_playbook_with_the_inputs_that_it_uses() -> None:
    text = example_playbook(spec())
    assert "    suspect:\n      type: pod\n" in text
    assert "      with:\n        pod: ${inputs.suspect}\n        grace: 5\n" in text


def test_an_example_that_needs_a_scope_gets_the_step_that_gives_it() -> None:
    text = example_playbook(spec(example="pod: ${steps.scope.pod}"))
    assert "    pod:\n      type: pod\n" in text
    assert "    - id: scope\n      uses: kube.scope_pod\n" in text
    assert "      needs: [scope]\n" in text


@pytest.mark.parametrize("action", list(Catalog.builtin()), ids=lambda action: str(action.spec.id))
def test_the_example_of_every_action_lints(action: Any) -> None:
    playbook = load_playbook(example_playbook(action.spec).encode(), "example.yaml", Catalog.builtin())
    assert playbook.steps[-1].uses == action.spec.id


def test_the_index_links_every_page_and_says_whether_undo_exists() -> None:
    rows = index_page([spec(), spec(id="kube.kill_pod", no_undo="gone")]).splitlines()[-2:]
    assert rows == [
        "| [kube.stop_pod](kube.stop_pod.md) | Stop a pod | contain | reversible | yes |",
        "| [kube.kill_pod](kube.kill_pod.md) | Stop a pod | contain | reversible | no |",
    ]


def test_a_runbook_s_table_says_when_a_step_starts() -> None:
    uses = "kube.label_pod"
    playbook = Playbook(
        name="p",
        title="P",
        inputs=(Input(name="pod", type="pod"),),
        steps=(
            Step(id="first", uses=uses, arguments={}),
            Step(id="then", uses=uses, arguments={}, needs=("first",), approval="required"),
            Step(id="each", uses=uses, arguments={}, for_each=Expr(expr=("steps", "first", "siblings"))),
            Step(id="last", uses=uses, arguments={}, needs=("then",), always=True),
        ),
    )
    cells = [row.split(" | ")[3:5] for row in step_table(playbook, Catalog.builtin()).splitlines()[2:]]
    assert cells == [
        ["at once", "no"],
        ["after first", "yes"],
        ["at once, once for each of `${steps.first.siblings}`", "no"],
        ["at the end, always, after then", "no"],
    ]


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str, "text"),
        (str | None, "text or nothing"),
        (tuple[PodRef, ...], "list of pod"),
        (dict[str, int], "mapping of text to integer"),
        (Annotated[bool, Field()], "boolean"),
        (Outputs, "object (node: node)"),
        (Any, "JSON value"),
    ],
)
def test_types_are_told_in_an_author_s_words(annotation: Any, words: str) -> None:
    assert type_words(annotation) == words
