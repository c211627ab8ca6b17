"""irkit.yaml, IRKIT_* and flags: the settings in effect, and where each one came from.

Found upward from the working directory, then in the user's configuration folder; IRKIT_CONFIG or --config
name one. IRKIT_STATE and IRKIT_OPERATOR override the file, flags override both.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irkit.app.settings_file import read_settings
from irkit.errors import ConfigError, Refused, UsageError

if TYPE_CHECKING:
    from irkit.app.runs import App
    from irkit.clients.kube.budget import Budget
    from irkit.model.ports import Kube
    from irkit.model.refs import ClusterRef

FILE = "irkit.yaml"
PROTECTED = ("kube-node-lease", "kube-public", "kube-system")
MAX_TARGETS = 10


_CONTEXT = "context:"
"""How the id of a cluster begins that only a kubeconfig names."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """How a cluster is reached. `uid` pins what it really is: the uid of its kube-system namespace.

    `connections` and `requests_per_second` are all that it is asked at a time; 0 is irkit's default, and no limit.
    """

    id: str
    kubeconfig: str = ""  # "" is the default: KUBECONFIG, then ~/.kube/config
    context: str = ""
    uid: str = ""
    connections: int = 0
    requests_per_second: int = 0


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says. Empty means that it says nothing."""

    config: str = ""
    state: str = ""
    operator: str = ""
    context: str = ""
    cluster: str = ""
    max_targets: int | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in effect. `origins` says of each key where its value came from."""

    state: Path
    operator: str
    lab: bool = False
    clusters: tuple[Cluster, ...] = ()
    protected_namespaces: tuple[str, ...] = PROTECTED
    protected_nodes: tuple[str, ...] = ()
    max_targets: int = MAX_TARGETS
    routes: Path | None = None
    inputs: Mapping[str, str | int | bool] = field(default_factory=dict)  # for playbooks that declare them
    file: Path | None = None
    chosen: str = ""  # id of the cluster that flags name, or of the only one
    explicit: bool = False  # flags name it
    beside: tuple[tuple[str, str], ...] = ()  # further clusters that flags name, and what is meant there, as typed
    origins: Mapping[str, str] = field(default_factory=dict)

    def cluster(self, cluster_id: str) -> Cluster:
        """How this cluster is reached.

        Raises Refused where nothing names it, or flags name another: irkit never falls back.
        """
        for one in self.clusters:
            named = self.chosen == cluster_id or cluster_id in dict(self.beside)
            if one.id == cluster_id and (named or not self.explicit):
                return one
        if self.chosen:
            via = next(one for one in self.clusters if one.id == self.chosen)
            name = f'context "{via.context}" is {via.id}' if via.context else f"the chosen cluster is {via.id}"
            if via.id == f"context:{via.context}":
                name = f'nothing says which cluster context "{via.context}" is'
            msg = f"{name}, this is about {cluster_id}"
            # A case knows its own cluster again by the uid. A finding does not: no name is put into anybody's mouth.
            typed = via.context if cluster_id.startswith(_CONTEXT) and via.context else "NAME"
            hint = f"where a context leads to it: --cluster {cluster_id} --context {typed}, or say so in {FILE}"
            raise Refused(msg, hint=hint)
        msg = f"no configuration names the cluster {cluster_id}"
        own = cluster_id.removeprefix(_CONTEXT)
        flags = f"--context {own}" if own != cluster_id else f"--cluster {cluster_id} --context NAME"
        raise Refused(msg, hint=f"the same command with {flags}, or add it to {FILE}")

    def pick(self) -> Cluster:
        """The cluster that a command without a finding is about. Raises UsageError where that is not clear."""
        if self.chosen:
            return self.cluster(self.chosen)
        if not self.clusters:
            msg = "no cluster is named"
            raise UsageError(msg, did="nothing was changed", hint=f"say --context NAME, or name clusters in {FILE}")
        names = ", ".join(one.id for one in self.clusters)
        msg = f"{len(self.clusters)} clusters are configured: {names}"
        raise UsageError(msg, did="nothing was changed", hint="say which one: --cluster ARN or NAME")


def load_settings(flags: Flags, env: Mapping[str, str], folder: Path) -> Settings:
    """The settings in effect for this command line, environment and working directory.

    Raises ConfigError with the file and the key; UsageError for flags that fit nothing.
    """
    path, found_by = find_file(flags, env, folder)
    values = read_settings(path) if path else {}
    base = path.parent if path else folder
    origins: dict[str, str] = {"file": found_by}
    state = _state(values, flags, env, base, folder, origins)
    operator = _operator(values, flags, env, origins)
    clusters = tuple(_cluster(one, base) for one in values.get("clusters", ()))
    ids = [one.id for one in clusters]
    if len(set(ids)) != len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        msg = f"{path}: clusters: {twice} is named twice"
        raise ConfigError(msg, did="nothing was changed", hint="keep one of them")
    clusters, chosen = _chosen(clusters, flags, origins)
    clusters, beside = _beside(clusters, flags, chosen)
    protected = values.get("protected", {})
    limits = values.get("limits", {})
    for key in ("lab", "routes"):
        origins[key] = FILE if key in values else "default"
    origins.setdefault("clusters", FILE if "clusters" in values else "default")
    origins["protected.namespaces"] = FILE if "namespaces" in protected else "default"
    origins["protected.nodes"] = FILE if "nodes" in protected else "default"
    origins["inputs"] = FILE if "inputs" in values else "default"
    most = limits.get("max_targets", MAX_TARGETS)
    origins["limits.max_targets"] = FILE if "max_targets" in limits else "default"
    if flags.max_targets is not None:
        most, origins["limits.max_targets"] = flags.max_targets, "--max-targets"
    return Settings(
        state=state, operator=operator, lab=bool(values.get("lab", False)), clusters=clusters,
        protected_namespaces=tuple(sorted(protected.get("namespaces", PROTECTED))),
        protected_nodes=tuple(sorted(protected.get("nodes", ()))), max_targets=most,
        routes=base / Path(values["routes"]).expanduser() if "routes" in values else None,
        inputs=values.get("inputs", {}), file=path, chosen=chosen, explicit=bool(flags.cluster or flags.context),
        beside=beside, origins=origins,
    )  # fmt: skip


def state_folder(flags: Flags, env: Mapping[str, str], folder: Path) -> Path:
    """The state folder alone, without what the other settings cost to read. Raises ConfigError."""
    path, _ = find_file(flags, env, folder)
    return _state(read_settings(path) if path else {}, flags, env, path.parent if path else folder, folder, {})


def find_file(flags: Flags, env: Mapping[str, str], folder: Path) -> tuple[Path | None, str]:
    """The configuration file and how it was found. Raises ConfigError where a named one is not there."""
    for named, how in ((flags.config, "--config"), (env.get("IRKIT_CONFIG", ""), "IRKIT_CONFIG")):
        if named:
            path = (folder / Path(named).expanduser()).absolute()
            if not path.is_file():
                msg = f"{how} names {path}, which is no file"
                raise ConfigError(msg, did="nothing was changed", hint="is the lab still up? irkit lab status")
            return path, how
    for parent in (folder, *folder.parents):
        path = parent / FILE
        if path.is_file():
            _trusted(path)
            return path, f"found upward from {folder}"
    home = env.get("XDG_CONFIG_HOME") or str(Path(env.get("HOME") or "~").expanduser() / ".config")
    path = Path(home) / "irkit" / FILE
    return (path, "the user's configuration folder") if path.is_file() else (None, "no file")


def _trusted(path: Path) -> None:
    """A configuration that is merely found must be ours: it names programs that a kubeconfig runs."""
    info = path.stat()
    if info.st_uid not in {0, os.geteuid()} or info.st_mode & stat.S_IWOTH:
        msg = f"{path} was found upward, but others can write it"
        raise ConfigError(msg, did="it was not used", hint=f"mend its owner and mode, or name it: --config {path}")


def _state(  # noqa: PLR0913, PLR0917 -- four sources, the two folders they are relative to, and the notes
    values: dict[str, Any], flags: Flags, env: Mapping[str, str], base: Path, folder: Path, origins: dict[str, str]
) -> Path:
    if flags.state:
        origins["state"] = "--state"
        return (folder / Path(flags.state).expanduser()).absolute()
    if env.get("IRKIT_STATE"):
        origins["state"] = "IRKIT_STATE"
        return (folder / Path(env["IRKIT_STATE"]).expanduser()).absolute()
    if "state" in values:
        origins["state"] = FILE
        return (base / Path(values["state"]).expanduser()).absolute()
    origins["state"] = "default"
    home = env.get("XDG_STATE_HOME") or str(Path(env.get("HOME") or "~").expanduser() / ".local" / "state")
    return Path(home) / "irkit"


def _operator(values: dict[str, Any], flags: Flags, env: Mapping[str, str], origins: dict[str, str]) -> str:
    from irkit.app.clock import login  # noqa: PLC0415 -- reads the user database, where it is needed

    for value, how in (
        (flags.operator, "--operator"),
        (env.get("IRKIT_OPERATOR", ""), "IRKIT_OPERATOR"),
        (values.get("operator", ""), FILE),
        (login(), "login name"),
    ):
        if value:
            origins["operator"] = how
            return str(value)[:200]
    raise AssertionError  # login is never empty


def _cluster(value: dict[str, Any], base: Path) -> Cluster:
    kubeconfig = value.get("kubeconfig", "")
    where = str((base / Path(kubeconfig).expanduser()).absolute()) if kubeconfig else ""
    return Cluster(**{**value, "kubeconfig": where})


def _chosen(clusters: tuple[Cluster, ...], flags: Flags, origins: dict[str, str]) -> tuple[tuple[Cluster, ...], str]:
    """The clusters, one that only flags name included, and the id of the one that flags choose."""
    if flags.cluster:
        match = [one for one in clusters if flags.cluster in {one.id, _name(one.id)}]
        if len(match) > 1:
            msg = f"--cluster {flags.cluster} fits {len(match)} configured clusters"
            raise UsageError(msg, did="nothing was changed", hint="give the whole ARN")
        if match and flags.context in {"", match[0].context}:
            return clusters, match[0].id
        if match:
            msg = f"--context {flags.context} contradicts {FILE}: {match[0].id} is context {match[0].context or '-'}"
            raise Refused(msg, hint="leave --context out, or mend the file")
        if not flags.context or not flags.cluster.startswith(("arn:", _CONTEXT)):
            msg = f"no configuration names the cluster {flags.cluster}"
            hint = f"add it to {FILE} with its context, or give both: --cluster ARN --context NAME"
            raise UsageError(msg, did="nothing was changed", hint=hint)
        origins["clusters"] = "--cluster, --context"
        return (*clusters, Cluster(_valid(flags.cluster), "", flags.context)), flags.cluster
    if flags.context:
        match = [one for one in clusters if one.context == flags.context]
        if len(match) == 1:
            return clusters, match[0].id
        origins["clusters"] = "--context"
        added = Cluster(_valid(f"context:{flags.context}"), "", flags.context)
        return (*clusters, added), added.id
    return clusters, clusters[0].id if len(clusters) == 1 else ""


def _beside(
    clusters: tuple[Cluster, ...], flags: Flags, chosen: str
) -> tuple[tuple[Cluster, ...], tuple[tuple[str, str], ...]]:
    """The clusters with those that `--also` adds, and which it names: NAME or NAME=TARGET."""
    found: dict[str, str] = {}
    for one in flags.also:
        name, _, text = one.partition("=")
        match = [known for known in clusters if name in {known.id, _name(known.id), known.context} - {""}]
        if len(match) > 1:
            msg = f"--also {name} fits {len(match)} configured clusters"
            raise UsageError(msg, did="nothing was changed", hint="give the whole ARN")
        if not match and (name.startswith("arn:") or not name):
            msg = f"no configuration names the cluster of --also {one}"
            raise UsageError(msg, did="nothing was changed", hint=f"add it to {FILE} with its context")
        known = match[0] if match else Cluster(_valid(f"context:{name}"), "", name)
        if known.id == chosen or known.id in found:
            msg = f"--also {name} names a cluster that is named already: {known.id}"
            raise UsageError(msg, did="nothing was changed", hint="name each cluster once")
        clusters = clusters if match else (*clusters, known)
        found[known.id] = text
    return clusters, tuple(found.items())


def _valid(cluster_id: str) -> str:
    from pydantic import ValidationError  # noqa: PLC0415 -- start-up time

    from irkit.model.refs import ClusterRef  # noqa: PLC0415 -- start-up time

    try:
        return ClusterRef(id=cluster_id).id
    except ValidationError as error:
        msg = "--cluster or --context does not name a cluster: it must be an EKS cluster ARN, or a context's name"
        raise UsageError(msg, did="nothing was changed", hint="kubectl config get-contexts") from error


def _name(cluster_id: str) -> str:
    return cluster_id.rpartition("/")[2] if cluster_id.startswith("arn:") else cluster_id.partition(":")[2]


def build_app(settings: Settings) -> App:
    """irkit, composed for these settings. Nothing is connected to yet."""
    from irkit.app.runs import App, Parts  # noqa: PLC0415 -- start-up time of what needs no run
    from irkit.engine.guard import Limits  # noqa: PLC0415 -- as above

    budgets: dict[str, Budget] = {}  # one a cluster, for all its clients together

    def connected(cluster: ClusterRef, user_agent: str) -> Kube:
        from irkit.clients.kube.budget import CONNECTIONS, Budget  # noqa: PLC0415 -- the SDK is only loaded to connect
        from irkit.clients.kube.client import connect  # noqa: PLC0415 -- as above

        known = settings.cluster(cluster.id)
        made = Budget(known.connections or CONNECTIONS, known.requests_per_second)
        budget = budgets.setdefault(known.id, made)
        path = Path(known.kubeconfig) if known.kubeconfig else None
        try:
            return connect(cluster, path, known.context or None, user_agent=user_agent, budget=budget)
        except ConfigError as error:
            if known.id != f"context:{known.context}":
                raise
            others = ", ".join(one.context for one in settings.clusters if one.context and one.id != known.id)
            hint = f"{FILE} has the contexts {others}" if others else error.hint
            flag = "--also" if known.id in dict(settings.beside) else "--context"
            hint = hint.replace("name one of them in irkit.yaml;", f"name one of them: {flag} NAME;")
            msg = f"{flag} {known.context}: {error.message}"
            raise ConfigError(msg, did=error.did, hint=hint) from error

    limits = Limits(
        protected_namespaces=frozenset(settings.protected_namespaces),
        protected_nodes=frozenset(settings.protected_nodes),
        max_targets=settings.max_targets,
    )
    return App(settings.state, settings.operator, Parts(connect=connected), limits=limits, lab=settings.lab)


def check_cluster(app: App, settings: Settings, cluster: ClusterRef) -> str:
    """The uid of what this cluster really is. Raises Refused where the configuration pins another."""
    known = settings.cluster(cluster.id)
    uid = app.kube(cluster).identity()
    if known.uid and known.uid != uid:
        msg = f"{cluster} answers as another cluster: its kube-system has uid {uid}, {FILE} says {known.uid}"
        raise Refused(msg, hint=f"check the context {known.context or 'of the kubeconfig'}, or mend the pin")
    return uid
