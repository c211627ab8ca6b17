"""The worlds that the contract suite runs against. Each test says one thing that irkit relies on in the real API.

Tests use plain urllib3, so that they run unchanged against any API server: a world only says where it is, who may do
what, and which objects are there to be used. Those of a real cluster are run by `make test-cluster`.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
import urllib3

from irkit.lab import builder, scenario
from irkit.lab.server import LabServer
from tests.cluster.fixtures import cluster
from tests.contract.policies import admission
from tests.contract.real import homes, real, tokens
from tests.support.worlds import World

__all__ = ["admission", "cluster", "homes", "real", "tokens"]

SCENARIO = b"""
apiVersion: irkit.dev/v1alpha1
kind: Scenario
metadata: {name: contract}
world:
  nodes: [{nodegroup: ng-1, count: 2}]
  namespaces:
    contract:
      pods:
        one: {image: "lab.invalid/one:1", labels: {app: one, tier: front}}
        two: {image: "lab.invalid/two:1", labels: {app: two, tier: front}}
        three: {image: "lab.invalid/three:1", labels: {app: three}}
        guarded: {image: "lab.invalid/guarded:1", labels: {app: guarded}}
      pdbs: {guard: {selector: {app: guarded}, minAvailable: 1}}
"""


@pytest.fixture(scope="session")
def lab() -> Iterator[LabServer]:
    seed = builder.build(scenario.parse(scenario.read(SCENARIO, "contract"), "contract"))
    with LabServer(seed) as server:
        yield server


@pytest.fixture
def simulated(lab: LabServer) -> Iterator[World]:
    """The lab, as it was seeded."""
    lab.control.reset()
    context = ssl.create_default_context(cadata=lab.ca)
    with urllib3.PoolManager(ssl_context=context) as http:
        yield World(lab.url, lab.tokens, http, lab.control.expire_pages)
    assert lab.control.unserved() == []


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.cluster)])
def world(request: pytest.FixtureRequest) -> World:
    """Both worlds, one after the other: where they differ, the lab is wrong."""
    found: World = request.getfixturevalue(request.param)
    return found
