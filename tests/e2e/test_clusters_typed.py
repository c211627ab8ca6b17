"""`--also`: one case in several clusters, as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from irkit.cli.program import run
from irkit.lab.behaviour import TOOLS
from irkit.lab.faults import Fault
from tests.e2e.two import US, Two

pytestmark = [pytest.mark.timeout(180), pytest.mark.e2e]
Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def typed(two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Somebody at a shell that is no terminal; both clusters are in irkit.yaml. Answers with status and all text."""
    labs = {two.here.lab.cluster: two.here.lab, US: two.there.lab}
    clusters = [{"id": key, "kubeconfig": str(one.kubeconfig), "context": one.context} for key, one in labs.items()]
    settings = {"lab": True, "clusters": clusters, "inputs": {"tools_image": TOOLS}}
    (tmp_path / "irkit.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("IRKIT_STATE", str(two.here.state))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)

    def type_(*words: str) -> tuple[int, str]:
        status = run(list(words))
        shown = capsys.readouterr()
        return status, " ".join((shown.out + shown.err).split())

    return type_


def case_of(two: Two) -> str:
    (case,) = two.app().cases.all()
    return case


def test_a_workload_of_the_same_name_is_contained_in_both(two: Two, typed: Typed) -> None:
    status, shown = typed("contain", "workload", "deploy/shop/web", "--cluster", "lab", "--also", "prod-us", "--yes")

    assert status == 0, shown
    assert "Contained in " in shown
    assert f"Also Deployment shop/web in {US}" in shown
    assert [
        len([one for one in stage.writes() if one == "create networkpolicies"]) for stage in (two.here, two.there)
    ] == [1, 1]
    assert typed("check", case_of(two))[0] == 0
    assert typed("undo", case_of(two), "--yes")[0] == 0
    for stage in (two.here, two.there):
        assert not [one for one in stage.control.dump() if one["kind"] == "NetworkPolicy"]


def test_a_pod_has_another_name_there(two: Two, typed: Typed) -> None:
    here, there = two.pod("here"), two.pod("there")

    also = f"prod-us=shop/{there.name}"
    status, shown = typed("contain", "pod", f"shop/{here.name}", "--cluster", "lab", "--also", also, "--yes")

    assert status == 0, shown
    assert f"pod shop/{there.name}" in shown
    state = two.app().cases.load(case_of(two))
    assert state.runs["r1"].steps["isolate-prod-us"].target == there.key


def test_the_plan_shows_both_and_writes_nothing(two: Two, typed: Typed) -> None:
    status, shown = typed("plan", "malicious-image", "-i", "image=web:1", "--cluster", "lab", "--also", "prod-us")

    assert status == 0
    assert "block-prod-us" in shown, shown
    assert two.here.writes() == two.there.writes() == []


def test_one_that_goes_away_is_parked_and_the_command_that_is_printed_goes_on(two: Two, typed: Typed) -> None:
    fault = Fault(kind="drop_before", verb="list", resource="replicasets", count=0)
    two.there.control.fault(fault)
    words = ("contain", "workload", "deploy/shop/web", "--cluster", "lab", "--also", "prod-us")

    status, shown = typed(*words, "--yes")

    assert status == 75, shown
    assert "scope-prod-us" in shown
    assert "NOT CONTAINED YET" in shown
    assert "resume" in shown
    two.there.control.clear_faults()
    status, shown = typed("resume", case_of(two))
    assert status == 0, shown
    assert f"Also {US}" in shown


def test_what_cannot_be_looked_up_there_is_not_forgotten(two: Two, typed: Typed) -> None:
    two.there.control.fault(Fault(kind="drop_before", count=0))

    status, shown = typed("contain", "workload", "deploy/shop/web", "--cluster", "lab", "--also", "prod-us", "--yes")

    assert status == 75
    assert "leave --also prod-us out" in shown
    assert two.here.writes() == []


@pytest.mark.parametrize(
    ("also", "status", "words"),
    [
        (("nowhere",), 2, "--also nowhere: no kubeconfig"),
        (("lab",), 2, "is named already"),
        (("prod-us", US), 2, "is named already"),
        (("arn:aws:eks:us-east-1:111122223333:cluster/other",), 2, "no configuration names the cluster"),
        (("prod-us=not a pod",), 2, "does not name"),
        (("prod-us=shop/gone",), 3, "does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything(
    also: tuple[str, ...], status: int, words: str, two: Two, typed: Typed
) -> None:
    flags = [word for one in also for word in ("--also", one)]
    given, shown = typed("contain", "pod", f"shop/{two.pod('here').name}", "--cluster", "lab", *flags, "--yes")
    assert (given, words in shown) == (status, True), shown
    assert two.here.writes() == two.there.writes() == []


def test_a_finding_is_about_one_cluster(two: Two, typed: Typed) -> None:
    status, shown = typed("respond", "finding.json", "--also", "prod-us")
    assert (status, "a finding is about one cluster" in shown) == (2, True)
