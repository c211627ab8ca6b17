"""Writes: each is sent exactly once, and its answer is either certain or said to be in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from irkit.clients.kube.answers import Asked, bad, parse, refusal, request_id, server_time
from irkit.clients.kube.paths import path_of
from irkit.clients.kube.session import Session
from irkit.clients.kube.wire import Answer, Request
from irkit.errors import BadResponse, ClientError, InDoubt, Malformed, Refused, ServerFault, Unreachable
from irkit.model.base import Json, canonical
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall
from irkit.model.kube import FIELD_MANAGER
from irkit.model.ports import Reply

MAX_KEPT = 1024
"""The largest value of a reply, in bytes of canonical JSON, that is kept: records stay under 4 KiB."""
_TEXTS = {"/metadata/name", "/metadata/namespace", "/metadata/resourceVersion", "/metadata/uid"}
_METHODS = {"create": "POST", "patch": "PATCH", "delete": "DELETE"}
_MAX_REPLY = 8 * 1024 * 1024  # an object is at most 1.5 MiB in etcd; its answer is not much more


def perform(session: Session, call: KubeCall, sealed: Mapping[str, str], timeout: float) -> Reply:
    """Send one write, once, and keep what the call says of the answer.

    Raises:
        Refused, Invalid: nothing was sent, the call itself is wrong.
        Unreachable: nothing was sent.
        InDoubt: sent, or begun to be, with no whole, understandable and certain answer. 5xx is that too: an API
            server may fail after it wrote.
        ClientError: another, where the API answered that it did not do it.
    """
    asked = Asked(call.verb, call.resource, call.object, call.namespace, call.subresource)
    request = _request(call, sealed, timeout)
    try:
        answer = session.send(request)
    except (Unreachable, InDoubt) as error:
        msg = f"{asked.verb} {asked.target}: {error.message}"
        raise type(error)(msg, verb=asked.verb, target=asked.target, status=error.status) from error
    except BadResponse as error:
        raise _doubt(asked, error) from error
    if not 200 <= answer.status < 300:  # noqa: PLR2004 -- HTTP
        refused = refusal(answer, asked, (*session.secrets, *sealed.values()))
        raise _doubt(asked, refused) if isinstance(refused, ServerFault | BadResponse) else refused
    try:
        fields = _kept(_checked(answer, asked), call.keep, asked, answer.status)
    except BadResponse as error:
        raise _doubt(asked, error) from error
    return Reply(fields, answer.status, request_id(answer), server_time(answer))


def _doubt(asked: Asked, error: ClientError) -> InDoubt:
    return InDoubt(
        f"{error.message}; whether it was done is not known",
        verb=asked.verb,
        target=asked.target,
        status=error.status,
        reason=error.reason,
    )


def _request(call: KubeCall, sealed: Mapping[str, str], timeout: float) -> Request:
    body = filled(call, sealed)
    query: dict[str, str] = {}
    if call.verb in {"create", "patch"}:
        # Strict: a misspelt field is refused and not dropped (a policy without policyTypes isolates nothing).
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
    name = call.object if call.verb != "create" or call.subresource else ""
    kind = "application/json-patch+json" if call.verb == "patch" else "application/json"
    return Request(
        _METHODS[call.verb],
        path_of(call.resource, call.namespace, name, call.subresource, query),
        None if body is None else orjson.dumps(body),
        {"content-type": kind},
        seconds=timeout,
        limit=_MAX_REPLY,
    )


def filled(call: KubeCall, sealed: Mapping[str, str]) -> Json:
    """The call's body with its sealed values in place. Raises Refused where one has no value or no place."""
    if not call.slots:
        return call.body
    body: Json = orjson.loads(orjson.dumps(call.body))  # a copy: the call itself is journaled
    for slot in call.slots:
        *path, last = _tokens(slot.at)
        try:
            value = sealed[slot.name]
            parent: Any = body
            for token in path:
                parent = parent[_index(parent, token)]
            parent[_index(parent, last)] = value
        except (KeyError, IndexError, TypeError, ValueError):
            msg = f"{call.target}: the sealed value {slot.name} has no place or no value"
            raise Refused(msg, did="nothing was sent") from None
    return body


def _tokens(pointer: str) -> list[str]:
    """The reference tokens of a JSON Pointer (RFC 6901 §4)."""
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _index(parent: Any, token: str) -> str | int:  # noqa: ANN401 -- JSON of any shape
    if isinstance(parent, list):
        if not (token.isascii() and token.isdecimal()):
            raise ValueError(token)
        return int(token)
    return token


def _checked(answer: Answer, asked: Asked) -> Doc:
    """The object, or the Status of success that some deletes and subresources answer with."""
    doc = parse(answer, asked)
    try:
        kind, version = doc.text("kind"), doc.text("apiVersion")
        if kind == "Status":
            if doc.text("status", default="") != "Success":
                raise bad(asked, answer.status, "says neither success nor failure")
            return doc
        if asked.subresource and kind != asked.resource.kind:
            return doc  # a subresource has its own kinds: TokenRequest, Scale, Eviction
        if (kind, version) != (asked.resource.kind, asked.resource.api_version):
            raise bad(asked, answer.status, f"is no {asked.resource.kind}")
        name, namespace = doc.text("metadata", "name"), doc.text("metadata", "namespace", default="")
    except Malformed as error:
        raise bad(asked, answer.status, f"is no {asked.resource.kind}: {error}") from None
    if name != asked.name or namespace != asked.namespace:
        raise bad(asked, answer.status, "is about another object")
    return doc


def _kept(doc: Doc, keep: tuple[str, ...], asked: Asked, status: int) -> dict[str, Json]:
    """The fields that the call said to keep; what is not there is left out. Raises BadResponse."""
    kept: dict[str, Json] = {}
    for pointer in keep:
        value: Any = doc.raw
        for token in _tokens(pointer):
            try:
                value = value[_index(value, token)]
            except (KeyError, IndexError, TypeError, ValueError):
                value = None
            if value is None:
                break
        if value is None:
            continue
        try:
            usable = len(canonical(value)) <= MAX_KEPT and (pointer not in _TEXTS or type(value) is str)
        except ValueError:
            usable = False
        if not usable:
            raise bad(asked, status, f"has a {pointer} that cannot be one")
        kept[pointer] = value
    return kept
