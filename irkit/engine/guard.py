"""What no plan may do, whatever an action or a playbook says. Pure: facts and settings in, refusals out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from irkit.actions.api import ActionSpec, TargetRef
from irkit.actions.catalog import Catalog
from irkit.errors import Refused
from irkit.journal.state import RunState
from irkit.model.doc import Doc
from irkit.model.effects import Access, AwsCall, KubeCall, Resource, Store
from irkit.model.kube import SECRETS
from irkit.model.plans import Refuse
from irkit.model.playbooks import Playbook
from irkit.model.ports import Artefact, EvidenceReader, KubeReader, Listing, Reader, Spooled
from irkit.model.refs import ClusterRef, NamespaceRef, NodeRef


@dataclass(frozen=True, slots=True)
class Limits:
    """What the configuration protects. Names, not patterns: a protected thing is protected everywhere."""

    protected_namespaces: frozenset[str] = frozenset({"kube-system", "kube-node-lease", "kube-public"})
    protected_nodes: frozenset[str] = frozenset()
    max_targets: int = 10


def check_target(spec: ActionSpec, target: TargetRef | ClusterRef, limits: Limits) -> Refuse | None:
    """Protected namespaces and nodes are only ever read."""
    if not spec.writes or all(access.plane == "evidence" for access in spec.writes):
        return None
    namespace = target.name if isinstance(target, NamespaceRef) else getattr(target, "namespace", "")
    if namespace in limits.protected_namespaces:
        return Refuse(
            f"{target} is {'the' if isinstance(target, NamespaceRef) else 'in the'} protected namespace {namespace}",
            hint="remove it from protected_namespaces in irkit.yaml if that is really meant",
        )
    if isinstance(target, NodeRef) and target.name in limits.protected_nodes:
        return Refuse(f"{target} is a protected node", hint="remove it from protected_nodes in irkit.yaml")
    return None


def check_effects(spec: ActionSpec, effects: Sequence[KubeCall | AwsCall | Store], cluster: str) -> Refuse | None:
    """An effect outside what the action declares, outside its cluster, or not pinned to a uid, is refused."""
    allowed = set(spec.writes)
    names = [effect.name for effect in effects]
    if len(set(names)) != len(names):
        return Refuse(f"{spec.id} wants two effects of one name: {', '.join(names)}")
    for effect in effects:
        if effect.access not in allowed:
            return Refuse(f"{spec.id} wants to {effect.access}, which it does not declare")
        if isinstance(effect, KubeCall):
            if effect.cluster != cluster:
                return Refuse(f"{spec.id} wants to write to {effect.cluster}, but the case is about {cluster}")
            if not _pinned(effect):
                return Refuse(f"{spec.id} wants to {effect.verb} {effect.target} without pinning its uid")
    return None


def _pinned(call: KubeCall) -> bool:
    body = call.body
    if call.verb == "patch":
        return (
            isinstance(body, list)
            and bool(body)
            and isinstance(body[0], dict)
            and body[0].get("op") == "test"
            and body[0].get("path") == "/metadata/uid"
            and bool(body[0].get("value"))
        )
    if call.verb == "delete":
        preconditions = body.get("preconditions") if isinstance(body, dict) else None
        return isinstance(preconditions, dict) and bool(preconditions.get("uid"))
    if call.subresource == "eviction":
        options = body.get("deleteOptions") if isinstance(body, dict) else None
        preconditions = options.get("preconditions") if isinstance(options, dict) else None
        return isinstance(preconditions, dict) and bool(preconditions.get("uid"))
    return True


def check_count(targets: int, limits: Limits) -> None:
    """Raises Refused where one command would touch more targets than allowed."""
    if targets > limits.max_targets:
        msg = f"{targets} targets are more than the limit of {limits.max_targets}"
        raise Refused(msg, hint=f"look at them with `irkit plan`, then say --max-targets {targets}")


def check_versions(run: RunState, playbook: Playbook, catalog: Catalog) -> None:
    """Raises Refused where a run was opened with other versions of its actions than these."""
    for step in playbook.steps:
        action = catalog.get(step.uses)
        recorded = run.actions.get(step.uses)
        if action is None or action.spec.version != recorded:
            msg = f"{run.id} was opened with {step.uses} version {recorded}, which this irkit does not have"
            raise Refused(msg, hint="resume with the irkit version that opened the run")


class DeclaredReader:
    """A reader that answers only what the action declares: generated permissions cannot drift from the code."""

    def __init__(self, inner: Reader, spec: ActionSpec, earlier: Collection[str] = ()) -> None:
        self._inner = inner
        self._spec = spec
        self._earlier = earlier

    @property
    def evidence(self) -> EvidenceReader:
        """The evidence plane, which knows what was there before the run."""
        return _Dated(self._inner.evidence, self._earlier) if self._earlier else self._inner.evidence

    def kube(self, cluster: ClusterRef) -> KubeReader:
        """The Kubernetes plane, guarded."""
        return _DeclaredKube(self._inner.kube(cluster), self._spec)

    def spool(self, name: str, chunks: Iterable[bytes]) -> Spooled:
        """Pass on to the turn's spool."""
        return self._inner.spool(name, chunks)


class _Dated:
    def __init__(self, inner: EvidenceReader, earlier: Collection[str]) -> None:
        self._inner = inner
        self._earlier = earlier

    def find(self, key: str) -> Artefact | None:
        found = self._inner.find(key)
        return replace(found, earlier=True) if found is not None and key in self._earlier else found

    def any(self, folder: str) -> bool:
        return self._inner.any(folder)

    def content(self, key: str, limit: int) -> bytes:
        return self._inner.content(key, limit)


class _DeclaredKube:
    def __init__(self, inner: KubeReader, spec: ActionSpec) -> None:
        self._inner = inner
        self._spec = spec
        self._reads, self._wide = _keys(spec.reads), _keys(spec.wide)

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        self._check(resource, "get", namespace)
        return self._inner.get(resource, name, namespace)

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Listing:
        self._check(resource, "list", namespace)
        return self._inner.list(resource, namespace, labels)

    def list_metadata(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Listing:  # fmt: skip
        self._check(resource, "list", namespace, metadata=True)
        return self._inner.list_metadata(resource, namespace, labels, fields)

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        return self._inner.access(wanted, namespace, name)

    def _check(self, resource: Resource, verb: str, namespace: str, *, metadata: bool = False) -> None:
        wanted, problem = (resource.group, resource.plural, verb), ""
        if wanted not in self._reads:
            problem = ", which it does not declare"
        elif resource.namespaced and not namespace and wanted not in self._wide:
            problem = " across namespaces, which it does not declare as wide"
        elif wanted[:2] == _SECRETS and not metadata:
            problem = " with their data: only their metadata is ever read"
        if problem:
            msg = f"{self._spec.id} tried to {verb} {resource}{problem}"
            raise Refused(msg)


_SECRETS = (SECRETS.group, SECRETS.plural)


@lru_cache(maxsize=256)
def _keys(accesses: tuple[Access, ...]) -> frozenset[tuple[str, str, str]]:
    """What is compared at each read of each look."""
    return frozenset((one.group, one.resource, one.verb) for one in accesses)
