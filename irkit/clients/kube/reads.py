"""Reads of one cluster. They change nothing, so they may be tried again, within one time budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import orjson

from irkit.clients.kube.answers import (
    Asked,
    bad,
    check_kind,
    is_missing,
    parse,
    parse_object,
    refusal,
    retry_after,
    server_time,
)
from irkit.clients.kube.lists import Form, read_page
from irkit.clients.kube.paths import path_of
from irkit.clients.kube.session import Session
from irkit.clients.kube.text import clean
from irkit.clients.kube.wire import Answer, Request
from irkit.errors import BadResponse, Gone, InDoubt, Malformed, Unreachable
from irkit.model.doc import Doc
from irkit.model.effects import Access, Resource
from irkit.model.ports import Listing

PAGE = 500
TRIES = 3
MAX_BYTES = 64 * 1024 * 1024
MAX_LIST_BYTES = 256 * 1024 * 1024
_PAUSE = 0.2
_T = TypeVar("_T")
_AGAIN = {429, 500, 502, 503, 504}
_ACCESS_REVIEWS = Resource(
    group="authorization.k8s.io",
    version="v1",
    plural="selfsubjectaccessreviews",
    kind="SelfSubjectAccessReview",
    namespaced=False,
)
_SUBJECT_REVIEWS = Resource(
    group="authentication.k8s.io",
    version="v1",
    plural="selfsubjectreviews",
    kind="SelfSubjectReview",
    namespaced=False,
)


class Reads:
    """Implements the `KubeReader` port, each call a request of its own (see `snapshot` for waves).

    `seconds` is the budget of one request with all its tries; a list may use it for each page.
    """

    def __init__(
        self,
        session: Session,
        *,
        seconds: float = 30.0,
        max_bytes: int = MAX_BYTES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = session
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._sleep = sleep

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        """The object, or None where the API says that it does not exist.

        Raises:
            Unsupported: the server does not serve this kind: that says nothing about the object.
        """
        asked = Asked("get", resource, name, namespace)
        answer = self._read(asked, "GET", path_of(resource, namespace, name))
        if is_missing(answer, asked):
            return None
        if answer.status != 200:  # noqa: PLR2004 -- HTTP
            raise refusal(answer, asked, self._session.secrets)
        return parse_object(answer, asked)

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Listing:
        """All objects, page by page. An expired continue token starts the list over, once.

        Raises:
            Gone: it expired again.
            BadResponse: no list of these objects, or more than `MAX_LIST_BYTES` in all.
        """
        return self._whole(Form.whole(resource), namespace, labels or {})

    def list_metadata(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Listing:  # fmt: skip
        """The metadata of all objects, as PartialObjectMetadata; raises as `list`.

        Raises Invalid where the server has no such answer: whole objects are never asked for instead.
        """
        return self._whole(Form.metadata(resource), namespace, labels or {}, fields or {})

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        """Whether the API would let this identity do that (SelfSubjectAccessReview)."""
        plural, _, subresource = wanted.resource.partition("/")
        attributes = {
            "group": wanted.group, "resource": plural, "subresource": subresource, "verb": wanted.verb,
            "namespace": namespace, "name": name,
        }  # fmt: skip
        wanted_of_api = {key: value for key, value in attributes.items() if value}
        spec = {"resourceAttributes": wanted_of_api}
        return self._review(_ACCESS_REVIEWS, spec, lambda review: review.flag("status", "allowed"))

    def whoami(self) -> str:
        """The user name that the API sees. Raises Unsupported before Kubernetes 1.28."""
        user = self._review(_SUBJECT_REVIEWS, None, lambda review: review.text("status", "userInfo", "username"))
        return clean(user, 300)

    def _whole(
        self, form: Form, namespace: str, labels: Mapping[str, str], fields: Mapping[str, str] = MappingProxyType({})
    ) -> Listing:
        query = {"limit": str(PAGE)}
        for parameter, wanted in (("labelSelector", labels), ("fieldSelector", fields)):
            if wanted:
                query[parameter] = ",".join(f"{key}={value}" for key, value in sorted(wanted.items()))
        try:
            return self._pages(form, namespace, query)
        except Gone:
            return self._pages(form, namespace, query)

    def _pages(self, form: Form, namespace: str, query: Mapping[str, str]) -> Listing:
        asked = Asked("list", form.resource, "", namespace)
        items: list[Doc] = []
        version = as_of = token = ""
        size = 0
        while True:
            path = path_of(form.resource, namespace, query={**query, **({"continue": token} if token else {})})
            answer = self._read(asked, "GET", path, accept=form.accept)
            if answer.status != 200:  # noqa: PLR2004 -- HTTP
                raise refusal(answer, asked, self._session.secrets)
            size += len(answer.body)
            page, before = read_page(answer, form, asked), token
            items += page.items
            if not before:  # the first page fixes what the list is of
                version, as_of = page.version, server_time(answer)
            token = page.token
            if not token:
                return Listing(tuple(items), version, as_of)
            if size > MAX_LIST_BYTES or token == before:
                raise bad(asked, answer.status, "never ends")

    def _review(self, resource: Resource, spec: dict[str, Any] | None, wanted: Callable[[Doc], _T]) -> _T:
        """A review is created and kept nowhere: it is a read."""
        asked = Asked("create", resource)
        body: dict[str, Any] = {"apiVersion": resource.api_version, "kind": resource.kind}
        if spec is not None:
            body["spec"] = spec
        answer = self._read(asked, "POST", path_of(resource), orjson.dumps(body))
        if answer.status not in {200, 201}:
            raise refusal(answer, asked, self._session.secrets)
        doc = parse(answer, asked)
        try:
            check_kind(doc, asked, answer.status, resource.kind)
            return wanted(doc)
        except Malformed as error:
            raise bad(asked, answer.status, f"is no {resource.kind}: {error}") from None

    def _read(
        self, asked: Asked, method: str, path: str, body: bytes | None = None, *, accept: str = "application/json"
    ) -> Answer:
        """Ask up to `TRIES` times: on a lost connection, on 5xx, on 429 when it says when. Within the budget."""
        headers = {"accept": accept} | ({"content-type": "application/json"} if body is not None else {})
        ends = time.monotonic() + self._seconds
        for tries_left in range(TRIES - 1, -1, -1):
            left = ends - time.monotonic()
            pause = _PAUSE * 2 ** (TRIES - 1 - tries_left)
            request = Request(method, path, body, headers, seconds=max(left, 0.001), limit=self._max_bytes)
            try:
                answer = self._session.send(request)
            except (Unreachable, InDoubt) as error:
                if not tries_left or pause >= ends - time.monotonic():
                    msg = f"{asked.verb} {asked.target}: {error.message}"
                    raise Unreachable(msg, verb=asked.verb, target=asked.target) from error
            except BadResponse as error:
                msg = f"{asked.verb} {asked.target}: {error.message}"
                raise BadResponse(msg, verb=asked.verb, target=asked.target, status=error.status) from error
            else:
                if answer.status not in _AGAIN or not tries_left:
                    return answer
                pause = max(pause, retry_after(answer)) if answer.status == 429 else pause  # noqa: PLR2004 -- HTTP
                if pause >= ends - time.monotonic():
                    return answer
            self._sleep(pause)
        raise AssertionError  # pragma: no cover -- the last try returns or raises
