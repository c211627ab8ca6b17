"""Writes: sent once, exactly as journaled, and every answer is either certain or in doubt."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.clients.kube.wire import Answer, Request
from irkit.clients.kube.writes import MAX_KEPT, filled, perform
from irkit.errors import (
    ClientError,
    Conflict,
    CredentialsExpired,
    Denied,
    Gone,
    InDoubt,
    Invalid,
    IrkitError,
    NotFound,
    Refused,
    Throttled,
    Unsupported,
)
from irkit.model.base import canonical
from irkit.model.effects import KubeCall, Slot
from irkit.model.kube import NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS
from tests.support.kube_objects import UID, create_call, delete_call, patch_call, pod
from tests.support.wire import AS_OF, Say, say, status_object
from tests.unit.clients.conftest import TOKEN, Start

POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "irkit-1", "namespace": "shop", "uid": "u", "resourceVersion": "9"},
}
SEALED = {"key": "canary-sealed-0815"}


def test_a_patch_goes_out_as_it_was_journaled(start: Start) -> None:
    server, kube = start([say(200, pod())])

    reply = kube.perform(patch_call(), {}, 5)

    (heard,) = server.heard
    assert heard.method == "PATCH"
    assert heard.target == "/api/v1/namespaces/shop/pods/web?fieldManager=irkit&fieldValidation=Strict"
    assert heard.headers["content-type"] == "application/json-patch+json"
    assert heard.json == patch_call().body
    assert reply.fields == {"/metadata/uid": UID, "/metadata/resourceVersion": "7"}
    assert (reply.status, reply.request_id, reply.as_of) == (200, "a-1", AS_OF)


def test_a_create_goes_to_the_collection_with_its_sealed_value_in_place(start: Start) -> None:
    server, kube = start([say(201, POLICY)])
    call = create_call()

    reply = kube.perform(call, SEALED, 5)

    (heard,) = server.heard
    assert heard.method == "POST"
    assert heard.target == (
        "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies?fieldManager=irkit&fieldValidation=Strict"
    )
    assert heard.json["spec"]["secret"] == SEALED["key"]
    assert SEALED["key"] not in call.model_dump_json()  # the journaled call stays without it
    assert reply.status == 201


def test_a_delete_carries_its_preconditions(start: Start) -> None:
    done = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": {"uid": UID}}
    server, kube = start([say(200, done)])

    reply = kube.perform(delete_call(keep=("/details/uid", "/metadata/uid")), {}, 5)

    (heard,) = server.heard
    assert (heard.method, heard.target) == ("DELETE", "/api/v1/namespaces/shop/pods/web")
    assert heard.json["preconditions"] == {"uid": UID}
    assert reply.fields == {"/details/uid": UID}


@pytest.mark.parametrize(
    ("causes", "said"),
    [
        (
            [{"reason": "DisruptionBudget", "message": "The disruption budget web needs 2"}],
            "budget. The disruption budget",
        ),
        ([{"reason": "Other", "message": "x"}], "budget."),
        ([7], "budget."),
        ("x", "budget."),
        ([{"reason": "DisruptionBudget"}], "budget."),
        ([{"reason": "DisruptionBudget", "message": "sealed-value \x1b[2J"}], "budget."),
    ],
)
def test_a_refused_eviction_names_the_budget(start: Start, causes: Any, said: str) -> None:
    status = {
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "TooManyRequests", "code": 429,
        "message": "Cannot evict pod as it would violate the pod's disruption budget.", "details": {"causes": causes},
    }  # fmt: skip
    _, kube = start([say(429, status)])
    call = create_call(resource=PODS, object="web", subresource="eviction", slots=())

    with pytest.raises(Throttled) as caught:
        kube.perform(call, {"key": "sealed-value"}, 5)

    assert said in caught.value.message
    assert "sealed-value" not in caught.value.message
    assert "\x1b" not in caught.value.message


def test_a_subresource_is_below_its_object(start: Start) -> None:
    done = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    server, kube = start([say(201, done)])

    kube.perform(create_call(resource=PODS, object="web", subresource="eviction", slots=()), {}, 5)

    assert server.heard[0].target.startswith("/api/v1/namespaces/shop/pods/web/eviction?")


def test_a_subresource_may_answer_with_a_kind_of_its_own(start: Start) -> None:
    token = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {"name": "other"}}
    _, kube = start([say(201, token)])

    call = create_call(resource=SERVICE_ACCOUNTS, object="sa", subresource="token", slots=(), keep=("/metadata/name",))

    assert kube.perform(call, {}, 5).fields == {"/metadata/name": "other"}


def test_an_object_of_no_namespace(start: Start) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "uid": "u"}}
    server, kube = start([say(200, node)])

    kube.perform(patch_call(resource=NODES, namespace="", object="n1"), {}, 5)

    assert server.heard[0].target.startswith("/api/v1/nodes/n1?")


def test_a_call_for_another_cluster_is_never_sent(start: Start) -> None:
    server, kube = start([])

    with pytest.raises(Refused):
        kube.perform(patch_call(cluster="context:other"), {}, 5)

    assert server.heard == []


@pytest.mark.parametrize(
    "slot",
    [
        Slot(name="other", at="/spec/secret"),
        Slot(name="key", at="/nowhere/secret"),
        Slot(name="key", at="/spec/list/7"),
        Slot(name="key", at="/spec/list/x"),
        Slot(name="key", at="/spec/list/-1"),
        Slot(name="key", at="/metadata/name/deeper"),
    ],
)
def test_a_sealed_value_without_a_place_is_never_sent(start: Start, slot: Slot) -> None:
    server, kube = start([])

    with pytest.raises(Refused) as caught:
        kube.perform(create_call(slots=(slot,)), SEALED, 5)

    assert server.heard == []
    assert SEALED["key"] not in str(caught.value)


def test_slots_reach_keys_with_slashes_and_places_in_lists() -> None:
    call = create_call(
        body={"a/b": {"~c": ["x", "y"]}},
        slots=(Slot(name="one", at="/a~1b/~0c/1"), Slot(name="two", at="/a~1b/new")),
    )

    assert filled(call, {"one": "1", "two": "2"}) == {"a/b": {"~c": ["x", "1"], "new": "2"}}


REFUSED = {
    400: (Invalid, "BadRequest"),
    403: (Denied, "Forbidden"),
    405: (Unsupported, "MethodNotAllowed"),
    409: (Conflict, "AlreadyExists"),
    410: (Gone, "Expired"),
    413: (Invalid, "RequestEntityTooLarge"),
    415: (Invalid, "UnsupportedMediaType"),
    422: (Invalid, "Invalid"),
    429: (Throttled, "TooManyRequests"),
}


@pytest.mark.parametrize("status", REFUSED)
def test_an_answer_that_it_was_not_done_is_certain(start: Start, status: int) -> None:
    error, reason = REFUSED[status]
    server, kube = start([say(status, status_object(status, reason, "because of this"))])

    with pytest.raises(error, match="because of this") as caught:
        kube.perform(patch_call(), {}, 5)

    assert (caught.value.status, caught.value.reason, caught.value.verb) == (status, reason, "patch")
    assert len(server.heard) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_server_fault_may_have_come_after_the_write(start: Start, status: int) -> None:
    server, kube = start([say(status, status_object(status, "InternalError", "etcd said no"))])

    with pytest.raises(InDoubt, match="etcd said no") as caught:
        kube.perform(patch_call(), {}, 5)

    assert caught.value.status == status
    assert len(server.heard) == 1


def test_a_404_names_the_object_or_the_path(start: Start) -> None:
    missing = status_object(404, "NotFound", 'pods "web" not found', name="web", kind="pods")
    no_namespace = status_object(404, "NotFound", 'namespaces "shop" not found', name="shop", kind="namespaces")
    _, kube = start([
        say(404, missing), say(404, no_namespace), say(404, b"404 page not found\n", kind="text/plain"),
    ])  # fmt: skip

    with pytest.raises(NotFound, match="web"):
        kube.perform(patch_call(), {}, 5)
    with pytest.raises(NotFound, match="namespaces"):
        kube.perform(create_call(slots=()), {}, 5)
    with pytest.raises(Unsupported):
        kube.perform(patch_call(), {}, 5)


def test_throttling_says_for_how_long(start: Start) -> None:
    body = status_object(429, "TooManyRequests", "Cannot evict pod", retryAfterSeconds=10)
    _, kube = start([
        say(429, body), say(429, body, headers=("Retry-After: 4",)), say(429, b"", headers=("Retry-After: soon",)),
        say(429, status_object(429, "x", retryAfterSeconds="x")), say(429, status_object(429, "x", retryAfterSeconds=-5)),
    ])  # fmt: skip
    waits = []
    for _ in range(5):
        with pytest.raises(Throttled) as caught:
            kube.perform(patch_call(), {}, 5)
        waits.append(caught.value.retry_after)

    assert waits == [10.0, 4.0, 1.0, 1.0, 0.0]


UNCERTAIN: dict[str, Say] = {
    "no JSON": say(200, b"<html>ok</html>", kind="text/html"),
    "half of it": say(200, b'{"kind":"Po'),
    "another object": say(200, pod("other")),
    "another namespace": say(200, pod(namespace="other")),
    "another kind": say(200, {**pod(), "kind": "Secret"}),
    "a failure with 200": say(200, status_object(500, "InternalError")),
    "no status in a Status": say(200, {"kind": "Status", "apiVersion": "v1"}),
    "a list": say(200, []),
    "uid is a list of floats": say(200, {**pod(), "metadata": {**pod()["metadata"], "uid": [0.5]}}),
    "uid is true": say(200, {**pod(), "metadata": {**pod()["metadata"], "uid": True}}),
    "uid is huge": say(200, {**pod(), "metadata": {**pod()["metadata"], "uid": "u" * 5000}}),
    "version is beyond JSON": say(200, {**pod(), "metadata": {**pod()["metadata"], "resourceVersion": 2**60}}),
    "empty": say(204, b""),
    "a redirect": say(302, b"", headers=("Location: /elsewhere",)),
}


@pytest.mark.parametrize("answer", UNCERTAIN.values(), ids=UNCERTAIN.keys())
def test_a_success_that_cannot_be_understood_is_doubt(start: Start, answer: Say) -> None:
    server, kube = start([answer])

    with pytest.raises(InDoubt):
        kube.perform(patch_call(), {}, 5)

    assert len(server.heard) == 1


def test_only_what_the_call_says_is_kept(start: Start) -> None:
    body = pod(secret="canary-in-reply")
    body["spec"] = {"containers": [{"name": "c"}]}
    _, kube = start([say(200, body)])

    keep = ("/metadata/uid", "/spec/containers/0/name", "/spec/containers/9/name", "/no/such", "/metadata/labels/none")
    reply = kube.perform(patch_call(keep=keep), {}, 5)

    assert reply.fields == {"/metadata/uid": UID, "/spec/containers/0/name": "c"}
    assert "canary" not in repr(reply)


def test_a_refused_login_did_nothing_and_is_said_so(start: Start) -> None:
    server, kube = start([say(401, status_object(401, "Unauthorized", "Unauthorized"))])

    with pytest.raises(CredentialsExpired):
        kube.perform(patch_call(), {}, 5)

    assert len(server.heard) == 1  # the same token would be refused again


def test_secrets_that_the_server_repeats_are_not_passed_on(start: Start) -> None:
    echo = status_object(422, "Invalid", f'spec.secret: Invalid value: "{SEALED["key"]}" sent by {TOKEN}')
    _, kube = start([say(422, echo)])

    with pytest.raises(Invalid) as caught:
        kube.perform(create_call(), SEALED, 5)

    shown = f"{caught.value} {caught.value!r} {caught.value.__dict__}"
    assert "Invalid value" in shown
    assert SEALED["key"] not in shown
    assert TOKEN not in shown


@pytest.mark.parametrize("length", [1, 60_000, 100_000])
def test_messages_are_bounded_and_harmless(start: Start, length: int) -> None:
    hostile = "\x1b]0;owned\x07\r\n\u202e" + "a" * length
    _, kube = start([say(403, status_object(403, "For\x1b[2Jbidden" + "b" * length, hostile))])

    with pytest.raises(Denied) as caught:
        kube.perform(patch_call(), {}, 5)

    assert len(str(caught.value)) < 800
    assert str(caught.value).isprintable()
    assert caught.value.reason.isprintable()
    assert len(caught.value.reason) <= 60


@pytest.mark.parametrize(
    ("status", "said", "named"),
    [
        (403, 'admission webhook "guard.example" denied the request: no', "webhook guard.example"),
        (400, 'admission webhook "guard.example" denied the request without explanation', "webhook guard.example"),
        (401, 'admission webhook "guard.example" denied the request: log in', "webhook guard.example"),
        (500, 'admission webhook "guard.example" denied the request: no', "webhook guard.example"),
        (500, 'Internal error occurred: failed calling webhook "guard.example": failed to call webhook: Post "https:…"',
         "webhook guard.example"),
        (422, "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'no-edits' with binding 'all' denied request: no",
         "ValidatingAdmissionPolicy no-edits"),
    ],
)  # fmt: skip
def test_what_admission_stops_was_not_done_and_more_rights_would_not_help(
    start: Start, status: int, said: str, named: str
) -> None:
    """The texts are those of a Kubernetes 1.36 API server; all of it comes before anything is stored."""
    _, kube = start([say(status, status_object(status, "Whatever", said))])
    with pytest.raises(Denied) as caught:
        kube.perform(patch_call(), {}, 5)
    assert said in caught.value.message
    assert f"have {named} exempt this identity" in caught.value.hint
    assert "grant" not in caught.value.hint


def test_a_webhook_that_says_when_to_come_back_is_waited_for(start: Start) -> None:
    said = status_object(429, "TooManyRequests", 'admission webhook "guard.example" denied the request: later')
    _, kube = start([say(429, said)])
    with pytest.raises(Throttled):
        kube.perform(patch_call(), {}, 5)


def test_a_denial_says_which_verb_on_which_resource_to_grant(start: Start) -> None:
    message = (
        'pods "web" is forbidden: User "alice" cannot patch resource "pods" in API group "" in the namespace "shop"'
    )
    _, kube = start([say(403, status_object(403, "Forbidden", message, name="web", kind="pods"))])

    with pytest.raises(Denied) as caught:
        kube.perform(patch_call(), {}, 5)

    assert message in caught.value.message
    assert "patch pods" in caught.value.hint
    assert "namespace shop" in caught.value.hint


class _Canned:
    secrets = ()

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.sent: list[Request] = []

    def send(self, request: Request) -> Answer:
        self.sent.append(request)
        return self._answer


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=2000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
_REPLIES = st.builds(
    lambda uid, version, kind, labels: {
        "kind": kind, "apiVersion": "v1", "status": labels,
        "metadata": {"name": "web", "namespace": "shop", "uid": uid, "resourceVersion": version, "labels": labels},
    },
    _JSON, _JSON, st.sampled_from(["Pod", "Pod", "Status", "List"]), _JSON,
)  # fmt: skip


@given(body=_REPLIES | _JSON, status=st.integers(100, 999))
def test_whatever_a_write_answers_what_is_kept_fits_a_record(body: Any, status: int) -> None:
    session = _Canned(Answer(status, {"content-type": "application/json"}, json.dumps(body).encode("utf-8", "replace")))
    keep = ("/metadata/uid", "/metadata/resourceVersion", "/metadata/labels")
    try:
        reply = perform(session, patch_call(keep=keep), {}, 5)  # type: ignore[arg-type] # speaks the same method
    except IrkitError as error:
        said = str(error)
    else:
        said = ""
        assert 200 <= status < 300
        assert all(len(canonical(value)) <= MAX_KEPT for value in reply.fields.values())
        assert set(reply.fields) <= set(keep)
    assert len(said) < 4000
    assert len(session.sent) == 1


@given(st.sampled_from(["create", "patch", "delete"]), st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_no_name_leads_to_another_path(verb: Any, name: str, namespace: str) -> None:
    session = _Canned(Answer(404, {}, b""))
    call = KubeCall(
        name="x", cluster="context:it", verb=verb, resource=PODS if namespace else NAMESPACES, namespace=namespace,
        object=name, body={},
    )  # fmt: skip
    with contextlib.suppress(ClientError):
        perform(session, call, {}, 5)  # type: ignore[arg-type] # speaks the same method
    for request in session.sent:
        path = request.path.partition("?")[0]
        depth = 3 + (2 if namespace else 0) + (verb != "create")
        assert path.count("/") == depth
        assert path.isascii()
        assert path.isprintable()
        assert "/../" not in f"{path}/"


def test_a_body_is_sent_as_it_is(start: Start) -> None:
    server, kube = start([say(200, pod())])
    call = patch_call(body=[{"op": "add", "path": "/metadata/annotations/x", "value": "ünï\u2028\"'\\\n"}])

    kube.perform(call, {}, 5)

    assert orjson.loads(server.heard[0].body) == call.body
