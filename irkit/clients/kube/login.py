"""A context becomes an address, TLS settings and an Authorization header.

The official client's loader reads it, but for the plainest form: https, the cluster's CA, a bearer token. EKS contexts
come down to that once their plugin ran, and the loader's imports would be a fifth of a plan's time.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import logging
import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from irkit.clients.kube.kubeconfig import Context
from irkit.clients.kube.plugin import ExecCredential, run_plugin
from irkit.clients.kube.text import clean
from irkit.errors import ConfigError

_TOKEN = re.compile(r"[!-~]{1,65536}")
_EARLY = timedelta(seconds=60)
"""A token is renewed so long before it expires: a request must not outlive it."""
_MEMORY = Path("/dev/shm")  # noqa: S108 -- memory, not disk; what is made there is a private folder


@dataclass(frozen=True, slots=True)
class Login:
    """How to reach a cluster, and as whom. Nothing secret is in the repr.

    `tls_id` is the digest of what the TLS context was made of: another digest needs another pool.
    """

    server: str
    proxy: str = field(default="", repr=False)  # may carry a password
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    tls_id: str = ""
    server_name: str = ""
    insecure: bool = False
    authorization: str = field(default="", repr=False)
    expires: datetime | None = None

    @property
    def address(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.server).netloc.rpartition("@")[2]

    @property
    def server_path(self) -> str:
        """The path that the API is served below; "" for most."""
        return urlsplit(self.server).path.rstrip("/")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be repeated in a message: the header's value and the token in it."""
        return tuple(part for part in (self.authorization, self.authorization.partition(" ")[2]) if len(part) > 3)  # noqa: PLR2004 -- shorter is no credential, and would blank words

    def stale(self, now: datetime) -> bool:
        """Whether it is about to expire."""
        return self.expires is not None and now >= self.expires - _EARLY


def log_in(context: Context, *, allow_insecure: bool = False) -> Login:
    """Run what the context asks for and build the TLS settings.

    Raises:
        ConfigError: the context cannot be used, or is less safe than the configuration allows.
        CredentialsExpired: its credential plugin gave none.
    """
    _check_address(context, allow_insecure=allow_insecure)
    user, expires = dict(context.user), None
    if "exec" in user and not (user.get("token") or user.get("tokenFile")):
        credential = run_plugin(user.pop("exec"), context.cluster, context.source)
        user |= _as_user(credential)
        expires = credential.expires
    login = _plain(context, user) or _official(context, user, allow_insecure=allow_insecure)
    return replace(login, expires=expires)


def _plain(context: Context, user: dict[str, Any]) -> Login | None:
    """The login of a context that has a server, CA data and a token, and nothing else; None for any other."""
    server, token = str(context.cluster["server"]).rstrip("/"), user.get("token")
    data = context.cluster.get("certificate-authority-data")
    simple = set(context.cluster) == {"server", "certificate-authority-data"} and set(user) == {"token"}
    text = isinstance(data, str) and isinstance(token, str) and _TOKEN.fullmatch(token) is not None
    proxied = any(name.lower().endswith("_proxy") for name in os.environ) and not is_loopback(_host(server))
    if not simple or not text or proxied or not server.startswith("https://"):
        return None
    try:
        ca = base64.b64decode(str(data), validate=True).decode("ascii")
    except ValueError:
        return None  # the loader says what is wrong with it
    tls, tls_id = _tls(context, ca)
    return Login(server=server, tls=tls, tls_id=tls_id, authorization=f"Bearer {token}")


def _host(server: str) -> str:
    return urlsplit(server).hostname or ""


def _as_user(credential: ExecCredential) -> dict[str, str]:
    user: dict[str, str] = {}
    if credential.token:
        user["token"] = credential.token
    if credential.certificate:
        user["client-certificate-data"] = base64.b64encode(credential.certificate.encode()).decode()
        user["client-key-data"] = base64.b64encode(credential.key.encode()).decode()
    return user


def _check_address(context: Context, *, allow_insecure: bool) -> None:
    server = context.cluster.get("server")
    try:
        parts = urlsplit(server) if isinstance(server, str) else None
        usable = parts is not None and parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts is None:
        msg = f"context {context.name}: its cluster's server is no http(s) address"
        raise ConfigError(msg, did="nothing was run")
    if parts.scheme == "http" and not is_loopback(parts.hostname or "") and not allow_insecure:
        msg = f"context {context.name} would send credentials to {parts.hostname} without TLS"
        raise ConfigError(msg, did="nothing was sent", hint="use an https address")
    if context.cluster.get("insecure-skip-tls-verify") and not allow_insecure:
        msg = f"context {context.name} skips the check of the server's certificate"
        raise ConfigError(
            msg, did="nothing was sent", hint="give the cluster's CA, or allow it for this cluster in irkit.yaml"
        )


