"""Whatever is sent to the lab is answered as an API would, and never by a fault of the lab itself."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irkit.lab.http import Request
from irkit.lab.seed import Seed
from irkit.lab.server import LabServer

POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "a", "generateName": "x-", "labels": {"a": "b"}, "annotations": {"c": "d"}},
    "spec": {
        "podSelector": {
            "matchLabels": {"a": "b"},
            "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}],
        },
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "ports": [{"port": 80, "endPort": 90, "protocol": "TCP"}],
                "from": [
                    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                    {"podSelector": {}, "namespaceSelector": {}},
                ],
            }
        ],
    },
}
POD_PATCH = [
    {"op": "test", "path": "/metadata/name", "value": "bare"},
    {"op": "add", "path": "/metadata/labels/a", "value": "b"},
    {"op": "copy", "from": "/metadata/labels", "path": "/metadata/annotations"},
    {"op": "move", "from": "/metadata/labels/app", "path": "/metadata/labels/was"},
    {"op": "replace", "path": "/spec", "value": {}},
]
POLICY_PATCH = [
    {"op": "replace", "path": "/metadata/labels", "value": POLICY["metadata"]},
    {"op": "replace", "path": "/spec", "value": POLICY["spec"]},
]
NODE_PATCH = [{"op": "add", "path": "/spec/unschedulable", "value": True}]
OPTIONS = {
    "kind": "DeleteOptions",
    "apiVersion": "v1",
    "gracePeriodSeconds": 0,
    "preconditions": {"uid": "x", "resourceVersion": "1"},
    "dryRun": ["All"],
    "propagationPolicy": "Background",
}
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "bare"}, "deleteOptions": OPTIONS}
REVIEW = {
    "apiVersion": "authorization.k8s.io/v1",
    "kind": "SelfSubjectAccessReview",
    "spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "x"}},
}
JSON, PATCH = "application/json", "application/json-patch+json"
NODE = "ip-10-0-1-10.eu-west-1.compute.internal"
CALLS: list[tuple[str, str, str, Any]] = [
    ("POST", "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies", JSON, POLICY),
    ("PATCH", "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/allow-web", PATCH, POLICY_PATCH),
    ("PATCH", "/api/v1/namespaces/shop/pods/bare", PATCH, POD_PATCH),
    ("PATCH", f"/api/v1/nodes/{NODE}", PATCH, NODE_PATCH),
    ("DELETE", "/api/v1/namespaces/shop/pods/wide", JSON, OPTIONS),
    ("POST", "/api/v1/namespaces/shop/pods/bare/eviction", JSON, EVICTION),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", JSON, REVIEW),
]
JUNK: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**18, "", "x", "/", "-", "\u2028", "10.0.0.0/99", [], {}, ["x"], [[]], {"a": 1},
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


def mutate(value: Any, random: Random) -> Any:
    """Up to three parts of it become something else, or go."""
    done = copy.deepcopy(value)
    for _ in range(random.randint(0, 3)):
        path = random.choice([*places(done), ()])
        if not path:
            continue
        holder = done
        for key in path[:-1]:
            holder = holder[key]
        if random.random() < 0.25:
            del holder[path[-1]]
        else:
            holder[path[-1]] = copy.deepcopy(random.choice(JUNK))
    return done


@pytest.fixture(scope="module")
def idle(seed: Seed) -> Iterator[LabServer]:
    """A lab that is asked without a wire."""
    lab = LabServer(seed)
    yield lab
    lab.close()


@pytest.mark.timeout(60)
def test_no_body_breaks_the_lab(idle: LabServer) -> None:
    seen: set[int] = set()

    @settings(max_examples=400)
    @given(call=st.sampled_from(CALLS), random=st.randoms(use_true_random=False), query=st.sampled_from(
        ["", "?dryRun=All", "?fieldValidation=Strict", "?fieldValidation=x", "?fieldManager=a/b"]
    ))  # fmt: skip
    def check(call: tuple[str, str, str, Any], random: Random, query: str) -> None:
        method, path, kind, body = call
        idle.control.reset()
        headers = {"authorization": f"Bearer {idle.tokens['admin']}", "content-type": kind}
        answer = idle.api.handle(Request(method, path + query, headers, orjson.dumps(mutate(body, random))))
        assert answer.code != 500, answer.body
        assert orjson.loads(answer.body)["kind"]
        seen.add(answer.code)

    check()
    assert {200, 201, 400, 409, 422} <= seen  # what is sent is sometimes taken, and refused for many reasons


@pytest.mark.timeout(60)
def test_no_target_breaks_the_lab(idle: LabServer) -> None:
    names = st.sampled_from(["api", "v1", "apis", "namespaces", "shop", "pods", "bare", "eviction", "nodes", "%2F", ""])
    parts = st.lists(names | st.text(max_size=3), max_size=7)
    queries = st.text("abc=&%?[]{}continuelimitlabelSelectorfieldSelectorresourceVersion0123456789,()!", max_size=30)

    @settings(max_examples=400)
    @given(
        method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "HEAD"]),
        path=parts,
        query=queries,
        body=st.binary(max_size=9),
    )
    def check(method: str, path: list[str], query: str, body: bytes) -> None:
        headers = {"authorization": f"Bearer {idle.tokens['admin']}", "content-type": JSON}
        answer = idle.api.handle(Request(method, f"/{'/'.join(path)}?{query}", headers, body))
        assert answer.code != 500, answer.body
        idle.control.reset()

    check()
