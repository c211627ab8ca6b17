"""A lab in this process, and a way to ask it over the wire."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import urllib3

from irkit.lab import builder, scenario
from irkit.lab.seed import Seed
from irkit.lab.server import LabServer
from tests.support.worlds import World

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
SHOP = b"""
apiVersion: irkit.dev/v1alpha1
kind: Scenario
metadata: {name: shop}
seed: 7
world:
  nodes: [{nodegroup: ng-1, count: 2}]
  namespaces:
    shop:
      serviceAccounts: {web: {role: "arn:aws:iam::111122223333:role/web"}}
      deployments: {web: {replicas: 3, serviceAccount: web, ports: [8080], env: {API_KEY: canary-7}}}
      statefulSets: {db: {replicas: 2}}
      daemonSets: {agent: {}}
      jobs: {nightly: {}}
      pods:
        bare: {image: "lab.invalid/bare:1", events: true}
        wide: {images: {main: "lab.invalid/a:1", side: "lab.invalid/b:1"}, hostNetwork: true, node: 1}
      services: {web: {selector: {app: web}, port: 8080}}
      pdbs: {web: {selector: {app: web}, minAvailable: 2}}
      networkPolicies: {allow-web: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{}]}}
      configMaps: {settings: {mode: fast}}
      secrets: {keys: {token: canary-8}}
"""


@pytest.fixture(scope="session")
def seed() -> Seed:
    return builder.build(scenario.parse(scenario.read(SHOP, "shop"), "shop"), NOW)


@pytest.fixture(scope="session")
def serving(seed: Seed) -> Iterator[LabServer]:
    with LabServer(seed) as server:
        yield server


@pytest.fixture
def lab(serving: LabServer) -> LabServer:
    """The lab as it began."""
    serving.control.reset()
    return serving


@pytest.fixture
def world(lab: LabServer) -> Iterator[World]:
    """The lab's client API. What is answered 501 is the test's own matter here."""
    context = ssl.create_default_context(cadata=lab.ca)
    with urllib3.PoolManager(ssl_context=context) as http:
        yield World(lab.url, lab.tokens, http, lab.control.expire_pages, namespace="shop")