def is_loopback(host: str) -> bool:
    """Whether traffic to this host stays on the machine. Such traffic is never sent to a proxy."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _official(context: Context, user: dict[str, Any], *, allow_insecure: bool) -> Login:
    """Let the official loader read cluster and user.

    It writes certificates and keys to files. They go into a private folder, in memory where there is one, which
    is gone before this returns: the loader's own clean-up runs at exit, and a killed process has none.
    """
    from kubernetes.client import Configuration  # noqa: PLC0415 -- 0.2 s of imports
    from kubernetes.config.config_exception import ConfigException  # noqa: PLC0415 -- as above
    from kubernetes.config.kube_config import load_kube_config_from_dict  # noqa: PLC0415 -- as above

    document = {
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": dict(context.cluster)}],
        "users": [{"name": "it", "user": user}],
    }
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="irkit-", dir=memory) as folder:
        settings = Configuration()
        logging.getLogger("oauthlib").setLevel(logging.CRITICAL)  # it logs tokens
        try:
            load_kube_config_from_dict(  # type: ignore[no-untyped-call] # the SDK has no types here
                document, context="it", client_configuration=settings, persist_config=False, temp_file_path=folder
            )
        except ConfigException as error:
            why = without_values(str(error), user, context.cluster)
            msg = f"context {context.name} cannot be used: {why}"
            raise ConfigError(msg, did="nothing was run") from None
        except Exception as error:  # noqa: BLE001 -- the loader checks no types: anything may come out of it
            msg = f"context {context.name} cannot be used: {type(error).__name__} while reading its cluster and user"
            raise ConfigError(msg, did="nothing was run") from None
        tls, tls_id = _official_tls(context, settings) if settings.host.startswith("https") else (None, "")
    return Login(
        server=settings.host,
        proxy=_proxy(settings),
        tls=tls,
        tls_id=tls_id,
        server_name=settings.tls_server_name or "",
        insecure=allow_insecure and not settings.verify_ssl,
        authorization=settings.api_key.get("BearerToken", ""),
    )


def without_values(message: str, *parts: dict[str, Any]) -> str:
    """The loader's message, unless it repeats a value that may be secret."""
    shown = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
    hidden = _texts([value for part in parts for key, value in part.items() if key not in shown])
    if any(len(text) > 3 and text in message for text in hidden):  # noqa: PLR2004 -- shorter ones are no secrets
        return "its cluster or user entry is not what the loader expects"
    return clean(message, 300)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _official_tls(context: Context, settings: Any) -> tuple[ssl.SSLContext, str]:  # noqa: ANN401 -- the SDK's class is untyped
    try:
        ca = Path(settings.ssl_ca_cert).read_text(encoding="ascii") if settings.ssl_ca_cert else ""
    except (OSError, ValueError) as error:
        raise _unusable(context, error) from None
    tls, tls_id = _tls(context, ca, settings.cert_file or "", settings.key_file or "")
    if not settings.verify_ssl:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls, tls_id


def _tls(context: Context, ca: str, cert_file: str = "", key_file: str = "") -> tuple[ssl.SSLContext, str]:
    used = hashlib.sha256()
    try:
        if ca:
            used.update(ca.encode())
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts this CA alone
            tls.load_verify_locations(cadata=ca)
        else:
            tls = ssl.create_default_context()
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        # Go's TLS, hence kubectl, accepts cluster CAs without an Authority Key Identifier; Python >= 3.13 would not.
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if cert_file:
            tls.load_cert_chain(cert_file, key_file or None)
            used.update(Path(cert_file).read_bytes())
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise _unusable(context, error) from None
    return tls, used.hexdigest()


def _unusable(context: Context, error: Exception) -> ConfigError:
    msg = f"context {context.name}: its CA, certificate or key cannot be used ({type(error).__name__})"
    return ConfigError(msg, did="nothing was run")


def _proxy(settings: Any) -> str:  # noqa: ANN401 -- the SDK's class is untyped
    proxy = settings.proxy or ""
    host = urlsplit(settings.host).hostname or ""
    if not proxy or is_loopback(host):
        return ""
    from kubernetes.client.rest import should_bypass_proxies  # noqa: PLC0415 -- start-up time

    if should_bypass_proxies(settings.host, settings.no_proxy or ""):
        return ""
    if urlsplit(proxy).scheme not in {"http", "https"}:
        msg = f"the proxy for {host} is neither http nor https"
        raise ConfigError(msg, did="nothing was run")
    return str(proxy)


def utc_now() -> datetime:
    """The wall clock: expiry times of tokens are in it."""
    return datetime.now(UTC)
