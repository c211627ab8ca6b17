"""One playbook in several clusters: copies that share no object and wait for none of each other."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.actions.catalog import Catalog
from irkit.errors import UsageError
from irkit.model.playbooks import Expr, Playbook, Step
from irkit.playbook import load_playbook, shipped
from irkit.playbook.bindings import REFERENCES
from irkit.playbook.conditions import rename
from irkit.playbook.spread import places, spread

CATALOG = Catalog.builtin()
ABOUT = {
    "compromised-pod": "pod", "compromised-serviceaccount": "service_account", "exposed-dashboard": "workload",
    "malicious-image": "image", "node-suspect": "node", "suspicious-exec": "pod",
}  # fmt: skip


def book(name: str) -> Playbook:
    return load_playbook(*shipped.load(name), CATALOG)


def mentioned(step: Step) -> set[tuple[str, str]]:
    """The inputs and steps that a step names, needs among them."""
    exprs = [one for one in (*step.arguments.values(), step.for_each) if isinstance(one, Expr)]
    found = {(one.expr[0], one.expr[1]) for one in exprs if one.expr[0] != "item"}
    found |= {(name[0], name[1]) for name in step.when.names} if step.when else set()
    return found | {("steps", need) for need in step.needs}


@pytest.mark.parametrize("name", shipped.names())
def test_copies_of_a_shipped_playbook_share_no_step_and_no_object(name: str) -> None:
    one = book(name)
    own, objects = {step.id for step in one.steps}, {each.name for each in one.inputs if each.type in REFERENCES}

    made, given_to = spread(one, ABOUT[name], ["us", "asia"])

    assert given_to == (f"{ABOUT[name]}_us", f"{ABOUT[name]}_asia")
    assert len({step.id for step in made.steps}) == len(made.steps) == 3 * len(own)
    assert {step.id for step in made.steps if step.id.endswith("-us")} == {f"{step}-us" for step in own}
    copies = [step for step in made.steps if step.id.endswith("-us")]
    for step in copies:
        for kind, what in mentioned(step):
            assert what.endswith("-us") if kind == "steps" else what not in objects
    assert [step.model_dump(exclude={"id"}) for step in made.steps if step.id in own] == [
        step.model_dump(exclude={"id"}) for step in one.steps
    ]
    assert Playbook.model_validate_json(made.model_dump_json()) == made  # ids and names are still valid ones


def test_a_condition_means_the_steps_and_objects_of_its_own_cluster() -> None:
    made, _ = spread(book("node-suspect"), "node", ["prod-us"])

    (drain,) = [step for step in made.steps if step.id == "drain-prod-us"]
    assert str(drain.when) == (
        'inputs.drain && !steps.label_prod_us.verdict.exists(v, v == "failed") && '
        "size(steps.label_prod_us.verdict) == size(steps.scope_prod_us.outputs.isolable)"
    )
    assert ("steps", "scope-prod-us", "outputs", "isolable") in (drain.when.names if drain.when else ())


def test_an_object_beside_the_target_is_none_of_the_other_clusters() -> None:
    made, _ = spread(book("compromised-pod"), "pod", ["us"])

    (replace,) = [step for step in made.steps if step.id == "replace-us"]
    assert str(replace.when) == "inputs.replace_us != null"
    assert {one.name: one.required for one in made.inputs if one.name.endswith("_us")} == {
        "pod_us": True, "replace_us": False,
    }  # fmt: skip


def test_what_needs_two_objects_runs_in_one_cluster() -> None:
    source = b"""
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata: {name: both, title: Both}
spec:
  inputs: {pod: {type: pod}, node: {type: node}}
  steps:
    - {id: mark, uses: kube.label_pod, with: {pod: "${inputs.pod}"}}
    - {id: hold, uses: kube.cordon_node, with: {node: "${inputs.node}"}}
"""
    with pytest.raises(UsageError, match="`node`, an object of one cluster"):
        spread(load_playbook(source, "both.yaml", CATALOG), "pod", ["us"])


def test_steps_that_always_run_stay_at_the_end() -> None:
    source = b"""
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata: {name: last, title: Last}
spec:
  inputs: {pod: {type: pod}}
  steps:
    - {id: mark, uses: kube.label_pod, with: {pod: "${inputs.pod}"}}
  finally:
    - {id: see, uses: kube.scope_pod, with: {pod: "${inputs.pod}"}}
