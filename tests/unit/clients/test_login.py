"""From a kubeconfig to credentials: what is used, what is refused, and what is never shown or left behind."""

from __future__ import annotations

import base64
import json
import logging
import os
import stat
import sys
import tempfile
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from irkit.clients.kube import KubeClient, connect, login
from irkit.clients.kube.kubeconfig import Context, find_context
from irkit.clients.kube.login import Login, is_loopback, log_in, without_values
from irkit.errors import ConfigError, CredentialsExpired, IrkitError, Unreachable
from irkit.model.kube import PODS
from irkit.model.refs import ClusterRef
from tests.support.kube_objects import patch_call, pod
from tests.support.wire import Authority, Heard, Say, say, status_object, stub, write_kubeconfig
from tests.unit.clients.conftest import CLUSTER, TOKEN, Start

EXPIRED = say(401, status_object(401, "Unauthorized", "Unauthorized"))
ARN = ClusterRef(id="arn:aws:eks:eu-central-1:111122223333:cluster/prod")


def plugin(folder: Path, body: str, **extra: Any) -> dict[str, Any]:
    """A user whose credentials come from a program; `body` is its Python."""
    path = folder / "plugin.py"
    path.write_text(body)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": sys.executable, "args": ["-S", str(path)], **extra}}


def credential(**status: Any) -> str:
    document = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(json.dumps(document))})"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_context_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", context="prod")

    with pytest.raises(ConfigError, match=r"no context it; .*contexts: prod"):
        connect(CLUSTER, path, "it", user_agent="t")


def test_the_current_context_is_never_used(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", context="prod")
    path.write_text(json.dumps({**json.loads(path.read_text()), "current-context": "prod"}))

    with pytest.raises(ConfigError, match="no context is named"):
        connect(ARN, path, None, user_agent="t")


def test_a_cluster_known_by_its_context_needs_no_other_name(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1")

    assert connect(CLUSTER, path, None, user_agent="t").cluster == CLUSTER


def test_no_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no kubeconfig"):
        connect(CLUSTER, tmp_path / "none", "it", user_agent="t")


def test_the_first_of_several_files_wins_and_paths_are_relative_to_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_kubeconfig(
            tmp_path / name / "config", f"https://{name}.example", {"tokenFile": "token"},
            certificate_authority="ca.crt",
        )  # fmt: skip
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{tmp_path / 'one' / 'config'}:{tmp_path / 'two' / 'config'}")

    found = find_context("it")

    assert found.cluster["server"] == "https://one.example"
    assert found.cluster["certificate-authority"] == str(tmp_path / "one" / "ca.crt")
    assert found.user["tokenFile"] == str(tmp_path / "one" / "token")


def test_the_home_folder_is_where_kubectl_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    write_kubeconfig(tmp_path / ".kube" / "config", "https://home.example")

    assert find_context("it").cluster["server"] == "https://home.example"


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: !!python/object/apply:os.system ['true']",
        "[]",
        "7",
        "contexts: {}",
        "contexts: [x]",
        "contexts: [{name: 1}]",
        "contexts: [{name: it}]",
        "contexts: [{name: it, context: {cluster: none}}]",
        "contexts: [{name: it, context: {cluster: c}}]\nclusters: [{name: c, cluster: []}]",
        "contexts: [{name: it, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://x'}}]",
        "contexts: [{name: it, context: {cluster: c}}]\nclusters: [{name: c, cluster: {certificate-authority: 5}}]",
        "[" * 3000,
        "\x00",
        "\udcff",
    ],
)
def test_a_file_that_is_no_kubeconfig_is_a_configuration_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(ConfigError):
        connect(CLUSTER, path, "it", user_agent="t")


@pytest.mark.parametrize("compiled", [True, False])
def test_a_parser_error_does_not_quote_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    if not compiled:  # PyYAML without libyaml quotes the line in its message
        monkeypatch.delattr(yaml, "CSafeLoader")
    path = tmp_path / "config"
    path.write_text(f"users:\n- user: {{token: {TOKEN}: x}}\n")

    with pytest.raises(ConfigError, match="line 2") as caught:
        find_context("it", path)

    assert TOKEN not in str(caught.value)


def test_a_file_that_may_not_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        find_context("it", tmp_path)


