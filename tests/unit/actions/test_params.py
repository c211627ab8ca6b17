"""Parameters are closed and strict: nothing hostile becomes a label."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from irkit.actions.catalog import Catalog
from irkit.model.base import Model
from tests.support import action_shop
from tests.support.action_cases import AnyAction

CATALOG = Catalog.builtin()


def arguments(action: AnyAction) -> dict[str, Any]:
    """As JSON."""
    given = action_shop.arguments(action)
    return {name: dumped(value) for name, value in given.items()}


def dumped(value: Any) -> Any:
    if isinstance(value, tuple):
        return [dumped(one) for one in value]
    return value.dump() if isinstance(value, Model) else value


about_one = pytest.mark.parametrize(
    "action",
    [action for action in CATALOG if isinstance(next(iter(arguments(action).values())), dict)],
    ids=lambda action: action.spec.id,
)


@about_one
def test_unknown_parameters_and_wrong_references_are_errors(action: AnyAction) -> None:
    params = action.spec.params
    good = arguments(action)
    params.parse(good)

    name = next(iter(good))
    for wrong in ({"extra": 1}, {name: None}, {name: "shop/web-1"}, {name: {**good[name], "kind": "Cluster"}}):
        with pytest.raises(ValidationError):
            params.parse({**good, **wrong})


@pytest.mark.parametrize(
    "labels",
    [
        {"irkit.dev/case": "x"},
        {"irkit.dev/mark": "x"},
        {"a b": "x"},
        {"": "x"},
        {"a": "b\n"},
        {"a\n": "b"},
        {"a": "x" * 64},
        {"x" * 64: "a"},
        {"a/b/c": "x"},
        {"a": "$(reboot)"},
        {"a": 1},
        {f"k{number}": "v" for number in range(17)},
    ],
)
@pytest.mark.parametrize("action_id", ["kube.label_pod", "kube.label_node"])
def test_what_is_no_label_or_is_irkits_own_is_refused(labels: dict[str, Any], action_id: str) -> None:
    action = CATALOG.need(action_id)

    with pytest.raises(ValidationError):
        action.spec.params.parse({**arguments(action), "labels": labels})


@pytest.mark.parametrize("labels", [{}, {"a": ""}, {"example.com/a_b.c-d": "X_y.z-1"}, {"a": "x" * 63}])
def test_labels_that_kubernetes_takes_are_taken(labels: dict[str, str]) -> None:
    action = CATALOG.need("kube.label_pod")

    parsed = action.spec.params.parse({**arguments(action), "labels": labels})

    assert parsed.dump()["labels"] == labels


@pytest.mark.parametrize("seconds", [-1, 3601, 1.5, "30", True, None])
def test_a_grace_period_is_whole_seconds_up_to_an_hour(seconds: Any) -> None:
    action = CATALOG.need("kube.delete_pod")

    with pytest.raises(ValidationError):
        action.spec.params.parse({**arguments(action), "grace_seconds": seconds})


@about_one
def test_the_mark_is_of_the_object_and_not_of_its_name(action: AnyAction) -> None:
    """A pod that a StatefulSet makes anew bears the old name: it is other work."""
    given = arguments(action)
    name = next(iter(given))
    if name == "address":  # it has neither name nor uid
        assert action.scope(action.spec.params.parse(given)) == action_shop.ADDRESS.key
        return
    another = "cd" * 32 if name == "image" else "another"  # an image's uid is a digest
    scopes = [
        action.scope(action.spec.params.parse({**given, name: {**given[name], **change}}))
        for change in ({}, {"name": "another"}, {"uid": another}, {"uid": ""})
    ]

    if action.spec.id in {"kube.isolate_pod", "kube.protect_pod"}:
        assert len(set(scopes)) == 1  # its policy serves the whole namespace
    else:
        assert scopes[0] == scopes[1] == given[name]["uid"]
        assert scopes[2] == another
        assert scopes[3] == action_shop.arguments(action)[name].path


@pytest.mark.parametrize("action", list(CATALOG), ids=lambda action: action.spec.id)
def test_what_writes_to_an_object_holds_its_lock(action: AnyAction) -> None:
    given = arguments(action)
    params = action.spec.params.parse(given)
    writes = [one for one in action.spec.writes if one.plane == "kube"]

    about = [ref.key for ref in getattr(params, "pods", (action.target(params),))]
    assert action.locks(params) == (tuple(about) if writes else ())
