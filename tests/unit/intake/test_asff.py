"""Security Hub's flattened form: several resources, rewritten types, and fields that must agree."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from irkit.errors import FindingError
from irkit.intake import read_finding
from irkit.model.findings import Actor, Finding, Image
from irkit.model.refs import ClusterRef, PodRef, ServiceAccountRef
from tests.support import guardduty as g

CLUSTER = ClusterRef(id=g.CLUSTER)
POD = PodRef(cluster=CLUSTER, namespace="shop", name="web-6c9f7d8b5-x2x4p", uid=g.POD["Uid"])
OTHER = "kubernetesDetails/kubernetesWorkloadDetails"


def hub(**changes: Any) -> dict[str, Any]:
    value = g.asff(g.drill())
    for key, item in changes.items():
        if item is ...:
            del value[key]
        else:
            value[key] = item
    return value


def cluster_of(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = value["Resources"][-1]
    return found


def read(value: Any, **options: Any) -> Finding:
    return read_finding(orjson.dumps(value), source_name="f.json", **options)


def refusal(value: Any) -> FindingError:
    with pytest.raises(FindingError) as caught:
        read(value)
    return caught.value


def test_a_custom_action_names_what_a_person_asked_for() -> None:
    found = read(g.hub_event(hub(), action="Contain this"))

    assert (found.source, found.requested) == ("securityhub", "Contain this")
    assert (found.type, found.severity, found.target) == ("Execution:Runtime/ReverseShell", "8.0", POD)
    assert found.images == (Image(container="web", image="shop/web:1.14.2"),)


def test_the_finding_has_the_same_id_whichever_way_it_came() -> None:
    assert read(hub()).id == read(g.drill()).id


def test_the_flattened_actor_is_nested_again() -> None:
    value = hub()
    user = "kubernetesDetails/kubernetesUserDetails"
    cluster_of(value)["Details"]["Other"].update(
        {
            f"{user}/username": "system:serviceaccount:argocd:controller",
            f"{user}/groups.1_": "b",
            f"{user}/groups.0_": "a",
            f"{user}/sessionName": "[]",
            f"{user}/uid": "",
            f"{user}/impersonatedUser/username": "admin",
            f"{user}/extra.0_/<script>": "x",
            "somebodyElse/name": "y",
        }
    )

    account = ServiceAccountRef(cluster=CLUSTER, namespace="argocd", name="controller")
    assert read(value).actor == Actor(
        username="system:serviceaccount:argocd:controller",
        groups=("a", "b"),
        impersonated="admin",
        service_account=account,
    )


def test_an_empty_text_in_place_of_an_object_is_no_workload() -> None:
    value = hub()
    cluster_of(value)["Details"]["Other"] = {OTHER: "", "kubernetesDetails/kubernetesUserDetails/username": "ana"}

    found = read(value)

    assert (found.cluster, found.target) == (CLUSTER, None)
    assert found.actor == Actor(username="ana")


@pytest.mark.parametrize(
    ("types", "meant"),
    [
        (["TTPs/Discovery/Discovery:Kubernetes-MaliciousIPCaller"], "Discovery:Kubernetes/MaliciousIPCaller"),
        (["TTPs/Command and Control/Backdoor:EC2-C&CActivity.B!DNS"], "Backdoor:EC2/C&CActivity.B!DNS"),
        (
            ["TTPs/Privilege Escalation/PrivilegeEscalation:Kubernetes-AnomalousBehavior.WorkloadDeployed!PrivilegedContainer"],
            "PrivilegeEscalation:Kubernetes/AnomalousBehavior.WorkloadDeployed!PrivilegedContainer",
        ),
        (["TTPs/AttackSequence:EKS-CompromisedCluster"], "AttackSequence:EKS/CompromisedCluster"),
        (["Unusual Behaviors", "TTPs/Impact/Impact:Runtime-AbusedDomainRequest.Reputation"],
         "Impact:Runtime/AbusedDomainRequest.Reputation"),
    ],
)  # fmt: skip
def test_the_rewritten_type_is_guarddutys_again(types: list[str], meant: str) -> None:
    assert read(hub(Types=types)).type == meant


def test_the_providers_types_stand_in_for_absent_ones() -> None:
    types = ["TTPs/Execution/Execution:Runtime-NewBinaryExecuted"]

    assert read(hub(Types=..., FindingProviderFields={"Types": types})).type == "Execution:Runtime/NewBinaryExecuted"


@pytest.mark.parametrize(
    ("severity", "text"),
    [
        ({"Product": 5, "Label": "CRITICAL", "Normalized": 90}, "5.0"),
        ({"Product": 2.0}, "2.0"),
        ({"Label": "HIGH"}, "7.0"),
    ],
)
def test_severity_is_guarddutys_own_number_where_there_is_one(severity: dict[str, Any], text: str) -> None:
    assert read(hub(Severity=severity)).severity == text


def test_the_cluster_may_be_named_by_its_resource_id_only() -> None:
    value = hub()
    del cluster_of(value)["Details"]["AwsEksCluster"]

    assert read(value).cluster == CLUSTER


def test_a_resource_named_twice_is_no_ambiguity() -> None:
    value = hub()
    value["Resources"].append(orjson.loads(orjson.dumps(cluster_of(value))))

    assert read(value).target == POD


def test_two_clusters_are_ambiguous_and_both_are_named() -> None:
    value = hub()
    other = orjson.loads(orjson.dumps(cluster_of(value)).replace(b"prod-eu", b"stage-eu"))
    value["Resources"].append(other)

    error = refusal(value)

    assert error.field == "Resources"
    assert g.CLUSTER in error.message
    assert g.CLUSTER.replace("prod", "stage") in error.message


def test_two_workloads_are_ambiguous_and_both_are_named() -> None:
    value = hub()
    value["Resources"].append(
        {"Type": "Container", "Details": {"Other": {f"{OTHER}/name": "db-0", f"{OTHER}/namespace": "data"}}}
    )

    error = refusal(g.hub_event(value))

    assert error.field == "detail.findings[0].Resources"
    assert "shop/web-6c9f7d8b5-x2x4p, data/db-0" in error.message


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"AwsAccountId": "1234567890123"}, "AwsAccountId", "must be a 12-digit account id, got other text of 13"),
        ({"AwsAccountId": "222222222222"}, "GeneratorId", "is of account 111122223333, but AwsAccountId is 2222222"),
        ({"AwsAccountId": ...}, "AwsAccountId", "must be text, got nothing"),
        ({"Region": "us-east-1"}, "ProductArn", "is of another region than"),
        ({"ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/inspector"}, "ProductArn", "is not GuardDuty's"),
        ({"ProductArn": f"arn:aws:securityhub:{g.REGION}:222222222222:product/222222222222/x/aws/guardduty"},
         "ProductArn", "is not GuardDuty's"),
        ({"GeneratorId": "arn:aws:guardduty:eu-west-1:111122223333:detector/other"}, "GeneratorId", "not the detector"),
        ({"GeneratorId": "x"}, "GeneratorId", "must be the ARN of a GuardDuty detector"),
        ({"Id": "x"}, "Id", "must be the ARN of a GuardDuty finding"),
        ({"Types": []}, "Types", "name no GuardDuty finding type"),
        ({"Types": ["Execution:Runtime/ReverseShell"]}, "Types", "name no GuardDuty finding type"),
        ({"Types": ["TTPs/A:B-C", "TTPs/A:B-D"]}, "Types", "name several GuardDuty finding types"),
        ({"Types": "TTPs"}, "Types", "must be a list, got text"),
        ({"Severity": {"Label": "INFORMATIONAL"}}, "Severity", "must be a number from 1 to 10"),
        ({"Resources": [5]}, "Resources[0]", "must be an object"),
        ({"CreatedAt": "never"}, "CreatedAt", "must be a time"),
        ({"Sample": True}, "Sample", "is a sample"),
        ({"ProductFields": {"aws/guardduty/service/additionalInfo/sample": "true"}},
         'ProductFields["aws/guardduty/service/additionalInfo/sample"]', "is a sample"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrapped", [False, True])
def test_fields_that_are_wrong_or_disagree_are_named(changes: Any, field: str, says: str, *, wrapped: bool) -> None:
    error = refusal(g.hub_event(hub(**changes)) if wrapped else hub(**changes))

    assert error.field == (f"detail.findings[0].{field}" if wrapped else field)
    assert says in error.message


@pytest.mark.parametrize(
    ("member", "item", "field"),
    [
        (f"{OTHER}/name", "$(id)", f'Resources[2].Details.Other["{OTHER}/name"]'),
        (f"{OTHER}/uid", "a b", f'Resources[2].Details.Other["{OTHER}/uid"]'),
        (f"{OTHER}/containers.0_/image", 7, f'Resources[2].Details.Other["{OTHER}/containers.0_/image"]'),
        (OTHER, "both", "Resources[2].Details.Other"),
    ],
)
def test_a_bad_flattened_member_is_named_as_it_is_written(member: str, item: Any, field: str) -> None:
    value = hub()
    cluster_of(value)["Details"]["Other"][member] = item

    assert refusal(value).field == field


def test_text_where_an_object_follows_is_refused_too() -> None:
    value = hub()
    cluster_of(value)["Details"]["Other"] = {OTHER: "both", f"{OTHER}/name": "web-1"}

    assert refusal(value).field == "Resources[2].Details.Other"


@pytest.mark.parametrize("arn", ["", "not-an-arn"])
def test_a_workload_of_no_cluster_is_refused(arn: str) -> None:
    value = hub()
    cluster_of(value)["Details"]["AwsEksCluster"] = {"Arn": arn}
    cluster_of(value)["Id"] = arn

    assert refusal(value).field == f"Resources[2].{'Details.AwsEksCluster.Arn' if arn else 'Id'}"


def test_the_clusters_account_must_be_the_findings() -> None:
    value = hub()
    cluster_of(value)["Details"]["AwsEksCluster"]["Arn"] = g.CLUSTER.replace("1111", "2222")

    error = refusal(value)

    assert error.field == "Resources[2].Details.AwsEksCluster.Arn"
    assert "is of account 222222223333, but AwsAccountId is 111122223333" in error.message
