"""The playbooks that come with irkit: found, clean, and in an order that does not hold containment up."""

from __future__ import annotations

from pathlib import Path

import pytest

from irkit.actions.catalog import Catalog
from irkit.errors import UsageError
from irkit.model.playbooks import Playbook, Step
from irkit.playbook import lint, load_playbook, shipped
from irkit.playbook.yamltree import MAX_BYTES

CATALOG = Catalog.builtin()


def test_the_shipped_names_are_those_of_playbooks() -> None:
    assert shipped.names() == ("compromised-pod",)


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_playbook_lints_without_a_warning(name: str) -> None:
    data, source = shipped.load(name)
    assert [str(one) for one in lint(data, source, CATALOG)] == []
    assert load_playbook(data, source, CATALOG).name == name
    assert data.startswith(b"# yaml-language-server: $schema=playbook.schema.json\n")


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(b"kind: Playbook")
    assert shipped.load(str(path)) == (b"kind: Playbook", "own.yaml")


def test_a_shipped_name_may_carry_its_ending_but_a_file_of_that_name_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped.load("compromised-pod.yaml") == shipped.load("compromised-pod")
    (tmp_path / "compromised-pod.yaml").write_bytes(b"own")
    assert shipped.load("compromised-pod.yaml") == (b"own", "compromised-pod.yaml")


def test_no_more_of_a_file_is_read_than_it_takes_to_refuse_it(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"x" * (MAX_BYTES + 5000))
    data, source = shipped.load(str(path))
    assert len(data) == MAX_BYTES + 1
    assert "larger than" in lint(data, source, CATALOG)[0].message


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("compromised-pdo", "did you mean `compromised-pod`?"),
        ("zzz", "shipped: compromised-pod"),
        (".", "shipped: compromised-pod"),
        ("a\0b", "shipped: compromised-pod"),
        ("x" * 5000, "shipped: compromised-pod"),
        ("", "shipped: compromised-pod"),
    ],
)
def test_what_is_no_playbook_is_told_with_what_there_is(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        shipped.load(name)
    assert caught.value.hint == hint
    assert len(caught.value.message) < 160


# -- compromised-pod ---------------------------------------------------------------------------------


@pytest.fixture(name="playbook")
def _playbook() -> Playbook:
    return load_playbook(*shipped.load("compromised-pod"), CATALOG)


def ancestors(playbook: Playbook, step: Step) -> set[str]:
    return {found for need in step.needs for found in {need, *ancestors(playbook, playbook.step(need))}}


def test_only_the_state_before_and_the_label_come_before_isolation(playbook: Playbook) -> None:
    assert ancestors(playbook, playbook.step("isolate")) == {"baseline", "label"}


def test_nothing_that_isolation_waits_for_can_stop_it_by_failing(playbook: Playbook) -> None:
    before = [playbook.step(one) for one in ancestors(playbook, playbook.step("isolate"))]
    assert {one.on_failure for one in before} == {"continue"}
    assert playbook.step("baseline").timeout <= 20


def test_containment_waits_for_no_capture(playbook: Playbook) -> None:
    purposes = {step.id: CATALOG.need(step.uses).spec.purpose for step in playbook.steps}
    contain = [step for step in playbook.steps if purposes[step.id] == "contain"]
    assert contain
    assert not [one for step in contain for one in ancestors(playbook, step) if purposes[one] == "capture"]


def test_pod_and_node_do_not_wait_for_each_other(playbook: Playbook) -> None:
    for one, other in (("isolate", "cordon"), ("isolate", "mark-node"), ("cordon", "mark-node")):
        assert other not in ancestors(playbook, playbook.step(one))
        assert one not in ancestors(playbook, playbook.step(other))


def test_every_change_comes_after_the_state_before(playbook: Playbook) -> None:
    changing = [step for step in playbook.steps if CATALOG.need(step.uses).spec.risk != "none"]
    assert changing
    assert all("baseline" in ancestors(playbook, step) for step in changing)


def test_it_takes_nothing_that_cannot_be_given_back(playbook: Playbook) -> None:
    for step in playbook.steps:
        spec = CATALOG.need(step.uses).spec
        assert not spec.no_undo or spec.risk == "none"
        assert not spec.destroys
