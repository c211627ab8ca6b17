"""Configuration: where values come from, and that nothing hostile or half understood gets through."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from irkit.app.config import Flags, Settings, build_app, check_cluster, load_settings
from irkit.app.settings_file import read_settings
from irkit.errors import ConfigError, IrkitError, Refused, UsageError
from irkit.model.refs import ClusterRef

ARN = "arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu"
OTHER = "arn:aws:eks:eu-west-1:111122223333:cluster/stage"
ENV = {"HOME": "/nonexistent"}
WHOLE = f"""\
lab: false
clusters:
  - id: {ARN}
    kubeconfig: kube/config
    context: prod
    uid: 9d0c
  - {{id: {OTHER}, context: staging}}
state: state
operator: ada
protected:
  namespaces: [kube-system, payments]
  nodes: [ip-10-0-0-1]
limits:
  max_targets: 3
routes: my-routes.yaml
inputs:
  tools_image: registry.example/irkit-tools:1
  tools_helper: false
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "irkit.yaml"
    path.write_text(text)
    return path


def load(folder: Path, env: dict[str, str] | None = None, **flags: Any) -> Settings:
    return load_settings(Flags(**flags), {**ENV, **(env or {})}, folder)


def test_works_with_no_file_at_all(tmp_path: Path) -> None:
    found = load(tmp_path, context="kind")
    assert found.file is None
    assert found.cluster("context:kind").context == "kind"
    assert found.pick().id == "context:kind"
    assert found.state == Path("/nonexistent/.local/state/irkit")
    assert found.max_targets == 10
    assert "kube-system" in found.protected_namespaces
    assert not found.lab


def test_the_whole_file_is_taken_and_paths_are_relative_to_it(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)
    found = load(tmp_path / ".", cluster="prod-eu")
    assert found.state == tmp_path / "state"
    assert found.routes == tmp_path / "my-routes.yaml"
    assert found.cluster(ARN).kubeconfig == str(tmp_path / "kube" / "config")
    assert (found.operator, found.max_targets) == ("ada", 3)
    assert found.protected_namespaces == ("kube-system", "payments")
    assert found.protected_nodes == ("ip-10-0-0-1",)
    assert found.cluster(ARN).uid == "9d0c"
    assert found.inputs == {"tools_image": "registry.example/irkit-tools:1", "tools_helper": False}


def test_found_upward_then_in_the_users_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write(home / "irkit", "operator: home\n")
    deep = tmp_path / "work" / "a" / "b"
    deep.mkdir(parents=True)
    assert load(deep, {"XDG_CONFIG_HOME": str(home)}).operator == "home"
    write(tmp_path / "work", "operator: work\n")
    assert load(deep, {"XDG_CONFIG_HOME": str(home)}).operator == "work"


def test_flag_beats_variable_beats_file(tmp_path: Path) -> None:
    write(tmp_path, "operator: file\nstate: file\n")
    env = {"IRKIT_OPERATOR": "variable", "IRKIT_STATE": "/variable"}
    by_file, by_env = load(tmp_path), load(tmp_path, env)
    by_flag = load(tmp_path, env, operator="flag", state="/flag", max_targets=99)
    assert [one.operator for one in (by_file, by_env, by_flag)] == ["file", "variable", "flag"]
    assert [str(one.state) for one in (by_file, by_env, by_flag)] == [str(tmp_path / "file"), "/variable", "/flag"]
    assert by_flag.max_targets == 99
    assert [one.origins["operator"] for one in (by_file, by_env, by_flag)] == [
        "irkit.yaml", "IRKIT_OPERATOR", "--operator",
    ]  # fmt: skip
    assert by_flag.origins["limits.max_targets"] == "--max-targets"


def test_a_named_file_beats_all_found_ones(tmp_path: Path) -> None:
    write(tmp_path, "operator: found\n")
    named, flagged = tmp_path / "n" / "other.yaml", tmp_path / "n" / "flag.yaml"
    named.parent.mkdir()
    named.write_text("operator: named\n")
    flagged.write_text("operator: flagged\n")
    env = {"IRKIT_CONFIG": str(named)}
    assert load(tmp_path, env).operator == "named"
    assert load(tmp_path, env, config="n/flag.yaml").operator == "flagged"


