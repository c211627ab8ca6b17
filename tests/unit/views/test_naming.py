"""Objects are called by their names, wherever the journal has one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from irkit.journal.state import CaseState
from irkit.model import records as r
from irkit.model.refs import NodeRef
from irkit.views.naming import names, target_words
from tests.support.screens import CLUSTER, POD, case_file, closed, playbook, wrote

BOOK = playbook(("scope", "read"), ("label", "protect"))
NODE = NodeRef(cluster=CLUSTER, name="ip-10-0-1-10", uid="fcaf0944-b7ef-4c28-b681-e9e8a78aa1fd")


def state(folder: Path, *bodies: r.AnyBody) -> CaseState:
    return case_file(folder, BOOK, bodies)[0].state


def call(body: Any, name: str = "db-0") -> r.EffectIntended:
    intended = wrote("label", name=name)[0]
    assert isinstance(intended, r.EffectIntended)
    assert isinstance(intended.call, dict)
    return intended.model_copy(update={"call": {**intended.call, "body": body}})


def test_the_target_has_its_name(tmp_path: Path) -> None:
    assert target_words(state(tmp_path), POD.key) == "pod shop/web-1 (uid 5b1c0000)"


def test_what_a_step_found_has_its_name(tmp_path: Path) -> None:
    found = closed("scope", "proven").model_copy(update={"outputs": {"node": NODE.dump(), "siblings": [{"x": 1}]}})
    assert target_words(state(tmp_path, found), NODE.key) == "node ip-10-0-1-10 (uid fcaf0944)"


def test_what_a_call_insists_on_has_its_name(tmp_path: Path) -> None:
    patch = call([{"op": "test", "path": "/metadata/uid", "value": "u-1"}])
    delete = call({"preconditions": {"uid": "u-2"}}, "db-1")
    assert target_words(state(tmp_path, patch), "c|Pod|u-1") == "pod shop/db-0 (uid u-1)"
    assert target_words(state(tmp_path, delete), "c|Pod|u-2") == "pod shop/db-1 (uid u-2)"


def test_what_nobody_named_keeps_its_whole_uid(tmp_path: Path) -> None:
    assert target_words(state(tmp_path), NODE.key) == f"node {NODE.uid}"


def test_calls_of_any_shape_name_nothing_by_mistake(tmp_path: Path) -> None:
    for body in (
        None,
        [],
        ["x"],
        {},
        {"preconditions": None},
        [{"op": "add", "path": "/metadata/uid/x", "value": "u"}],
    ):
        assert set(names(state(tmp_path, call(body)))) == {POD.uid}
