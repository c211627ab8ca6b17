"""The client API: authentication, authorisation, faults, audit, and the call itself, in the real server's order."""

from __future__ import annotations

import json
import secrets
import threading
import time
import traceback
from typing import Any, Final

import orjson

from irkit.lab import admission, bodies, deletes, discovery, escalation, reads, reviews, routes, scale, writes
from irkit.lab.audit import AuditLog, Entry
from irkit.lab.auth import Identity, Tokens, act_as, attributes, authorize, denied
from irkit.lab.controllers import Controllers
from irkit.lab.faults import HOLD, Armed, Faults
from irkit.lab.http import Request, Response
from irkit.lab.network import Network
from irkit.lab.rbac import Attributes
from irkit.lab.routes import ACCESS_REVIEWS, OTHERS_REVIEWS, RULES_REVIEWS, SELF_REVIEWS, Call
from irkit.lab.spoil import spoil
from irkit.lab.status import ApiError, forbidden, not_acceptable, not_installed, unserved
from irkit.lab.world import Guard, World, now
from irkit.model.kube import EXTENSIONS

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
_TEXT: Final = "text/plain; charset=utf-8"
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
        self.network = Network(world)
        self.controllers = Controllers(world, self.network)
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
            who = self.tokens.who(request.headers.get("authorization", ""))
            entry.user, entry.groups, entry.verb = who.user, who.groups, "get"
            if not authorize(self.world, who, Attributes("get", path=parsed)).allowed:
                raise forbidden(None, "", f'User "{who.user}" cannot get path "{parsed}"')
            return _plain(parsed)
        call = parsed
        entry.verb, entry.group, entry.resource = call.verb, call.resource.group, call.resource.plural
        entry.subresource, entry.namespace, entry.name = call.subresource, call.namespace, call.name
        if call.verb not in {"get", "list"} and request.body:
            entry.body = _readable(request.body)
        who = self.tokens.who(request.headers.get("authorization", ""))
        entry.user, entry.groups = who.user, who.groups
        acting = act_as(self.world, who, request.headers, call)
        if acting is not who:
            entry.impersonated, who = acting.user, acting
        hit = self.faults.meet(who.user, call)
        if not hit:
            return self._perform(who, call, request, entry)
        entry.fault = ",".join(armed.fault.kind for armed in hit)
        return self._with_faults(hit, who, call, request, entry)

    def _with_faults(self, hit: list[Armed], who: Identity, call: Call, request: Request, entry: Entry) -> Response:
        for armed in hit:
            fault = armed.fault
            if fault.kind == "latency":
                time.sleep(fault.ms / 1000)
            elif fault.kind == "hold":
                armed.lifted.wait(HOLD)
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
        for armed in hit:
            response = spoil(armed.fault, response)
        return response

    def _perform(self, who: Identity, call: Call, request: Request, entry: Entry) -> Response:
        form = _form(request.headers.get("accept", ""))
        asked = attributes(call)
        answer = authorize(self.world, who, asked)
        if not answer.allowed:
            raise denied(who, asked, answer.reason)
        if call.resource in EXTENSIONS:
            raise not_installed()
        self.controllers.request()
        if call.verb in {"get", "list"}:
            return Response(200, self._read(call, form))
        if form:
            unserved(f"answers of a {call.verb} as {form}")
        if review := self._review(who, call, request):
            return Response(201, review)
        with self.world.lock:  # nobody sees the world between a write and what the controllers make of it
            try:
                return self._write(who, call, request, entry)
            finally:
                self.controllers.run()

    def _read(self, call: Call, form: str) -> bytes:
        if call.subresource:
            return scale.get(self.world, call)
        if call.verb == "get":
            return reads.get(self.world, call, form)
        return reads.list_(self.world, self.pages, call, form)

    def _review(self, who: Identity, call: Call, request: Request) -> bytes:
        """The answer to a review; empty for anything else."""
        bodies.check_media_type(request.headers.get("content-type", ""), patch=call.verb == "patch")
        if call.verb != "create":
            return b""
        if call.resource is ACCESS_REVIEWS:
            return reviews.access(self.world, who, request.body)
        if call.resource is OTHERS_REVIEWS:
            return reviews.access_of_others(self.world, request.body)
        if call.resource is RULES_REVIEWS:
            return reviews.rules(self.world, who, request.body)
        return reviews.myself(who, request.body) if call.resource is SELF_REVIEWS else b""

    def _write(self, who: Identity, call: Call, request: Request, entry: Entry) -> Response:
        world, warnings = self.world, list[str]()
        asker = admission.Asker(who.user, who.groups)
        if call.verb == "delete":
            options = bodies.delete_options(request.body, call.query)
            admit = admission.guard(world, asker, call, warnings, dry_run=options.dry_run)
            done = deletes.delete(world, call, options, admit)
        else:
            headers = request.headers
            how = bodies.options(call, headers.get("user-agent", ""), headers.get("content-type", ""))
            admit = admission.guard(world, asker, call, warnings, dry_run=how.dry_run)
            if call.subresource == "eviction":
                done = deletes.evict(world, call, request.body, admit, dry_run=how.dry_run)
            elif call.subresource:
                done = scale.patch(world, call, request.body, how, admit)
            elif call.verb in {"create", "patch"}:
                perform = writes.create if call.verb == "create" else writes.patch
                done = perform(world, call, request.body, how, _both(escalation.guard(world, who, call), admit))
            else:
                unserved(f"{call.verb} of {call.resource}")
        entry.applied = done.applied
        entry.dry_run = done.dry_run
        code = 201 if call.verb == "create" else 200
        told = (*done.warnings, *warnings)
        return Response(code, done.body, headers=tuple(("Warning", f'299 - "{_quote(text)}"') for text in told))


def _both(first: Guard, then: Guard) -> Guard:
    def ask(old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        first(old, new)
        then(old, new)

    return ask


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _plain(path: str) -> Response:
    if path == "/version":
        return Response(200, json.dumps(VERSION).encode())
    if path.startswith(("/api", "/openapi")):
        found = discovery.document(path)
        if found is None:
            return Response(404, b"404 page not found\n", _TEXT)
        return Response(200, orjson.dumps(found))
    return Response(200, b"ok", _TEXT)


def _form(accept: str) -> str:
    """`reads.PARTIAL` or `reads.PARTIAL_LIST` where that is preferred, otherwise "".

    Raises ApiError 406 where JSON will not do, 501 for tables; who takes plain JSON as well, as kubectl does, gets it.
    """
    unknown = ""
    for kind in (part.strip() for part in accept.split(",") if part.strip()):
        media, *parameters = (part.strip() for part in kind.split(";"))
        wanted = dict(part.partition("=")[::2] for part in parameters)
        if media.lower() not in {"application/json", "application/*", "*/*"}:
            continue
        form = wanted.get("as", "")
        if form in {reads.PARTIAL, reads.PARTIAL_LIST} and (wanted.get("g"), wanted.get("v")) == ("meta.k8s.io", "v1"):
            return form
        if not form:
            return ""
        unknown = unknown or kind
    if unknown:
        unserved(f"answers as {unknown}")
    if accept:
        raise not_acceptable()
    return ""


def _readable(body: bytes) -> Any:  # noqa: ANN401 -- JSON of any shape
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "backslashreplace")
