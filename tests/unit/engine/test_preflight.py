"""What must be allowed before a playbook begins: worked out exactly, asked in one wave, refused by name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.engine.preflight import ITSELF, Grant, Need, Preflight, grants, needs, review
from irkit.errors import Refused, Unreachable
from irkit.model.effects import Access, Resource
from irkit.model.kube import NAMESPACES, NODES, PODS
from irkit.model.playbooks import Expr, Input, Playbook, Step
from tests.support.memory import MemoryKube
from tests.support.specs import spec


def access(text: str, group: str = "") -> Access:
    verb, _, resource = text.partition(" ")
    return Access(group=group, resource=resource, verb=verb)


class Inert:
    """An action that is nothing but its spec."""

    def __init__(self, name: str, **more: Any) -> None:
        self.spec = spec(name, **more)


def catalog(*actions: Any) -> Catalog:
    return Catalog.of(*actions)


def book(*steps: Step, inputs: tuple[Input, ...] = ()) -> Playbook:
    return Playbook(name="book", title="Book", inputs=inputs, steps=steps)


def step(name: str, uses: str, **more: Any) -> Step:
    return Step(id=name, uses=uses, arguments={}, **more)


def listed(found: tuple[Grant, ...]) -> dict[tuple[str, bool], tuple[str, ...]]:
    return {(str(one.access), one.everywhere): one.steps for one in found if one.steps != (ITSELF,)}


def test_reads_and_writes_of_all_steps_are_needed_once_with_the_steps_that_need_them() -> None:
    look = Inert("kube.look", reads=(access("get pods"), access("list nodes")))
    cut = Inert("kube.cut", reads=(access("get pods"),), writes=(access("patch pods"), access("create pods/eviction")))

    found = grants([book(step("a", "kube.look"), step("b", "kube.cut"))], catalog(look, cut))

    assert listed(found) == {
        ("list nodes", True): ("a",),
        ("get pods", False): ("a", "b"),
        ("patch pods", False): ("b",),
        ("create pods/eviction", False): ("b",),
    }


def test_what_is_wide_is_needed_in_all_namespaces_beside_what_is_needed_in_one() -> None:
    pods = access("list pods")
    wide, narrow = Inert("kube.wide", reads=(pods,), wide=(pods,)), Inert("kube.narrow", reads=(pods,))

    found = grants([book(step("a", "kube.wide"), step("b", "kube.narrow"))], catalog(wide, narrow))

    assert listed(found) == {("list pods", True): ("a",), ("list pods", False): ("b",)}
    assert sorted(map(str, needs(found, "shop"))) == [
        "get namespaces kube-system", "list pods in all namespaces", "list pods in shop"
    ]  # fmt: skip


def test_irkit_itself_looks_up_the_target_and_the_cluster() -> None:
    inputs = tuple(Input(name=f"x{kind}", type=kind) for kind in ("pod", "node", "namespace", "serviceaccount", "text"))

    found = grants([book(inputs=inputs)], catalog())

    assert [(str(one.access), one.everywhere, one.name) for one in found] == [
        ("get namespaces", True, ""),  # kube-system among them
        ("get nodes", True, ""),
        ("get pods", False, ""),
        ("get serviceaccounts", False, ""),
    ]
    assert {one.steps for one in found} == {(ITSELF,)}


def test_evidence_is_no_permission_of_the_cluster() -> None:
    store = Access(plane="evidence", group="", resource="artefacts", verb="create")

    assert listed(grants([book(step("a", "kube.keep"))], catalog(Inert("kube.keep", writes=(store,))))) == {}


def test_what_only_steps_need_that_may_fail_is_optional() -> None:
    pods, nodes = access("get pods"), access("get nodes")
    look, cut = Inert("kube.look", reads=(pods, nodes)), Inert("kube.cut", reads=(pods,))
    steps = (step("a", "kube.look", on_failure="continue"), step("b", "kube.cut"))

    for order in (steps, steps[::-1]):
        found = grants([book(*order)], catalog(look, cut))
        assert {str(one.access): one.optional for one in found if one.steps != (ITSELF,)} == {
            "get nodes": True,
            "get pods": False,
        }


def test_several_playbooks_need_what_each_needs() -> None:
    look, cut = Inert("kube.look", reads=(access("get pods"),)), Inert("kube.cut", writes=(access("patch pods"),))

    found = grants([book(step("a", "kube.look")), book(step("b", "kube.cut"))], catalog(look, cut))

    assert set(listed(found)) == {("get pods", False), ("patch pods", False)}


# -- asking ----------------------------------------------------------------------------------------------


class Api(MemoryKube):
    """Answers reviews. `meet` is passed by each of them."""

    def __init__(self, denied: tuple[str, ...] = (), meet: Callable[[], object] = lambda: None) -> None:
        super().__init__({})
        self.denied = denied
        self.meet = meet
        self.reviews: list[tuple[str, str, str]] = []

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        self.reviews.append((str(wanted), namespace, name))
        self.meet()
        return str(wanted) not in self.denied


def wanted(*texts: str, namespace: str = "shop", optional: bool = False) -> tuple[Need, ...]:
    return tuple(
        Need(Grant(access(text), everywhere=False, steps=("cut",), optional=optional), namespace) for text in texts
    )


def test_each_need_is_reviewed_where_it_is_needed() -> None:
    api = Api(denied=("patch pods",))
    itself = Need(Grant(access("get namespaces"), everywhere=True, name="kube-system", steps=(ITSELF,)), "")

    found = review(api, [itself, *wanted("get pods", "patch pods")])

    assert sorted(api.reviews) == [
        ("get namespaces", "", "kube-system"), ("get pods", "shop", ""), ("patch pods", "shop", "")
    ]  # fmt: skip
    assert [str(one) for one in found.missing] == ["patch pods in shop"]
    assert found.unchecked == ""


def test_the_reviews_are_one_wave() -> None:
    """Every one of them is on its way before any is answered: a barrier breaks where they go one by one."""
    many = 24
    barrier = threading.Barrier(many, timeout=20)

    found = review(Api(meet=barrier.wait), wanted(*(f"get thing{number}" for number in range(many))))

    assert found == Preflight()


def test_a_wave_may_be_smaller_and_asks_for_no_less() -> None:
    """Two at a time: they meet in pairs, and a third never is among them."""
    here: list[int] = []
    met: list[int] = []
    guard = threading.Lock()
    pair = threading.Barrier(2, timeout=20)

    def meet() -> None:
        with guard:
            here.append(1)
        pair.wait()
        with guard:
            met.append(len(here))
        pair.wait()
        with guard:
            here.pop()

    found = review(Api(denied=("get thing5",), meet=meet), wanted(*(f"get thing{number}" for number in range(6))), 2)

    assert [str(one) for one in found.missing] == ["get thing5 in shop"]
    assert len(met) == 6
    assert max(met) == 2


def test_what_cannot_be_asked_is_said_and_stops_nothing() -> None:
    def dead() -> None:
        msg = "no connection"
        raise Unreachable(msg)

    found = review(Api(meet=dead), wanted("get pods"))

    assert (found.missing, found.unchecked) == ((), "no connection")
    found.check("book")


def test_a_refusal_names_what_is_missing_where_and_for_which_step() -> None:
    with pytest.raises(Refused) as raised:
        Preflight(wanted("patch pods", "get pods")).check("book.yaml")

    error = raised.value
    assert "patch pods in shop (cut); get pods in shop (cut)" in error.message
    assert error.did == "nothing was changed"
    assert "irkit permissions book.yaml --format rbac" in error.hint
    assert "--without-preflight" in error.hint
    assert error.exit_status == 3


def test_what_may_fail_refuses_nothing() -> None:
    found = Preflight(wanted("list events", optional=True))

    found.check("book")
    assert found.blocking == ()
    assert [str(one) for one in found.missing] == ["list events in shop"]


@pytest.mark.parametrize(
    ("resource", "everywhere", "namespace", "words"),
    [
        (PODS, False, "shop", "get pods in shop"),
        (PODS, True, "", "get pods in all namespaces"),
        (NODES, True, "", "get nodes"),
        (NAMESPACES, True, "", "get namespaces"),
    ],
)
def test_a_need_says_where(resource: Resource, everywhere: bool, namespace: str, words: str) -> None:
    assert str(Need(Grant(access(f"get {resource.plural}"), everywhere), namespace)) == words


def test_the_shipped_actions_name_no_wildcard_and_say_wide_only_of_what_they_declare() -> None:
    for action in Catalog.builtin():
        declared = {*action.spec.reads, *action.spec.writes}
        assert {*action.spec.wide} <= declared, action.spec.id
        assert not [one for one in declared if "*" in str(one)], action.spec.id


# -- tool pods, which may run in another namespace ------------------------------------------------------------

TOOLS = (access("list pods"), access("create pods"), access("delete pods"))


def tool_books(value: Any, default: Any = "") -> tuple[Playbook, Catalog]:
    probe = Inert("kube.probe", reads=(access("get pods"), TOOLS[0]), writes=TOOLS[1:], there=TOOLS)
    label = Inert("kube.label", reads=(access("get pods"),), writes=(access("patch pods"),))
    arguments = {"namespace": value}
    steps = (step("label", "kube.label"), Step(id="probe", uses="kube.probe", arguments=arguments))
    inputs = (Input(name="tools_namespace", type="text", default=default, required=False),)
    return book(*steps, inputs=inputs), catalog(probe, label)


def asked(playbook: Playbook, known: Catalog, **inputs: Any) -> list[str]:
    return sorted(str(one) for one in needs(grants([playbook], known, inputs), "shop") if one.grant.steps != (ITSELF,))


HERE = ["create pods in shop", "delete pods in shop", "get pods in shop", "list pods in shop", "patch pods in shop"]
APART = ["create pods in irkit", "delete pods in irkit", "get pods in shop", "list pods in irkit", "patch pods in shop"]


@pytest.mark.parametrize(
    ("value", "default", "inputs", "wanted"),
    [
        (Expr(expr=("inputs", "tools_namespace")), "", {}, HERE),
        (Expr(expr=("inputs", "tools_namespace")), "", {"tools_namespace": "irkit"}, APART),
        (Expr(expr=("inputs", "tools_namespace")), "irkit", {}, APART),
        (Expr(expr=("inputs", "tools_namespace")), "irkit", {"tools_namespace": ""}, HERE),
        (Expr(expr=("steps", "scope", "namespace")), "", {}, HERE),  # only the run can tell
        ("irkit", "", {}, APART),  # an undo has what was really used
        ("", "", {}, HERE),
    ],
)
def test_tool_pods_are_asked_for_where_they_run(value: Any, default: str, inputs: Any, wanted: list[str]) -> None:
    assert asked(*tool_books(value, default), **inputs) == wanted


def test_what_both_need_in_their_own_namespaces_is_asked_in_both() -> None:
    playbook, known = tool_books("irkit")
    lists = Inert("kube.lists", reads=(access("list pods"),))
    both = playbook.model_copy(update={"steps": (*playbook.steps, step("lists", "kube.lists"))})
    known = catalog(lists, *(known.need(one) for one in ("kube.probe", "kube.label")))

    found = {str(one): one.grant.steps for one in needs(grants([both], known), "shop")}

    assert (found["list pods in irkit"], found["list pods in shop"]) == (("probe",), ("lists",))


@pytest.mark.parametrize("name", ["kube.probe_pod", "kube.cut_connections"])
def test_an_undo_may_list_and_delete_the_tool_pods_that_a_crash_left_where_they_ran(name: str) -> None:
    undo = book(Step(id="undo", uses=name, arguments={"pod": {}, "namespace": "irkit"}))

    found = asked(undo, Catalog.builtin())

    assert {"create pods in irkit", "delete pods in irkit", "list pods in irkit", "get pods in shop"} <= set(found)
    assert {"create pods in shop", "delete pods in shop"}.isdisjoint(found)


# -- what is read in kube-system too --------------------------------------------------------------------------


def test_what_is_read_in_kube_system_too_is_asked_there_as_well_and_done_without() -> None:
    pods = access("list pods")
    look = Inert("kube.look", reads=(pods,), system=(pods,))

    found = grants([book(step("look", "kube.look"))], catalog(look))

    asked = {str(one): one.grant.optional for one in needs(found, "shop") if one.grant.steps != (ITSELF,)}
    assert asked == {"list pods in shop": False, "list pods in kube-system": True}


def test_where_the_target_is_in_kube_system_itself_that_is_no_less_needed() -> None:
    pods = access("list pods")
    look = Inert("kube.look", reads=(pods,), system=(pods,))

    found = needs(grants([book(step("look", "kube.look"))], catalog(look)), "kube-system")

    assert [str(one) for one in Preflight(tuple(found)).blocking if one.grant.steps != (ITSELF,)] == [
        "list pods in kube-system"
    ]
