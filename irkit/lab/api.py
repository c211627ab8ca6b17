"""The client API: authentication, authorisation, faults, audit, and the call itself, in the real server's order."""

from __future__ import annotations

import json
import secrets
import threading
import time
import traceback
from typing import Any, Final

import orjson

from irkit.lab import bodies, deletes, reads, reviews, routes, writes
from irkit.lab.audit import AuditLog, Entry
from irkit.lab.auth import Identity, Tokens, allowed, denied
from irkit.lab.faults import Fault, Faults
from irkit.lab.http import Request, Response
from irkit.lab.routes import ACCESS_REVIEWS, SELF_REVIEWS, Call
from irkit.lab.spoil import spoil
from irkit.lab.status import ApiError, not_acceptable, unserved
from irkit.lab.world import World, now

VERSION: Final = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.3-irkit-lab",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "lab",
}
_FAILS_TESTS: Final = frozenset({"NotImplemented", "LabFault"})
_REASONS: Final = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired",
    422: "Invalid", 429: "TooManyRequests", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip


class Api:
    """Answers requests of the client API on a world."""

    def __init__(self, world: World, tokens: Tokens) -> None:
        self.world = world
        self.tokens = tokens
        self.audit = AuditLog()
        self.faults = Faults()
        self.pages = reads.Pages()
        self._unserved: list[str] = []
        self._lock = threading.Lock()

    def unserved(self) -> list[str]:
        """What was answered 501, or by a fault of the lab itself, as method, target and reason."""
        with self._lock:
            return list(self._unserved)

    def forget(self) -> None:
        """No audit entries, faults, expired tokens, open pages or recorded 501s any more."""
        self.audit.clear()
        self.faults.clear()
        self.tokens.revive()
        self.pages.expire()
        with self._lock:
            self._unserved.clear()

    def handle(self, request: Request) -> Response:
        """One request. Never raises."""
        headers = request.headers
        entry = Entry(
            at=now(),
            audit_id=headers.get("audit-id") or secrets.token_hex(16),
            method=request.method,
            uri=request.target,
            user_agent=headers.get("user-agent", ""),
            content_type=headers.get("content-type", ""),
        )
        try:
            response = self._answer(request, entry)
        except ApiError as error:
            response = self._failure(error, request, entry)
        except Exception as error:  # noqa: BLE001 -- a fault of the lab itself: answered, recorded, and it fails the test
            traceback.print_exc()
            message = f"the lab itself failed: {type(error).__name__}: {error}"
            response = self._failure(ApiError(500, "LabFault", message), request, entry)
        entry.code = 0 if response.end == "drop" else response.code
        self.audit.add(entry)
        return Response(
            response.code,
            response.body,
            response.content_type,
            (("Audit-Id", entry.audit_id), ("Cache-Control", "no-cache, private"), *response.headers),
            response.end,
        )

    def _failure(self, error: ApiError, request: Request, entry: Entry) -> Response:
        if error.reason in _FAILS_TESTS:
            with self._lock:
                self._unserved.append(f"{request.method} {request.target}: {error.message}")
        entry.reason = error.reason
        extra = (("Retry-After", str(error.retry_after)),) if error.retry_after else ()
        return Response(error.code, orjson.dumps(error.body()), headers=extra)

    def _answer(self, request: Request, entry: Entry) -> Response:
        parsed = routes.parse(request.method, request.target)
        if isinstance(parsed, str):
            entry.user = self.tokens.who(request.headers.get("authorization", "")).user
            entry.verb = "get"
            return _plain(parsed)
        call = parsed
        entry.verb, entry.group, entry.resource = call.verb, call.resource.group, call.resource.plural
        entry.subresource, entry.namespace, entry.name = call.subresource, call.namespace, call.name
        if call.verb not in {"get", "list"} and request.body:
            entry.body = _readable(request.body)
        who = self.tokens.who(request.headers.get("authorization", ""))
        entry.user, entry.groups = who.user, who.groups
        _check_accept(request.headers.get("accept", ""))
        hit = self.faults.meet(who.user, call)
        if not hit:
            return self._perform(who, call, request, entry)
        entry.fault = ",".join(fault.kind for fault in hit)
        return self._with_faults(hit, who, call, request, entry)

    def _with_faults(self, hit: list[Fault], who: Identity, call: Call, request: Request, entry: Entry) -> Response:
        for fault in hit:
            if fault.kind == "latency":
                time.sleep(fault.ms / 1000)
            elif fault.kind == "status":
                message = f"the lab was told to answer {fault.code}"
                reason = _REASONS.get(fault.code, "InternalError")
                raise ApiError(fault.code, reason, message, details={}, retry_after=fault.retry_after)
            elif fault.kind == "drop_before":
                return Response(0, b"", end="drop")
            elif fault.kind == "expire_token":
                self.tokens.expire_bearer(request.headers.get("authorization", ""))
                self.tokens.who(request.headers.get("authorization", ""))
        response = self._perform(who, call, request, entry)
        for fault in hit:
            response = spoil(fault, response)
        return response

    def _perform(self, who: Identity, call: Call, request: Request, entry: Entry) -> Response:
        if not allowed(who, call):
            raise denied(who, call)
        with self.world.lock:
            self.world.bury()
        if call.verb == "get":
            return Response(200, reads.get(self.world, call))
        if call.verb == "list":
            return Response(200, reads.list_(self.world, self.pages, call))
        return self._write(who, call, request, entry)

    def _write(self, who: Identity, call: Call, request: Request, entry: Entry) -> Response:
        bodies.check_media_type(request.headers.get("content-type", ""), patch=call.verb == "patch")
        if call.resource is ACCESS_REVIEWS and call.verb == "create":
            return Response(201, reviews.access(who, request.body))
        if call.resource is SELF_REVIEWS and call.verb == "create":
            return Response(201, reviews.myself(who, request.body))
        code = 201 if call.verb == "create" else 200
        if call.verb == "delete":
            done = deletes.delete(self.world, call, request.body)
        else:
            how = bodies.options(call, request.headers.get("user-agent", ""))
            if call.subresource:
                done = deletes.evict(self.world, call, request.body, dry_run=how.dry_run)
            elif call.verb == "create":
                done = writes.create(self.world, call, request.body, how)
            elif call.verb == "patch":
                done = writes.patch(self.world, call, request.body, how)
            else:
                unserved(f"{call.verb} of {call.resource}")
        entry.applied = done.applied
        entry.dry_run = done.dry_run
        return Response(
            code, done.body, headers=tuple(("Warning", f'299 - "{_quote(text)}"') for text in done.warnings)
        )


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _plain(path: str) -> Response:
    if path == "/version":
        return Response(200, json.dumps(VERSION).encode())
    return Response(200, b"ok", "text/plain; charset=utf-8")


def _check_accept(accept: str) -> None:
    """Raises ApiError 406 where JSON will not do, 501 for tables and partial objects."""
    if not accept:
        return
    kinds = [part.strip().lower() for part in accept.split(",")]
    first = kinds[0]
    if "as=" in first:
        unserved(f"answers as {first}")
    if not any(kind.split(";")[0].strip() in {"application/json", "application/*", "*/*"} for kind in kinds):
        raise not_acceptable()


def _readable(body: bytes) -> Any:  # noqa: ANN401 -- JSON of any shape
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "backslashreplace")
