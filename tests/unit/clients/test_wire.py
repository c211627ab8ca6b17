"""What a caller is told when the wire fails: was it sent or not, for reads and for writes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from irkit.clients.kube import KubeClient, Pool, Request, connect
from irkit.clients.kube.login import Login
from irkit.errors import BadResponse, InDoubt, Unreachable
from irkit.model.kube import PODS
from tests.support.kube_objects import patch_call, pod
from tests.support.wire import DROP, HOLD, RESET, Authority, Heard, Say, say, stub, write_kubeconfig
from tests.unit.clients.conftest import CLUSTER, TOKEN, Start

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TORN = {
    "dropped before a byte of answer": DROP,
    "reset": RESET,
    "half a status line": Say((b"HTTP/1.1 20",), "close"),
    "half a header": Say((HEAD + b"Content-Le",), "close"),
    "half a body": Say((HEAD + b'Content-Length: 500\r\n\r\n{"kind":"Pod"',), "close"),
    "half a chunk": Say((HEAD + b"Transfer-Encoding: chunked\r\n\r\n10\r\nabc",), "close"),
    "no last chunk": Say((HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",), "close"),
    "a chunk size that is no number": Say((HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",), "close"),
    "no HTTP at all": Say((b"SSH-2.0-OpenSSH_9.2\r\n",), "close"),
    "binary": Say((bytes(range(256)) * 4,), "close"),
    "a status that is no number": Say((b"HTTP/1.1 abc OK\r\n\r\n",), "close"),
    "an endless header": Say((b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,), "close"),
    "two lengths": Say((HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",), "close"),
    "a negative length": Say((HEAD + b"Content-Length: -1\r\n\r\n",), "close"),
    "many headers": Say((b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",), "close"),
}


def _dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("answer", TORN.values(), ids=TORN.keys())
def test_a_write_without_a_whole_answer_is_in_doubt_and_is_not_sent_again(start: Start, answer: Say) -> None:
    server, kube = start([answer] * 5)

    with pytest.raises(InDoubt) as caught:
        kube.perform(patch_call(), {}, 5)

    assert len(server.heard) == 1
    assert caught.value.target == "pods shop/web"
    assert caught.value.verb == "patch"


@pytest.mark.parametrize("answer", TORN.values(), ids=TORN.keys())
def test_a_read_without_a_whole_answer_is_tried_three_times(start: Start, answer: Say) -> None:
    server, kube = start([answer] * 5)

    with pytest.raises((Unreachable, BadResponse)) as caught:
        kube.reader.get(PODS, "web", "shop")

    if isinstance(caught.value, Unreachable):
        assert len(server.heard) == 3
    assert caught.value.target == "pods shop/web"


def test_a_read_that_succeeds_at_the_second_try_is_a_success(start: Start) -> None:
    server, kube = start([DROP, say(200, pod())])

    found = kube.reader.get(PODS, "web", "shop")

    assert found is not None
    assert len(server.heard) == 2


def test_nothing_listening_is_unreachable_for_reads_and_writes(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{_dead_port()}", {"token": TOKEN})
    kube = connect(CLUSTER, path, "it", user_agent="t", sleep=lambda _: None)

    with pytest.raises(Unreachable, match="refused"):
        kube.perform(patch_call(), {}, 5)
    with pytest.raises(Unreachable, match="refused"):
        kube.reader.get(PODS, "web", "shop")


def test_a_name_that_does_not_resolve_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    path = write_kubeconfig(tmp_path / "config", "https://api.example", {"token": TOKEN})
    kube = connect(CLUSTER, path, "it", user_agent="t", sleep=lambda _: None)

    with pytest.raises(Unreachable, match="Name or service not known"):
        kube.perform(patch_call(), {}, 5)


def test_a_pooled_connection_that_the_server_closed_is_replaced_before_a_write_is_sent(start: Start) -> None:
    server, kube = start([say(200, pod(), then="close"), say(200, pod())])
    kube.reader.get(PODS, "web", "shop")
    _until_closed(kube)

    reply = kube.perform(patch_call(), {}, 5)

    assert reply.status == 200
    assert [one.connection for one in server.heard] == [1, 2]


def _until_closed(kube: KubeClient) -> None:
    """Wait until the server's close has arrived at this end."""
    transport = kube._session._transport
    assert isinstance(transport, Pool)
    assert transport._pool.pool is not None
    connection = transport._pool.pool.queue[-1]
    assert connection.sock.recv(1, socket.MSG_PEEK) == b""


def test_a_kept_connection_is_used_again(start: Start) -> None:
    server, kube = start([say(200, pod())] * 3)
    for _ in range(3):
        kube.reader.get(PODS, "web", "shop")

    assert server.connections == 1


