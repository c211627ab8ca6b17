"""A running lab: the client API over TLS, and the control plane beside it.

In a test: `with LabServer(seed) as lab: ...` serves from threads of this process. As a process of its own it is
started by `irkit.lab.process`, as `python -m irkit.lab.server FOLDER`.
"""

from __future__ import annotations

import secrets
from types import TracebackType
from typing import Self

from irkit.lab import certs, remote
from irkit.lab.api import Api
from irkit.lab.auth import Tokens
from irkit.lab.control import Control
from irkit.lab.http import HttpServer
from irkit.lab.seed import Seed
from irkit.lab.world import World


class LabServer:
    """A lab that serves from `__enter__` (or `start`) to `__exit__` (or `close`).

    Attributes:
        url: of the client API, `https://127.0.0.1:PORT`.
        ca: the CA's certificate as PEM.
        tokens: bearer tokens by name: responder, admin, viewer, and the seed's own.
        control: the control plane, in this process.
        control_url: of the control plane's listener, with `control_token`.
        cluster: the cluster's id, an ARN.
    """

    def __init__(self, seed: Seed) -> None:
        self.seed = seed
        self.cluster = seed.cluster
        world = World(seed.seed, seed.objects)
        self.api = Api(world, Tokens(seed.tokens))
        self.control = Control(self.api)
        self.control_token = secrets.token_hex(32)
        context, self.ca = certs.make()
        self._serving = HttpServer(self.api.handle, context)
        self._controlling = HttpServer(remote.handler(self.control, self.control_token))
        self.url = self._serving.url
        self.control_url = self._controlling.url

    @property
    def tokens(self) -> dict[str, str]:
        """Bearer tokens by name."""
        return self.control.tokens()

    def start(self) -> Self:
        """Begin to answer."""
        self._serving.start()
        self._controlling.start()
        return self

    def close(self) -> None:
        """End all connections."""
        self._serving.close()
        self._controlling.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
