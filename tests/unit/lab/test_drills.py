"""A drill's judgement: what irkit claims is checked against a world that knows nothing of its journal."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from irkit.errors import ConfigError, UsageError
from irkit.journal.state import CaseState, RunState
from irkit.lab.drills import checked, judge, load, names
from irkit.lab.drills.trials import Trial
from irkit.model import records as r
from irkit.model.plans import Verdict
from tests.support.records import CASE, NOTHING, POD, Log, case_opened, closed, run_opened

DRILL = load("compromised-pod")
KEPT = {"karpenter.sh/do-not-disrupt": "true"}
LABELS = {"metadata": {"name": POD.name, "namespace": "shop", "labels": {"irkit.dev/case": CASE}, "annotations": KEPT}}
POLICY = {"spec": {"podSelector": {"matchLabels": {"irkit.dev/case": CASE}}}, "metadata": {"namespace": "shop"}}
WORLD: list[dict[str, Any]] = [
    {"kind": "Pod", **LABELS},
    {"kind": "NetworkPolicy", **POLICY},
    {"kind": "Node", "metadata": {"labels": {"irkit.dev/case": CASE}}, "spec": {"unschedulable": True}},
    {
        "kind": "ValidatingAdmissionPolicyBinding",
        "spec": {"paramRef": {"selector": {"matchLabels": {"irkit.dev/case": CASE}}}},
    },
]


def ended(**verdicts: str) -> tuple[CaseState, RunState]:
    given: dict[str, Any] = DRILL.verdicts | {key.replace("_", "-"): value for key, value in verdicts.items()}
    log = Log().add(case_opened(), run_opened())
    log.add(*(closed(step, Verdict(status=status, why="x")) for step, status in given.items()))
    stored = r.ArtefactStored(name="a", location="a", sha256=NOTHING, size=1, media_type="text/plain")
    log.add(stored, r.RunClosed(run="r1", outcome="complete", verdicts={}, swept=1, contained_ms=1234))
    return log.state, log.state.runs["r1"]


def test_every_shipped_drill_loads_and_has_its_finding() -> None:
    assert names()
    assert all(load(name).finding.is_file() for name in names())


def test_an_unknown_drill_is_said_so() -> None:
    with pytest.raises(UsageError, match="there is no drill"):
        load("../compromised-pod")


def test_what_went_as_expected_passes() -> None:
    score = judge(DRILL, *ended(), DRILL.exit_status, WORLD, ())
    assert score.passed
    assert (1234, (), (), 1) == (score.contained_ms, score.false_done, score.differences, score.artefacts)


@pytest.mark.parametrize(
    ("index", "path", "step"),
    [
        (0, ("metadata", "labels", "irkit.dev/case"), "label"),
        (1, ("spec", "podSelector", "matchLabels", "irkit.dev/case"), "isolate"),
        (2, ("metadata", "labels", "irkit.dev/case"), "mark-node"),
        (2, ("spec", "unschedulable"), "cordon"),
        (0, ("metadata", "annotations", "karpenter.sh/do-not-disrupt"), "protect"),
        (3, ("spec", "paramRef", "selector", "matchLabels", "irkit.dev/case"), "protect"),
        (0, ("metadata", "ownerReferences"), "release"),
        (0, ("metadata", "labels", "app"), "release"),
    ],
)
def test_a_claim_that_the_world_does_not_bear_out_is_a_false_done(index: int, path: tuple[str, ...], step: str) -> None:
    world = copy.deepcopy(WORLD)
    inner: Any = world[index]
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = "another"
    score = judge(DRILL, *ended(), DRILL.exit_status, world, ())
    assert not score.passed
    assert any(text.startswith(f"{step}:") for text in score.false_done)


@pytest.mark.parametrize("trial", DRILL.trials, ids=lambda one: f"{one.step} {one.does}")
def test_what_an_attacker_still_can_is_a_false_done(trial: Trial) -> None:
    score = judge(DRILL, *ended(), DRILL.exit_status, WORLD, {trial.does})
    assert not score.passed
    assert (f"{trial.step}: an attacker can still {trial.does}",) == score.false_done
    modest = judge(DRILL, *ended(**{trial.step: "leaky"}), DRILL.exit_status, WORLD, {trial.does})
    assert (False, ()) == (modest.passed, modest.false_done)


@pytest.mark.parametrize("field", ["claims", "trials"])
def test_what_is_claimed_of_no_step_would_never_be_judged(field: str) -> None:
    typo = tuple(one.model_copy(update={"step": "isolte"}) for one in getattr(DRILL, field)[:1])
    with pytest.raises(ConfigError, match="no verdict is expected of isolte"):
        checked(DRILL.model_copy(update={field: typo}))


def test_a_step_that_failed_claims_nothing_but_is_a_difference() -> None:
    score = judge(DRILL, *ended(cordon="failed"), DRILL.exit_status, WORLD[:2], ())
    assert ("cordon", False) == (score.differences[0].split()[1], score.passed)
    assert [] == [text for text in score.false_done if text.startswith("cordon")]


def test_another_exit_status_and_missing_evidence_are_differences() -> None:
    case, run = ended()
    case.artefacts.clear()
    score = judge(DRILL, case, run, 4, WORLD, ())
    assert ["status 4" in text or "artefacts" in text for text in score.differences] == [True, True]


def test_claiming_more_than_can_be_known_is_a_difference() -> None:
    modest = DRILL.model_copy(update={"verdicts": {**DRILL.verdicts, "isolate": "unproven"}})
    assert not judge(modest, *ended(isolate="proven"), modest.exit_status, WORLD, ()).passed