@pytest.mark.parametrize("env", [True, False])
def test_a_named_file_that_is_not_there_is_an_error_not_a_fallback(tmp_path: Path, env: bool) -> None:
    write(tmp_path, "operator: found\n")
    gone = str(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        load(tmp_path, {"IRKIT_CONFIG": gone} if env else None, config="" if env else gone)


def test_a_found_file_that_others_can_write_is_not_used(tmp_path: Path) -> None:
    path = write(tmp_path, "operator: mallory\n")
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="others can write"):
        load(tmp_path)
    assert load(tmp_path, config=str(path)).operator == "mallory"  # named: the operator's own decision


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_found_file_of_another_user_is_not_used(tmp_path: Path) -> None:
    os.chown(write(tmp_path, "operator: mallory\n"), 65534, 65534)
    with pytest.raises(ConfigError, match="others can write"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("labb: true\n", "labb"),
        ("lab: yes please\n", "lab"),
        ("lab: 1\n", "lab"),
        ("clusters: {}\n", "clusters"),
        ("clusters: [{context: x}]\n", r"clusters\[0\]\.id"),
        ("clusters: [{id: prod}]\n", r"clusters\[0\]\.id"),
        (f"clusters: [{{id: {ARN}, contxt: x}}]\n", r"clusters\[0\]\.contxt"),
        (f"clusters: [{{id: {ARN}}}, {{id: {ARN}}}]\n", "named twice"),
        ("clusters: [7]\n", r"clusters\[0\]"),
        ("protected: [kube-system]\n", "protected"),
        ("protected: {namespaces: kube-system}\n", "protected.namespaces"),
        ("protected: {nodes: [1]}\n", "protected.nodes"),
        ("limits: {max_targets: 0}\n", "limits.max_targets"),
        ("limits: {max_targets: true}\n", "limits.max_targets"),
        ("inputs: [a]\n", "inputs"),
        ("inputs: {Bad-Name: a}\n", "inputs.Bad-Name"),
        ("inputs: {pod: {name: a}}\n", "inputs.pod"),
        ("operator: [a]\n", "operator"),
        ('operator: "a\\nb"\n', "operator"),
        ("state: ''\n", "state"),
        ("lab: true\nlab: false\n", "lab"),
        ("limits: {max_targets: 1, max_targets: 2}\n", "max_targets"),
        ("- a\n", "mapping"),
        ("a: &x 1\n", "anchors"),
        ("lab: !!python/object:os.system x\n", "tags"),
        ("a: [", "irkit.yaml"),
        ("\tlab: true\n", "irkit.yaml"),
        ("[" * 5000, "levels deep"),
        ("? [a, b]\n: 1\n", "plain key"),
        ("\x00", "irkit.yaml"),
    ],
)
def test_what_is_not_understood_is_refused_with_file_and_key(tmp_path: Path, text: str, names: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=names) as caught:
        load(tmp_path)
    assert str(path) in caught.value.message
    assert caught.value.did


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_bytes_make_anything_but_settings_or_a_config_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "irkit.yaml"
    path.write_bytes(data)
    try:
        found = read_settings(path)
    except ConfigError as error:
        message = error.message
    else:
        message = str(path) if type(found) is dict else ""
    assert str(path) in message


def test_an_empty_file_is_no_error(tmp_path: Path) -> None:
    write(tmp_path, "# nothing yet\n")
    assert load(tmp_path).clusters == ()


# -- which cluster -----------------------------------------------------------------------------------


def test_a_finding_about_a_cluster_that_nothing_names_is_refused(tmp_path: Path) -> None:
    write(tmp_path, f"clusters: [{{id: {OTHER}, context: staging}}]\n")
    with pytest.raises(Refused, match=r'context "staging" is .*stage, this is about .*prod-eu') as caught:
        load(tmp_path).cluster(ARN)
    assert caught.value.did == "nothing was changed"
    assert f"--cluster {ARN}" in caught.value.hint


def test_a_context_alone_never_stands_for_the_findings_cluster(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"this is about {ARN}"):
        load(tmp_path, context="kind").cluster(ARN)
    with pytest.raises(Refused) as caught:
        load(tmp_path, context="kind").cluster(ARN)
    assert f"--cluster {ARN} --context NAME" in caught.value.hint  # irkit does not say that this one is


def test_flags_that_name_another_cluster_win_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)
    with pytest.raises(Refused):
        load(tmp_path, context="kind").cluster(ARN)
    with pytest.raises(Refused):
        load(tmp_path, cluster="stage").cluster(ARN)


def test_both_flags_together_say_what_a_context_is(tmp_path: Path) -> None:
    found = load(tmp_path, cluster=ARN, context="prod")
    assert found.cluster(ARN).context == "prod"


def test_a_cluster_that_only_a_kubeconfig_names_is_found_as_the_hint_says(tmp_path: Path) -> None:
    """A case that was opened with --context, from a shell that says none, or another person's."""
    with pytest.raises(Refused) as caught:
        load(tmp_path).cluster("context:kind")
    assert "the same command with --context kind" in caught.value.hint
    assert load(tmp_path, context="kind").cluster("context:kind").context == "kind"
    with pytest.raises(Refused) as caught:
        load(tmp_path, context="mine").cluster("context:kind")
    assert "--cluster context:kind --context mine" in caught.value.hint
    assert load(tmp_path, cluster="context:kind", context="mine").cluster("context:kind").context == "mine"


