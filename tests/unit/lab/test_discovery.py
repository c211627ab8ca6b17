"""A stranger's client on the lab: the official one that discovers what there is before it asks for anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client as kube
from kubernetes.dynamic import DynamicClient

from irkit.lab import discovery
from irkit.lab.deletes import DELETABLE
from irkit.lab.http import Request
from irkit.lab.kinds import KINDS
from irkit.lab.routes import parse
from irkit.lab.server import LabServer
from irkit.lab.status import ApiError
from irkit.model.kube import RESOURCES

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.fixture
def client(lab: LabServer, tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "ca.crt").write_text(lab.ca)
    settings = kube.Configuration()
    settings.host, settings.ssl_ca_cert = lab.url, str(tmp_path / "ca.crt")
    settings.api_key = {"authorization": f"Bearer {lab.tokens['responder']}"}
    with kube.ApiClient(settings) as api:
        yield DynamicClient(api, cache_file=str(tmp_path / "discovery.json"))  # type: ignore[no-untyped-call]  # its own
        api.rest_client.pool_manager.clear()


def test_a_client_that_discovers_finds_its_way(lab: LabServer, client: Any) -> None:
    assert client.version["kubernetes"]["gitVersion"].endswith("irkit-lab")
    for one in RESOURCES:
        found = client.resources.get(api_version=one.api_version, kind=one.kind)
        assert (found.name, found.namespaced) == (one.plural, one.namespaced)
    pods = client.resources.get(api_version="v1", kind="Pod")
    one = pods.get(name="bare", namespace="shop")
    assert one.metadata.name == "bare"
    assert "bare" in [item.metadata.name for item in pods.get(namespace="shop").items]
    pods.patch(
        name="bare", namespace="shop", body={"metadata": {"labels": {"seen": "yes"}}},
        content_type="application/merge-patch+json",
    )  # fmt: skip
    assert pods.get(namespace="shop", label_selector="seen=yes").items[0].metadata.uid == one.metadata.uid
    assert lab.control.unserved() == []


def test_short_names_lead_to_their_kind(client: Any) -> None:
    assert client.resources.get(short_names=["netpol"]).kind == "NetworkPolicy"


@pytest.mark.parametrize("one", RESOURCES, ids=lambda one: one.plural)
def test_a_verb_that_is_told_of_is_answered(one: Any) -> None:
    """What discovery promises and what the lab does are one list."""
    prefix = f"/apis/{one.api_version}" if one.group else "/api/v1"
    document = discovery.document(prefix)
    assert document is not None
    (told,) = [found for found in document["resources"] if found["name"] == one.plural]
    wanted = {"get", "list"}
    wanted |= {"patch"} if one in KINDS else set()
    wanted |= {"create"} if one in KINDS and KINDS[one].creatable else set()
    wanted |= {"delete"} if one in DELETABLE else set()
    assert set(told["verbs"]) == wanted


def test_tables_are_not_served_and_who_takes_plain_json_too_gets_that(lab: LabServer) -> None:
    def code(accept: str) -> int:
        headers = {"authorization": f"Bearer {lab.tokens['admin']}", "accept": accept}
        return lab.api.handle(Request("GET", "/api/v1/namespaces/shop/pods", headers, b"")).code

    assert code(f"{TABLE},{TABLE.replace('v=v1', 'v=v1beta1')},application/json") == 200
    assert lab.control.unserved() == []
    assert code(TABLE) == 501
    assert code(f"{TABLE},text/html") == 501


def test_only_reading_discovers() -> None:
    assert parse("GET", "/apis/apps/v1") == "/apis/apps/v1"
    with pytest.raises(ApiError) as raised:
        parse("POST", "/apis/apps/v1")
    assert raised.value.code == 501


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"containers": [{"name": "main", "image": "evil"}]}},
        {"metadata": {"labels": {"$patch": "replace"}}},
        {"metadata": {"$retainKeys": ["name"]}},
    ],
)
def test_what_would_merge_strategically_is_not_merged_otherwise(lab: LabServer, patch: dict[str, Any]) -> None:
    before = lab.control.get("pods", "bare", "shop")
    headers = {
        "authorization": f"Bearer {lab.tokens['admin']}", "content-type": "application/strategic-merge-patch+json",
    }  # fmt: skip
    asked = Request("PATCH", "/api/v1/namespaces/shop/pods/bare", headers, json.dumps(patch).encode())
    assert lab.api.handle(asked).code == 501
    assert lab.control.get("pods", "bare", "shop") == before
