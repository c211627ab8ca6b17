"""The worlds that the contract suite runs against. Each test says one thing that irkit relies on in the real API.

Tests use plain urllib3, so that they can run unchanged against any API server: a world only says where it is, who
may do what, and which objects are there to be used.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
import urllib3

from irkit.lab import builder, scenario
from irkit.lab.server import LabServer
from tests.support.worlds import World

SCENARIO = b"""
apiVersion: irkit.dev/v1
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
def world(lab: LabServer) -> Iterator[World]:
    lab.control.reset()
    context = ssl.create_default_context(cadata=lab.ca)
    with urllib3.PoolManager(ssl_context=context) as http:
        yield World(lab.url, lab.tokens, http, lab.control.expire_pages)
    assert lab.control.unserved() == []