"""
    made, _ = spread(load_playbook(source, "last.yaml", CATALOG), "pod", ["us"])
    assert [(step.id, step.always) for step in made.steps] == [
        ("mark", False), ("mark-us", False), ("see", True), ("see-us", True),
    ]  # fmt: skip


@given(st.lists(st.text(max_size=120), max_size=6))
def test_every_place_gives_valid_ids_that_differ(names: list[str]) -> None:
    found = places("prod-eu", names)
    assert len(set(found)) == len(found) == len(names)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,20}", one) for one in found)
    made, _ = spread(book("compromised-serviceaccount"), "service_account", found)
    assert Playbook.model_validate_json(made.model_dump_json()) == made
    assert len({one.name for one in made.inputs}) == len(made.inputs)


def test_a_copys_input_does_not_take_the_name_of_another() -> None:
    source = b"""
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata: {name: own, title: Own}
spec:
  inputs: {pod: {type: pod}, pod_us: {type: text, default: ""}}
  steps:
    - {id: mark, uses: kube.label_pod, with: {pod: "${inputs.pod}"}}
"""
    made, given_to = spread(load_playbook(source, "own.yaml", CATALOG), "pod", ["us"])
    assert given_to == ("pod_2_us",)
    assert [one.name for one in made.inputs] == ["pod", "pod_us", "pod_2_us"]


@pytest.mark.parametrize(
    ("first", "further", "wanted"),
    [
        ("prod-eu", ["prod-us", "prod-ap"], ["us", "ap"]),
        ("prod-eu", ["prod-us-1", "staging"], ["prod-us-1", "staging"]),
        ("prod-eu", ["prod-eu-2"], ["eu-2"]),
        ("prod", ["prod-eu"], ["prod-eu"]),
        ("prod-eu", ["Prod_US", "prod.us"], ["us", "us-2"]),
        ("eu", ["eu"], ["eu"]),
        ("a", ["arn-of-a-very-long-cluster"], ["arn-of-a-very-lo"]),
        ("a", ["@@"], ["cluster"]),
    ],
)
def test_copies_are_called_after_what_tells_the_clusters_apart(
    first: str, further: list[str], wanted: list[str]
) -> None:
    assert places(first, further) == wanted


def test_long_ids_are_cut_and_stay_different() -> None:
    long = "a" * 41
    steps = f"""
    - {{id: {long}, uses: kube.label_pod, with: {{pod: "${{inputs.pod}}"}}}}
    - {{id: {"a" * 40}b, uses: kube.label_pod, with: {{pod: "${{inputs.pod}}"}}}}
"""
    head = "apiVersion: irkit.dev/v1alpha1\nkind: Playbook\nmetadata: {name: long, title: Long}\n"
    source = f"{head}spec:\n  inputs:\n    pod: {{type: pod}}\n  steps:{steps}".encode()
    made, _ = spread(load_playbook(source, "long.yaml", CATALOG), "pod", ["prod-us"])
    assert len({step.id for step in made.steps}) == 4
    assert Playbook.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("steps.a.verdict == 'steps.a.verdict'", "steps.b.verdict == 'steps.a.verdict'"),
        ("steps . a\n.verdict in ['x']", "steps.b.verdict in ['x']"),
        ("steps.ab.verdict != null", "steps.ab.verdict != null"),
        ("size(steps.a.outputs.pods.name) > 0", "size(steps.b.outputs.pods.name) > 0"),
        ("inputs.x && x.inputs.x", "inputs.y && x.inputs.x"),
    ],
)
def test_names_are_renamed_and_texts_are_not(text: str, wanted: str) -> None:
    names = {
        "steps.a.verdict": "steps.b.verdict",
        "steps.a.outputs.pods": "steps.b.outputs.pods",
        "inputs.x": "inputs.y",
    }
    assert rename(text, names) == wanted
