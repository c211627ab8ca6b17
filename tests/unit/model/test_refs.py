from __future__ import annotations

import pytest
from pydantic import ValidationError

from irkit.model.refs import ClusterRef, NodeRef, PodRef
from tests.support.records import CLUSTER, POD

ARN = "arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu"


def test_an_arn_tells_account_region_and_name() -> None:
    cluster = ClusterRef(id=ARN)
    assert ("111122223333", "eu-west-1", "prod-eu", ARN) == (
        cluster.account, cluster.region, cluster.name, cluster.arn,
    )  # fmt: skip


def test_a_context_has_no_account() -> None:
    cluster = ClusterRef(id="context:kind-dev")
    assert ("", "", "kind-dev", "") == (cluster.account, cluster.region, cluster.name, cluster.arn)


@pytest.mark.parametrize(
    "wrong",
    [
        "arn:aws:eks:us-east-1:0123456789101:cluster/thirteen-digits",
        "arn:aws:eks:us-east-1:12345678901:cluster/eleven",
        ARN + "\n", ARN + "/../x", "arn:aws:iam::111122223333:role/x", "prod-eu", "", "context:", "context:a b",
        "context:a\n", "arn:aws:eks:eu-west-1:111122223333:cluster/;rm -rf",
        "arn:aws:eks:eu-west-1:١١١١٢٢٢٢٣٣٣٣:cluster/digits-of-another-script",
    ],
)  # fmt: skip
def test_what_is_no_cluster_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        ClusterRef(id=wrong)


@pytest.mark.parametrize(
    "wrong", ["", "-a", "a-", "A", "a_b", "a\n", "a/b", "..", "a" * 254, "web; id", "$(id)", "web\x1b[31m", "wéb"]
)
def test_what_is_no_name_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        NodeRef(cluster=CLUSTER, name=wrong)


@pytest.mark.parametrize("wrong", ["a.b", "a" * 64, "Shop", "shop\n", "../kube-system"])
def test_what_is_no_namespace_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        PodRef(cluster=CLUSTER, namespace=wrong, name="web")


def test_a_uid_pins_and_a_name_does_not() -> None:
    again = POD.model_copy(update={"uid": "another"})
    assert POD.key != again.key
    assert "shop/web-1" in POD.model_copy(update={"uid": ""}).key


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError):
        PodRef.parse(POD.dump() | {"extra": 1})
