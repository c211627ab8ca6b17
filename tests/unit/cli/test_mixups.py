"""What people type by mistake is answered with what they meant; what a linter doubts is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from irkit.app.config import Flags, build_app, load_settings
from irkit.cli.program import run
from irkit.errors import ConfigError
from irkit.model.refs import ClusterRef
from tests.unit.cli.shells import CASE, open_case, own_world

FINDING = Path(__file__).parents[3] / "irkit" / "lab" / "drills" / "compromised-pod" / "finding.json"


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_world(tmp_path, monkeypatch)
    (tmp_path / "finding.json").write_bytes(FINDING.read_bytes())
    (tmp_path / "my book.yaml").write_text("apiVersion: irkit.dev/v1alpha1\nkind: Playbook\nmetadata: {name: b}\n")


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (["plan", "finding.json"], "finding.json is JSON", "irkit plan --finding finding.json"),
        (
            ["plan", "--finding", "finding.json", "finding.json"],
            "is JSON, as findings are",
            "irkit respond finding.json",
        ),
        (["respond", "my book.yaml"], "is a playbook, and no finding", "--playbook 'my book.yaml'"),
        (["respond", "compromised-pod"], "is a playbook", "pod NAMESPACE/NAME --playbook compromised-pod"),
        (["plan", "--finding", "my book.yaml"], "is a playbook, and no finding", "irkit respond FINDING --playbook"),
    ],
)
def test_a_finding_and_a_playbook_are_told_apart(
    words: list[str], what: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = "arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu"
    (tmp_path / "irkit.yaml").write_text(f"clusters: [{{id: '{cluster}', context: prod}}]\n")
    assert run(words) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert what in shown
    assert hint in shown


def test_lint_shows_what_it_doubts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = "    - {id: label, uses: kube.label_pod, with: {pod: '${inputs.pod}'}}\n"
    head = "apiVersion: irkit.dev/v1alpha1\nkind: Playbook\nmetadata: {name: b, title: B}\nspec:\n"
    inputs = "  inputs:\n    pod: {type: pod}\n    idle: {type: text}\n  steps:\n"
    (tmp_path / "b.yaml").write_text(head + inputs + steps)
    assert run(["playbook", "lint", "b.yaml"]) == 0
    shown = capsys.readouterr().out
    assert "b.yaml: 1 step, no errors, 1 warning\n" in shown
    assert "b.yaml:7:5: warning: " in shown


def test_a_context_that_is_not_there_is_answered_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    (tmp_path / "irkit.yaml").write_text("clusters: [{id: 'context:lab', context: irkit-lab}]\n")
    settings = load_settings(Flags(context="nope"), {}, tmp_path)
    with pytest.raises(ConfigError) as caught:
        build_app(settings).kube(ClusterRef(id="context:nope"))
    assert caught.value.message.startswith("--context nope: no kubeconfig at ")
    assert caught.value.hint == "irkit.yaml has the contexts irkit-lab"


def test_the_contexts_of_the_kubeconfig_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("contexts: [{name: prod, context: {cluster: c}}, {name: kind, context: {cluster: c}}]\n")
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert run(["--context", "nope", "contain", "pod", "a/b"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "has no context nope; the kubeconfig's contexts: kind, prod" in told
    assert "name one of them: --context NAME; looked in " in told


def test_a_resume_begins_with_what_it_is_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_case(tmp_path / "state" / "irkit", CASE)
    run(["resume", CASE])
    shown = capsys.readouterr().out
    assert "Target    pod shop/web-1" in shown
    assert "Playbook  book" in shown
    assert f"Case      {CASE} (open) · run r1, by ana" in shown


def test_an_undo_names_the_objects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_case(tmp_path / "state" / "irkit", CASE)
    assert run(["undo", CASE]) == 3  # planned only
    shown = " ".join(capsys.readouterr().out.split())
    assert 'pod shop/web-1 (uid 5b1c9c1e) metadata.labels["x"]: 1 → (none)' in shown


@pytest.mark.parametrize("verb", ["status", "handover"])
@pytest.mark.parametrize(
    ("named", "configured", "wanted"),
    [
        ([], "", "irkit --context prod resume "),
        (["--context", "other"], "", "irkit --context other resume "),
        ([], "clusters: [{id: 'context:prod', context: prod}]\n", "irkit resume "),
    ],
)
def test_what_is_said_to_be_typed_names_the_context_that_the_case_knows(  # noqa: PLR0917 -- fixtures
    verb: str, named: list[str], configured: str, wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it the command would be refused: irkit never falls back to the context that happens to be chosen."""
    open_case(tmp_path / "state" / "irkit", CASE, cluster=ClusterRef(id="context:prod"))
    if configured:
        (tmp_path / "irkit.yaml").write_text(configured)
    assert run([*named, verb, CASE]) == 0
    assert f"{wanted}{CASE}" in capsys.readouterr().out
