"""Every action keeps the rules that make adding one a matter of one folder."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from irkit.actions.api import Action, NoUndo
from irkit.actions.catalog import Catalog
from irkit.model.base import Model
from irkit.model.effects import Access
from irkit.model.kube import EXTENSIONS, RESOURCES
from irkit.model.plans import Change, Settled, Verdict
from tests.support.action_cases import ActionCase, AnyAction, all_cases, cases_of

ACTIONS = list(Catalog.builtin())
CASES = all_cases()
MAX_LINES = 150
each_action = pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.spec.id)
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def undoable(action: AnyAction) -> bool:
    return not action.spec.no_undo


def folder_of(action: AnyAction) -> Path:
    return Path(inspect.getfile(type(action))).parent


# -- the folder ----------------------------------------------------------------------------------------


@each_action
def test_an_actions_id_is_the_path_of_its_folder(action: AnyAction) -> None:
    assert type(action).__module__ == f"irkit.actions.{action.spec.id}"


@each_action
def test_an_action_is_short_enough_to_read(action: AnyAction) -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in folder_of(action).glob("*.py")}

    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


@each_action
def test_everything_public_says_what_it_means(action: AnyAction) -> None:
    module = inspect.getmodule(type(action))
    assert module is not None
    assert (module.__doc__ or "").startswith(f"{action.spec.id}: ")
    for value in (type(action), action.spec.params, get_type_hints(type(action).observe)["return"]):
        assert value.__doc__, value
        assert not value.__doc__.startswith(f"{value.__name__}("), f"{value} has a generated docstring"


# -- what it declares -----------------------------------------------------------------------------------


@each_action
def test_parameters_and_outputs_are_frozen_closed_and_strict(action: AnyAction) -> None:
    for model in (action.spec.params, action.spec.outputs):
        assert issubclass(model, Model)
        assert {"frozen": True, "extra": "forbid", "strict": True}.items() <= dict(model.model_config).items()


@each_action
def test_every_parameter_is_described_for_who_types_it(action: AnyAction) -> None:
    """`irkit actions show` and the schema have nothing else to tell a playbook's author."""
    told = {name: field.description or "" for name, field in action.spec.params.model_fields.items()}
    assert [name for name, text in told.items() if not text.strip()] == []
    odd = [text for text in told.values() if "`" in text or text.endswith(".") or text[:1].isupper()]
    assert odd == [], "a phrase in plain words: it is put behind a colon and into a table"


@each_action
def test_facts_are_frozen(action: AnyAction) -> None:
    facts = get_type_hints(type(action).observe)["return"]

    assert facts.__dataclass_params__.frozen


@each_action
def test_permissions_are_of_known_resources_and_say_each_verb(action: AnyAction) -> None:
    known = {(resource.group, resource.plural) for resource in (*RESOURCES, *EXTENSIONS)}
    kube = [one for one in (*action.spec.reads, *action.spec.writes) if one.plane == "kube"]

    assert {(one.group, one.resource.partition("/")[0]) for one in kube} <= known
    assert {one.verb for one in action.spec.reads} <= {"get", "list"}
    verbs = {(one.verb, one.resource) for one in action.spec.writes}
    binds = {("bind", "roles"), ("bind", "clusterroles")}  # the API asks for it of whoever changes a binding
    assert {verb for verb, _ in verbs - binds} <= {"create", "patch", "delete"}
    assert len(set(action.spec.reads)) == len(action.spec.reads)
    assert {*action.spec.optional} <= {*action.spec.reads, *action.spec.writes}
    # the engine lets Secrets be listed as metadata only
    assert {one.verb for one in kube if one.resource == "secrets"} <= {"list", "delete"}


@each_action
def test_what_destroys_needs_an_approval_and_what_only_reads_risks_nothing(action: AnyAction) -> None:
    spec = action.spec
    on_pods = {one.verb for one in spec.writes if (one.group, one.resource) == ("", "pods")}
    deletes_what_is_not_irkits = "delete" in on_pods and "create" not in on_pods  # who creates pods deletes its own
    evicts = Access(group="", resource="pods/eviction", verb="create") in spec.writes

    revokes = Access(group="", resource="secrets", verb="delete") in spec.writes  # lost too, but no evidence

    assert bool(spec.destroys) == (deletes_what_is_not_irkits or evicts)
    assert (spec.risk == "destructive") == (bool(spec.destroys) or revokes)
    assert (spec.risk == "none") == (not [one for one in spec.writes if one.plane != "evidence"])
    for name in filter(None, (spec.destroys, spec.captures)):
        assert name in spec.params.model_fields
    assert spec.purpose != "capture"  # an export of objects is none


@each_action
def test_an_action_without_undo_says_why_and_one_with_undo_has_its_own(action: AnyAction) -> None:
    assert isinstance(action, NoUndo) == bool(action.spec.no_undo)
    assert (action.spec.risk in {"none", "destructive"}) == bool(action.spec.no_undo)


