"""`irkit contain KIND NAME`, `plan` and `respond` as they are typed: what they are about, and what they say no to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from irkit.cli.program import run
from irkit.journal.state import CaseState
from tests.e2e.plays import make_probeable
from tests.e2e.stage import Stage
from tests.support import guardduty as g

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]
Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def typed(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Somebody at a shell that is no terminal, with the lab's configuration; answers with status and all text."""
    monkeypatch.setenv("IRKIT_CONFIG", str(Path(stage.lab.folder) / "irkit.yaml"))
    monkeypatch.setenv("IRKIT_STATE", str(stage.state))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    make_probeable(stage)

    def type_(*words: str) -> tuple[int, str]:
        status = run(list(words))
        shown = capsys.readouterr()
        return status, " ".join((shown.out + shown.err).split())

    return type_


def node(stage: Stage) -> str:
    return next(str(one["metadata"]["name"]) for one in stage.control.dump() if one["kind"] == "Node")


def about(stage: Stage) -> CaseState:
    """The one case that there is."""
    cases = stage.app().cases
    (case,) = cases.all()
    return cases.load(case)


@pytest.mark.parametrize(
    ("words", "target", "playbook"),
    [
        (("serviceaccount", "shop/default"), "service account shop/default", "compromised-serviceaccount.yaml"),
        (("image", "web:1"), "image web:1@sha256:", "malicious-image.yaml"),
        (("workload", "deployment/shop/web"), "Deployment shop/web", "exposed-dashboard.yaml"),
        (("workload", "deploy/shop/web"), "Deployment shop/web", "exposed-dashboard.yaml"),
    ],
)
def test_each_kind_is_planned_by_its_own_playbook(
    words: tuple[str, ...], target: str, playbook: str, typed: Typed, stage: Stage
) -> None:
    status, shown = typed("contain", *words)

    assert status == 3  # nothing was changed
    assert f"Target {target}" in shown
    assert f"Playbook {playbook}" in shown
    assert "Planned only: nothing was changed" in shown
    assert stage.writes() == []


def test_a_node_is_contained_by_its_name(typed: Typed, stage: Stage) -> None:
    status, shown = typed("contain", "node", node(stage), "--yes")

    assert status in {3, 4}  # its pods are cut off as far as is allowed, and nobody watched
    assert "cordon" in shown
    found = about(stage)
    assert found.target is not None
    assert (str(found.target), bool(found.target.uid)) == (f"node {node(stage)}", True)
    held = stage.control.get("nodes", node(stage))
    assert held is not None
    assert held["spec"]["unschedulable"] is True


def test_an_image_is_one_case_by_tag_and_by_digest(typed: Typed, stage: Stage) -> None:
    """A case is about bytes, whatever they are called."""
    typed("contain", "image", "busybox:1", "--yes")
    found = about(stage)
    assert found.target is not None

    typed("contain", "image", f"sha256:{found.target.uid}", "--yes")

    assert about(stage).case == found.case
    assert len(about(stage).runs) == 2


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("node", "gone"), 3, "node gone does not exist"),
        (("serviceaccount", "shop/gone"), 3, "kubectl get serviceaccounts -n shop"),
        (("workload", "deployment/shop/gone"), 3, "Deployment shop/gone does not exist"),
        (("image", "gone:1"), 3, "runs image gone:1, so its digest is not known"),
        (("workload", "shop/web"), 2, "a workload is given as KIND/NAMESPACE/NAME"),
        (("serviceaccount", "default"), 2, "a service account is given as NAMESPACE/NAME"),
        (("image", "sha256:abc"), 2, "an image is given as sha256:DIGEST"),
        (("node", "gone", "--playbook", "compromised-pod"), 2, "playbook compromised-pod takes no node"),
        (("serviceaccount", "shop/default", "-i", "isolate_pods=maybe"), 2, "'maybe' is no boolean"),
        (("serviceaccount", "shop/default", "-i", "service_account=shop/x"), 2, "says again what this is about"),
        (("serviceaccount", "shop/default", "-i", "podd=x"), 2, "has no input podd"),
    ],
)
def test_what_is_not_there_or_not_meant_is_said(
    words: tuple[str, ...], status: int, says: str, typed: Typed, stage: Stage
) -> None:
    given, shown = typed("contain", *words, "--yes")

    assert (given, says in shown) == (status, True), shown
    assert "Traceback" not in shown
    assert stage.writes() == []


def test_more_pods_than_the_limit_need_a_word(typed: Typed, stage: Stage) -> None:
    words = ("contain", "image", "web:1", "--yes")

    status, shown = typed("--max-targets", "2", *words)

    assert status == 4  # the block stands, so it is not that nothing was changed
    assert "3 targets are more than the limit of 2" in shown
    assert "--max-targets" in shown
    assert "create networkpolicies" not in stage.writes()

    typed("--max-targets", "3", *words)
    assert "create networkpolicies" in stage.writes()


# -- references beside the target ------------------------------------------------------------------------------------

