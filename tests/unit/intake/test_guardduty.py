"""What a GuardDuty finding says becomes typed references; the traps of domain.md §10 and platform.md §2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from irkit.errors import FindingError
from irkit.intake import read_finding
from irkit.model.findings import Actor, Finding, Image
from irkit.model.refs import ClusterRef, NamespaceRef, NodeRef, PodRef, ServiceAccountRef, WorkloadRef
from tests.support import guardduty as g

CLUSTER = ClusterRef(id=g.CLUSTER)
POD = PodRef(cluster=CLUSTER, namespace="shop", name="web-6c9f7d8b5-x2x4p", uid=g.POD["Uid"])


def read(value: Any, **options: Any) -> Finding:
    return read_finding(orjson.dumps(value), source_name="f.json", **options)


def refusal(value: Any, **options: Any) -> FindingError:
    with pytest.raises(FindingError) as caught:
        read(value, **options)
    return caught.value


def changed(path: str, item: Any, seed: int = 4) -> dict[str, Any]:
    """A finding with one member replaced, or taken out (`...`)."""
    value = g.finding(seed)
    *parents, key = path.split(".")
    node = value
    for parent in parents:
        node = node.setdefault(parent, {})
    if item is ...:
        node.pop(key, None)
    else:
        node[key] = item
    return value


@pytest.mark.parametrize("seed", range(12))
def test_every_form_of_a_finding_means_the_same(seed: int) -> None:
    value = g.finding(seed, kind="Execution:Runtime/ReverseShell")

    def meaning(form: Callable[[dict[str, Any]], Any]) -> Finding:
        return read(form(value)).model_copy(update={"raw_sha256": "", "source": "guardduty", "requested": ""})

    first, *others = [meaning(form) for form in g.FORMS]

    assert first.target == POD
    assert others == [first] * len(others)


@pytest.mark.parametrize("seed", range(12))
def test_the_generated_findings_are_what_the_service_model_says(seed: int) -> None:
    assert g.problems(g.finding(seed)) == ""


def test_the_fields_of_a_finding() -> None:
    value = g.drill()

    found = read(g.event(value))

    assert found.source == "guardduty"
    assert found.id == value["Arn"]
    assert (found.type, found.severity) == ("Execution:Runtime/ReverseShell", "8.0")
    assert (found.account, found.region, found.cluster) == (g.ACCOUNT, g.REGION, CLUSTER)
    assert (found.created, found.updated) == ("2026-11-21T12:00:07.412Z", "2026-11-21T12:00:07.412Z")
    assert found.target == POD
    assert found.images == (Image(container="web", image="shop/web:1.14.2"),)
    assert found.actor is None


# -- actor and target --------------------------------------------------------------------------------


def test_the_actors_service_account_is_never_the_targets() -> None:
    name = "system:serviceaccount:argocd:argocd-controller"
    user = {"Username": name, "Groups": ["system:authenticated"]}

    found = read(changed("Resource.KubernetesDetails.KubernetesUserDetails", user))

    assert found.target == POD
    account = ServiceAccountRef(cluster=CLUSTER, namespace="argocd", name="argocd-controller")
    assert found.actor == Actor(username=name, groups=("system:authenticated",), service_account=account)


@pytest.mark.parametrize(
    "username",
    [
        "system:serviceaccount:argocd",
        "system:serviceaccount:a:b:c",
        "system:serviceaccount:Argo:x",
        "system:serviceaccount:argocd:x\n",
        "system:serviceaccount::",
        "system:node:ip-10-0-0-1",
        "ana",
    ],
)
def test_other_user_names_are_only_text(username: str) -> None:
    found = read(changed("Resource.KubernetesDetails.KubernetesUserDetails", {"Username": username}))

    assert found.actor is not None
    assert found.actor.service_account is None


def test_an_actor_keeps_session_groups_and_whom_it_impersonated() -> None:
    user = {
        "Username": "arn:aws:sts::111122223333:assumed-role/dev/ana",
        "SessionName": ["ana", "x"],
        "Groups": [None, "", *["a"] * 99],
        "ImpersonatedUser": {"Username": "admin", "Groups": ["system:masters"]},
    }

    actor = read(changed("Resource.KubernetesDetails.KubernetesUserDetails", user)).actor

    assert actor is not None
    assert (actor.session, actor.impersonated, actor.groups) == ("ana, x", "admin", ("a",) * 32)


@pytest.mark.parametrize("user", [None, "", {}, {"Username": "", "Groups": [], "SessionName": None}])
def test_an_absent_user_is_no_actor(user: Any) -> None:
    assert read(changed("Resource.KubernetesDetails.KubernetesUserDetails", user)).actor is None


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("pods", POD),
        ("Pod", POD),
        ("POD", POD),
        ("deployments", "Deployment"),
        ("Deployment", "Deployment"),
        ("replicasets", "ReplicaSet"),
        ("statefulsets", "StatefulSet"),
        ("daemonsets", "DaemonSet"),
        ("jobs", "Job"),
        ("cronjobs", "CronJob"),
        ("replicationcontrollers", "ReplicationController"),
        ("serviceaccounts", ServiceAccountRef),
        ("nodes", NodeRef),
        ("namespaces", NamespaceRef),
        ("clusterrolebindings", None),
        ("secrets", None),
        ("../pods", None),
        ("", None),
        (None, None),
    ],
)
def test_the_type_of_the_workload_decides_what_the_target_is(kind: Any, target: Any) -> None:
    value = g.finding(5, Type=kind, Name="web-1")

    found = read(value).target

    if isinstance(target, PodRef):
        assert found == target.model_copy(update={"name": "web-1"})
    elif isinstance(target, str):
        assert found == WorkloadRef(cluster=CLUSTER, namespace="shop", name="web-1", uid=g.POD["Uid"], type=target)
    else:
        assert type(found) is (target or type(None))
        assert found is None or (found.name, found.uid) == ("web-1", g.POD["Uid"])


@pytest.mark.parametrize(
    "workload",
    [
        None,
        "",
        {},
        {"Namespace": "shop"},
        {"Namespace": "shop", "Type": "pods", "Name": ""},
        {"Name": "web", "Type": None},
    ],
)
def test_a_finding_that_names_no_workload_has_a_cluster_and_no_target(workload: Any) -> None:
    found = read(changed("Resource.KubernetesDetails.KubernetesWorkloadDetails", workload))

    assert found.target is None
    assert found.cluster == CLUSTER


def test_a_workload_without_a_uid_is_a_target_to_be_looked_up() -> None:
    assert read(g.finding(1, Uid="")).target == POD.model_copy(update={"uid": ""})


@pytest.mark.parametrize("details", [None, "", {}])
def test_a_finding_about_something_else_has_neither_cluster_nor_target(details: Any) -> None:
    value = changed("Resource.EksClusterDetails", details)
    value["Resource"]["KubernetesDetails"] = details

    found = read(value)

    assert (found.cluster, found.target) == (None, None)


def test_images_are_those_of_the_workload_and_of_the_runtime_container_each_once() -> None:
    value = g.finding(2, Containers=[{"Name": "app", "Image": "centos"}, {"Name": "app", "Image": "centos"}, {}])
    value["Resource"]["ContainerDetails"] = {"Name": "side", "Image": "busybox:1"}

    assert read(value).images == (Image(container="app", image="centos"), Image(container="side", image="busybox:1"))


def test_a_flood_of_images_is_cut() -> None:
    value = g.finding(2, Containers=[{"Name": f"c{index}", "Image": "x"} for index in range(99)])

    assert len(read(value).images) == 32


# -- what is refused, by the sender's own words ------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "item", "says"),
    [
        ("AccountId", ..., "AccountId must be text, got nothing"),
        ("AccountId", "1111222233334", "AccountId must be a 12-digit account id, got other text of 13 characters"),
        ("AccountId", 111122223333, "AccountId must be text, got an integer"),
        ("AccountId", "111122223334", "is of account 111122223333, but AccountId is 111122223334"),
        ("Region", "eu-west-1\n", "Region must be an AWS region"),
        ("Region", "eu-west-2", "is of region eu-west-1, but Region is eu-west-2"),
        ("Arn", "arn:aws:s3:::x", "Arn must be the ARN of a GuardDuty finding"),
        (
            "Arn",
            f"arn:aws:guardduty:us-east-1:{g.ACCOUNT}:detector/a/finding/b",
            "Arn is of region us-east-1, but Region is eu-west-1",
        ),
        ("Id", "0" * 32, "Id is not the id in Arn"),
        ("Type", "Execution:Runtime/x y", "Type must be a GuardDuty finding type"),
        ("Severity", 0, "Severity must be a number from 1 to 10, got another number"),
        ("Severity", 10.1, "Severity must be a number from 1 to 10"),
        ("Severity", True, "Severity must be a number from 1 to 10, got something else"),
        ("Severity", "8", "Severity must be a number from 1 to 10, got something else"),
        ("Severity", ..., "Severity must be a number from 1 to 10, got nothing"),
        ("CreatedAt", "yesterday", "CreatedAt must be a time such as"),
        ("UpdatedAt", "2026-02-30T00:00:00Z", "UpdatedAt must be a time such as"),
        ("UpdatedAt", "0001-01-01T00:00:00+01:00", "UpdatedAt must be a time such as"),
        ("UpdatedAt", "2026-11-21T12:00:00", "UpdatedAt must be a time such as"),
        ("Title", {}, "Title must be text, got an object"),
        ("Resource", [], "Resource must be an object, got a list"),
        ("Resource.EksClusterDetails", ..., "Resource.EksClusterDetails.Arn is missing"),
        ("Resource.EksClusterDetails.Arn", "", "Resource.EksClusterDetails.Arn must be text, got nothing"),
        ("Resource.EksClusterDetails.Arn", "context:prod", "Arn must be an EKS cluster's ARN"),
        ("Resource.EksClusterDetails.Arn", f"{g.CLUSTER}\n", "Arn must be an EKS cluster's ARN"),
        ("Resource.EksClusterDetails.Arn", g.CLUSTER.replace("1111", "2222"), "is of account 222222223333"),
        ("Resource.EksClusterDetails.Arn", g.CLUSTER.replace("west-1", "west-3"), "is of region eu-west-3"),
        ("Resource.EksClusterDetails.Name", "stage", "Name is not the cluster in Resource.EksClusterDetails.Arn"),
        ("Resource.KubernetesDetails", [], "Resource.KubernetesDetails must be an object, got a list"),
        ("Resource.KubernetesDetails.KubernetesWorkloadDetails.Name", "../x", "Name must be a Kubernetes object name"),
        ("Resource.KubernetesDetails.KubernetesWorkloadDetails.Namespace", "a/b", "Namespace must be a namespace name"),
        ("Resource.KubernetesDetails.KubernetesWorkloadDetails.Namespace", "", "Namespace must be text, got nothing"),
        ("Resource.KubernetesDetails.KubernetesWorkloadDetails.Uid", "$(id)", "Uid must be a Kubernetes uid"),
        ("Resource.KubernetesDetails.KubernetesWorkloadDetails.Containers", ["x"], "Containers[0] must be an object"),
        ("Resource.KubernetesDetails.KubernetesUserDetails", {"Groups": [5]}, "Groups[0] must be text, got an integer"),
        ("accountId", "111122223333", "is given in two spellings"),
    ],
)
def test_a_bad_field_is_named_as_the_sender_names_it(path: str, item: Any, says: str) -> None:
    error = refusal(changed(path, item))

    assert says in error.message
    assert error.message.startswith("f.json: ")
    assert error.field in error.message


@pytest.mark.parametrize(
    ("wrap", "field"),
    [
        (lambda value: value, "Resource.KubernetesDetails.KubernetesWorkloadDetails.Containers[1].Image"),
        (
            lambda value: {"Findings": [value]},
            "Findings[0].Resource.KubernetesDetails.KubernetesWorkloadDetails.Containers[1].Image",
        ),
        (g.event, "detail.resource.kubernetesDetails.kubernetesWorkloadDetails.containers[1].image"),
        (
            lambda value: [g.event(value)],
            "[0].detail.resource.kubernetesDetails.kubernetesWorkloadDetails.containers[1].image",
        ),
    ],
)
def test_the_path_of_a_field_is_the_one_in_the_senders_document(wrap: Any, field: str) -> None:
    value = g.finding(1, Containers=[{"Name": "a"}, {"Name": "b", "Image": 7}])

    assert refusal(wrap(value)).field == field


def test_a_member_is_spelled_as_it_is_written_even_among_others() -> None:
    error = refusal(changed("Resource.EksClusterDetails", {"arn": 5}))

    assert error.field == "Resource.EksClusterDetails.arn"


def test_a_missing_field_is_spelled_as_its_siblings_are() -> None:
    event = g.event(g.finding(1))
    del event["detail"]["updatedAt"]

    assert refusal(event).field == "detail.updatedAt"


def test_a_refused_value_is_never_quoted() -> None:
    error = refusal(changed("Type", "<script>\x1b[31m"))

    assert "script" not in error.message + error.hint


# -- numbers and times -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1.0"), (5, "5.0"), (5.5, "5.5"), (8.0, "8.0"), (8.94, "8.9"), (10, "10.0")]
)
def test_severity_is_text_with_one_decimal(value: float, text: str) -> None:
    assert read(changed("Severity", value)).severity == text


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"),
        ("2026-11-21T12:00:00.752000-05:00", "2026-11-21T17:00:00.752000Z"),
        ("2026-12-31T23:30:00.5-0130", "2027-01-01T01:00:00.5Z"),
        ("2026-01-01T00:15:00+05:45", "2025-12-31T18:30:00Z"),
        ("2026-11-21T12:00:00.123456789Z", "2026-11-21T12:00:00.123456789Z"),
    ],
)
def test_times_are_true_utc_whatever_offset_they_were_written_with(written: str, utc: str) -> None:
    assert read(changed("UpdatedAt", written)).updated == utc


# -- samples and sequences ---------------------------------------------------------------------------


@pytest.mark.parametrize("info", [{"sample": True}, {"Value": '{"sample":true}', "Type": "default"}, {"Sample": True}])
def test_a_sample_is_refused_unless_it_is_allowed(info: dict[str, Any]) -> None:
    value = changed("Service.AdditionalInfo", info)

    error = refusal(value)

    assert "is a sample" in error.message
    assert "irkit drill run" in error.hint
    assert read(value, samples=True).target == POD


def test_other_additional_information_is_no_sample() -> None:
    info = {"Value": '{"threatListName":"sample: true"}', "Type": "default"}

    assert read(changed("Service.AdditionalInfo", info)).target == POD


def sequence(*arns: str) -> dict[str, Any]:
    """An attack sequence as botocore's model has it; its clusters are resources among others."""
    value = g.finding(6, kind="AttackSequence:EKS/CompromisedCluster")
    value["Resource"] = {"ResourceType": "AttackSequence"}
    resources = [{"Uid": arn, "ResourceType": "EKS_CLUSTER", "Data": {"EksCluster": {"Arn": arn}}} for arn in arns]
    workload = {
        "Uid": "w",
        "ResourceType": "KUBERNETES_WORKLOAD",
        "Data": {"KubernetesWorkload": {"Namespace": "shop"}},
    }
    detection = {"Uid": "s", "Description": "d", "Signals": [], "Resources": [*resources, workload]}
    value["Service"]["Detection"] = {"Sequence": detection}
    return value


def test_an_attack_sequence_names_its_cluster_and_no_single_target() -> None:
    found = read(g.event(sequence(g.CLUSTER)))

    assert (found.cluster, found.target) == (CLUSTER, None)


def test_an_attack_sequence_over_several_clusters_is_ambiguous() -> None:
    other = g.CLUSTER.replace("prod", "stage")

    error = refusal(sequence(g.CLUSTER, other))

    assert error.field == "Service.Detection.Sequence.Resources"
    assert g.CLUSTER in error.message
    assert other in error.message
