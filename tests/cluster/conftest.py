"""Every test in this folder needs a cluster: `make test-cluster` runs them, `make test` does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.fixtures import cluster, harness, namespace
from tests.cluster.shop import shop

__all__ = ["cluster", "harness", "namespace", "shop"]

HERE = Path(__file__).parent
SECONDS = 300


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before `-m` is looked at."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.cluster)
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(SECONDS))
