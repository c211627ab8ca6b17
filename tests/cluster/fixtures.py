"""What a test of a real cluster asks for. Other folders' conftest.py may import these by name."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.cluster.live import Cluster, NoCluster


@pytest.fixture(scope="session")
def cluster(_only_this_machine: set[str]) -> Iterator[Cluster]:
    """The running cluster; without one the test fails, because it was asked for."""
    try:
        found = Cluster.find()
    except NoCluster as missing:
        pytest.fail(str(missing), pytrace=False)
    _keep_descriptors()
    _only_this_machine.add(found.host)
    _only_this_machine.update(str(one[4][0]) for one in socket.getaddrinfo(found.host, None))
    yield found
    found.close()


def _keep_descriptors() -> None:
    """Pass nothing on that this process was given besides its streams, `flock`'s lock above all.

    What a test starts of the cluster outlives it, and would hold that lock for as long as it runs.
    """
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - descriptors are no paths
        if int(name) > 2:
            with suppress(OSError):  # the one of this listing is closed by now
                os.set_inheritable(int(name), False)


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