def test_a_connection_that_was_idle_for_long_is_not_trusted_with_a_write(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, kube = start([say(200, pod())] * 2)
    kube.reader.get(PODS, "web", "shop")
    monkeypatch.setattr("irkit.clients.kube.wire.IDLE_SECONDS", 0.0)

    kube.perform(patch_call(), {}, 5)

    assert [one.connection for one in server.heard] == [1, 2]


def test_a_forked_child_opens_connections_of_its_own(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server, kube = start([say(200, pod())] * 3)
    kube.reader.get(PODS, "web", "shop")
    parents = kube._session._transport
    monkeypatch.setattr("os.getpid", lambda: 1)

    kube.reader.get(PODS, "web", "shop")
    kube.reader.get(PODS, "web", "shop")

    assert [one.connection for one in server.heard] == [1, 2, 2]
    assert parents is not None
    parents.close()


def test_an_answer_that_drips_ends_with_the_time_limit(start: Start) -> None:
    drip = Say((b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 80), "close", pause=0.05)
    server, kube = start([drip] * 3)

    with pytest.raises(InDoubt, match="timed out"):
        kube.perform(patch_call(), {}, 0.3)

    assert len(server.heard) == 1


def test_no_answer_in_time_is_doubt_for_a_write(start: Start) -> None:
    _, kube = start([HOLD])

    with pytest.raises(InDoubt, match="timed out"):
        kube.perform(patch_call(), {}, 0.2)


def test_a_read_gives_up_when_its_budget_is_spent(start: Start) -> None:
    server, kube = start([HOLD, HOLD, HOLD], read_seconds=0.2)

    with pytest.raises(Unreachable, match="timed out"):
        kube.reader.get(PODS, "web", "shop")

    assert len(server.heard) == 1


def test_a_huge_answer_is_refused_without_reading_it_all(start: Start) -> None:
    body = b'"' + b"a" * 2_000_000 + b'"'
    _, kube = start([say(200, body)], max_bytes=100_000)

    with pytest.raises(BadResponse, match="more than 100000 bytes"):
        kube.reader.get(PODS, "web", "shop")


def test_a_huge_answer_to_a_write_leaves_doubt(start: Start) -> None:
    _, kube = start([say(200, b'"' + b"a" * 9_000_000 + b'"')])

    with pytest.raises(InDoubt, match="more than"):
        kube.perform(patch_call(), {}, 5)


def test_after_a_refused_answer_the_pool_still_works(start: Start) -> None:
    _, kube = start([say(200, b"a" * 200_000), say(200, pod())], max_bytes=100_000, pool_size=1)
    with pytest.raises(BadResponse):
        kube.reader.get(PODS, "web", "shop")

    assert kube.reader.get(PODS, "web", "shop") is not None


def test_redirects_are_not_followed(start: Start) -> None:
    with stub([say(200, pod())]) as elsewhere:
        server, kube = start([say(307, {}, headers=(f"Location: {elsewhere.url}/steal",))] * 2)

        with pytest.raises(BadResponse):
            kube.reader.get(PODS, "web", "shop")
        with pytest.raises(InDoubt):
            kube.perform(patch_call(), {}, 5)

        assert elsewhere.heard == []
        assert len(server.heard) == 2


def test_waiting_for_a_free_connection_is_not_sending(start: Start, tmp_path: Path) -> None:
    with stub(lambda heard: HOLD if "slow" in heard.target else say(200, {})) as server:
        pool = Pool(Login(server.url), size=1)
        taken = pool._pool._get_conn()

        with pytest.raises(Unreachable):
            pool.send(Request("PATCH", "/x", seconds=0.1))

        pool._pool._put_conn(taken)
        pool.close()
        assert server.heard == []


def test_the_certificate_is_checked(authority: Authority, tmp_path: Path) -> None:
    other = Authority("another CA")
    (tmp_path / "ca.crt").write_bytes(other.pem)
    with stub([say(200, pod())], authority.server_context(tmp_path)) as server:
        path = write_kubeconfig(tmp_path / "config", server.url, {"token": TOKEN}, certificate_authority="ca.crt")
        kube = connect(CLUSTER, path, "it", user_agent="t", sleep=lambda _: None)

        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            kube.perform(patch_call(), {}, 5)

        assert server.heard == []  # no token for a server that is not the cluster's


def test_a_certificate_for_another_name_is_refused_and_tls_server_name_says_which(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    ca = {"certificate-authority": "ca.crt"}
    with stub(lambda _: say(200, pod()), authority.server_context(tmp_path, dns="kubernetes.example")) as server:
        path = write_kubeconfig(tmp_path / "config", server.url, {"token": TOKEN}, **ca)
        kube = connect(CLUSTER, path, "it", user_agent="t", sleep=lambda _: None)
        with pytest.raises(Unreachable):
            kube.reader.get(PODS, "web", "shop")
        kube.close()

        path = write_kubeconfig(
            tmp_path / "config", server.url, {"token": TOKEN}, **ca, tls_server_name="kubernetes.example"
        )
        kube = connect(CLUSTER, path, "it", user_agent="t")
        assert kube.reader.get(PODS, "web", "shop") is not None
        kube.close()


def test_a_write_lost_over_tls_is_in_doubt(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    with stub([DROP], authority.server_context(tmp_path)) as server:
        path = write_kubeconfig(tmp_path / "config", server.url, {"token": TOKEN}, certificate_authority="ca.crt")
        kube = connect(CLUSTER, path, "it", user_agent="t")

        with pytest.raises(InDoubt):
            kube.perform(patch_call(), {}, 5)

        assert len(server.heard) == 1
        kube.close()


def test_a_crash_point_can_stand_before_and_after_the_send(start: Start) -> None:
    events: list[str] = []

    class Noted(Pool):
        def send(self, request: Request) -> object:  # type: ignore[override] # only passes it on
            events.append(f"before {request.method}")
            answer = super().send(request)
            events.append("after")
            return answer

    def told(heard: Heard) -> Say:
        events.append("served")
        return say(200, pod())

    _, kube = start(told, transport=Noted)
    kube.perform(patch_call(), {}, 5)

    assert events == ["before PATCH", "served", "after"]
