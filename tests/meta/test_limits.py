"""Every test has a time limit, and none can reach another machine."""

from __future__ import annotations

import socket

import pytest
from hypothesis import settings

from tests import conftest


def limit(request: pytest.FixtureRequest, path: str, *, hypothesis: bool = False, own: float = 0) -> float | None:
    """The limit that a test at this path gets."""

    def test() -> None:
        """Nothing."""

    test.is_hypothesis_test = hypothesis  # type: ignore[attr-defined]  # as Hypothesis does
    item = pytest.Function.from_parent(request.node.parent, name="test", callobj=test)
    item.path = conftest.HERE / path
    if own:
        item.add_marker(pytest.mark.timeout(own))
    conftest.pytest_collection_modifyitems([item])
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else None


def test_each_folder_has_its_limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRKIT_TEST_PATIENCE", "1")
    assert limit(request, "unit/model/test_x.py") == 2
    assert limit(request, "unit/model/test_x.py", hypothesis=True) == 20
    assert limit(request, "unit/model/test_x.py", own=7) == 7
    assert limit(request, "crash/test_x.py") == 900
    assert limit(request, "e2e/test_x.py") is None  # pyproject.toml's


def test_a_slow_machine_gets_more_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRKIT_TEST_PATIENCE", "5")
    assert limit(request, "unit/model/test_x.py") == 10


def test_every_other_test_ends_too(pytestconfig: pytest.Config) -> None:
    assert float(pytestconfig.getini("timeout")) == 120


def test_hypothesis_has_no_clock() -> None:
    assert settings().deadline is None


@pytest.mark.parametrize("address", [("192.0.2.1", 443), ("2001:db8::1", 443), ("registry.invalid", 443)])
def test_no_test_can_connect_to_another_machine(address: tuple[str, int]) -> None:
    with socket.socket() as one, pytest.raises(conftest.OffTheMachine):
        one.connect(address)
    with socket.socket() as one, pytest.raises(conftest.OffTheMachine):
        one.connect_ex(address)
    with pytest.raises(conftest.OffTheMachine):
        socket.getaddrinfo(*address)


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as one:
        assert one.getpeername() == server.getsockname()
    assert socket.getaddrinfo("localhost", 80)
