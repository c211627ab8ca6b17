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
ALL = f"shipped: {', '.join(shipped.names())}"
TOOLS = {
    "tools_image": ("text", ""),
    "tools_namespace": ("text", ""),
    "tools_helper": ("boolean", True),
}
"""What every shipped playbook takes alike, and irkit.yaml may say once."""


def test_the_shipped_names_are_those_of_playbooks() -> None:
    assert shipped.names() == (
        "compromised-pod", "compromised-serviceaccount", "exposed-dashboard", "malicious-image", "node-suspect",
        "suspicious-exec",
    )  # fmt: skip


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
        ("zzz", ALL),
        (".", ALL),
        ("a\0b", ALL),
        ("x" * 5000, ALL),
        ("", ALL),
    ],
)
def test_what_is_no_playbook_is_told_with_what_there_is(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        shipped.load(name)
    assert caught.value.hint == hint
    assert len(caught.value.message) < 160


# -- all of them -------------------------------------------------------------------------------------


def ancestors(playbook: Playbook, step: Step) -> set[str]:
    return {found for need in step.needs for found in {need, *ancestors(playbook, playbook.step(need))}}


@pytest.fixture(name="one", params=shipped.names())
def _one(request: pytest.FixtureRequest) -> Playbook:
    return load_playbook(*shipped.load(request.param), CATALOG)


def test_each_takes_the_tools_alike(one: Playbook) -> None:
    found = {each.name: (each.type, each.default) for each in one.inputs if each.name in TOOLS}
    wanted = dict(TOOLS)
    if one.name == "node-suspect":
        wanted["tools_helper"] = ("boolean", False)  # a privileged pod is no gift for a node that may be theirs
    assert found == wanted


def test_no_containment_waits_for_a_capture_or_for_something_that_may_stop_it(one: Playbook) -> None:
    """But for what finds the pods; and a drain is no containment."""
    for step in one.steps:
        if CATALOG.need(step.uses).spec.purpose != "contain":
            continue
        before = [one.step(name) for name in ancestors(one, step)]
        assert not [each for each in before if CATALOG.need(each.uses).spec.purpose == "capture"]
        stopping = {each.uses.partition("_")[0] for each in before if each.on_failure == "stop"}
        assert stopping <= {"kube.scope", "kube.isolate"}


def test_each_pod_is_exported_before_it_is_changed_and_not_for_long(one: Playbook) -> None:
    (baseline,) = (step for step in one.steps if step.uses == "kube.export_objects")
    assert baseline.timeout <= 20
    assert baseline.on_failure == "continue"
    on_pods = [step for step in one.steps if "pod" in step.arguments and CATALOG.need(step.uses).spec.risk != "none"]
    assert on_pods
    assert all("baseline" in ancestors(one, step) for step in on_pods)


def test_what_does_not_come_back_waits_for_a_person(one: Playbook) -> None:
    for step in one.steps:
        spec = CATALOG.need(step.uses).spec
        if spec.destroys or spec.risk == "destructive":
            assert step.approval != "never"
            assert step.timeout >= 3600  # a person needs longer than a step


def test_one_of_many_that_fails_holds_no_other_up(one: Playbook) -> None:
    assert [step.id for step in one.steps if step.for_each and step.on_failure != "continue"] == []


def test_each_has_a_runbook(one: Playbook) -> None:
    text = (shipped.folder().parent / "runbooks" / f"{one.name}.md").read_text("utf-8")
    assert f"(../playbooks/{one.name}.yaml)" in text


# -- compromised-pod ---------------------------------------------------------------------------------


@pytest.fixture(name="playbook")
def _playbook() -> Playbook:
    return load_playbook(*shipped.load("compromised-pod"), CATALOG)


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


def test_the_pod_is_protected_before_anything_could_end_it_and_isolation_does_not_need_that(playbook: Playbook) -> None:
    """Both work on the pod, one at a time; of steps that may begin together the first of the file does."""
    ids, protect = [step.id for step in playbook.steps], playbook.step("protect")
    assert protect.needs == playbook.step("isolate").needs
    assert ids.index("protect") < ids.index("isolate")
    assert (protect.on_failure, protect.timeout <= 10) == ("continue", True)
    assert "protect" in ancestors(playbook, playbook.step("release"))
    assert "protect" not in ancestors(playbook, playbook.step("isolate"))


def test_siblings_end_only_where_that_is_asked_for_and_agreed_and_last(playbook: Playbook) -> None:
    replace = playbook.step("replace")
    assert (str(replace.when), replace.approval) == ("inputs.replace != null", "required")
    assert not next(one for one in playbook.inputs if one.name == "replace").required
    contain = {step.id for step in playbook.steps if CATALOG.need(step.uses).spec.purpose == "contain"}
    assert contain | {"protect", "probe"} <= ancestors(playbook, replace)
    assert not [step.id for step in playbook.steps if "replace" in step.needs]


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
