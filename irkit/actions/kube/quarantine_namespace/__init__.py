"""kube.quarantine_namespace: deny all pods of a namespace all traffic, and let no new pod start in it.

A NetworkPolicy that selects every pod, and a ResourceQuota of no pods. Policies only add up, so others that allow
something keep that open. A quota is enforced from when its controller has taken it in, which its status shows.
Sources: Kubernetes documentation, "Network Policies" (default deny), "Resource Quotas" (object count quota).
"""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.about import About
from irkit.actions.kube.made import make_or_mend, take_away, taken
from irkit.actions.kube.objects import access, nothing_to_restore, unpinned, vanished
from irkit.actions.kube.quarantine_namespace.facts import Facts, impact, objects, observe, verdict
from irkit.model.base import Model
from irkit.model.effects import Mark
from irkit.model.kube import NAMESPACES, NETWORK_POLICIES, PODS, RESOURCE_QUOTAS, SERVICES
from irkit.model.plans import Change, Originals, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import NamespaceRef


class Params(Model):
    """The namespace to close."""

    namespace: NamespaceRef = Field(description="the namespace to close")


class QuarantineNamespace(About[Params], Defaults):
    """Creates the two objects, and deletes exactly those."""

    about = "namespace"
    spec = ActionSpec(
        id="kube.quarantine_namespace",
        version=1,
        title="Deny a namespace all traffic and all new pods",
        purpose="contain",
        params=Params,
        outputs=NoOutputs,
        reads=(
            *access(NAMESPACES, "get"),
            *access(NETWORK_POLICIES, "list"),
            *access(RESOURCE_QUOTAS, "get"),
            *access(PODS, "list"),
            *access(SERVICES, "list"),
        ),
        writes=(
            *access(NETWORK_POLICIES, "create", "patch", "delete"),
            *access(RESOURCE_QUOTAS, "create", "patch", "delete"),
        ),
        risk="disruptive",
        example="namespace: ${inputs.namespace}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """The namespace, irkit's two objects, and who is in it."""
        return observe(p.namespace, mark, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:
        """Quota first: between the two, a pod that starts would be denied its traffic, not the other way round."""
        namespace = p.namespace
        if facts.presence != "here":
            return vanished(namespace, facts.presence, mine)
        pairs = tuple(zip(objects(namespace, mark), (facts.quota, facts.policy), strict=True))
        refusal = unpinned(namespace) or taken(pairs)
        if refusal is not None:
            return refusal
        calls, why = make_or_mend(pairs, mark)
        if calls:
            return Change(calls, "; ".join(why), impact(namespace, facts))
        return Settled(f"{namespace} takes no new pods, and a policy denies all its pods", verdict(facts))

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Delete irkit's own two objects, as they were made."""
        namespace = p.namespace
        if facts.presence != "here":
            return nothing_to_restore(namespace)
        wanted = take_away(tuple(zip(objects(namespace, mark), (facts.quota, facts.policy), strict=True)))
        if isinstance(wanted, Refuse):
            return wanted
        if wanted:
            return Change(wanted, f"irkit's quarantine of {namespace} stands")
        return Settled(
            f"irkit's quarantine of {namespace} is gone", Verdict.proven("read back: neither object is there")
        )


ACTION = QuarantineNamespace()
