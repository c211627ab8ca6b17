"""A small HTTP/1.1 server: threads, keep-alive, TLS, one write per answer, TCP_NODELAY.

Only what the lab's two listeners need. It is not the standard library's handler, because that one parses headers
as mail and costs more than the rest of a request.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, Literal, Self

MAX_HEAD: Final = 64 * 1024
MAX_BODY: Final = 3 * 1024 * 1024
"""Bytes of a request's body that the real API server takes."""
_HANDSHAKE: Final = 10.0
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `end` "drop" ends the connection without one, "truncate" after half of it."""

    code: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    end: Literal["", "drop", "truncate"] = ""


Handler = Callable[[Request], Response]


class _Refused(Exception):
    """A request that cannot be read; carries the status to answer with."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class _Date:
    """The Date header, made once a second."""

    second: int = 0
    text: str = ""

    def now(self) -> str:
        second = int(time.time())
        if second != self.second:
            self.text, self.second = formatdate(second, usegmt=True), second
        return self.text


@dataclass(slots=True)
class _Connection:
    sock: socket.socket
    buffer: bytearray = field(default_factory=bytearray)

    def read(self) -> Request | None:
        """The next request, or None at the end. Raises _Refused."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if len(self.buffer) > MAX_HEAD:
                raise _Refused(431)
            if not self._more():
                return None
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        del self.buffer[: end + 4]
        try:
            method, target, _ = lines[0].split(" ")
            headers: dict[str, str] = {}
            for name, _, value in (line.partition(":") for line in lines[1:]):
                key, text = name.strip().lower(), value.strip()
                headers[key] = f"{headers[key]}, {text}" if key in headers else text
            length = int(headers.get("content-length", "0"))
        except ValueError:
            raise _Refused(400) from None
        if "transfer-encoding" in headers or length < 0:
            raise _Refused(411)
        if length > MAX_BODY:
            raise _Refused(413)
        while len(self.buffer) < length:
            if not self._more():
                return None
        body = bytes(self.buffer[:length])
        del self.buffer[:length]
        return Request(method, target, headers, body)

    def _more(self) -> bool:
        data = self.sock.recv(_CHUNK)
        self.buffer += data
        return bool(data)


class HttpServer:
    """Listens on a loopback port of the system's choice from `start` until `close`."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._tls = tls
        self._date = _Date()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._acceptor = threading.Thread(target=self._accept, daemon=True, name="lab-accept")
        host, port = self._listener.getsockname()
        self.url = f"{'https' if tls else 'http'}://{host}:{port}"

    def start(self) -> Self:
        """Begin to answer."""
        self._acceptor.start()
        return self

    def close(self) -> None:
        """End every connection and thread."""
        with self._lock:
            self._closing = True
            for sock in self._open:
                _shut(sock)
        _shut(self._listener)
        if self._acceptor.is_alive():
            # where a shut listener does not wake accept (macOS), one connection does
            with contextlib.suppress(OSError), socket.create_connection(self._listener.getsockname(), timeout=1):
                pass
        if self._acceptor.is_alive():
            self._acceptor.join(timeout=5)
        self._listener.close()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout=5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True, name="lab-connection")
            with self._lock:
                if self._closing:
                    sock.close()
                    return
                self._open.add(sock)
                self._threads.add(thread)
            thread.start()

    def _serve(self, raw: socket.socket) -> None:
        sock = raw
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                raw.settimeout(_HANDSHAKE)
                sock = self._tls.wrap_socket(raw, server_side=True)
                sock.settimeout(None)
                with self._lock:
                    self._open.discard(raw)
                    self._open.add(sock)
                    if self._closing:
                        return
            self._answer_all(_Connection(sock))
        except OSError:
            return  # the other side went away, or the server closes
        finally:
            with self._lock:
                self._open.discard(raw)
                self._open.discard(sock)
                self._threads.discard(threading.current_thread())
            sock.close()
            raw.close()

    def _answer_all(self, connection: _Connection) -> None:
        while True:
            try:
                request = connection.read()
            except _Refused as refused:
                connection.sock.sendall(self._bytes(Response(refused.code, b"{}"), last=True))
                return
            if request is None:
                return
            response = self._handler(request)
            if response.end == "drop":
                return
            last = request.headers.get("connection", "").lower() == "close"
            data = self._bytes(response, last=last)
            if response.end == "truncate":
                connection.sock.sendall(data[: len(data) - len(response.body) // 2 - 1])
                return
            connection.sock.sendall(data)
            if last:
                return

    def _bytes(self, response: Response, *, last: bool) -> bytes:
        code = response.code
        try:
            phrase = HTTPStatus(code).phrase
        except ValueError:
            phrase = "Status"
        head = [
            f"HTTP/1.1 {code} {phrase}",
            f"Date: {self._date.now()}",
            f"Content-Type: {response.content_type}",
            f"Content-Length: {len(response.body)}",
            *(f"{name}: {value}" for name, value in response.headers),
        ]
        if last:
            head.append("Connection: close")
        return "\r\n".join([*head, "", ""]).encode("latin-1", "replace") + response.body


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # the raw half: an SSL socket's own shutdown drops its TLS state under a thread that reads
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
