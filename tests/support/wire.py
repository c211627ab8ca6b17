"""A server that says exactly the bytes it is told to, and the certificates and kubeconfigs to reach it with."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DATE = "Sat, 21 Nov 2026 12:00:00 GMT"
AS_OF = "2026-11-21T12:00:00.000000Z"


@dataclass(frozen=True)
class Heard:
    """A whole request, as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Say:
    """Bytes to answer with, in parts with a pause between, and how the connection goes on."""

    parts: tuple[bytes, ...] = ()
    then: Literal["keep", "close", "reset", "hold"] = "keep"
    pause: float = 0.0


def say(
    status: int = 200,
    body: Any = None,
    *,
    kind: str = "application/json",
    headers: tuple[str, ...] = (),
    then: Literal["keep", "close", "reset", "hold"] = "keep",
) -> Say:
    """A well-formed answer. A body that is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [
        f"HTTP/1.1 {status} X", f"Date: {DATE}", f"Content-Type: {kind}", f"Content-Length: {len(data)}", "Audit-Id: a-1",
        *headers,
    ]  # fmt: skip
    return Say(("\r\n".join([*head, "", ""]).encode() + data,), then)


DROP = Say(then="close")
RESET = Say(then="reset")
HOLD = Say(then="hold")


def status_object(code: int, reason: str, message: str = "", **details: Any) -> dict[str, Any]:
    """A Status of failure, as the API server makes them."""
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "details": details, "code": code,
    }  # fmt: skip


@dataclass
class Stub:
    """Listens on 127.0.0.1. `script` is a list of answers, or a function of the request."""

    script: list[Say] | Callable[[Heard], Say]
    tls: ssl.SSLContext | None = None
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._guard = threading.Lock()
        self._ending = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._open: list[socket.socket] = []
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._ending.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for one in list(self._open):
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                raw, _ = self._socket.accept()
            except OSError:
                return
            with self._guard:
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(raw, self.connections))
                self._threads.append(thread)
                self._open.append(raw)
            thread.start()

    def _serve(self, raw: socket.socket, number: int) -> None:
        conn: socket.socket = raw
        try:
            raw.settimeout(5)
            if self.tls is not None:
                conn = self.tls.wrap_socket(raw, server_side=True)
                self._open.append(conn)
            with conn.makefile("rb") as stream:
                while (heard := _hear(stream, number)) is not None:
                    with self._guard:
                        self.heard.append(heard)
                        answer = self.script(heard) if callable(self.script) else self.script.pop(0)
                    if not self._answer(conn, raw, answer):
                        return
        except (OSError, ValueError) as error:
            self.failures.append(type(error).__name__)
        finally:
            conn.close()
            raw.close()

    def _answer(self, conn: socket.socket, raw: socket.socket, answer: Say) -> bool:
        for index, part in enumerate(answer.parts):
            if index and answer.pause:
                time.sleep(answer.pause)
            conn.sendall(part)
        if answer.then == "reset":
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif answer.then == "hold":
            self._ending.wait(5)
        return answer.then == "keep"


def _hear(stream: Any, number: int) -> Heard | None:
    line = stream.readline().decode()
    if not line:
        return None
    method, target, _ = line.split(" ")
    headers: dict[str, str] = {}
    while (line := stream.readline().decode().rstrip("\r\n")) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Heard(method, target, headers, stream.read(int(headers.get("content-length", 0))), number)


@contextmanager
def stub(script: list[Say] | Callable[[Heard], Say], tls: ssl.SSLContext | None = None) -> Iterator[Stub]:
    """A running stub."""
    server = Stub(script, tls)
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """A CA of the test's own."""

    def __init__(self, name: str = "test CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        built = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.pem = built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str, *, dns: str = "", client: bool = False) -> Pair:
        """A certificate for 127.0.0.1 or, with `dns`, for that name alone."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names: list[x509.GeneralName] = (
            [x509.DNSName(dns)] if dns else [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        use = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        built = (
            self._builder(subject, key)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        )
        pem = built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return Pair(
            pem,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def server_context(self, folder: Path, *, dns: str = "", clients: bool = False) -> ssl.SSLContext:
        """TLS for a server; with `clients`, only for those with a certificate of this CA."""
        pair = self.issue("server", dns=dns)
        certificate, key, ca = folder / "server.crt", folder / "server.key", folder / "server-ca.crt"
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
        ca.write_bytes(self.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(ca)
        return context

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
        )


def write_kubeconfig(
    path: Path, server: str, user: dict[str, Any] | None = None, *, context: str = "it", **cluster: Any
) -> Path:
    """A kubeconfig of one context, as JSON, which is YAML. `certificate_authority` is spelt with dashes in it."""
    cluster = {key.replace("_", "-"): value for key, value in cluster.items()}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [{"name": context, "context": {"cluster": "its-cluster", "user": "its-user"}}],
        "clusters": [{"name": "its-cluster", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "its-user", "user": user or {}}],
    }
    path.write_text(json.dumps(document))
    return path
