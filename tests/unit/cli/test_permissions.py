"""`irkit permissions`: what is printed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from irkit.cli.program import run


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("IRKIT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def test_rbac_is_yaml_and_nothing_else_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["permissions", "compromised-pod", "--format", "rbac", "--subject", "user:ana"]) == 0

    role, binding = yaml.safe_load_all(capsys.readouterr().out)
    assert (role["kind"], role["metadata"]["name"]) == ("ClusterRole", "irkit-compromised-pod")
    assert binding["subjects"] == [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ana"}]


def test_a_namespace_and_a_service_account(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--namespace", "shop", "--subject", "serviceaccount:irkit/responder", "--json"]
    assert run(["permissions", "compromised-pod", "--format", "rbac", *words]) == 0

    found = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in found["items"]] == ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
    assert found["items"][3]["subjects"] == [{"kind": "ServiceAccount", "name": "responder", "namespace": "irkit"}]


@pytest.mark.parametrize("more", [[], ["--namespace", "shop"]])
def test_where_tool_pods_run_apart_their_permissions_are_a_role_there(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["permissions", "compromised-serviceaccount", "--tools-namespace", "irkit-tools"]
    assert run([*words, *more, "--format", "rbac", "--json"]) == 0

    items = json.loads(capsys.readouterr().out)["items"]
    roles = {one["metadata"].get("namespace", ""): one["rules"] for one in items if one["kind"].endswith("Role")}
    assert set(roles) == {"", "irkit-tools"} | ({"shop", "kube-system"} if more else set())
    verbs = ["list", "create", "delete"] if more else ["create", "delete"]  # to list pods is granted everywhere then
    assert roles["irkit-tools"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}]
    elsewhere = [rule for place in roles if place != "irkit-tools" for rule in roles[place]]
    assert not any("pods" in one["resources"] and "create" in one["verbs"] for one in elsewhere)

    assert run(words) == 0
    text = capsys.readouterr().out
    assert [text.index(one) for one in ("the whole cluster", "the target's namespace", "In namespace irkit-tools")] == (
        sorted(text.index(one) for one in ("the whole cluster", "the target's namespace", "In namespace irkit-tools"))
    )
    assert run([*words[:2], "--tools-namespace", "Not A Name"]) == 2


def test_a_playbook_that_is_named_twice_counts_once_and_text_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["permissions", "compromised-pod", "compromised-pod"]) == 0

    text = capsys.readouterr().out
    assert "Permissions of compromised-pod\n" in text
    assert text.count("irkit itself") >= 1


def test_json_lists_the_grants(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["permissions", "compromised-pod", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert {"group", "resource", "verb", "name", "everywhere", "steps", "optional", "namespace"} == set(found[0])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nothing-like-it"], "there is no playbook"),
        (["compromised-pod", "--format", "iam\x1b[2J"], "--format"),
        (["compromised-pod", "--format", "rbac", "--namespace", "Not A Name"], "no name of a namespace"),
        (["compromised-pod", "--format", "rbac", "--subject", "ana"], "names nobody"),
        (["compromised-pod", "--format", "rbac", "--subject", "serviceaccount:web"], "names nobody"),
        (["compromised-pod", "--format", "rbac", "--subject", "user:a b"], "names nobody"),
        (["compromised-pod", "--subject", "ana"], "names nobody"),
        (["compromised-pod", "--format", "rbac", "--subject", "group:a\nb"], "names nobody"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["permissions", *words]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert says in printed.err
    assert "\x1b" not in printed.err
