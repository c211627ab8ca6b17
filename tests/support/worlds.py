"""An API server as contract tests see it: where it is, who may do what, and which objects are there to be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: HTTP status, headers and the parsed body."""

    code: int
    headers: urllib3.HTTPHeaderDict
    doc: Any


@dataclass(slots=True)
class World:
    """An API server to hold to the contract.

    `namespace` holds the pods one, two (both tier=front), three and guarded (which a budget lets nobody evict), no
    owners, and no policies. `expire_pages` makes all continue tokens too old. Identities: `admin` may do all, `responder` what irkit needs, `viewer` reads.
    """

    url: str
    tokens: dict[str, str]
    http: urllib3.PoolManager
    expire_pages: Callable[[], None]
    namespace: str = "contract"
    agent: str = "irkit/0 (contract)"
    changed: bool = False
    """Whether anything that was asked may have changed an object: reviews are created and kept nowhere."""

    @property
    def pods(self) -> str:
        """The path of the pods."""
        return f"/api/v1/namespaces/{self.namespace}/pods"

    @property
    def policies(self) -> str:
        """The path of the policies."""
        return f"/apis/networking.k8s.io/v1/namespaces/{self.namespace}/networkpolicies"

    def ask(
        self, method: str, path: str, *, body: Any = None, token: str = ADMIN, kind: str = "", **query: Any
    ) -> Answer:
        """One request. `token` is an identity's name, or a token as it is."""
        headers = {"User-Agent": self.agent, "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {self.tokens.get(token, token)}"
        if body is not None:
            headers["Content-Type"] = kind or "application/json"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        suffix = f"?{urlencode(query)}" if query else ""
        before, writes = self.changed, method != "GET" and "dryRun" not in query and "reviews" not in path
        self.changed |= writes  # also where no answer comes
        answer = self.http.request(method, f"{self.url}{path}{suffix}", body=data, headers=headers, retries=False)
        self.changed = before if answer.status >= 400 else self.changed
        text = answer.data
        return Answer(answer.status, answer.headers, json.loads(text) if text[:1] in {b"{", b"["} else text.decode())

    def get(self, path: str, **more: Any) -> Answer:
        """GET."""
        return self.ask("GET", path, **more)

    def patch(self, path: str, *operations: dict[str, Any], **more: Any) -> Answer:
        """JSON Patch."""
        return self.ask("PATCH", path, body=list(operations), kind="application/json-patch+json", **more)

    def pod(self, name: str) -> dict[str, Any]:
        """A pod as it is now."""
        found: dict[str, Any] = self.get(f"{self.pods}/{name}").doc
        return found
