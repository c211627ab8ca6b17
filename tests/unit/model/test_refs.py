from __future__ import annotations

import pytest
from pydantic import ValidationError

from irkit.model.refs import ClusterRef, ImageRef, NodeRef, PodAddressRef, PodRef
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


HEX = "ab" * 32


@pytest.mark.parametrize(
    ("text", "name", "uid", "shown"),
    [
        ("web", "web", "", "image web"),
        ("registry.example:5000/shop/web:1.2", "registry.example:5000/shop/web:1.2", "", None),
        (f"shop/web@sha256:{HEX}", "shop/web", HEX, f"image shop/web@sha256:{HEX}"),
        (f"shop/web:1.2@sha256:{HEX}", "shop/web:1.2", HEX, f"image shop/web:1.2@sha256:{HEX}"),
        (f"sha256:{HEX}", f"sha256:{HEX}", HEX, f"image sha256:{HEX}"),
    ],
)
def test_an_image_is_its_content_where_the_digest_is_known(text: str, name: str, uid: str, shown: str | None) -> None:
    image = ImageRef.of(CLUSTER, text)

    assert (image.name, image.uid) == (name, uid)
    assert image.digest == (f"sha256:{uid}" if uid else "")
    assert str(image) == (shown or f"image {text}")
    assert ImageRef.parse(image.dump()) == image


def test_the_same_content_under_two_names_is_one_image() -> None:
    one, other = ImageRef.of(CLUSTER, f"a/web:1@sha256:{HEX}"), ImageRef.of(CLUSTER, f"b/web@sha256:{HEX}")

    assert one.key == other.key
    assert ImageRef.of(CLUSTER, "a/web:1").key != ImageRef.of(CLUSTER, "a/web:2").key


@pytest.mark.parametrize(
    "wrong",
    [
        "", "web ", "web;id", "$(id)", "web\n", "-web", "web/", "web@sha256:abc", f"web@sha512:{HEX}", "sha256:abc@x",
        f"sha256:{HEX}@sha256:{HEX}@", "w" * 513, "web\x1b[31m", "wéb", f"@sha256:{HEX}",
    ],
)  # fmt: skip
def test_what_is_no_image_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        ImageRef.of(CLUSTER, wrong)


def test_a_digest_as_a_name_is_the_digest() -> None:
    with pytest.raises(ValidationError, match="must be the digest"):
        ImageRef(cluster=CLUSTER, name=f"sha256:{HEX}", uid="cd" * 32)
    with pytest.raises(ValidationError, match="must be the digest"):
        ImageRef(cluster=CLUSTER, name=f"sha256:{HEX}")


@pytest.mark.parametrize(
    ("typed", "ip"), [("10.0.3.40", "10.0.3.40"), ("2001:DB8::0:1", "2001:db8::1"), ("::ffff:10.0.0.1", "10.0.0.1")]
)
def test_two_spellings_of_an_address_are_one(typed: str, ip: str) -> None:
    address = PodAddressRef(cluster=CLUSTER, ip=typed)

    assert address.ip == ip
    assert address.key == f"{CLUSTER.id}|PodAddress|{ip}"
    assert str(address) == f"pod address {ip}"


@pytest.mark.parametrize("wrong", ["", "10.0.3", "10.0.3.400", "10.0.3.4/32", "10.0.3.4\n", "web", "fe80::1%eth0"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        PodAddressRef(cluster=CLUSTER, ip=wrong)
