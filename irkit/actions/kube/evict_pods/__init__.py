"""kube.evict_pods: end pods as far as their disruption budgets allow, and let their controllers start others.

For the siblings of a suspect pod once it is contained: whoever got into one may have got into all. Never for evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from irkit.actions.api import ActionSpec, NoOutputs, NoUndo
from irkit.actions.kube.evictions import (
    EVICT,
    Evictee,
    allowed,
    budgets,
    evict,
    evictee,
    impact,
    impossible,
    wait_for,
)
from irkit.actions.kube.objects import access, find, unpinned
from irkit.model.base import Model
from irkit.model.effects import AwsCall, KubeCall, Mark, Store
from irkit.model.kube import PDBS, PODS
from irkit.model.plans import Change, Plan, Receipts, Refuse, Settled, Verdict, Wait
from irkit.model.ports import Reader
from irkit.model.refs import NamespaceRef, PodRef

_TERMINATION = 2


class Params(Model):
    """Pods of one namespace."""

    pods: Annotated[tuple[PodRef, ...], Field(min_length=1, max_length=100)] = Field(
        description="the pods to evict, all of one namespace"
    )

    @model_validator(mode="after")
    def _of_one_namespace(self) -> Params:
        if len({(pod.cluster, pod.namespace) for pod in self.pods}) > 1:
            msg = "all pods must be of one namespace"
            raise ValueError(msg)
        if len({pod.key for pod in self.pods}) < len(self.pods):
            msg = "each pod may be named once"
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True)
class Facts:
    """`pods` are those that are still there, by name."""

    pods: tuple[Evictee, ...] = ()


class EvictPods(NoUndo):
    """Evicts pods by uid, each asked of its budget by the API."""

    spec = ActionSpec(
        id="kube.evict_pods",
        version=1,
        title="Evict pods as far as their budgets allow",
        purpose="recover",
        params=Params,
        outputs=NoOutputs,
        reads=(*access(PODS, "get"), *access(PDBS, "list")),
        writes=(EVICT,),
        risk="destructive",
        no_undo="an evicted pod does not come back; its controller, if it has one, starts another",
        destroys="pods",
        example="pods: ${steps.scope.siblings}",
    )

    def target(self, p: Params) -> NamespaceRef:
        """The pods' namespace."""
        return NamespaceRef(cluster=p.pods[0].cluster, name=p.pods[0].namespace)

    def scope(self, p: Params) -> str:
        """The namespace; which pods they are is in the mark's parameters."""
        return self.target(p).key

    def locks(self, p: Params) -> tuple[str, ...]:
        """The pods."""
        return tuple(sorted(pod.key for pod in p.pods))

    def foresees(self, p: Model, mark: Mark) -> tuple[KubeCall | AwsCall | Store, ...]:  # noqa: ARG002 -- the port's
        """Every eviction: budgets let them pass in several turns, and one approval is for all."""
        return tuple(evict(pod) for pod in p.pods) if isinstance(p, Params) else ()

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """Those that are still there, and their budgets."""
        kube = reader.kube(p.pods[0].cluster)
        known = budgets(kube, p.pods[0].namespace)
        docs = (find(kube, PODS, pod)[1] for pod in p.pods)
        found = (evictee(pod.cluster, doc, known) for pod, doc in zip(p.pods, docs, strict=True) if doc is not None)
        return Facts(tuple(sorted(found, key=lambda one: one.ref.name)))

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Evict what may go now, and look again until none is left."""
        if not facts.pods:
            reason = f"all {len(p.pods)} pods are gone" if mine else f"all {len(p.pods)} pods were gone already"
            return Settled(reason, Verdict.proven("the API has no pod with any of these uids"))
        refusal = next(filter(None, map(unpinned, p.pods)), None) or _evidence(facts) or impossible(facts.pods)
        if refusal is not None:
            return refusal
        there = [pod for pod in facts.pods if not pod.deleting]
        now, later = allowed(there)
        if now:
            return Change(tuple(evict(pod.ref) for pod in now), f"{len(there)} of {len(p.pods)} pods run", impact(now))
        if later:
            return wait_for(later)
        return Wait(_TERMINATION, f"{len(facts.pods)} pods are being deleted")


def _evidence(facts: Facts) -> Refuse | None:
    held = next((pod for pod in facts.pods if pod.case), None)
    if held is None:
        return None
    return Refuse(
        f"{held.ref} is marked as evidence: it is never evicted",
        hint="name the other pods; once it was captured, delete it: kube.delete_pod",
    )


ACTION = EvictPods()
