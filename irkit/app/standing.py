"""What a plan says of its target beside its name: its state, whom it acts as, and who else acts as the same.

Reads only, and never a reason to stop: what may not be read is left out, and said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from irkit.actions.kube.objects import NAME_LIMIT
from irkit.actions.kube.owners import chain, pods_of
from irkit.actions.kube.seen import Seen, annotated_role, injected_roles, pod_identity, pods, see
from irkit.errors import ClientError, Malformed
from irkit.model.kube import PODS, SERVICE_ACCOUNTS
from irkit.model.ports import KubeReader
from irkit.model.refs import ClusterRef, PodRef, ServiceAccountRef, TargetRef, WorkloadRef
from irkit.model.times import stamp


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a target acts as. `role` is an IAM role's ARN; `how` it is reached: IRSA or EKS Pod Identity, or "".

    `users` are the other pods of the same service account, counted by what controls them; None where nobody may look.
    """

    account: str
    role: str = ""
    how: str = ""
    users: tuple[tuple[str, int], ...] | None = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What was seen of a target. `unseen` is why something is missing here, or ""."""

    state: str = ""
    started: str = ""  # in the records' form, or ""
    node: str = ""
    identity: Identity | None = None
    unseen: str = ""


def standing(kube: KubeReader, target: TargetRef) -> Standing:
    """Look, as far as this target has a state or an identity. Never raises for what the API would not answer."""
    try:
        if isinstance(target, PodRef):
            return _pod(kube, target)
        if isinstance(target, ServiceAccountRef):
            return Standing(identity=_identity(kube, target.cluster, target.namespace, target.name))
        if isinstance(target, WorkloadRef):
            return _workload(kube, target)
    except (ClientError, Malformed) as error:
        return Standing(unseen=error.message)
    return Standing()


def _pod(kube: KubeReader, target: PodRef) -> Standing:
    doc = kube.get(PODS, target.name, target.namespace)
    if doc is None:
        return Standing()
    one = see(target.cluster, doc)
    state = doc.text("status", "phase", default="", limit=NAME_LIMIT)
    started = _time(doc.text("status", "startTime", default="", limit=NAME_LIMIT))
    try:
        who = _identity(kube, target.cluster, target.namespace, one.account, one)
    except (ClientError, Malformed) as error:
        return Standing(state, started, one.node, unseen=error.message)
    return Standing(state, started, one.node, who)


def _time(text: str) -> str:
    """A time of the cluster in the records' form; "" for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return stamp(found) if found.tzinfo is not None else ""


def _workload(kube: KubeReader, target: WorkloadRef) -> Standing:
    """Its pods' identity: they share one template, and where they do not, the first by name is named."""
    found = pods_of(kube, target)
    if not found:
        return Standing("no pod of it runs")
    one = see(target.cluster, found[0])
    return Standing(identity=_identity(kube, target.cluster, target.namespace, one.account))


def _identity(kube: KubeReader, cluster: ClusterRef, namespace: str, account: str, pod: Seen | None = None) -> Identity:
    """`pod` is the target itself: what was injected into it counts, and it is not among the others."""
    try:
        same, _ = pods(kube, cluster, namespace)
        seen = True
    except ClientError:
        same, seen = (), False
    others = [one for one in same if one.living and one.account == account]
    role, how = "", ""
    if pod is not None:
        others = [one for one in others if one.ref.uid != pod.ref.uid]
        role = next(iter(injected_roles(pod)), "")
        how = "IRSA" if role else ("EKS Pod Identity" if pod_identity(pod) else "")
    else:
        doc = kube.get(SERVICE_ACCOUNTS, account, namespace)
        role = annotated_role(doc) if doc is not None else ""
        how = "IRSA" if role else ("EKS Pod Identity" if any(map(pod_identity, others)) else "")
    return Identity(f"{namespace}/{account}", role, how, _by_controller(kube, others) if seen else None)


def _by_controller(kube: KubeReader, found: Iterable[Seen]) -> tuple[tuple[str, int], ...]:
    """How many pods each controller has, the most first. Pods of a ReplicaSet are its Deployment's."""
    top: dict[str, str] = {}
    counted: Counter[str] = Counter()
    for one in found:
        near = one.owner
        if near is None:
            counted[str(one.ref)] += 1
            continue
        if near.uid not in top:
            top[near.uid] = _top(kube, one)
        counted[top[near.uid]] += 1
    return tuple(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _top(kube: KubeReader, one: Seen) -> str:
    near = one.owner
    try:
        refs, _ = chain(kube, one.ref.cluster, one.doc)
    except ClientError:
        refs = ()
    if refs:
        return str(refs[-1])
    return f"{near.kind} {one.ref.namespace}/{near.name}" if near else str(one.ref)
