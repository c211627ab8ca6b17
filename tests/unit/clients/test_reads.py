"""Reads: what was asked, what comes back, and what "not found" may mean."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.clients.kube.answers import Asked
from irkit.clients.kube.reads import Reads
from irkit.clients.kube.wire import Answer
from irkit.errors import (
    BadResponse,
    ClientError,
    CredentialsExpired,
    Denied,
    Gone,
    Invalid,
    IrkitError,
    ServerFault,
    Throttled,
    Unsupported,
)
from irkit.model.effects import Access, Resource
from irkit.model.kube import NAMESPACES, NODES, PODS, RESOURCES, ROLE_BINDINGS, SECRETS
from tests.support.kube_objects import item, pod, pod_list
from tests.support.wire import AS_OF, Heard, Say, say, status_object
from tests.unit.clients.conftest import TOKEN, Start

MISSING = status_object(404, "NotFound", 'pods "web" not found', name="web", kind="pods")


def test_get_asks_for_the_object_with_credentials_and_user_agent(start: Start) -> None:
    server, kube = start([say(200, pod())])

    found = kube.reader.get(PODS, "web", "shop")

    assert found is not None
    assert found.text("metadata", "name") == "web"
    (heard,) = server.heard
    assert (heard.method, heard.target) == ("GET", "/api/v1/namespaces/shop/pods/web")
    assert heard.headers["authorization"] == f"Bearer {TOKEN}"
    assert heard.headers["user-agent"] == "irkit/test"


def test_the_user_agent_can_name_the_case_once_it_is_known(start: Start) -> None:
    server, kube = start([say(200, pod())])
    kube.user_agent = "irkit/1 (case IR-1)"

    kube.reader.get(PODS, "web", "shop")

    assert server.heard[0].headers["user-agent"] == "irkit/1 (case IR-1)"


@pytest.mark.parametrize("resource", RESOURCES, ids=str)
def test_every_kind_has_its_path(start: Start, resource: Resource) -> None:
    namespace = "shop" if resource.namespaced else ""
    body = {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "metadata": {"name": "a.b", "namespace": namespace},
    }
    server, kube = start([say(200, body)])

    assert kube.reader.get(resource, "a.b", namespace) is not None

    root = f"/apis/{resource.group}/v1" if resource.group else "/api/v1"
    middle = "/namespaces/shop" if namespace else ""
    assert server.heard[0].target == f"{root}{middle}/{resource.plural}/a.b"


def test_names_are_percent_encoded(start: Start) -> None:
    name = "system:node?x=1#é"
    body = {
        "kind": "RoleBinding",
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": name, "namespace": "shop"},
    }
    server, kube = start([say(200, body)])

    kube.reader.get(ROLE_BINDINGS, name, "shop")

    assert server.heard[0].target.endswith("/rolebindings/system%3Anode%3Fx%3D1%23%C3%A9")


@pytest.mark.parametrize("name", [".", "..", "a/b", "a%2fb", "a\udcff"])
def test_a_name_that_could_lead_to_another_path_is_never_sent(start: Start, name: str) -> None:
    server, kube = start([])

    with pytest.raises(Invalid):
        kube.reader.get(PODS, name, "shop")

    assert server.heard == []


def test_an_object_that_does_not_exist_is_none(start: Start) -> None:
    _, kube = start([say(404, MISSING)])

    assert kube.reader.get(PODS, "web", "shop") is None


@pytest.mark.parametrize(
    "answer",
    [
        say(404, b"404 page not found\n", kind="text/plain"),
        say(404, status_object(404, "NotFound", "the server could not find the requested resource")),
        say(404, {**MISSING, "details": {"name": "other", "kind": "pods"}}),
        say(404, {**MISSING, "details": {"name": "web", "kind": "namespaces"}}),
        say(404, {**MISSING, "details": {"name": "web", "kind": "pods", "group": "other.io"}}),
        say(404, {**MISSING, "details": {"name": 7}}),
        say(404, {**MISSING, "details": []}),
        say(404, {**MISSING, "reason": "Forbidden"}),
        say(404, {**MISSING, "kind": "Pod"}),
        say(404, b"<html>no such host</html>", kind="text/html"),
        say(404, b""),
    ],
    ids=[
        "plain",
        "empty details",
        "other name",
        "other kind",
        "other group",
        "number",
        "list",
        "reason",
        "kind",
        "html",
        "empty",
    ],
)
def test_a_404_that_is_not_about_the_object_never_means_gone(start: Start, answer: Say) -> None:
    _, kube = start([answer])

    with pytest.raises(ClientError) as caught:
        kube.reader.get(PODS, "web", "shop")

    assert caught.value.status == 404


def test_a_path_that_is_not_served_is_unsupported(start: Start) -> None:
    _, kube = start([say(404, b"404 page not found\n", kind="text/plain")] * 2)

    with pytest.raises(Unsupported):
        kube.reader.get(PODS, "web", "shop")
    with pytest.raises(Unsupported):
        kube.reader.list(PODS)


WRONG: dict[str, Any] = {
    "another pod": pod("other"),
    "another namespace": pod(namespace="other"),
    "another kind": {**pod(), "kind": "Secret"},
    "another version": {**pod(), "apiVersion": "v2"},
    "no kind": {key: value for key, value in pod().items() if key != "kind"},
    "no metadata": {"kind": "Pod", "apiVersion": "v1"},
    "metadata is a list": {**pod(), "metadata": []},
    "name is a number": {**pod(), "metadata": {"name": 7}},
    "a list": [pod()],
    "text": "pod",
    "null": None,
    "a success status": {"kind": "Status", "apiVersion": "v1", "status": "Success"},
    "a failure status": status_object(404, "NotFound", name="web", kind="pods"),
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
def test_an_answer_that_is_not_the_promised_object_is_refused(start: Start, body: Any) -> None:
    _, kube = start([say(200, body)])

    with pytest.raises(BadResponse):
        kube.reader.get(PODS, "web", "shop")


@pytest.mark.parametrize(
    "answer",
    [
        say(200, b"<html>sign in</html>", kind="text/html"),
        say(200, b"{", kind="application/json"),
        say(200, b"[" * 5000 + b"]" * 5000),
        say(200, pod(), headers=("Content-Encoding: gzip",)),
        say(200, pod(), kind="application/vnd.kubernetes.protobuf"),
        say(204, b""),
    ],
    ids=["html", "half", "deep", "gzip", "protobuf", "empty"],
)
def test_an_answer_that_is_no_json_is_refused(start: Start, answer: Say) -> None:
    _, kube = start([answer])

    with pytest.raises(BadResponse):
        kube.reader.get(PODS, "web", "shop")


def test_a_list_is_read_to_its_last_page(start: Start) -> None:
    server, kube = start([
        say(200, pod_list(item("a"), token="t&1")),
        say(200, pod_list(item("b"), token="t2", version="101")),
        say(200, pod_list(item("c"), version="102")),
    ])  # fmt: skip

    listing = kube.reader.list(PODS, "shop")

    assert [one.text("metadata", "name") for one in listing.items] == ["a", "b", "c"]
    assert (listing.version, listing.as_of) == ("100", AS_OF)
    assert [one.target for one in server.heard] == [
        "/api/v1/namespaces/shop/pods?limit=500",
        "/api/v1/namespaces/shop/pods?limit=500&continue=t%261",
        "/api/v1/namespaces/shop/pods?limit=500&continue=t2",
    ]


def test_items_of_a_list_are_whole_objects(start: Start) -> None:
    _, kube = start([say(200, pod_list(item()))])

    (found,) = kube.reader.list(PODS, "shop").items

    assert (found.text("kind"), found.text("apiVersion")) == ("Pod", "v1")
    assert found.what == "pods shop/web"


def test_labels_become_a_selector_that_the_server_evaluates(start: Start) -> None:
    server, kube = start([say(200, pod_list())])

    kube.reader.list(PODS, "shop", {"b": "2", "irkit.dev/case": "IR-1"})

    assert (
        server.heard[0].target == "/api/v1/namespaces/shop/pods?limit=500&labelSelector=b%3D2%2Cirkit.dev%2Fcase%3DIR-1"
    )


def test_an_expired_continue_token_starts_the_list_over_once(start: Start) -> None:
    gone = say(410, status_object(410, "Expired", "The provided continue parameter is too old"))
    server, kube = start([
        say(200, pod_list(item("old"), token="t1")), gone,
        say(200, pod_list(item("new"), version="200")),
    ])  # fmt: skip

    listing = kube.reader.list(PODS)

    assert [one.text("metadata", "name") for one in listing.items] == ["new"]
    assert listing.version == "200"
    assert len(server.heard) == 3


def test_a_token_that_expires_again_is_an_error(start: Start) -> None:
    gone = say(410, status_object(410, "Expired", "too old"))
    page = say(200, pod_list(item(), token="t1"))
    _, kube = start([page, gone, page, gone])

    with pytest.raises(Gone):
        kube.reader.list(PODS)


def test_a_list_that_repeats_its_token_ends(start: Start) -> None:
    _, kube = start(lambda _: say(200, pod_list(item(), token="again")))

    with pytest.raises(BadResponse, match="never ends"):
        kube.reader.list(PODS)


@pytest.mark.parametrize(
    "body",
    [
        {**pod_list(), "kind": "SecretList"},
        {**pod_list(), "items": {}},
        {**pod_list(), "items": ["x"]},
        {**pod_list(), "items": [{"metadata": {}}]},
        {**pod_list(), "items": [{"metadata": {"name": 1}}]},
        pod_list(item(namespace="other")),
        pod_list({**item(), "kind": "Secret"}),
        {**pod_list(), "metadata": {"continue": 5}},
        pod(),
    ],
)
def test_a_list_that_is_none_is_refused(start: Start, body: Any) -> None:
    _, kube = start([say(200, body)])

    with pytest.raises(BadResponse):
        kube.reader.list(PODS, "shop")


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Invalid), (403, Denied), (405, Unsupported), (406, Invalid), (422, Invalid), (501, Unsupported)],
)
def test_refusals_are_not_tried_again(start: Start, status: int, error: type[ClientError]) -> None:
    server, kube = start([say(status, status_object(status, "Because", "said so"))] * 3)

    with pytest.raises(error, match="said so") as caught:
        kube.reader.get(PODS, "web", "shop")

    assert len(server.heard) == 1
    assert (caught.value.status, caught.value.reason, caught.value.verb, caught.value.target) == (
        status, "Because", "get", "pods shop/web",
    )  # fmt: skip


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_server_is_asked_three_times(start: Start, status: int) -> None:
    server, kube = start([say(status, b"oops", kind="text/plain")] * 3)

    with pytest.raises(ServerFault):
        kube.reader.get(PODS, "web", "shop")

    assert len(server.heard) == 3


def test_a_throttled_read_waits_as_long_as_it_is_told_to(start: Start) -> None:
    waits: list[float] = []
    slow = say(429, status_object(429, "TooManyRequests", "slow down"), headers=("Retry-After: 3",))
    _, kube = start([slow, say(200, pod())], sleep=waits.append)

    assert kube.reader.get(PODS, "web", "shop") is not None
    assert waits == [3.0]


def test_a_wait_beyond_the_budget_is_handed_to_the_caller(start: Start) -> None:
    slow = say(429, b"", headers=("Retry-After: 86400",))
    server, kube = start([slow], sleep=pytest.fail)

    with pytest.raises(Throttled) as caught:
        kube.reader.get(PODS, "web", "shop")

    assert caught.value.retry_after == 60.0
    assert len(server.heard) == 1


def test_access_is_asked_of_the_api_itself(start: Start) -> None:
    answer = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": {"allowed": False}}
    server, kube = start([say(201, answer), say(201, {**answer, "status": {"allowed": True}})])

    assert not kube.reader.access(Access(group="", resource="pods/eviction", verb="create"), "shop", "web")
    assert kube.reader.access(Access(group="", resource="nodes", verb="get"))

    assert server.heard[0].json["spec"]["resourceAttributes"] == {
        "resource": "pods", "subresource": "eviction", "verb": "create", "namespace": "shop", "name": "web",
    }  # fmt: skip
    assert server.heard[1].json["spec"]["resourceAttributes"] == {"resource": "nodes", "verb": "get"}


@pytest.mark.parametrize("status", [{}, {"allowed": "yes"}, {"allowed": None}, []])
def test_an_unclear_access_review_is_never_a_yes(start: Start, status: Any) -> None:
    body = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": status}
    _, kube = start([say(201, body)])

    with pytest.raises(BadResponse):
        kube.reader.access(Access(group="", resource="pods", verb="get"))


def test_whoami_is_what_the_api_sees(start: Start) -> None:
    body = {
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "status": {"userInfo": {"username": "al\x1b[31mice"}},
    }
    _, kube = start([say(201, body)])

    assert kube.whoami() == "al\\x1b[31mice"


def test_an_old_api_does_not_know_who_asks(start: Start) -> None:
    _, kube = start([say(404, b"404 page not found\n", kind="text/plain")])

    assert kube.whoami() == ""


def test_identity_is_the_uid_of_kube_system(start: Start) -> None:
    body = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "kube-system", "uid": "u-1"}}
    server, kube = start([say(200, body)])

    assert kube.identity() == "u-1"
    assert server.heard[0].target == "/api/v1/namespaces/kube-system"


@pytest.mark.parametrize(
    "answer",
    [
        say(404, status_object(404, "NotFound", name="kube-system", kind="namespaces")),
        say(200, {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "kube-system"}}),
        say(200, {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "kube-system", "uid": 5}}),
        say(200, {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "kube-system", "uid": "a b\n"}}),
        say(200, {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "kube-system", "uid": "a" * 80}}),
    ],
)
def test_a_cluster_that_cannot_say_what_it_is_is_not_trusted(start: Start, answer: Say) -> None:
    _, kube = start([answer])

    with pytest.raises(BadResponse):
        kube.identity()


class _Canned:
    """A session that has one answer for everything."""

    secrets = ()

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def send(self, _: object) -> Answer:
        return self._answer


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["kind", "apiVersion", "metadata", "items", "name", "namespace", "continue", "status", "details"]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
_SHAPES = _JSON | st.builds(
    lambda status, details, reason, message: {
        "kind": "Status", "apiVersion": "v1", "status": status, "details": details, "reason": reason, "message": message,
    },
    _JSON, _JSON, _JSON, _JSON,
) | st.builds(lambda items, meta: {"kind": "PodList", "apiVersion": "v1", "items": items, "metadata": meta}, _JSON, _JSON) | st.builds(
    lambda meta: {"kind": "Pod", "apiVersion": "v1", "metadata": meta}, _JSON
)  # fmt: skip


@given(
    body=_SHAPES | st.binary(max_size=50),
    status=st.sampled_from([200, 201, 202, 204, 301, 400, 401, 403, 404, 409, 410, 418, 422, 429, 500, 503, 504, 999]),
    kind=st.sampled_from(["application/json", "application/json; charset=utf-8", "text/html", ""])
    | st.text(max_size=20),
    extra=st.dictionaries(
        st.sampled_from(["retry-after", "date", "audit-id", "content-encoding"]), st.text(max_size=40)
    ),
)
def test_whatever_an_api_answers_only_our_own_errors_come_out(
    body: Any, status: int, kind: str, extra: dict[str, str]
) -> None:
    try:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
    except TypeError:  # beyond 64 bits, or a lone surrogate
        data = repr(body).encode(errors="replace")
    reader = Reads(_Canned(Answer(status, {"content-type": kind, **extra}, data)), sleep=lambda _: None)  # type: ignore[arg-type] # speaks the same method
    for ask in (
        lambda: reader.get(PODS, "web", "shop"),
        lambda: reader.list(PODS, "shop"),
        lambda: reader.access(Access(group="", resource="pods", verb="get")),
        reader.whoami,
    ):
        try:
            ask()
        except IrkitError as error:
            said = str(error)
        else:
            said = ""
        assert len(said) < 4000
        assert said.isprintable()


def test_targets_read_as_people_say_them() -> None:
    assert Asked("get", PODS, "web", "shop").target == "pods shop/web"
    assert Asked("list", PODS, "", "shop").target == "pods shop"
    assert Asked("list", NODES).target == "nodes"
    assert Asked("get", NAMESPACES, "shop").target == "namespaces shop"


def test_an_expired_token_that_cannot_be_renewed_is_said_so(start: Start) -> None:
    server, kube = start([say(401, status_object(401, "Unauthorized", f"token {TOKEN} expired"))])

    with pytest.raises(CredentialsExpired) as caught:
        kube.reader.get(PODS, "web", "shop")

    assert TOKEN not in str(caught.value)
    assert len(server.heard) == 1


def test_the_trace_holds_no_secret(start: Start) -> None:
    seen: list[object] = []
    _, kube = start([say(200, pod())], trace=seen.append)

    kube.reader.get(PODS, "web", "shop")

    assert len(seen) == 1
    assert TOKEN not in repr(seen)
    assert "/pods/web" in repr(seen)


def test_a_request_does_not_show_its_headers(start: Start) -> None:
    requests: list[Heard] = []

    def told(heard: Heard) -> Say:
        requests.append(heard)
        return say(200, pod())

    _, kube = start(told)
    kube.reader.get(PODS, "web", "shop")

    assert TOKEN in requests[0].headers["authorization"]  # it was sent
    assert TOKEN not in repr(kube._session._login)


# -- metadata alone --------------------------------------------------------------------------------------

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def partial(*items: dict[str, Any], token: str = "") -> dict[str, Any]:
    metadata = {"resourceVersion": "7"} | ({"continue": token} if token else {})
    return {
        "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": list(items)
    }  # fmt: skip


def token_of(account: str, name: str = "t-1", **annotations: str) -> dict[str, Any]:
    annotations = {"kubernetes.io/service-account.name": account, **annotations}
    return {"metadata": {"name": name, "namespace": "shop", "uid": "u-1", "annotations": annotations}}


def test_metadata_is_asked_for_alone_with_no_second_choice(start: Start) -> None:
    server, kube = start([say(200, partial(token_of("web"), token="next")), say(200, partial(token_of("web", "t-2")))])

    listing = kube.reader.list_metadata(SECRETS, "shop", {"a": "b"}, {"type": "t"})

    assert [heard.headers["accept"] for heard in server.heard] == [
        "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    ] * 2
    assert (
        server.heard[0].target == "/api/v1/namespaces/shop/secrets?limit=500&labelSelector=a%3Db&fieldSelector=type%3Dt"
    )
    assert [one.raw for one in listing.items] == [
        {"apiVersion": "v1", "kind": "Secret", **token_of("web")},
        {"apiVersion": "v1", "kind": "Secret", **token_of("web", "t-2")},
    ]
    assert (listing.version, listing.as_of) == ("7", AS_OF)


def test_the_copy_that_kubectl_apply_keeps_of_a_secret_goes_no_further(start: Start) -> None:
    found = token_of("web", **{APPLIED: '{"data":{"token":"canary-9"}}'})
    found["metadata"]["managedFields"] = [{"manager": "canary-9"}]
    _, kube = start([say(200, partial({**found, "data": {"token": "canary-9"}}))])

    (doc,) = kube.reader.list_metadata(SECRETS, "shop").items

    assert "canary-9" not in str(doc.raw)
    assert doc.labels("metadata", "annotations") == {"kubernetes.io/service-account.name": "web"}


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": [{"data": {"token": "canary-9"}}]},
        {**partial(), "apiVersion": "v1"},
        partial({"kind": "Secret", **token_of("web")}),
        partial({"metadata": {"name": "t", "namespace": "other"}}),
        partial({"metadata": {"name": "t", "namespace": "shop", "annotations": ["canary-9"]}}),
    ],
)
def test_an_answer_that_is_not_metadata_alone_is_refused(start: Start, body: Any) -> None:
    _, kube = start([say(200, body)])

    with pytest.raises(BadResponse) as raised:
        kube.reader.list_metadata(SECRETS, "shop")

    assert "canary" not in str(raised.value)


def test_a_server_without_metadata_answers_is_not_asked_for_whole_objects(start: Start) -> None:
    server, kube = start([say(406, status_object(406, "NotAcceptable"))])

    with pytest.raises(Invalid):
        kube.reader.list_metadata(SECRETS, "shop")

    assert len(server.heard) == 1
