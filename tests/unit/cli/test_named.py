"""What people type in place of a reference, and what they are told where it is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.cli.named import FORMS, parse_reference, parse_target
from irkit.errors import UsageError
from irkit.model.refs import ClusterRef, ImageRef, PodAddressRef, ServiceAccountRef, WorkloadRef
from irkit.playbook.bindings import REFERENCES

CLUSTER = ClusterRef(id="context:lab")
DIGEST = f"sha256:{'0123456789abcdef' * 4}"


def test_every_kind_of_reference_has_a_form() -> None:
    assert FORMS.keys() == REFERENCES.keys()


def test_a_service_account_is_in_a_namespace() -> None:
    found = parse_target("serviceaccount", "shop/web", CLUSTER)

    assert found == ServiceAccountRef(cluster=CLUSTER, namespace="shop", name="web")


@pytest.mark.parametrize("kind", ["deployment", "deployments", "Deployment", "deploy"])
def test_a_workload_is_named_as_kubectl_names_its_kind(kind: str) -> None:
    found = parse_target("workload", f"{kind}/shop/web", CLUSTER)

    assert found == WorkloadRef(cluster=CLUSTER, namespace="shop", name="web", type="Deployment")


@pytest.mark.parametrize(
    "text", [DIGEST, f"registry.example:5000/team/web@{DIGEST}", f"docker-pullable://web@{DIGEST}"]
)
def test_an_image_is_its_digest(text: str) -> None:
    found = parse_target("image", text, CLUSTER)

    assert isinstance(found, ImageRef)
    assert found.digest == DIGEST


def test_an_image_may_be_a_tag() -> None:
    assert parse_target("image", "team/web:1.2", CLUSTER) == ImageRef(cluster=CLUSTER, name="team/web:1.2")


@pytest.mark.parametrize("text", ["10.0.3.9", "::ffff:10.0.3.9"])
def test_an_address_is_an_input_and_no_target(text: str) -> None:
    assert parse_reference("podaddress", text, CLUSTER) == PodAddressRef(cluster=CLUSTER, ip="10.0.3.9")
    with pytest.raises(UsageError, match="is an address, and no object"):
        parse_target("podaddress", text, CLUSTER)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("image", DIGEST[:-1]), ("image", f"{DIGEST}0"), ("image", DIGEST[7:]), ("image", DIGEST.upper()),
        ("image", "sha256:"), ("image", "a b"), ("image", f"web@{DIGEST[:-1]}"), ("image", ""),
        ("serviceaccount", "web"), ("serviceaccount", "a/b/c"), ("workload", "shop/web"), ("workload", "a b/shop/web"),
        ("workload", "deployment/shop/web/x"), ("podaddress", "10.0.3.256"), ("podaddress", "fe80::1%eth0"),
        ("namespace", "shop/web"), ("node", "shop/web"),
    ],
)  # fmt: skip
def test_what_is_none_is_told_with_the_form(kind: str, text: str) -> None:
    with pytest.raises(
        UsageError, match=f"does not name an? {kind.replace('serviceaccount', 'service account')}$"
    ) as caught:
        parse_reference(kind, text, CLUSTER)
    assert caught.value.hint.endswith(FORMS[kind])


@given(st.sampled_from(sorted(FORMS)), st.text(max_size=300))
def test_any_text_is_a_reference_or_a_usage_error(kind: str, text: str) -> None:
    try:
        found: Any = parse_reference(kind, text, CLUSTER)
    except UsageError:
        return
    assert isinstance(found, REFERENCES[kind])