def test_flags_may_not_contradict_the_file(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)
    with pytest.raises(Refused, match="contradicts"):
        load(tmp_path, cluster=ARN, context="staging")


@pytest.mark.parametrize("flags", [{"cluster": "nope"}, {"cluster": ARN}, {"cluster": "arn:x", "context": "y"}])
def test_a_cluster_that_cannot_be_reached_is_a_usage_error(tmp_path: Path, flags: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        load(tmp_path, **flags)


@pytest.mark.parametrize("context", ["a b", "\x1b[2J", "x" * 300])
def test_a_context_that_is_no_name_is_a_usage_error(tmp_path: Path, context: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, context=context)
    assert "\x1b" not in caught.value.message


def test_several_clusters_are_never_guessed_between(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)
    with pytest.raises(UsageError, match="2 clusters"):
        load(tmp_path).pick()
    assert load(tmp_path, cluster="stage").pick().id == OTHER


def test_no_cluster_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no cluster is named"):
        load(tmp_path).pick()


# -- the app that comes of it --------------------------------------------------------------------------


class OneCluster:
    def __init__(self, uid: str) -> None:
        self.uid = uid

    def identity(self) -> str:
        return self.uid


def test_settings_reach_the_app(tmp_path: Path) -> None:
    write(tmp_path, "lab: true\n" + WHOLE.removeprefix("lab: false\n"))
    app = build_app(load(tmp_path))
    assert app.lab
    assert app.cases.state == tmp_path / "state"
    assert app.who.operator == "ada"
    assert app.limits.max_targets == 3
    assert app.limits.protected_namespaces == {"kube-system", "payments"}
    assert app.limits.protected_nodes == {"ip-10-0-0-1"}


def test_connecting_to_a_cluster_that_is_not_configured_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IrkitError, match="no configuration names"):
        build_app(load(tmp_path)).kube(ClusterRef(id=ARN))


def test_a_pinned_cluster_must_answer_as_itself(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)
    found = load(tmp_path)
    app = build_app(found)
    app._kubes[ARN, ""] = OneCluster("9d0c")  # type: ignore[assignment]  # asked for its identity alone
    assert check_cluster(app, found, ClusterRef(id=ARN)) == "9d0c"
    app._kubes[ARN, ""] = OneCluster("else")  # type: ignore[assignment]  # as above
    with pytest.raises(Refused, match="another cluster"):
        check_cluster(app, found, ClusterRef(id=ARN))


# -- further clusters ------------------------------------------------------------------------------------


def test_a_further_cluster_is_named_by_its_arn_its_name_or_its_context(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)
    first, second = load(tmp_path).clusters[:2]
    for name in (second.id, second.id.rpartition("/")[2].rpartition(":")[2], second.context):
        if name:
            found = load(tmp_path, cluster=first.id, also=(f"{name}=shop/web-2",))
            assert found.beside == ((second.id, "shop/web-2"),)
            assert (found.cluster(first.id), found.cluster(second.id)) == (first, second)


def test_without_a_file_contexts_are_enough(tmp_path: Path) -> None:
    found = load(tmp_path, context="a", also=("b", "c=x"))
    assert found.beside == (("context:b", ""), ("context:c", "x"))
    assert found.cluster("context:b").context == "b"


def test_what_flags_do_not_name_is_still_refused(tmp_path: Path) -> None:
    write(tmp_path, WHOLE)
    first, second = load(tmp_path).clusters[:2]
    with pytest.raises(Refused):
        load(tmp_path, cluster=first.id, also=("elsewhere",)).cluster(second.id)


@pytest.mark.parametrize(
    ("also", "words"),
    [
        (("a",), "named already"),
        (("b", "b"), "named already"),
        (("",), "no configuration names"),
        (("=x",), "no config"),
    ],
)
def test_a_further_cluster_that_makes_no_sense(also: tuple[str, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        load(tmp_path, context="a", also=also)


@pytest.mark.parametrize(
    ("setting", "words"),
    [("connections: 0", "1 to 256"), ("connections: many", "1 to 256"), ("requests_per_second: 0", "1 to 10000")],
)
def test_a_budget_that_makes_no_sense(setting: str, words: str, tmp_path: Path) -> None:
    write(tmp_path, f"clusters:\n  - id: context:a\n    {setting}\n")
    with pytest.raises(ConfigError, match=words):
        load(tmp_path)


def test_a_cluster_has_the_budget_that_the_file_says(tmp_path: Path) -> None:
    write(tmp_path, "clusters:\n  - {id: context:a, connections: 4, requests_per_second: 20}\n  - {id: context:b}\n")
    assert [(one.connections, one.requests_per_second) for one in load(tmp_path).clusters] == [(4, 20), (0, 0)]
