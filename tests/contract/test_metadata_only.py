"""Reading names without what they name: how irkit looks at Secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.workloads import made, path
from tests.support.worlds import World

ONE = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
MANY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
CANARY = "Y2FuYXJ5LTE3"


def read(world: World, where: str, accept: str) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {world.tokens['admin']}", "Accept": accept}
    answer = world.http.request("GET", f"{world.url}{where}", headers=headers, retries=False)
    return answer.status, answer.json()


def secret(world: World) -> str:
    where = path(world, "secrets", group="")
    meta = {"name": "held", "labels": {"a": "b"}}
    made(world.ask("POST", where, body={"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"k": CANARY}}))
    return where


def test_one_secret_shows_its_name_and_not_its_data(world: World) -> None:
    where = secret(world)
    code, found = read(world, f"{where}/held", ONE)
    assert (code, found["kind"], found["apiVersion"]) == (200, "PartialObjectMetadata", "meta.k8s.io/v1")
    assert found["metadata"] == world.get(f"{where}/held").doc["metadata"]
    assert set(found) == {"kind", "apiVersion", "metadata"}
    assert CANARY not in json.dumps(found)


def test_a_list_shows_names_and_no_data(world: World) -> None:
    where = secret(world)
    code, found = read(world, f"{where}?labelSelector=a%3Db", MANY)
    assert (code, found["kind"], found["apiVersion"]) == (200, "PartialObjectMetadataList", "meta.k8s.io/v1")
    (item,) = found["items"]
    assert item["metadata"]["name"] == "held"
    assert set(item) <= {"kind", "apiVersion", "metadata"}
    assert CANARY not in json.dumps(found)
    assert found["metadata"]["resourceVersion"]


def test_pages_of_names(world: World) -> None:
    code, found = read(world, f"{world.pods}?limit=3", MANY)
    assert (code, len(found["items"])) == (200, 3)
    rest = read(world, f"{world.pods}?limit=3&continue={found['metadata']['continue']}", MANY)[1]
    assert [item["metadata"]["name"] for item in rest["items"]] == ["two"]


@pytest.mark.parametrize(("end", "accept"), [("", ONE), ("/one", MANY)])
def test_one_is_no_list_and_a_list_is_not_one(world: World, end: str, accept: str) -> None:
    code, found = read(world, f"{world.pods}{end}", accept)
    assert (code, found["reason"]) == (406, "NotAcceptable")


def test_what_is_not_there_is_a_404_all_the_same(world: World) -> None:
    code, found = read(world, f"{world.pods}/nobody", ONE)
    assert (code, found["kind"], found["reason"]) == (404, "Status", "NotFound")


def test_the_first_form_that_is_served_is_taken(world: World) -> None:
    assert read(world, f"{world.pods}/one", f"{ONE},application/json")[1]["kind"] == "PartialObjectMetadata"
    assert read(world, f"{world.pods}/one", f"application/json,{ONE}")[1]["kind"] == "Pod"
