"""Real findings of public projects, read from the folder beside the checkout; never copied here."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from irkit.errors import FindingError
from irkit.intake import receive
from irkit.intake.routing import load_routes, match
from irkit.model.refs import PodRef

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT.parent / "shared" / "findings"
ROUTES = load_routes((ROOT / "playbooks" / "routes.yaml").read_bytes(), "routes.yaml")

if not SAMPLES.is_dir():
    pytest.skip("needs the real findings in ../shared/findings", allow_module_level=True)


def test_a_real_finding_of_a_privileged_container() -> None:
    data = (SAMPLES / "eksblueprints_privileged_container.getfindings.json").read_bytes()

    said = orjson.loads(data)["Findings"][0]["Resource"]["KubernetesDetails"]

    found = receive(data, source_name="f")

    target, workload = found.finding.target, said["KubernetesWorkloadDetails"]
    assert isinstance(target, PodRef)
    assert (target.namespace, target.name, target.uid) == (workload["Namespace"], workload["Name"], workload["Uid"])
    actor = found.finding.actor
    assert actor is not None
    assert actor.service_account is not None
    name = f"system:serviceaccount:{actor.service_account.namespace}:{actor.service_account.name}"
    assert actor.username == name == said["KubernetesUserDetails"]["Username"]
    route = match(ROUTES, found.event)
    assert route is not None
    assert (route.playbook, route.arguments(found.finding)) == ("compromised-pod", {"pod": target.dump()})


def test_a_real_custom_action_with_a_masked_account_is_refused_and_says_why() -> None:
    data = (SAMPLES / "afo_custom_action_eks_maliciousipcaller.json").read_bytes()

    with pytest.raises(FindingError) as caught:
        receive(data, source_name="f")

    assert caught.value.field == "detail.findings[0].AwsAccountId"
    assert "13 characters" in caught.value.message
    assert "masked" in caught.value.hint


def test_a_real_custom_action_names_a_cluster_and_an_actor_and_no_workload() -> None:
    data = (SAMPLES / "afo_custom_action_eks_maliciousipcaller.json").read_bytes()

    detail = orjson.loads(data)["detail"]
    masked = detail["findings"][0]["AwsAccountId"].encode()

    found = receive(data.replace(masked, b"111122223333"), source_name="f")

    finding = found.finding
    assert (finding.type, finding.severity) == ("Discovery:Kubernetes/MaliciousIPCaller", "5.0")
    assert finding.requested == detail["actionName"]
    assert finding.cluster is not None
    assert finding.cluster.name == detail["findings"][0]["Resources"][0]["Details"]["AwsEksCluster"]["Name"]
    assert finding.target is None
    assert finding.actor is not None
    assert (finding.actor.username, finding.actor.groups) == ("system:anonymous", ("system:unauthenticated",))
    assert match(ROUTES, found.event) is None


@pytest.mark.parametrize("name", ["c7n_ec2-duty-event.json", "c7n_iam-duty-event.json"])
def test_samples_about_other_things_than_clusters_route_nowhere(name: str) -> None:
    data = (SAMPLES / name).read_bytes()

    with pytest.raises(FindingError, match="is a sample"):
        receive(data, source_name=name)
    found = receive(data, source_name=name, samples=True)

    assert (found.finding.cluster, found.finding.target) == (None, None)
    assert match(ROUTES, found.event) is None


def test_a_real_asff_finding_about_an_access_key() -> None:
    finding = receive((SAMPLES / "ocsf_examples_sechub-guardduty.raw.json").read_bytes(), source_name="f").finding

    assert (finding.type, finding.severity) == ("Stealth:IAMUser/CloudTrailLoggingDisabled", "2.0")
    assert (finding.cluster, finding.target, finding.actor) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("ocsf_examples_sechub-guardduty.ocsf11.json", "an OCSF finding"),
        ("falcosidekick_readme_payload.json", "a Falco alert"),
        ("ocsf_examples_falco.raw.json", "a Falco alert"),
        ("robusta_doc_alertmanager_webhook.json", "an Alertmanager webhook"),
    ],
)
def test_forms_of_later_days_are_called_by_their_names(name: str, like: str) -> None:
    with pytest.raises(FindingError, match=f"looks like {like}"):
        receive((SAMPLES / name).read_bytes(), source_name=name)
