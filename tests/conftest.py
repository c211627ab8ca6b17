"""What holds for every test: no network but this machine's, a time limit, Hypothesis without a clock."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
UNIT_SECONDS = 2.0
PROPERTY_SECONDS = 20.0  # Hypothesis runs a hundred examples in one test
CRASH_SECONDS = 900.0  # hundreds of killed processes in one test

# A shell without job control starts what it puts into the background with SIGINT ignored, and all that this starts in
# turn: what Ctrl-C does could not be tested there. A handler of ours is none to those we start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples differ from run to run; a failing one prints how to repeat it. A slow machine is no failed test.
settings.register_profile("irkit", deadline=None, print_blob=True)
settings.load_profile("irkit")


def patience() -> float:
    """How many times longer than on an idle machine a test may take (IRKIT_TEST_PATIENCE)."""
    return float(os.environ.get("IRKIT_TEST_PATIENCE", "2"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the limit of its folder, unless it sets one itself; pyproject.toml has that of the rest."""
    for item in items:
        if item.get_closest_marker("timeout"):
            continue
        if item.path.is_relative_to(HERE / "unit"):
            function = getattr(item, "function", None)
            seconds = PROPERTY_SECONDS if getattr(function, "is_hypothesis_test", False) else UNIT_SECONDS
            item.add_marker(pytest.mark.timeout(seconds * patience()))
        elif item.path.is_relative_to(HERE / "crash"):
            all_pairs = item.get_closest_marker("crash_all") is not None
            item.add_marker(pytest.mark.timeout(0 if all_pairs else CRASH_SECONDS * patience()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tests on the machine's cluster let those of other runs finish that change the whole of it."""
    if item.get_closest_marker("cluster") is None or os.environ.get("IRKIT_TEST_CONTEXT"):
        return (yield)
    from tests.cluster.turns import TURNS  # noqa: PLC0415 - only where there is a cluster

    with TURNS.shared():
        return (yield)


class OffTheMachine(BaseException):
    """A test tried to reach another machine. Not an Exception: nothing under test may handle it."""


_allowed = {"127.0.0.1", "::1", "localhost"}


def _stay_here(address: Any) -> None:
    if isinstance(address, tuple) and address and str(address[0]) not in _allowed:
        msg = f"tests talk to 127.0.0.1 only, not to {address[0]!r}"
        raise OffTheMachine(msg)


@pytest.fixture(autouse=True, scope="session")
def _only_this_machine() -> Any:
    """Yields the hosts that may be reached; the tests of a real cluster add its API server."""
    real_connect, real_connect_ex, real_lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def connect(self: socket.socket, address: Any) -> None:
        _stay_here(address)
        real_connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        _stay_here(address)
        return real_connect_ex(self, address)

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host is not None:
            _stay_here((host.decode() if isinstance(host, bytes) else host,))
        return real_lookup(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket.socket, "connect_ex", connect_ex)
        patch.setattr(socket, "getaddrinfo", lookup)
        yield _allowed