@each_action
def test_its_example_names_parameters_and_gives_the_required_ones(action: AnyAction) -> None:
    example = yaml.safe_load(action.spec.example)
    fields = action.spec.params.model_fields
    required = {name for name, field in fields.items() if field.is_required()}
    whole = re.compile(r"\$\{[a-z][a-z0-9_]*(\.[a-z][a-z0-9_-]*)+\}")

    assert required <= set(example) <= set(fields)
    given = {name: value for name, value in example.items() if not whole.fullmatch(str(value))}
    target = cases_of(action)[0].data["params"]
    action.spec.params.parse({**target, **given})


# -- its cases -------------------------------------------------------------------------------------------


@each_action
def test_an_action_has_a_case_of_every_kind(action: AnyAction) -> None:
    kinds = {case.kind for case in cases_of(action)}

    assert {"settled", "refuse"} <= kinds
    assert not action.spec.writes or "change" in kinds
    if undoable(action):
        assert {"undo-change", "undo-settled"} <= kinds
        assert "undo-drift" in kinds or not keeps_originals(action)
    else:
        assert not [kind for kind in kinds if kind.startswith("undo")]


def keeps_originals(action: AnyAction) -> bool:
    """Whether it changes what was there before: what it makes itself cannot drift from anything."""
    return any(case.data["expect"].get("originals") for case in cases_of(action))


def test_no_two_cases_share_a_name() -> None:
    names = [(case.action.spec.id, case.undo, case.data["name"]) for case in CASES]

    assert len(set(names)) == len(names)


@each_case
def test_the_effects_of_a_case_are_declared(case: ActionCase) -> None:
    plan, _, mark = case.answer()

    for effect in plan.effects if isinstance(plan, Change) else ():
        assert effect.access in case.action.spec.writes
        assert getattr(effect, "cluster", mark.within) == mark.within


@each_case
def test_a_plan_is_the_same_each_time(case: ActionCase) -> None:
    assert case.answer() == case.answer()


@each_case
def test_a_no_op_states_its_reason(case: ActionCase) -> None:
    plan, _, _ = case.answer()

    if isinstance(plan, Settled):
        assert len(plan.reason) > 5
        assert len(plan.verdict.why) > 5


@each_case
def test_a_change_gives_every_first_value_it_touches_and_every_value_it_sets(case: ActionCase) -> None:
    plan, _, _ = case.answer()

    if isinstance(plan, Change):
        assert {one.field for one in plan.originals} == set(plan.after)
        assert not (case.undo and plan.originals)


# -- that the cases would find an action which does nothing ------------------------------------------------


def idle(*_: Any, **__: Any) -> Settled:
    return Settled("nothing is wanted", Verdict.proven("nobody looked"))


def failing(action: AnyAction, broken: str, *, undo: bool) -> list[ActionCase]:
    """The cases that fail when one of the action's functions does nothing."""

    class Idle(type(action)):  # type: ignore[misc]  # the base is known at run time only
        pass

    setattr(Idle, broken, idle)
    Idle.__module__ = type(action).__module__
    stand_in: Action[Any, Any] = Idle()
    cases = [ActionCase(stand_in, case.file, case.data) for case in cases_of(action) if case.undo == undo]
    return [case for case in cases if case.problems()]


@each_action
def test_an_action_that_wants_nothing_fails_its_cases(action: AnyAction) -> None:
    kinds = {case.kind for case in failing(action, "plan", undo=False)}

    assert {case.kind for case in cases_of(action) if not case.undo} - {"settled"} <= kinds


@pytest.mark.parametrize("action", [one for one in ACTIONS if undoable(one)], ids=lambda action: action.spec.id)
def test_an_undo_that_wants_nothing_fails_its_cases(action: AnyAction) -> None:
    kinds = {case.kind for case in cases_of(action)}
    assert {"undo-change", "undo-drift"} & kinds <= {case.kind for case in failing(action, "undo", undo=True)}


@each_action
def test_an_action_that_does_nothing_keeps_none_of_its_outputs_either(action: AnyAction) -> None:
    if action.spec.outputs.model_fields:
        assert "settled" in {case.kind for case in failing(action, "plan", undo=False)}


@each_action
def test_what_an_action_creates_it_may_delete_again(action: AnyAction) -> None:
    """An undo, and a clear-away after a crash, delete: preflight asks for what is declared and nothing else."""
    kube = [one for one in action.spec.writes if one.plane == "kube" and "/" not in one.resource]
    created, deleted = (
        {(one.group, one.resource) for one in kube if one.verb == verb} for verb in ("create", "delete")
    )

    assert created - deleted == set()


@each_action
def test_what_may_be_in_another_namespace_is_declared_and_has_a_parameter_that_names_it(action: AnyAction) -> None:
    spec = action.spec

    assert set(spec.there) <= {*spec.reads, *spec.writes} - {*spec.wide}
    assert not spec.there or "namespace" in spec.params.model_fields
    assert set(spec.system) <= {*spec.reads} - {*spec.wide}
