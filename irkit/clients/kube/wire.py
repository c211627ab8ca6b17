"""One HTTP request, sent at most once: the seam below which nothing is known of Kubernetes.

What a caller must know about a lost connection is whether the server may have seen the request. The connection
class here notes the moment before the first byte of a request is handed to the socket: before it, Unreachable;
after it, InDoubt. A pooled connection that the server has closed is noticed and replaced before sending.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, Protocol

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from irkit.errors import BadResponse, InDoubt, Unreachable

if TYPE_CHECKING:
    from irkit.clients.kube.login import Login

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 60.0
"""A connection that was idle for longer is replaced before a request is sent: AWS load balancers forget a silent one
after 350 s, NAT gateways too, and a write that meets such a connection would be in doubt for nothing."""
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `seconds` bounds all of it but the name's lookup, which is bounded by the system's resolver.

    `limit` bounds the answer in bytes. Bodies and headers may hold secrets and are not in the repr.
    """

    method: str
    path: str  # percent-encoded, with its query
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = 30.0
    limit: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names are in lower case. The body may hold secrets and is not in the repr."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Transport(Protocol):
    """Sends requests to one server, from any thread."""

    def send(self, request: Request) -> Answer:
        """Send once and wait for the whole answer.

        Raises:
            Unreachable: not a byte of the request was sent.
            InDoubt: the server may have received it, and no whole answer came.
            BadResponse: an answer came, of `status`, that is larger than the limit.
        """
        ...

    def close(self) -> None:
        """Close idle connections."""
        ...


class _Moment(threading.local):
    """What the running thread's request has reached."""

    began: bool = False
    ends: float = 0.0


_now = _Moment()


def _left() -> float:
    left = _now.ends - time.monotonic()
    if left <= 0:
        msg = "no whole answer in time"
        raise TimeoutError(msg)
    return left


class _BoundedStream(io.RawIOBase):
    """A socket's stream whose every read gets only what is left of the request's time.

    A socket's own timeout bounds each read alone: a server that sends a byte a second would never end.
    """

    def __init__(self, raw: Any, sock: Any) -> None:  # noqa: ANN401 -- plain and TLS sockets share no public type
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 -- the buffer protocol has no type before 3.12
        self._sock.settimeout(_left())
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
            super().close()


class _BoundedResponse(HTTPResponse):
    """Reads its status line, headers and body through a bounded stream."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- http.client's own signature
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_BoundedStream(self.fp.detach(), sock))


class _Noting:
    """Mixed into a connection class: notes when the first byte of a request may leave."""

    sock: Any
    _used: float = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether the pool may use it again: not after a pause in which a load balancer may have dropped it."""
        fresh = time.monotonic() - self._used < IDLE_SECONDS
        connected: bool = fresh and super().is_connected  # type: ignore[misc] # the other base has it
        return connected

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc] # the other base has it
        finally:
            _now.began = False  # a proxy's CONNECT went through `send`, the request did not

    def send(self, data: Any) -> None:  # noqa: ANN401 -- http.client's own signature
        if self.sock is None:
            self.connect()
        _now.began = True
        self._used = time.monotonic()
        super().send(data)  # type: ignore[misc] # the other base has it


class _PlainConnection(_Noting, HTTPConnection):
    response_class: Any = _BoundedResponse


class _TlsConnection(_Noting, HTTPSConnection):
    response_class: Any = _BoundedResponse


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Pool:
    """The real transport: one pool of kept-alive connections. No retries, no redirects, no content decoding."""

    def __init__(self, login: Login, size: int = 64) -> None:
        settings: dict[str, Any] = {"maxsize": size, "block": True, "retries": False}
        if login.tls is not None:
            settings |= {"ssl_context": login.tls, "server_hostname": login.server_name or None}
            if login.insecure:
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the configuration allows it
        if login.proxy:
            manager: urllib3.PoolManager = urllib3.ProxyManager(login.proxy, **settings)
        else:
            manager = urllib3.PoolManager(**settings)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        self._base = login.server_path
        self._pool = manager.connection_from_url(login.server)
        self._manager = manager
        self._address = login.address

    def close(self) -> None:
        """Close idle connections; running requests end on their own."""
        self._manager.clear()

    def send(self, request: Request) -> Answer:
        """Send once. See `Transport`."""
        _now.began = False
        _now.ends = time.monotonic() + request.seconds
        try:
            response = self._pool.urlopen(
                request.method,
                self._base + request.path,
                body=request.body,
                headers=request.headers,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, request.seconds), read=request.seconds),
                pool_timeout=request.seconds,  # type: ignore[arg-type] # queue.get takes a float as well
                preload_content=False,
                decode_content=False,
            )
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise self._lost(error) from error
        try:
            body = self._body(response, request.limit)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            response.close()
            raise self._lost(error, response.status) from error
        except BadResponse:
            response.close()
            raise
        finally:
            response.release_conn()
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, body)

    def _body(self, response: urllib3.BaseHTTPResponse, limit: int) -> bytes:
        chunks, size = [], 0
        while chunk := response.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                msg = f"{self._address} answered more than {limit} bytes; the rest was not read"
                raise BadResponse(msg, status=response.status, reason="TooLarge")
            chunks.append(chunk)
        return b"".join(chunks)

    def _lost(self, error: Exception, status: int = 0) -> Unreachable | InDoubt:
        cause = describe(error)
        if _now.began:
            return InDoubt(f"{self._address} gave no whole answer: {cause}", status=status)
        return Unreachable(f"{self._address} cannot be reached: {cause}")


def describe(error: BaseException) -> str:
    """The innermost cause of a network error, in a few words and without the URL that was asked."""
    while True:
        inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None) or error.__cause__
        if inner is None:
            break
        error = inner
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:200]
    reason = getattr(error, "reason", "")
    return f"{type(error).__name__}{f' {reason}' if isinstance(reason, str) and reason else ''}"[:200]
