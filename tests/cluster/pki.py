"""Certificates, tokens and kubeconfigs. All keys are made here and stay in the state folder."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import secrets
from collections.abc import Sequence
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.cluster.layout import API_ADDRESS, API_PORT, SERVICE_IP, USERS, Layout, Node

COMPONENTS = {  # the user that each one is to RBAC
    "kube-controller-manager": "system:kube-controller-manager",
    "kube-scheduler": "system:kube-scheduler",
    "kube-proxy": "system:kube-proxy",
    "netpol": "irkit:netpol",
}
SERVER = f"https://{API_ADDRESS}:{API_PORT}"


def write_all(layout: Layout, nodes: Sequence[Node]) -> None:
    """Write what is missing. What is there stays: a cluster that goes on must be the one that its clients know."""
    layout.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = _Authority(layout.pki)
    if not (layout.pki / "sa.key").exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (layout.pki / "sa.pub").write_bytes(public)
        _write_key(layout.pki / "sa.key", key)
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"]
    authority.issue("apiserver", "kube-apiserver", names=names, addresses=[API_ADDRESS, SERVICE_IP, "127.0.0.1"])
    authority.issue("apiserver-kubelet", "irkit-apiserver-kubelet", group="system:masters")
    for component, user in COMPONENTS.items():
        authority.issue(component, user)
        _component_kubeconfig(layout, component)
    for node in nodes:
        user = f"system:node:{node.name}"
        authority.issue(node.name, user, group="system:nodes", names=[node.name], addresses=[node.address])
        _component_kubeconfig(layout, node.name)
    if not (layout.pki / "tokens.csv").exists():
        lines = [f"{secrets.token_hex(16)},{user},uid-{user},{group}\n" for user, group in USERS.items()]
        _write_secret(layout.pki / "tokens.csv", "".join(lines).encode())
    _user_kubeconfig(layout)


def tokens(layout: Layout) -> dict[str, str]:
    """The token of each user."""
    rows = [line.split(",") for line in (layout.pki / "tokens.csv").read_text().splitlines()]
    return {user: token for token, user, *_ in rows}


class _Authority:
    """The cluster's own certificate authority."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not (folder / "ca.crt").exists():
            self._key = ec.generate_private_key(ec.SECP256R1())
            name = _name("irkit-cluster", None)
            made = _builder(name, name, self._key).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            _write_key(folder / "ca.key", self._key)
            (folder / "ca.crt").write_bytes(
                made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
            )
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        self._name = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes()).subject

    def issue(
        self,
        file: str,
        user: str,
        *,
        group: str | None = None,
        names: Sequence[str] = (),
        addresses: Sequence[str] = (),
    ) -> None:
        """A certificate for server and client, unless it is there."""
        if (self._folder / f"{file}.crt").exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        made = _builder(_name(user, group), self._name, key).add_extension(usage, critical=False)
        if names or addresses:
            known: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
            known += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
            made = made.add_extension(x509.SubjectAlternativeName(known), critical=False)
        _write_key(self._folder / f"{file}.key", key)
        signed = made.sign(self._key, hashes.SHA256())
        (self._folder / f"{file}.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _name(user: str, group: str | None) -> x509.Name:
    """User and group as the API server reads them: common name and organisation."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
    if group is not None:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(parts)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365))
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    _write_secret(path, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _component_kubeconfig(layout: Layout, name: str) -> None:
    files = {"client-certificate": str(layout.pki / f"{name}.crt"), "client-key": str(layout.pki / f"{name}.key")}
    cluster = {"server": SERVER, "certificate-authority": str(layout.pki / "ca.crt")}
    document = _document(cluster, {name: files}, {"irkit": name})
    _write_secret(Path(layout.component(name)), document)


def _user_kubeconfig(layout: Layout) -> None:
    """One file for people and tests: context `irkit` is the admin, `irkit-USER` each other user."""
    data = base64.b64encode((layout.pki / "ca.crt").read_bytes()).decode()
    users = {f"irkit-{user}": {"token": token} for user, token in tokens(layout).items()}
    contexts = {"irkit": "irkit-admin"} | {name: name for name in users if name != "irkit-admin"}
    document = _document({"server": SERVER, "certificate-authority-data": data}, users, contexts)
    beside = layout.kubeconfig.with_suffix(".new")
    _write_secret(beside, document)
    beside.replace(layout.kubeconfig)


def _document(cluster: dict[str, str], users: dict[str, dict[str, str]], contexts: dict[str, str]) -> bytes:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "irkit",
        "clusters": [{"name": "irkit", "cluster": cluster}],
        "users": [{"name": name, "user": user} for name, user in users.items()],
        "contexts": [{"name": name, "context": {"cluster": "irkit", "user": user}} for name, user in contexts.items()],
    }
    return yaml.safe_dump(document, sort_keys=False).encode()
