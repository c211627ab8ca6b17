"""The server under its handlers: framing, limits, endings."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from irkit.lab import certs
from irkit.lab.http import MAX_BODY, MAX_HEAD, HttpServer, Request, Response


def echo(request: Request) -> Response:
    if request.target == "/drop":
        return Response(200, b"", end="drop")
    if request.target == "/half":
        return Response(200, b"x" * 1000, end="truncate")
    return Response(200, f"{request.method} {request.target} ".encode() + request.body, "text/plain")


@pytest.fixture
def server() -> Iterator[HttpServer]:
    made = HttpServer(echo).start()
    yield made
    made.close()


def talk(server: HttpServer, *parts: bytes) -> bytes:
    """Send the parts one by one, and read until the server ends the connection."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as sock:
        for part in parts:
            sock.sendall(part)
        sock.shutdown(socket.SHUT_WR)
        found = b""
        while data := sock.recv(65536):
            found += data
    return found


def test_requests_may_come_together_or_in_pieces(server: HttpServer) -> None:
    together = talk(server, b"GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")
    assert together.count(b"HTTP/1.1 200 OK") == 2
    assert b"GET /a " in together
    assert together.endswith(b"POST /b hi")
    pieces = talk(server, b"POST /b HT", b"TP/1.1\r\nContent-Le", b"ngth: 4\r\n", b"\r\nab", b"cd")
    assert pieces.endswith(b"POST /b abcd")


def test_a_caller_may_end_the_connection(server: HttpServer) -> None:
    answer = talk(server, b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"Connection: close" in answer


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 411),
        (f"POST /a HTTP/1.1\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n".encode(), 413),
        (b"GET /a HTTP/1.1\r\nX: " + b"x" * (MAX_HEAD + 10), 431),
    ],
)
def test_what_cannot_be_read_is_refused_and_ends_the_connection(server: HttpServer, sent: bytes, code: int) -> None:
    assert talk(server, sent).startswith(f"HTTP/1.1 {code} ".encode())
    assert talk(server, b"GET /a HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_body_that_never_comes_is_no_request(server: HttpServer) -> None:
    assert talk(server, b"POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nshort") == b""


def test_a_dropped_answer_is_none_and_half_a_one_is_short(server: HttpServer) -> None:
    assert talk(server, b"GET /drop HTTP/1.1\r\n\r\n") == b""
    head, _, body = talk(server, b"GET /half HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
    assert b"Content-Length: 1000" in head
    assert 0 < len(body) < 1000


def test_closing_ends_idle_connections_and_leaves_no_thread() -> None:
    before = threading.active_count()
    server = HttpServer(echo).start()
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as idle:
        idle.sendall(b"GET /a HTTP/1.1\r\n\r\n")
        assert idle.recv(100)
        server.close()
        while idle.recv(100):
            pass
    assert threading.active_count() == before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=5).close()


def test_it_listens_on_this_machine_only(server: HttpServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_its_certificate_stands_up_to_a_strict_check(name: str) -> None:
    context, ca = certs.make()
    server = HttpServer(echo, context).start()
    try:
        client = ssl.create_default_context(cadata=ca)
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        port = int(server.url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
            client.wrap_socket(raw, server_hostname=name) as sock,
        ):
            sock.sendall(b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n")
            assert sock.recv(15) == b"HTTP/1.1 200 OK"
    finally:
        server.close()


def test_another_labs_ca_does_not_vouch_for_it() -> None:
    context, _ = certs.make()
    _, other = certs.make()
    server = HttpServer(echo, context).start()
    try:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
            client = ssl.create_default_context(cadata=other)
            with pytest.raises(ssl.SSLCertVerificationError):
                client.wrap_socket(raw, server_hostname="127.0.0.1")
    finally:
        server.close()
