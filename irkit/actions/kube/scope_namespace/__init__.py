"""kube.scope_namespace: everything that runs in a namespace, as whom, and what leads to it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from irkit.actions.api import ActionSpec
from irkit.actions.kube.exposure import READS as EXPOSURE
from irkit.actions.kube.exposure import Exposure, exposure
from irkit.actions.kube.inventory import READS as FLEET
from irkit.actions.kube.inventory import Fleet, fleet
from irkit.actions.kube.objects import Presence, absent, access, find, make, name_of, uid_of
from irkit.actions.kube.scoping import READ, Scoping, summary
from irkit.actions.kube.seen import Shown, pods
from irkit.model.base import Model
from irkit.model.effects import Mark
from irkit.model.kube import NAMESPACES, NETWORK_POLICIES, PODS, SERVICE_ACCOUNTS
from irkit.model.plans import Plan, Receipts, Settled
from irkit.model.ports import Reader
from irkit.model.refs import NamespaceRef, ServiceAccountRef


class Params(Model):
    """The namespace to look at."""

    namespace: NamespaceRef = Field(description="the namespace to look at")


class Outputs(Fleet):
    """What later steps act on, and what people are shown."""

    namespace: NamespaceRef
    terminating: bool = Field(description="it is being deleted, and everything in it with it")
    idle_accounts: tuple[ServiceAccountRef, ...] = Field(description="service accounts that no living pod runs as")
    exposure: tuple[Exposure, ...] = Field(description="every Service that leads to one of its living pods")
    policies: tuple[Shown, ...] = Field(description="all of its NetworkPolicies")


@dataclass(frozen=True, slots=True)
class Facts:
    """`found` is None where the namespace is not there."""

    presence: Presence
    found: Outputs | None = None
    as_of: str = ""


class ScopeNamespace(Scoping):
    """Lists a namespace's pods, accounts, Services and policies."""

    about = "namespace"
    spec = ActionSpec(
        id="kube.scope_namespace",
        version=1,
        title="See what a namespace runs",
        purpose="read",
        params=Params,
        outputs=Outputs,
        reads=(*access(NAMESPACES, "get"), *access(PODS, "list"), *FLEET, *EXPOSURE),
        risk="none",
        no_undo="it only reads",
        example="namespace: ${inputs.namespace}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """The namespace and what is in it."""
        kube, cluster, space = reader.kube(p.namespace.cluster), p.namespace.cluster, p.namespace.name
        presence, doc = find(kube, NAMESPACES, p.namespace)
        if doc is None:
            return Facts(presence)
        listed, as_of = pods(kube, cluster, space)
        shared = fleet(kube, cluster, listed, space)
        used = {one.name for one in shared.service_accounts}
        accounts = (
            make(
                ServiceAccountRef, one, cluster=cluster, namespace=space,
                name=name_of(one), uid=uid_of(one),
            )
            for one in kube.list(SERVICE_ACCOUNTS, space).items
        )  # fmt: skip
        names = (name_of(one) for one in kube.list(NETWORK_POLICIES, space).items)
        found = make(
            Outputs, doc,
            **dict(shared),
            namespace=p.namespace.model_copy(update={"uid": uid_of(doc)}),
            terminating=doc.has("metadata", "deletionTimestamp"),
            idle_accounts=tuple(sorted((one for one in accounts if one.name not in used), key=lambda one: one.name)),
            exposure=exposure(kube, space, [one for one in listed if one.living]),
            policies=tuple(sorted(names)),
        )  # fmt: skip
        return Facts("here", found, as_of)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Settled at once, with what was found."""
        if facts.found is None:
            return absent(p.namespace, facts.presence)
        going = ", being deleted" if facts.found.terminating else ""
        return Settled(f"{summary(facts.found)}{going}", READ, facts.found)


ACTION = ScopeNamespace()