BOOK = """\
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata: {name: two, title: Two}
spec:
  inputs:
    pod: {type: pod}
    account: {type: serviceaccount}
    image: {type: image}
    workload: {type: workload}
    address: {type: podaddress}
  steps:
    - {id: pod, uses: kube.scope_pod, with: {pod: "${inputs.pod}"}}
    - id: account
      uses: kube.scope_serviceaccount
      on_failure: continue
      with: {service_account: "${inputs.account}"}
    - {id: image, uses: kube.scope_image, with: {image: "${inputs.image}"}}
    - {id: workload, uses: kube.scope_workload, with: {workload: "${inputs.workload}"}}
    - {id: address, uses: kube.scope_pod_ip, with: {address: "${inputs.address}"}}
"""


def two(stage: Stage, folder: Path, **more: str) -> list[str]:
    path = folder / "two.yaml"
    path.write_text(BOOK)
    found = stage.control.get("pods", stage.pods[0].name, "shop")
    assert found is not None
    given = {
        "account": "shop/default", "image": "web:1", "workload": "deployment/shop/web",
        "address": found["status"]["podIP"],
    } | more  # fmt: skip
    words = [word for name, value in given.items() for word in ("-i", f"{name}={value}")]
    return ["contain", "pod", f"shop/{stage.pods[0].name}", "--playbook", str(path), *words, "--yes"]


def test_references_beside_the_target_are_pinned_too(typed: Typed, stage: Stage, tmp_path: Path) -> None:
    status, shown = typed(*two(stage, tmp_path))

    assert status == 4, shown  # whose an address is now says nothing of whose it was
    (inputs,) = [run.inputs for run in about(stage).runs.values()]
    given: Any = inputs
    account, web = (stage.control.get(*one, "shop") for one in (("serviceaccounts", "default"), ("deployments", "web")))
    assert account is not None
    assert web is not None
    assert given["account"]["uid"] == account["metadata"]["uid"]
    assert given["workload"]["uid"] == web["metadata"]["uid"]
    assert len(given["image"]["uid"]) == 64
    assert "uid" not in given["address"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"account": "shop/gone"}, "service account shop/gone does not exist"),
        ({"image": "gone:2"}, "so its digest is not known"),
        ({"address": "10.0.0.0.1"}, "is given as an IPv4 or IPv6 address"),
    ],
)
def test_a_reference_beside_the_target_that_is_none_stops_everything(
    wrong: dict[str, str], says: str, typed: Typed, stage: Stage, tmp_path: Path
) -> None:
    status, shown = typed(*two(stage, tmp_path, **wrong))

    assert status in {2, 3}
    assert says in shown
    assert stage.app().cases.all() == []


# -- findings --------------------------------------------------------------------------------------------------------


def finding(stage: Stage, folder: Path, kind: str, **user: str) -> str:
    """A finding about a pod of the shop, which a service account asked for."""
    text = json.dumps(g.finding(7, kind=kind, Name=stage.pods[0].name, Namespace="shop", Uid=stage.pods[0].uid))
    value = json.loads(text.replace(g.CLUSTER, stage.lab.cluster))
    value["Resource"]["EksClusterDetails"]["Name"] = stage.lab.cluster.rpartition("/")[2]
    value["Resource"]["KubernetesDetails"]["KubernetesUserDetails"] = {"Username": "ana", **user}
    (folder / "finding.json").write_bytes(orjson.dumps(value))
    return str(folder / "finding.json")


def test_a_finding_about_who_called_is_about_the_account(typed: Typed, stage: Stage, tmp_path: Path) -> None:
    """The route says what the case is about, and the pod that was asked for is left alone."""
    file = finding(
        stage, tmp_path, "CredentialAccess:Kubernetes/AnomalousBehavior.SecretsAccessed",
        Username="system:serviceaccount:shop:default",
    )  # fmt: skip

    status, shown = typed("plan", "--finding", file)

    assert status == 0, shown
    assert "Target service account shop/default" in shown
    assert "Playbook compromised-serviceaccount.yaml" in shown


def test_a_finding_of_an_exec_is_about_the_pod(typed: Typed, stage: Stage, tmp_path: Path) -> None:
    _, shown = typed("plan", "--finding", finding(stage, tmp_path, "Execution:Kubernetes/AnomalousBehavior.ExecInPod"))

    assert f"Target pod shop/{stage.pods[0].name}" in shown
    assert "Playbook suspicious-exec.yaml" in shown


def test_what_a_finding_does_not_name_can_be_typed(typed: Typed, stage: Stage, tmp_path: Path) -> None:
    file = finding(stage, tmp_path, "Execution:Kubernetes/MaliciousFile")
    words = ("respond", file, "--playbook", "malicious-image")

    status, shown = typed(*words)
    assert (status, "playbook malicious-image takes no pod" in shown) == (2, True), shown

    status, shown = typed(*words, "-i", "image=web:1")
    assert "Target image web:1@sha256:" in shown


def test_a_finding_is_about_what_it_names(typed: Typed, stage: Stage, tmp_path: Path) -> None:
    file = finding(stage, tmp_path, "Execution:Kubernetes/MaliciousFile")

    status, shown = typed("respond", file, "-i", f"pod=shop/{stage.pods[1].name}", "--yes")

    assert (status, "-i pod says again what this is about" in shown) == (2, True), shown
    assert stage.writes() == []
