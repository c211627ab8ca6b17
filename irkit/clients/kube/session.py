"""Who asks: adds credentials to requests, and logs in again when they run out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from irkit.clients.kube.budget import Budget
from irkit.clients.kube.kubeconfig import Context
from irkit.clients.kube.login import Login, log_in, utc_now
from irkit.clients.kube.wire import Answer, Request, Transport
from irkit.errors import IrkitError

_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Trace:
    """One request, for operators' logs: nothing of its body or headers. `outcome` is a status or an error's name."""

    method: str
    path: str
    outcome: str
    milliseconds: int
    request_id: str


Tracer = Callable[[Trace], None]
TransportFactory = Callable[[Login], Transport]


class Session:
    """One context's credentials and connections. Logs in at the first request; safe for threads."""

    def __init__(  # noqa: PLR0913 -- each is a setting of its own, by keyword
        self,
        context: Context,
        transport: TransportFactory,
        *,
        user_agent: str,
        budget: Budget | None = None,
        allow_insecure: bool = False,
        trace: Tracer | None = None,
    ) -> None:
        self.user_agent = user_agent
        self._context = context
        self._make = transport
        self._budget = budget or Budget()
        self._allow_insecure = allow_insecure
        self._trace = trace
        self._guard = threading.Lock()
        self._login: Login | None = None
        self._transport: Transport | None = None
        self._process = os.getpid()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be repeated in a message."""
        return self._login.secrets if self._login is not None else ()

    def send(self, request: Request) -> Answer:
        """Send once. Where the server says 401, it did nothing: log in anew, and send again if that changed anything.

        Raises:
            ConfigError: the context cannot be used.
            CredentialsExpired: its credential plugin gave none.
            Throttled: the cluster's budget had no room in the request's time; nothing was sent.
            Unreachable, InDoubt, BadResponse: as `Transport.send`.
        """
        login, transport = self._current()
        answer = self._once(transport, login, request)
        if answer.status != _UNAUTHORIZED:
            return answer
        renewed, transport = self._current(instead_of=login)
        if renewed.authorization == login.authorization and renewed.tls_id == login.tls_id:
            return answer
        return self._once(transport, renewed, request)

    def close(self) -> None:
        """Close idle connections."""
        with self._guard:
            if self._transport is not None:
                self._transport.close()
            self._login = self._transport = None

    def _current(self, instead_of: Login | None = None) -> tuple[Login, Transport]:
        """The login to use: never a stale one, and never `instead_of`. One thread renews, the others wait."""
        with self._guard:
            if self._process != os.getpid():  # a forked child must not speak on its parent's connections
                self._process, self._transport = os.getpid(), None
            login, transport = self._login, self._transport
            if login is None or transport is None or login is instead_of or login.stale(utc_now()):
                renewed = log_in(self._context, allow_insecure=self._allow_insecure)
                if transport is None or login is None or renewed.tls_id != login.tls_id:
                    if transport is not None:
                        transport.close()
                    transport = self._make(renewed)
                self._login, self._transport = renewed, transport
                return renewed, transport
            return login, transport

    def _once(self, transport: Transport, login: Login, request: Request) -> Answer:
        headers: Mapping[str, str] = {"accept": "application/json", "user-agent": self.user_agent, **request.headers}
        if login.authorization:
            headers = {**headers, "authorization": login.authorization}
        begun = time.monotonic()
        outcome, audit = "", ""
        try:
            with self._budget.spend(request.seconds) as left:
                answer = transport.send(replace(request, headers=headers, seconds=max(left, 0.001)))
            outcome, audit = str(answer.status), answer.headers.get("audit-id", "")
        except IrkitError as error:
            outcome = type(error).__name__
            raise
        finally:
            if self._trace is not None:
                spent = int((time.monotonic() - begun) * 1000)
                self._trace(Trace(request.method, request.path, outcome, spent, audit))
        return answer