@pytest.mark.parametrize("server", ["", "ftp://x", "x", 7, None, "https://", "https://[::1", "https://x:99999"])
def test_a_server_that_is_no_address_is_refused(tmp_path: Path, server: Any) -> None:
    path = write_kubeconfig(tmp_path / "config", server)

    with pytest.raises(ConfigError, match="no http"):
        log_in(find_context("it", path))


def test_skipping_the_certificate_check_is_refused_unless_allowed(authority: Authority, tmp_path: Path) -> None:
    with stub([say(200, pod())], authority.server_context(tmp_path)) as server:
        path = write_kubeconfig(tmp_path / "config", server.url, {"token": TOKEN}, insecure_skip_tls_verify=True)
        kube = connect(CLUSTER, path, "it", user_agent="t")
        with pytest.raises(ConfigError, match="skips the check"):
            kube.reader.get(PODS, "web", "shop")
        assert server.connections == 0

        kube = connect(CLUSTER, path, "it", user_agent="t", allow_insecure=True)
        assert kube.reader.get(PODS, "web", "shop") is not None
        kube.close()


def test_credentials_do_not_leave_the_machine_without_tls(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", "http://api.example", {"token": TOKEN})

    with pytest.raises(ConfigError, match="without TLS"):
        log_in(find_context("it", path))
    assert log_in(find_context("it", path), allow_insecure=True).server == "http://api.example"


@pytest.mark.parametrize("as_data", [True, False])
def test_client_certificates_work_from_files_and_from_data(authority: Authority, tmp_path: Path, as_data: bool) -> None:
    pair = authority.issue("alice", client=True)
    for name, pem in (("ca.crt", authority.pem), ("me.crt", pair.certificate), ("me.key", pair.key)):
        (tmp_path / name).write_bytes(pem)
    user = {"client-certificate": "me.crt", "client-key": "me.key"}
    cluster = {"certificate-authority": "ca.crt"}
    if as_data:
        user = {f"{key}-data": b64((tmp_path / value).read_bytes()) for key, value in user.items()}
        cluster = {f"{key}-data": b64((tmp_path / value).read_bytes()) for key, value in cluster.items()}
    with stub([say(200, pod())], authority.server_context(tmp_path, clients=True)) as server:
        kube = connect(
            CLUSTER, write_kubeconfig(tmp_path / "config", server.url, user, **cluster), "it", user_agent="t"
        )

        assert kube.reader.get(PODS, "web", "shop") is not None

        assert "authorization" not in server.heard[0].headers
        kube.close()


def test_the_loaders_files_are_private_and_gone_after_the_login(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = authority.issue("alice", client=True)
    user = {"client-certificate-data": b64(pair.certificate), "client-key-data": b64(pair.key)}
    path = write_kubeconfig(
        tmp_path / "config", "https://127.0.0.1:1", user, certificate_authority_data=b64(authority.pem)
    )
    folders: list[tuple[Path, int]] = []
    real = tempfile.TemporaryDirectory

    class Watched(real):  # type: ignore[misc, valid-type] # only remembers its folder
        def __enter__(self) -> str:
            folder = super().__enter__()
            folders.append((Path(folder), stat.S_IMODE(Path(folder).stat().st_mode)))
            return str(folder)

        def __exit__(self, *args: object) -> None:
            assert any(b"PRIVATE KEY" in one.read_bytes() for one in folders[0][0].iterdir())  # they were there
            super().__exit__(*args)

    monkeypatch.setattr(tempfile, "TemporaryDirectory", Watched)
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)

    log_in(find_context("it", path))

    ((folder, mode),) = folders
    assert mode == 0o700
    assert not folder.exists()


def test_a_key_that_is_none_is_a_configuration_error_without_its_content(tmp_path: Path) -> None:
    user = {"client-certificate-data": b64(b"canary-cert"), "client-key-data": b64(b"canary-key")}
    path = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", user)

    with pytest.raises(ConfigError, match="cannot be used") as caught:
        log_in(find_context("it", path))

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("user", [{"token": TOKEN}, {"auth-provider": {"config": {"deep": [TOKEN]}}}])
def test_the_loaders_own_words_are_not_passed_on_if_they_repeat_a_value(user: dict[str, Any]) -> None:
    assert TOKEN not in without_values(f"bad value {TOKEN}", user, {})
    assert without_values("File does not exist: /x/ca.crt", user, {"certificate-authority": "/x/ca.crt"}).endswith(
        "ca.crt"
    )


def test_a_token_file_is_read_again_when_its_token_expired(tmp_path: Path, start: Start) -> None:
    token = tmp_path / "token"
    token.write_text("old")

    def told(heard: Heard) -> Say:
        if heard.headers["authorization"] == "Bearer old":
            token.write_text("new")
            return EXPIRED
        return say(200, pod())

    server, kube = start(told, {"tokenFile": str(token)})

    kube.perform(patch_call(), {}, 5)

    assert [one.headers["authorization"] for one in server.heard] == ["Bearer old", "Bearer new"]


def test_basic_authentication_is_what_the_official_loader_makes_of_it(start: Start) -> None:
    server, kube = start([say(200, pod())], {"username": "al", "password": "pw"})

    kube.reader.get(PODS, "web", "shop")

    assert server.heard[0].headers["authorization"] == f"Basic {b64(b'al:pw')}"


def test_a_plugin_gives_the_token(tmp_path: Path, start: Start) -> None:
    server, kube = start([say(200, pod())] * 2, plugin(tmp_path, credential(token="from-plugin")))

    for _ in range(2):
        kube.reader.get(PODS, "web", "shop")

    assert [one.headers["authorization"] for one in server.heard] == ["Bearer from-plugin"] * 2


COUNTING = """
import json, pathlib, os
with pathlib.Path(os.environ["COUNT"]).open("a") as count:
    count.write("+")
n = pathlib.Path(os.environ["COUNT"]).stat().st_size
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
  "status": {"token": "token-%d" % n, "expirationTimestamp": os.environ.get("EXPIRES", "")}}))
"""


def counting(tmp_path: Path, expires: str = "") -> dict[str, Any]:
    env = [{"name": "COUNT", "value": str(tmp_path / "count")}, {"name": "EXPIRES", "value": expires}]
    return plugin(tmp_path, COUNTING, env=env)


def test_a_write_refused_with_401_is_sent_again_with_new_credentials_once(tmp_path: Path, start: Start) -> None:
    server, kube = start([EXPIRED, say(200, pod())], counting(tmp_path))

    kube.perform(patch_call(), {}, 5)

    assert [one.headers["authorization"] for one in server.heard] == ["Bearer token-1", "Bearer token-2"]


def test_credentials_that_stay_refused_end_after_one_renewal(tmp_path: Path, start: Start) -> None:
    server, kube = start(lambda _: EXPIRED, counting(tmp_path))

    with pytest.raises(CredentialsExpired):
        kube.perform(patch_call(), {}, 5)

    assert len(server.heard) == 2


def test_a_token_is_renewed_before_it_expires(tmp_path: Path, start: Start) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
    server, kube = start([say(200, pod())] * 2, counting(tmp_path, soon))

    for _ in range(2):
        kube.reader.get(PODS, "web", "shop")

    assert [one.headers["authorization"] for one in server.heard] == ["Bearer token-1", "Bearer token-2"]


def test_many_threads_log_in_once(tmp_path: Path, start: Start) -> None:
    _, kube = start(lambda _: say(200, pod()), counting(tmp_path))
    threads = [threading.Thread(target=kube.reader.get, args=(PODS, "web", "shop")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (tmp_path / "count").read_text() == "+"


def test_a_plugin_may_give_a_certificate(authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("alice", client=True)
    user = plugin(
        tmp_path,
        credential(clientCertificateData=pair.certificate.decode(), clientKeyData=pair.key.decode()),
    )
    cluster = {"certificate-authority-data": b64(authority.pem)}
    with stub([say(200, pod())], authority.server_context(tmp_path, clients=True)) as server:
        kube = connect(
            CLUSTER, write_kubeconfig(tmp_path / "config", server.url, user, **cluster), "it", user_agent="t"
        )

        assert kube.reader.get(PODS, "web", "shop") is not None
        kube.close()


def test_a_plugin_is_told_what_it_asked_for(tmp_path: Path) -> None:
    body = f"""
import os, json, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
assert info["spec"]["interactive"] is False and sys.stdin.read() == ""
assert info["spec"]["cluster"]["server"] == "https://127.0.0.1:1"
{credential(token="t")}
"""
    path = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", plugin(tmp_path, body, provideClusterInfo=True))

    assert log_in(find_context("it", path)).authorization == "Bearer t"


def test_a_plugin_with_a_slash_is_relative_to_its_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "login"
    program.write_text(f"#!{sys.executable} -S\n{credential(token='relative')}\n")
    program.chmod(0o700)
    monkeypatch.chdir("/")
    user = plugin(tmp_path, "", args=[])
    user["exec"]["command"] = "./bin/login"
    path = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", user)

    assert log_in(find_context("it", path)).authorization == "Bearer relative"


def test_a_plugin_does_not_take_what_the_operator_types(tmp_path: Path) -> None:
    path = write_kubeconfig(
        tmp_path / "config",
        "https://127.0.0.1:1",
        plugin(tmp_path, f"import sys; assert not sys.stdin.read()\n{credential(token='t')}"),
    )
    reading, writing = os.pipe()
    os.write(writing, b"yes\n")
    os.close(writing)
    saved = os.dup(0)
    try:
        os.dup2(reading, 0)
        assert log_in(find_context("it", path)).authorization == "Bearer t"
        assert os.read(0, 10) == b"yes\n"
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(reading)


FAILING = {
    "fails": ("import sys; sys.stderr.write('Token has \\x1b[31mexpired'); sys.exit(3)", "status 3: Token has .x1b"),
    "says nothing": ("import sys; sys.exit(1)", "it said nothing"),
    "no JSON": (f"print('{TOKEN}')", "no ExecCredential"),
    "no status": ('print(\'{"kind": "ExecCredential"}\')', "a token, or a certificate"),
    "another kind": ('print(\'{"kind": "Pod"}\')', "ExecCredential"),
    "a list": ("print('[]')", "object"),
    "token is a number": (credential(token=5), "text"),
    "no key": (credential(clientCertificateData="x"), "a certificate and its key"),
    "bad expiry": (credential(token=TOKEN, expirationTimestamp="soon"), "no ExecCredential"),
}


@pytest.mark.parametrize(("body", "said"), FAILING.values(), ids=FAILING.keys())
def test_a_failing_plugin_is_expired_credentials_with_its_own_words(tmp_path: Path, body: str, said: str) -> None:
    path = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", plugin(tmp_path, body))

    with pytest.raises(CredentialsExpired, match=said) as caught:
        log_in(find_context("it", path))

    assert TOKEN not in f"{caught.value} {caught.value.hint}"
    assert str(caught.value).isprintable()


def test_a_plugin_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irkit.clients.kube.plugin.SECONDS", 0.2)
    path = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", plugin(tmp_path, "import time; time.sleep(60)"))

    with pytest.raises(CredentialsExpired, match="within"):
        log_in(find_context("it", path))


@pytest.mark.parametrize(
    "changes",
    [
        {"command": "/no/such/plugin"}, {"command": "no-such-plugin-anywhere"}, {"command": 5}, {"args": "x"},
        {"apiVersion": "client.authentication.k8s.io/v1alpha1"}, {"env": [{}]}, {"command": "a\0b"},
    ],
)  # fmt: skip
def test_a_plugin_entry_that_cannot_be_run_is_a_configuration_error(tmp_path: Path, changes: dict[str, Any]) -> None:
    user = plugin(tmp_path, credential(token="t"))
    user["exec"] |= changes
    path = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", user)

    with pytest.raises(ConfigError):
        log_in(find_context("it", path))


def test_a_failed_login_neither_logs_nor_prints(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    body = f"import sys; sys.stderr.write('x'); print('{TOKEN}'); sys.exit(3)"
    path = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", plugin(tmp_path, body))

    with caplog.at_level(logging.DEBUG), pytest.raises(CredentialsExpired):
        log_in(find_context("it", path))

    assert TOKEN not in caplog.text
    assert capfd.readouterr() == ("", "")


def test_nothing_shows_the_credentials(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", "https://u:pw@127.0.0.1:1", {"token": TOKEN})
    found = find_context("it", path)
    login = log_in(found)

    assert TOKEN in login.authorization  # the control: it is there
    assert TOKEN not in repr(login)
    assert TOKEN not in repr(found)
    assert TOKEN not in repr(connect(CLUSTER, path, "it", user_agent="t"))
    assert login.address == "127.0.0.1:1"


def test_a_proxy_of_the_environment_is_used_but_never_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", ".inside.example")
    monkeypatch.delenv("NO_PROXY", raising=False)

    def proxy_of(server: str) -> str:
        return log_in(find_context("it", write_kubeconfig(tmp_path / "config", server))).proxy

    assert proxy_of("https://api.example") == "http://proxy.example:3128"
    assert proxy_of("https://api.inside.example") == ""
    assert proxy_of("https://127.0.0.1:6443") == ""
    assert proxy_of("https://localhost:6443") == ""


def test_a_proxy_that_cannot_be_spoken_to_is_refused(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", "https://api.example", proxy_url="socks5://127.0.0.1:1")

    with pytest.raises(ConfigError, match="neither http nor https"):
        log_in(find_context("it", path))


def test_a_refusing_proxy_is_unreachable_and_a_write_was_not_sent(tmp_path: Path) -> None:
    with stub(lambda _: say(403, b"no")) as proxy:
        path = write_kubeconfig(
            tmp_path / "config", "https://api.example", {"token": TOKEN}, **{"proxy-url": proxy.url}
        )
        kube = connect(CLUSTER, path, "it", user_agent="t")

        with pytest.raises(Unreachable):
            kube.perform(patch_call(), {}, 5)

        (heard,) = proxy.heard
        assert (heard.method, heard.target) == ("CONNECT", "api.example:443")
        assert TOKEN not in str(heard)
        kube.close()


def test_loopback_is_told_from_names_that_look_like_it() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8")] == [True] * 4
    assert [is_loopback(host) for host in ("localhost.evil.example", "10.0.0.1", "127.0.0.1.nip.io", "")] == [False] * 4


def test_connecting_runs_nothing_and_sends_nothing(tmp_path: Path) -> None:
    with stub([]) as server:
        client = connect(
            CLUSTER, write_kubeconfig(tmp_path / "config", server.url, counting(tmp_path)), "it", user_agent="t"
        )

        assert isinstance(client, KubeClient)
        assert server.connections == 0
        assert not (tmp_path / "count").exists()


def test_a_token_about_to_expire_is_stale() -> None:
    now = datetime.now(UTC)

    assert Login("https://x", expires=now + timedelta(seconds=30)).stale(now)
    assert not Login("https://x", expires=now + timedelta(seconds=90)).stale(now)
    assert not Login("https://x").stale(now)


_VALUES: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.lists(st.text(max_size=5), max_size=2)
    | st.just({})
)


@given(
    user=st.dictionaries(
        st.sampled_from([
            "token", "tokenFile", "client-certificate", "client-certificate-data", "client-key-data", "username",
            "password", "exec", "auth-provider",
        ]), _VALUES, max_size=4,
    ),
    cluster=st.dictionaries(
        st.sampled_from([
            "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url",
            "insecure-skip-tls-verify",
        ]), _VALUES, max_size=3,
    ),
)  # fmt: skip
def test_whatever_a_kubeconfig_holds_only_our_own_errors_come_out(
    user: dict[str, Any], cluster: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_kubeconfig(Path(folder) / "config", "https://127.0.0.1:1", user, **cluster)
        try:
            login = log_in(find_context("it", path))
        except IrkitError:
            return
        assert login.server == "https://127.0.0.1:1"


@pytest.fixture
def plain_context() -> Context:
    ca = base64.b64encode(Authority().pem).decode()
    cluster = {"server": "https://127.0.0.1:6443/", "certificate-authority-data": ca}
    return Context(name="plain", source=Path("kubeconfig"), cluster=cluster, user={"token": TOKEN})


def test_the_plainest_context_is_read_alike_with_and_without_the_official_loader(plain_context: Context) -> None:
    user = dict(plain_context.user)
    short, official = login._plain(plain_context, user), login._official(plain_context, user, allow_insecure=False)
    assert short is not None
    assert short.tls is not None
    assert official.tls is not None
    assert short.tls.get_ca_certs() == official.tls.get_ca_certs()
    assert replace(short, tls=None) == replace(official, tls=None)


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({"tls-server-name": "other"}, {}), ({"insecure-skip-tls-verify": True}, {}), ({"proxy-url": "http://p"}, {}),
        ({}, {"tokenFile": "t"}), ({}, {"username": "u", "password": "p"}), ({}, {"token": "two\nlines"}),
        ({}, {"client-certificate-data": "YQ=="}), ({"certificate-authority-data": "no base64!"}, {}),
    ],
)  # fmt: skip
def test_any_other_context_is_the_official_loaders(
    plain_context: Context, cluster: dict[str, Any], user: dict[str, Any]
) -> None:
    other = replace(plain_context, cluster={**plain_context.cluster, **cluster})
    assert login._plain(other, {**plain_context.user, **user}) is None
