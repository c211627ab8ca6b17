"""What the API says it serves. A client that reads this finds its way: kubectl, and every generated client."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.model.kube import RESOURCES
from tests.support.worlds import World

GROUPS = sorted({one.group for one in RESOURCES if one.group})
VERSIONS = sorted({one.api_version for one in RESOURCES})


def where(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def entries(world: World, version: str) -> dict[str, Any]:
    return {one["name"]: one for one in world.get(where(version)).doc["resources"]}


def test_the_core_api_has_one_version(world: World) -> None:
    found = world.get("/api").doc
    assert (found["kind"], found["versions"]) == ("APIVersions", ["v1"])
    assert {"clientCIDR", "serverAddress"} <= set(found["serverAddressByClientCIDRs"][0])


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_is_in_the_list_and_alone_as_well(world: World, group: str) -> None:
    listed = world.get("/apis").doc
    assert (listed["kind"], listed["apiVersion"]) == ("APIGroupList", "v1")
    (one,) = [found for found in listed["groups"] if found["name"] == group]
    assert world.get(f"/apis/{group}").doc == {"kind": "APIGroup", "apiVersion": "v1", **one}
    assert one["preferredVersion"] in one["versions"]
    wanted = {found.version for found in RESOURCES if found.group == group}
    assert wanted <= {version["version"] for version in one["versions"]}
    assert all(version["groupVersion"] == f"{group}/{version['version']}" for version in one["versions"])


@pytest.mark.parametrize("version", VERSIONS)
def test_what_irkit_knows_is_served_as_irkit_knows_it(world: World, version: str) -> None:
    found = world.get(where(version)).doc
    assert (found["kind"], found["groupVersion"]) == ("APIResourceList", version)
    names = entries(world, version)
    for one in RESOURCES:
        if one.api_version == version:
            told = names[one.plural]
            assert (told["kind"], told["namespaced"], told["singularName"]) == (
                one.kind, one.namespaced, one.kind.lower(),
            )  # fmt: skip
            assert {"get", "list"} <= set(told["verbs"])


SHORT = {
    "pods": ["po"], "nodes": ["no"], "namespaces": ["ns"], "services": ["svc"], "serviceaccounts": ["sa"],
    "configmaps": ["cm"], "events": ["ev"], "resourcequotas": ["quota"], "deployments": ["deploy"],
    "replicasets": ["rs"], "statefulsets": ["sts"], "daemonsets": ["ds"], "cronjobs": ["cj"],
    "horizontalpodautoscalers": ["hpa"], "networkpolicies": ["netpol"], "poddisruptionbudgets": ["pdb"],
}  # fmt: skip
ALL = {
    "pods", "services", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs",
    "horizontalpodautoscalers",
}  # fmt: skip


def test_short_names_and_categories_are_what_people_type(world: World) -> None:
    found = {name: told for version in VERSIONS for name, told in entries(world, version).items()}
    known = {one.plural for one in RESOURCES}
    assert {name: told["shortNames"] for name, told in found.items() if name in known and "shortNames" in told} == SHORT
    assert {name for name, told in found.items() if name in known and "all" in told.get("categories", ())} == ALL
    for name in ("validatingadmissionpolicies", "validatingadmissionpolicybindings"):
        assert found[name]["categories"] == ["api-extensions"]


@pytest.mark.parametrize(
    ("version", "name", "told"),
    [
        ("v1", "pods/eviction", {"group": "policy", "version": "v1", "kind": "Eviction"}),
        ("apps/v1", "deployments/scale", {"group": "autoscaling", "version": "v1", "kind": "Scale"}),
    ],
)
def test_a_subresource_is_of_another_kind(world: World, version: str, name: str, told: dict[str, str]) -> None:
    found = entries(world, version)[name]
    assert told.items() <= found.items()
    assert (found["singularName"], found["namespaced"]) == ("", True)


@pytest.mark.parametrize("path", ["/apis/nobody.example", "/apis/nobody.example/v1", "/openapi/v9"])
def test_what_nobody_serves_is_plainly_not_there(world: World, path: str) -> None:
    answer = world.get(path)
    assert (answer.code, answer.doc, answer.headers["Content-Type"]) == (
        404, "404 page not found\n", "text/plain; charset=utf-8",
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/apis/apps/v9", "/api/v9"])
def test_another_version_of_what_is_served_is_not_there_either(world: World, path: str) -> None:
    answer = world.get(path)
    assert answer.code == 404
    assert answer.doc["message"] == "the server could not find the requested resource"
    assert (answer.doc["reason"], answer.doc["details"]) == ("NotFound", {})


def test_a_slash_at_the_end_and_a_timeout_change_nothing(world: World) -> None:
    assert world.get("/api/", timeout="32s").doc == world.get("/api").doc
    assert world.get("/version/").doc == world.get("/version").doc


def test_who_is_nobody_may_see_the_version_and_nothing_of_the_api(world: World) -> None:
    assert world.get("/version", token="").code == 200
    assert world.get("/healthz", token="").code == 200
    refused = world.get("/apis", token="")
    assert refused.code == 403
    assert refused.doc["message"] == 'forbidden: User "system:anonymous" cannot get path "/apis"'


def test_everybody_with_a_token_may_ask_what_is_served(world: World) -> None:
    assert world.get("/apis", token="viewer").code == 200
    assert world.get("/api/v1", token="viewer").code == 200


# -- the patches that kubectl sends ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["application/merge-patch+json", "application/strategic-merge-patch+json"])
def test_a_label_is_set_and_taken_away_as_kubectl_does(world: World, kind: str) -> None:
    one = f"{world.pods}/one"
    before = world.pod("one")["metadata"]["labels"]
    answer = world.ask("PATCH", one, body={"metadata": {"labels": {"case": "x", "tier": None}}}, kind=kind)
    assert answer.code == 200, answer.doc
    expected = {name: value for name, value in before.items() if name != "tier"} | {"case": "x"}
    assert world.pod("one")["metadata"]["labels"] == expected
    undo = {"metadata": {"labels": {"case": None, "tier": before["tier"]}}}
    assert world.ask("PATCH", one, body=undo, kind=kind).code == 200
    assert world.pod("one")["metadata"]["labels"] == before


def test_a_merge_patch_is_an_object(world: World) -> None:
    answer = world.ask("PATCH", f"{world.pods}/one", body=[], kind="application/merge-patch+json")
    assert answer.code == 400
