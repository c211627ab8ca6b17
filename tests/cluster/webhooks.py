"""An admission webhook: a small HTTPS server of the test's own, and its registration with the API server.

The API server reaches it on the loopback of this machine (`clientConfig.url`), by a certificate that only this
registration trusts. It is asked about one namespace alone, and taken away whatever happens.
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cluster.api import MEDIA, Json, path_of
from tests.cluster.live import Cluster


class Rule(NamedTuple):
    """What a webhook is asked about."""

    group: str
    plural: str
    operation: Literal["CREATE", "UPDATE"]


POLICY_CREATED = Rule("networking.k8s.io", "networkpolicies", "CREATE")
POLICY_CHANGED = Rule("networking.k8s.io", "networkpolicies", "UPDATE")
POD_CHANGED = Rule("", "pods", "UPDATE")
Answer = Callable[[Json], Json]
"""From an AdmissionReview's request to what is answered besides its uid; `allowed` is true unless it says otherwise."""


@dataclass(slots=True)
class Webhook:
    """One that listens. `asked` holds the requests so far."""

    url: str
    ca: bytes
    asked: list[Json] = field(default_factory=list)

    def count(self, kind: str = "") -> int:
        return sum(one["kind"]["kind"] == kind for one in self.asked) if kind else len(self.asked)


def rewrite(*ops: Json) -> Json:
    """The answer that changes the object by a JSON Patch."""
    return {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(ops).encode()).decode()}


def deny(message: str, code: int = 403) -> Json:
    """The answer that refuses."""
    return {"allowed": False, "status": {"code": code, "message": message}}


@contextmanager
def webhook(folder: Path, answer: Answer) -> Iterator[Webhook]:
    """A server that answers AdmissionReviews, for a while."""
    certificate, key = _certificate()
    (folder / "webhook.pem").write_bytes(key + certificate)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(folder / "webhook.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        found = Webhook(f"https://127.0.0.1:{server.server_address[1]}/", certificate)
        server.RequestHandlerClass = _handler(found, answer)
        server.socket = trust.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def _handler(found: Webhook, answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = review["request"]
            found.asked.append(request)
            tried = request.get("dryRun")  # by `registered`
            said = {"uid": request["uid"], "allowed": True} | ({} if tried else answer(request))
            body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": said}).encode()
            with suppress(OSError):  # the API server has hung up: it waits no longer than it was told
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: tests print what they need."""

    return Handler


@contextmanager
def registered(
    cluster: Cluster,
    namespace: str,
    kind: Literal["Mutating", "Validating"],
    hook: Webhook,
    *rules: Rule,
    seconds: int = 10,
) -> Iterator[str]:
    """The webhook in effect, asked about what is done in one namespace; gives its name.

    Where it fails, the API server refuses: `failurePolicy: Fail` is what security webhooks have.
    """
    name = f"{namespace}.irkit.test"
    resource = f"{kind}WebhookConfiguration"
    asking = {
        "name": name,
        "clientConfig": {"url": hook.url, "caBundle": base64.b64encode(hook.ca).decode()},
        "rules": [
            {"apiGroups": [one.group], "apiVersions": ["v1"], "resources": [one.plural], "operations": [one.operation]}
            for one in rules
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": seconds,
    }
    document = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": resource,
        "metadata": {"name": name}, "webhooks": [asking],
    }  # fmt: skip
    try:
        cluster.apply(document)
        cluster.until("the webhook to be asked", lambda: _is_asked(cluster, namespace, hook, rules[0]))
        hook.asked.clear()
        yield name
    finally:
        cluster.delete(resource, name)


def _is_asked(cluster: Cluster, namespace: str, hook: Webhook, rule: Rule) -> bool:
    """Whether the API server knows it by now: do what it is to be asked about, without doing it."""
    if rule == POLICY_CREATED:
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "tried"}}
        body = policy | {"spec": {"podSelector": {}}}
        cluster.api.raw("POST", f"{path_of('NetworkPolicy', namespace)}?dryRun=All", json.dumps(body).encode())
    else:
        name = cluster.list_of("Pod", namespace)[0]["metadata"]["name"]
        body = {"metadata": {"labels": {"irkit.test/tried": "yes"}}}
        path = f"{path_of('Pod', namespace, name)}?dryRun=All"
        cluster.api.raw("PATCH", path, json.dumps(body).encode(), media=MEDIA["merge"])
    return bool(hook.asked)


def _certificate() -> tuple[bytes, bytes]:
    """A certificate that is its own authority, for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "irkit-test-webhook")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM), private
