"""A stub of the wire and a client of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import kubernetes.config.kube_config  # noqa: F401 -- 0.5 s that no single test's time limit should pay
import pytest

from irkit.clients.kube import KubeClient, connect
from irkit.model.refs import ClusterRef
from tests.support.wire import Authority, Heard, Say, Stub, stub, write_kubeconfig

CLUSTER = ClusterRef(id="context:it")
TOKEN = "canary-token-4711"

Script = list[Say] | Callable[[Heard], Say]
Start = Callable[..., tuple[Stub, KubeClient]]


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a stub with a script and connects to it; everything is closed at the end."""
    with ExitStack() as stack:

        def begin(script: Script, user: dict[str, Any] | None = None, **settings: Any) -> tuple[Stub, KubeClient]:
            server = stack.enter_context(stub(script))
            path = write_kubeconfig(tmp_path / "config", server.url, user or {"token": TOKEN})
            settings.setdefault("sleep", lambda _: None)
            client = connect(CLUSTER, path, "it", user_agent="irkit/test", **settings)
            stack.callback(client.close)
            return server, client

        yield begin
