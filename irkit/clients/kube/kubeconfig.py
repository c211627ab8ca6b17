"""Which cluster and which user: reading kubeconfig files and picking one context, by name.

Merging follows kubectl: of several files the first that defines a name wins, and relative paths are relative to
the file they stand in. The current context is never used: what irkit acts on is always named.
Source: Kubernetes documentation, "Organizing Cluster Access Using kubeconfig Files".
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from irkit.errors import ConfigError, Malformed
from irkit.model.doc import Doc

_PATHS = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Context:
    """One context, its cluster and its user, with absolute paths. Not in the repr: keys and tokens."""

    name: str
    source: Path
    cluster: dict[str, Any] = field(repr=False)
    user: dict[str, Any] = field(repr=False)


def default_paths() -> tuple[Path, ...]:
    """The files of $KUBECONFIG, or ~/.kube/config."""
    named = tuple(Path(part).expanduser() for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part)
    return named or (Path("~/.kube/config").expanduser(),)


def find_context(name: str, kubeconfig: Path | None = None) -> Context:
    """The context of this name.

    Raises:
        ConfigError: no such file, not a kubeconfig, or no such context; lists those that are there.
    """
    wanted = default_paths() if kubeconfig is None else (kubeconfig.expanduser(),)
    paths = [path for path in wanted if path.exists()]
    where = ", ".join(str(path) for path in wanted)
    if not paths:
        msg = f"no kubeconfig at {where}"
        raise ConfigError(msg, did="nothing was run", hint="set kubeconfig in irkit.yaml, or KUBECONFIG")
    found: dict[str, dict[str, tuple[Path, Doc]]] = {"contexts": {}, "clusters": {}, "users": {}}
    for path in paths:
        doc = Doc(_load(path), str(path))
        try:
            for section, names in found.items():
                for entry in doc.each(section):
                    names.setdefault(entry.text("name"), (path, entry))
        except Malformed as error:
            raise ConfigError(str(error), did="nothing was run") from error
    if name not in found["contexts"]:
        present = ", ".join(sorted(found["contexts"])) or "none"
        what = f"the kubeconfig has no context {name}" if name else "no context is named for this cluster"
        msg = f"{what}; the kubeconfig's contexts: {present}"
        raise ConfigError(msg, did="nothing was run", hint=f"name one of them in irkit.yaml; looked in {where}")
    return _resolved(name, found)


def _resolved(name: str, found: dict[str, dict[str, tuple[Path, Doc]]]) -> Context:
    path, entry = found["contexts"][name]
    try:
        cluster = _part(found, "cluster", entry.text("context", "cluster"), name)
        user_name = entry.text("context", "user", default="")
        user = _part(found, "user", user_name, name) if user_name else {}
    except Malformed as error:
        raise ConfigError(str(error), did="nothing was run") from error
    return Context(name, path, cluster, user)


def _part(found: dict[str, dict[str, tuple[Path, Doc]]], kind: str, name: str, context: str) -> dict[str, Any]:
    if name not in found[f"{kind}s"]:
        msg = f"context {context} names {kind} {name}, which the kubeconfig does not have"
        raise ConfigError(msg, did="nothing was run")
    path, entry = found[f"{kind}s"][name]
    part = dict(entry.part(kind).raw)
    for key in _PATHS[kind]:
        if part.get(key):
            part[key] = str(path.resolve().parent / entry.text(kind, key))
    if kind == "user" and "exec" in part:
        command = entry.text(kind, "exec", "command")
        if os.sep in command:  # as kubectl: a bare name is looked up in PATH, any other is relative to the file
            part["exec"] = {**part["exec"], "command": str(path.resolve().parent / command)}
    return part


def _load(path: Path) -> Any:  # noqa: ANN401 -- YAML of any shape; `Doc` reads it
    import yaml  # noqa: PLC0415 -- start-up time

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            msg = f"{path} is larger than {_MAX_BYTES} bytes: no kubeconfig"
            raise ConfigError(msg, did="nothing was run")
        return yaml.load(data, loader)  # noqa: S506 -- both loaders are the safe one
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ConfigError(msg, did="nothing was run") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # The parser's own message quotes the line, which may hold a token.
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        msg = f"{path} is not YAML{where}"
        raise ConfigError(msg, did="nothing was run") from None
