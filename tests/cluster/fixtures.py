"""What a test of a real cluster asks for. Other folders' conftest.py may import these by name."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.cluster.live import Cluster, NoCluster


@pytest.fixture(scope="session")
def cluster(_only_this_machine: set[str]) -> Iterator[Cluster]:
    """The running cluster; without one the test fails, because it was asked for."""
    try:
        found = Cluster.find()
    except NoCluster as missing:
        pytest.fail(str(missing), pytrace=False)
    _only_this_machine.add(found.host)
    _only_this_machine.update(str(one[4][0]) for one in socket.getaddrinfo(found.host, None))
    yield found
    found.close()


@pytest.fixture(scope="session")
def harness(cluster: Cluster) -> Cluster:
    """The same, for tests that look inside nodes, the audit log or the API server's process."""
    if cluster.layout is None:
        pytest.skip("looks inside the harness's own nodes; IRKIT_TEST_CONTEXT names another cluster")
    return cluster


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    with cluster.namespace() as name:
        yield name
