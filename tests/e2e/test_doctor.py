"""What `irkit doctor` finds before the incident, over the wire to a lab."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from irkit.app.config import Flags, Settings, build_app, load_settings
from irkit.app.doctor import Finding, examine, subject
from irkit.lab.process import LabInfo
from irkit.model.refs import ClusterRef
from irkit.playbook import shipped
from irkit.views.doctor import doctor_json, doctor_lines, doctor_status
from irkit.views.terminal import paint
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]


def settings(lab: LabInfo, tmp_path: Path) -> Settings:
    return load_settings(
        Flags(config=str(lab.config), state=str(tmp_path / "state")), {"HOME": "/nonexistent"}, tmp_path
    )


def looked(lab: LabInfo, tmp_path: Path, namespace: str = "shop") -> dict[str, list[Finding]]:
    """What was found, by what it is about."""
    own = settings(lab, tmp_path)
    found: dict[str, list[Finding]] = {}
    for one in examine(build_app(own), own, ClusterRef(id=lab.cluster), namespace):
        found.setdefault(one.about, []).append(one)
    return found


def test_it_says_who_asks_what_is_missing_and_writes_nothing(stage: Stage, tmp_path: Path) -> None:
    found = looked(stage.lab, tmp_path)

    assert {"cluster", "identity", "clock", "enforcement", "evidence", "tools", *shipped.names()} == set(found)
    assert ["irkit-responder"] == [one.what for one in found["identity"]]
    assert ["good"] == [one.state for one in found["clock"]]
    assert ["good"] == [one.state for one in found["tools"]]
    assert not any("; delete " in one.what for name in shipped.names() for one in found[name])
    assert [] == stage.writes()
    assert not (tmp_path / "state").exists()


def looking(stage: Stage, folder: Path) -> Settings:
    """The settings of somebody who may only look."""
    kubeconfig = json.loads(stage.lab.kubeconfig.read_text())
    kubeconfig["users"][0]["user"]["token"] = stage.control.tokens()["viewer"]
    (folder / "kube").write_text(json.dumps(kubeconfig))
    (folder / "irkit.yaml").write_text(
        f"clusters: [{{id: '{stage.lab.cluster}', kubeconfig: kube, context: {stage.lab.context}}}]\nstate: state\n"
    )
    return load_settings(Flags(), {"HOME": "/nonexistent"}, folder)


def test_what_it_says_to_pin_pins_the_cluster_when_it_is_pasted(stage: Stage, tmp_path: Path) -> None:
    own = looking(stage, tmp_path)
    (found, *_) = examine(build_app(own), own, ClusterRef(id=stage.lab.cluster), "shop")
    assert (found.about, found.state) == ("cluster", "warn")
    pin = " ".join("".join(paint(doctor_lines([found]), colour=False)).split())
    (tmp_path / "irkit.yaml").write_text(f"clusters:\n  - {pin[pin.index('{') : pin.index('}') + 1]}\nstate: state\n")

    own = load_settings(Flags(), {"HOME": "/nonexistent"}, tmp_path)
    (found, *_) = examine(build_app(own), own, ClusterRef(id=stage.lab.cluster), "shop")

    assert (found.state, found.hint) == ("good", "")
    assert "pinned by irkit.yaml" in found.what


def test_who_cannot_prove_is_not_told_that_all_is_ready(stage: Stage, tmp_path: Path) -> None:
    own = settings(stage.lab, tmp_path)
    for inputs, words in ((own.inputs, "Ready.  "), ({}, "Ready to contain, not to prove it.  ")):
        known = replace(own, inputs=inputs)
        found = examine(build_app(known), known, ClusterRef(id=stage.lab.cluster), "shop")
        assert paint(doctor_lines(found), colour=False).startswith(words)
        assert 0 == doctor_status(found)


def test_each_playbook_that_may_not_run_names_what_it_lacks(stage: Stage, tmp_path: Path) -> None:
    """Somebody who may only look."""
    own = looking(stage, tmp_path)

    found = examine(build_app(own), own, ClusterRef(id=stage.lab.cluster), "shop")

    (one,) = [one for one in found if one.about == "compromised-pod"]
    assert "bad" == one.state
    assert ", delete" in one.what
    assert "networkpolicies.networking.k8s.io in shop" in one.what
    assert one.what.count("networkpolicies.networking.k8s.io") == 1
    assert "irkit permissions compromised-pod" in one.hint
    assert 4 == doctor_status(found)


def test_a_cluster_that_is_out_of_reach_is_a_finding_and_the_rest_is_still_said(tmp_path: Path) -> None:
    (tmp_path / "kube").write_text(
        '{"apiVersion": "v1", "kind": "Config", "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],'
        '"clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:1"}}],'
        '"users": [{"name": "x", "user": {"token": "t"}}]}'
    )
    (tmp_path / "irkit.yaml").write_text("clusters: [{id: 'context:x', kubeconfig: kube, context: x}]\nstate: state\n")
    own = load_settings(Flags(), {"HOME": "/nonexistent"}, tmp_path)

    found = examine(build_app(own), own, ClusterRef(id="context:x"))

    assert ("cluster", "bad") == (found[0].about, found[0].state)
    assert "the server that the kubeconfig names" in found[0].hint
    assert {"evidence", "tools"} <= {one.about for one in found}
    assert 4 == doctor_status(found)
    screen = paint(doctor_lines(found), colour=False)
    assert screen.startswith("NOT READY")
    assert "→ build deploy/tools" in " ".join(screen.split())
    assert '"ready":false' in doctor_json(found)


def test_what_is_missing_is_granted_to_who_asked(stage: Stage, tmp_path: Path) -> None:
    """A hint that grants to somebody else changes nothing."""
    own = looking(stage, tmp_path)

    found = examine(build_app(own), own, ClusterRef(id=stage.lab.cluster), "shop")

    (one,) = [one for one in found if one.about == "compromised-pod"]
    told = "irkit permissions compromised-pod --format rbac --subject user:viewer --namespace shop | kubectl apply -f -"
    assert one.hint == told


def test_in_the_lab_nobody_is_told_to_grant_what_its_scenario_says(stage: Stage, tmp_path: Path) -> None:
    found = looked(stage.lab, tmp_path)
    assert {one.hint for name in shipped.names() for one in found[name]} <= {"", *(
        f"irkit permissions {name}" for name in shipped.names()
    )}  # fmt: skip


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("ana", "--subject user:ana"),
        ("it's me", "--subject 'user:it'\"'\"'s me'"),
        ("system:serviceaccount:irkit:bot", "--subject serviceaccount:irkit/bot"),
        ("arn:aws:sts::111122223333:assumed-role/x/y", "--subject user:arn:aws:sts::111122223333:assumed-role/x/y"),
        ("", "--subject group:NAME"),
    ],
)
def test_a_subject_is_typed_as_permissions_takes_it(who: str, told: str) -> None:
    assert subject(who) == told


def test_no_playbooks_name_is_cut() -> None:
    found = [Finding(name, "good", "all") for name in shipped.names()]
    shown = paint(doctor_lines(found), colour=False)
    assert all(f" {name} " in shown for name in shipped.names())
    assert "…" not in shown
