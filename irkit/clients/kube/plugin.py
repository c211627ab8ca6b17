"""Exec credential plugins, such as `aws eks get-token`.

The official client's ExecProvider waits without limit, lets the plugin draw on the terminal, and its loader
reports a failure to the root logger only; an on-call must see what failed, and soon. So the plugin runs here and
the loader is given what it returned.
Protocol: Kubernetes documentation, "Authenticating: client-go credential plugins" (client.authentication.k8s.io).
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from irkit.clients.kube.text import clean
from irkit.errors import ConfigError, CredentialsExpired, Malformed
from irkit.model.doc import Doc

SECONDS = 30.0
_API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


@dataclass(frozen=True, slots=True)
class ExecCredential:
    """What a plugin returned: a token, or a certificate and key (PEM). `expires` may be None."""

    token: str = field(repr=False)
    certificate: str = field(repr=False)
    key: str = field(repr=False)
    expires: datetime | None


def run_plugin(settings: Any, cluster: dict[str, Any], source: Path) -> ExecCredential:  # noqa: ANN401 -- from YAML
    """Run the plugin that a user entry's `exec` describes.

    Its standard error is shown on failure, its output never: that holds the credential.

    Raises:
        ConfigError: the entry is malformed, or the command does not exist.
        CredentialsExpired: the plugin failed, was too slow, or returned no credential.
    """
    try:
        command, environment = _command(Doc(settings, str(source), "exec"), cluster)
    except Malformed as error:
        raise ConfigError(str(error), did="nothing was run") from error
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        msg = f"the credential plugin {name} gave nothing within {SECONDS:.0f} s"
        raise CredentialsExpired(msg, verb="login", hint=_hint(command)) from error
    except (OSError, ValueError) as error:
        hint = settings.get("installHint") if isinstance(settings, dict) else None
        msg = f"the credential plugin {name} cannot be run: {getattr(error, 'strerror', None) or 'bad argument'}"
        raise ConfigError(msg, did="nothing was run", hint=clean(hint, 200) if isinstance(hint, str) else "") from error
    if done.returncode != 0:
        said = clean(done.stderr.decode(errors="replace").strip(), 500)
        msg = f"the credential plugin {name} failed with status {done.returncode}: {said or 'it said nothing'}"
        raise CredentialsExpired(msg, verb="login", hint=_hint(command))
    try:
        return _parse(done.stdout, name)
    except (Malformed, ValueError) as error:
        why = str(error) if isinstance(error, Malformed) else "its output is no ExecCredential"
        msg = f"the credential plugin {name} returned no usable credential: {why}"
        raise CredentialsExpired(msg, verb="login", hint=_hint(command)) from None


def _command(settings: Doc, cluster: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    version = settings.text("apiVersion")
    if version not in _API_VERSIONS:
        raise Malformed(settings.what, "exec.apiVersion", " or ".join(_API_VERSIONS), "another version")
    info: dict[str, Any] = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    if settings.flag("provideClusterInfo", default=False):
        known = ("server", "tls-server-name", "certificate-authority-data", "proxy-url")
        info["spec"]["cluster"] = {key: cluster[key] for key in known if key in cluster}
    environment = dict(os.environ)
    for entry in settings.each("env"):
        environment[entry.text("name")] = entry.text("value", default="")
    environment["KUBERNETES_EXEC_INFO"] = orjson.dumps(info).decode()
    return [settings.text("command"), *settings.texts("args")], environment


def _parse(output: bytes, name: str) -> ExecCredential:
    doc = Doc(orjson.loads(output), name)
    if doc.text("kind") != "ExecCredential":
        raise Malformed(name, "kind", "ExecCredential", "another kind")
    status = doc.part("status")
    token = status.text("token", default="")
    certificate = status.text("clientCertificateData", default="")
    key = status.text("clientKeyData", default="")
    if not token and not (certificate and key):
        raise Malformed(name, "status", "a token, or a certificate and its key", "neither")
    text = status.text("expirationTimestamp", default="")
    expires = datetime.fromisoformat(text) if text else None
    if expires is not None and expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    return ExecCredential(token, certificate, key, expires)


def _hint(command: list[str]) -> str:
    return "aws sso login" if Path(command[0]).name == "aws" else f"run {Path(command[0]).name} yourself to see why"
