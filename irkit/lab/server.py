"""A running lab: the client API over TLS, and the control plane beside it.

In a test: `with LabServer(seed) as lab: ...` serves from threads of this process. As a process of its own it is
started by `irkit.lab.process`, as `python -m irkit.lab.server FOLDER`.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from irkit.lab import certs, remote
from irkit.lab.api import Api
from irkit.lab.auth import Tokens
from irkit.lab.control import Control
from irkit.lab.http import HttpServer
from irkit.lab.process import LabInfo, announce, birth
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
        world = World(seed.seed, seed.objects, seed.behaviour)
        self.api = Api(world, Tokens(seed.tokens, world))
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


def serve(folder: Path) -> None:
    """Serve the folder's world until SIGTERM or SIGINT."""
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    seed = Seed.from_json(json.loads((folder / "world.json").read_text(encoding="utf-8")))
    with LabServer(seed) as lab:
        info = LabInfo(
            folder=str(folder),
            url=lab.url,
            control_url=lab.control_url,
            control_token=lab.control_token,
            pid=os.getpid(),
            started=birth(os.getpid()),
            cluster=lab.cluster,
        )
        announce(info, lab.ca, lab.tokens["responder"])
        ending.wait()


def main(arguments: list[str]) -> int:
    """`python -m irkit.lab.server FOLDER`: leave the caller's session and terminal, then serve."""
    folder = Path(arguments[0])
    if os.fork():
        return 0  # the caller need not wait for the lab, and never has to reap it
    os.setsid()
    serve(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
